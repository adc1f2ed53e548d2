//! What the directory alone shows, found in one pass over its records, or two.

use super::Rejection;
use super::ends::Ends;
use super::format::{CentralHeader, FLAG_MASKED, FLAG_UTF8, LOCAL_FIXED_BYTES};
use super::names::{self, EntryName, TopFolder, TopFolderSearch};
use super::reads::Record;
use std::ops::Range;

/// The greatest number of entries. A first look keeps 8 bytes for each, a second at most 16: so an isolate of
/// 128 MB can afford this many, and several at a time can be looked at that have fewer.
pub(super) const MAX_ENTRIES: u64 = 1_000_000;

/// The greatest length of a directory in bytes: 256 for each of the greatest number of entries. Comments and extra
/// fields could make it 196 times as long, and it is read by 1 MiB at a time.
const MAX_DIRECTORY_BYTES: u64 = 256 * MAX_ENTRIES;

/// How many entries may have the name of one new file: at the root and in the top folder, each in two spellings.
/// The end of each is found by a read of its own.
const MAX_REPLACED_PER_FILE: usize = 4;

/// The first pass. Keeps 8 bytes per entry: a hash of its name.
#[derive(Debug)]
pub(super) struct FirstLook {
    directory: Range<u64>,
    stated_entries: u64,
    names: Vec<String>,
    seen_entries: u64,
    hashes: Vec<u64>,
    first_at: u64,
    last_end: u64,
    in_order: bool,
    top: TopFolderSearch,
    candidates: Vec<Candidate>,
    /// The first signature file of a JAR: its record, and its name.
    signature: Option<(u64, String)>,
}

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) top: Option<TopFolder>,
    /// The entries that new files replace, in the order of their local headers.
    pub(super) replaced: Vec<Replaced>,
    /// What a second pass must look at, if there must be one.
    pub(super) second_look: Option<SecondLook>,
}

/// An entry of the base that a new file replaces, or what macOS keeps of such an entry.
#[derive(Debug, Clone)]
pub(super) struct Replaced {
    /// The new file's name.
    pub(super) by: String,
    pub(super) record_at: u64,
    pub(super) header: CentralHeader,
    pub(super) name: EntryName,
}

/// An entry with the name of a new file, at a place where that file may go: which place is known at the end.
#[derive(Debug)]
struct Candidate {
    /// `None` is the root.
    folder: Option<Vec<u8>>,
    is_folder: bool,
    entry: Replaced,
}

impl FirstLook {
    pub(super) fn new(ends: &Ends, names: &[String]) -> Result<Self, Rejection> {
        let too_many = Rejection::TooManyEntries {
            at: ends.directory.start,
            stated: ends.entries,
        };
        let capacity = usize::try_from(ends.entries)
            .ok()
            .filter(|_| ends.entries <= MAX_ENTRIES)
            .ok_or(too_many)?;
        let size_bytes = ends.directory.end.saturating_sub(ends.directory.start);
        if size_bytes > MAX_DIRECTORY_BYTES {
            return Err(Rejection::DirectoryTooLarge {
                at: ends.directory.start,
                size_bytes,
            });
        }
        Ok(Self {
            directory: ends.directory.clone(),
            stated_entries: ends.entries,
            names: names.to_vec(),
            seen_entries: 0,
            hashes: Vec::with_capacity(capacity),
            first_at: ends.directory.start,
            last_end: 0,
            in_order: true,
            top: TopFolderSearch::default(),
            candidates: Vec::new(),
            signature: None,
        })
    }

    pub(super) fn see(&mut self, record: &Record<'_>) -> Result<(), Rejection> {
        let (at, header) = (record.at, &record.header);
        if header.flags & FLAG_MASKED != 0 {
            return Err(Rejection::EncryptedDirectory { at });
        }
        if header.disk != 0 {
            return Err(Rejection::SeveralDisks { at });
        }
        self.seen_entries = self.seen_entries.saturating_add(1);
        if self.seen_entries > self.stated_entries {
            return Err(Rejection::EntryCount {
                at: self.directory.start,
                stated: self.stated_entries,
            });
        }
        let span = least_span(record, self.directory.start)?;
        self.in_order &= span.start >= self.last_end;
        self.first_at = self.first_at.min(span.start);
        self.last_end = span.end;
        self.see_names(record)
    }

    /// Closes the pass at the directory's end.
    pub(super) fn finish(mut self) -> Result<Findings, Rejection> {
        if self.seen_entries != self.stated_entries {
            return Err(Rejection::EntryCount {
                at: self.directory.start,
                stated: self.stated_entries,
            });
        }
        if self.first_at != 0 {
            return Err(Rejection::StubInFront { at: self.first_at });
        }
        let suspects = repeated(&mut self.hashes);
        self.hashes = Vec::new();
        let entries = usize::try_from(self.seen_entries).unwrap_or_default();
        let second_look = (!self.in_order || !suspects.is_empty()).then(|| SecondLook {
            directory_at: self.directory.start,
            suspects: suspects
                .into_iter()
                .map(|hash| Suspect {
                    hash,
                    only_folders: None,
                })
                .collect(),
            spans: Vec::with_capacity(if self.in_order { 0 } else { entries }),
            in_order: self.in_order,
        });
        let top = self.top.found();
        let place = top.as_ref().map(|top| top.name.as_bytes());
        let mut replaced: Vec<Replaced> = Vec::new();
        for candidate in self.candidates {
            if candidate.folder.as_deref() != place {
                continue;
            }
            if candidate.is_folder {
                let name = candidate.entry.name.shown();
                return Err(Rejection::FolderInTheWay {
                    at: candidate.entry.record_at,
                    name,
                });
            }
            // In the order of their local headers.
            let before =
                |known: &Replaced| known.header.local_at <= candidate.entry.header.local_at;
            let position = replaced.partition_point(before);
            replaced.insert(position, candidate.entry);
        }
        // New files that replace none leave a JAR's signature valid: it is by file.
        if let Some((at, name)) = self.signature.filter(|_| !replaced.is_empty()) {
            return Err(Rejection::Signed { at, name });
        }
        Ok(Findings {
            top,
            replaced,
            second_look,
        })
    }

    fn see_names(&mut self, record: &Record<'_>) -> Result<(), Rejection> {
        let name = record.name();
        let unicode = record.unicode_name()?;
        for name in std::iter::once(name).chain(unicode) {
            if !names::is_safe(name) {
                return Err(Rejection::UnsafeName {
                    at: record.at,
                    name: record.shown_name(),
                });
            }
        }
        if self.signature.is_none() && names::is_jar_signature(name) {
            self.signature = Some((record.at, record.shown_name()));
        }
        self.hashes.extend(hashes(record)?.map(|(_, hash)| hash));
        self.top
            .see(name, unicode, record.header.flags & FLAG_UTF8 != 0);
        for name in std::iter::once(name).chain(unicode) {
            self.see_candidate(name, record)?;
        }
        Ok(())
    }

    fn see_candidate(&mut self, name: &[u8], record: &Record<'_>) -> Result<(), Rejection> {
        // The metadata of a replaced file would be taken for the new one's.
        let parts = names::shadowed(name);
        let parts = parts.unwrap_or_else(|| names::components(name).take(3).collect());
        let mut parts = parts.into_iter();
        let (Some(first), second) = (parts.next(), parts.next()) else {
            return Ok(());
        };
        let has_third = parts.next().is_some();
        let ends_as_folder = names::ends_as_folder(name);
        for by in &self.names {
            let at_root = names::differ_at_most_in_case(first, by);
            let in_top = second.is_some_and(|second| names::differ_at_most_in_case(second, by));
            let (folder, is_folder) = match second {
                _ if at_root => (None, ends_as_folder || second.is_some()),
                Some(_) if in_top && self.top.may_be(first) => {
                    (Some(first.to_vec()), ends_as_folder || has_third)
                }
                _ => continue,
            };
            let mut known = false;
            for other in self
                .candidates
                .iter()
                .filter(|other| other.folder == folder)
            {
                known |= other.entry.record_at == record.at
                    || (is_folder && other.is_folder && other.entry.by == *by);
                // Found here already, so that no more than a few of them are kept.
                if !known && names::are_same(&other.entry.name.stored, record.name()) {
                    return Err(Rejection::DuplicateName {
                        at: record.at,
                        name: record.shown_name(),
                    });
                }
            }
            if !known {
                let most = self.names.len().saturating_mul(MAX_REPLACED_PER_FILE);
                if self.candidates.len() >= most {
                    return Err(Rejection::TooManyReplaced {
                        at: record.at,
                        name: record.shown_name(),
                    });
                }
                let entry = Replaced {
                    by: by.clone(),
                    record_at: record.at,
                    header: record.header.clone(),
                    name: record.entry_name()?,
                };
                self.candidates.push(Candidate {
                    folder,
                    is_folder,
                    entry,
                });
            }
        }
        Ok(())
    }
}

/// The second pass. Made only if entries are not in the order of their records, or names seem to repeat. Keeps
/// 16 bytes per entry in the former case: where it lies; and 16 per name that repeats in the latter.
#[derive(Debug)]
pub(super) struct SecondLook {
    directory_at: u64,
    /// In the order of their hashes.
    suspects: Vec<Suspect>,
    spans: Vec<(u64, u64)>,
    in_order: bool,
}

/// A name that occurred more than once.
#[derive(Debug)]
struct Suspect {
    hash: u64,
    /// Whether those seen so far are empty folders. `None` if none was.
    only_folders: Option<bool>,
}

impl SecondLook {
    pub(super) fn see(&mut self, record: &Record<'_>) -> Result<(), Rejection> {
        if !self.in_order {
            let span = least_span(record, self.directory_at)?;
            self.spans.push((span.start, span.end));
        }
        if self.suspects.is_empty() {
            return Ok(());
        }
        for (name, hash) in hashes(record)? {
            let found = self
                .suspects
                .binary_search_by_key(&hash, |suspect| suspect.hash);
            let Some(suspect) = found.ok().and_then(|index| self.suspects.get_mut(index)) else {
                continue;
            };
            // Build tools that merge folders write a record for one more than once. Nobody misses anything then.
            let is_folder = names::ends_as_folder(name) && record.header.uncompressed_bytes == 0;
            if suspect
                .only_folders
                .is_some_and(|only| !(only && is_folder))
            {
                return Err(Rejection::DuplicateName {
                    at: record.at,
                    name: record.shown_name(),
                });
            }
            suspect.only_folders = Some(is_folder);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Rejection> {
        self.spans.sort_unstable();
        let pairs = self.spans.iter().zip(self.spans.iter().skip(1));
        for ((other, end), (at, _)) in pairs {
            if at < end {
                return Err(Rejection::Overlap {
                    at: *at,
                    other: *other,
                });
            }
        }
        Ok(())
    }
}

/// The bytes that an entry takes at least: its local header without extra fields, its name, its data. The rest
/// (extra fields, descriptor) is known from the local header alone (4.3.7).
fn least_span(record: &Record<'_>, directory_at: u64) -> Result<Range<u64>, Rejection> {
    let header = &record.header;
    let end = [
        LOCAL_FIXED_BYTES,
        header.name_bytes as u64,
        header.compressed_bytes,
    ]
    .into_iter()
    .try_fold(header.local_at, u64::checked_add)
    .filter(|end| *end <= directory_at);
    let outside = || Rejection::OutsideArchive {
        at: header.local_at,
        name: record.shown_name(),
    };
    end.map(|end| header.local_at..end).ok_or_else(outside)
}

/// The hashes of a record's names: of the stored one, and of the Unicode path if that is another thing. Entries
/// that name the root itself have none.
fn hashes<'a>(record: &'a Record<'_>) -> Result<impl Iterator<Item = (&'a [u8], u64)>, Rejection> {
    let name = record.name();
    let unicode = record
        .unicode_name()?
        .filter(|unicode| !names::are_same(unicode, name));
    let named = |name: &&[u8]| names::components(name).next().is_some();
    let both = std::iter::once(name).chain(unicode).filter(named);
    Ok(both.map(|name| (name, names::hash(name))))
}

/// Hashes that occur more than once, in their order.
///
/// Two names may have one hash by chance: in 500,000 names, one time in 100,000,000. They are taken for one name
/// then, since somebody who prepares such names must not hide a true duplicate behind them.
fn repeated(hashes: &mut [u64]) -> Vec<u64> {
    hashes.sort_unstable();
    let pairs = hashes.iter().zip(hashes.iter().skip(1));
    let mut found: Vec<u64> = pairs
        .filter(|(one, next)| one == next)
        .map(|(one, _)| *one)
        .collect();
    found.dedup();
    found
}
