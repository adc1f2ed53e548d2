//! Bytes put in front of an entry's data, without inflating it.
//!
//! A DEFLATE stream may begin with stored blocks (RFC 1951 § 3.2.4), so text can precede compressed data that
//! stays as it is, and the CRC of the whole follows from the CRCs of the parts.

use super::Rejection;
use super::cut::MAX_REWRITTEN_BYTES;
use super::format::{
    CentralHeader, FLAG_DESCRIPTOR, FLAG_ENCRYPTED, FLAG_PATCH, LocalHeader, METHOD_DEFLATE,
    METHOD_STORED, u16_at, u32_at,
};
use super::index::ArchiveIndex;
use super::local::{Extent, ExtentSearch};
use super::moves::Moves;
use super::names::{self, EntryName};
use super::new_entries::{NewEntries, NewFile};
use super::plan::{Assembly, Plan, PlanError, check_names};
use super::reads::{DirectoryCursor, Reads, Record, Step};
use super::rewrite::{self, Values};
use crc32fast::Hasher;
use std::fmt;
use std::ops::Range;

/// Bytes to put in front of an entry's data. Its `Debug` output does not show them: they are a buyer's.
#[derive(Clone, PartialEq, Eq)]
pub struct Insertion {
    /// The entry's whole name, as it is stored.
    pub name: String,
    /// What its contents will begin with.
    pub bytes: Vec<u8>,
}

/// Reads, by the ranges that it asks for, what insertions into some entries need: their local headers, and the
/// directory records that change. Sans-I/O, as [`IndexReader`](super::IndexReader) is. What it reads is the same
/// for every buyer.
#[derive(Debug)]
pub struct EntryReader {
    directory: Range<u64>,
    /// Where the first edited entry begins, counting those that are cut out.
    first_edit: u64,
    names: Vec<String>,
    reads: Reads,
    targets: Vec<Target>,
    phase: Phase,
}

/// Entries that bytes can be inserted into, and the directory records that change for it: up to 8 MiB.
#[derive(Debug, Clone)]
pub struct Entries {
    /// In the order of their local headers.
    targets: Vec<Target>,
    /// Where the first record that may change begins.
    from: u64,
    /// The records from there to the directory's end.
    records: Reads,
}

impl EntryReader {
    /// Begins to read about the entries of these whole names.
    #[must_use]
    pub fn new(index: &ArchiveIndex, names: &[&str]) -> Self {
        Self::with_reads(index, names, CHUNK_BYTES)
    }

    /// Like [`new`](Self::new), with reads of about `chunk_bytes`.
    #[must_use]
    pub fn with_reads(index: &ArchiveIndex, names: &[&str], chunk_bytes: u64) -> Self {
        let directory = index.directory.clone();
        let mut reads = Reads::over(0, Vec::new(), chunk_bytes);
        if !directory.is_empty() {
            reads.want(
                directory.start..directory.start.saturating_add(1),
                directory.end,
            );
        }
        Self {
            first_edit: index
                .cuts
                .first()
                .map_or(directory.start, |cut| cut.extent.start),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            reads,
            targets: Vec::new(),
            phase: Phase::Find(DirectoryCursor::new(&directory)),
            directory,
        }
    }

    /// The next range wanted: half-open, not empty, within the archive. `None` when all is known.
    #[must_use]
    pub fn wants(&self) -> Option<Range<u64>> {
        self.reads.wants()
    }

    /// Takes exactly the bytes of [`wants`](Self::wants).
    ///
    /// # Errors
    /// What is wrong with the archive; [`Rejection::TooLargeToRewrite`] if the directory records that change
    /// are too many; [`Rejection::IncompleteRead`] for another number of bytes than wanted.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), Rejection> {
        let advanced = self.reads.supply(bytes).and_then(|()| self.advance());
        if advanced.is_err() {
            self.reads.stop();
        }
        advanced
    }

    /// The entries, when nothing is wanted any more. Names that the archive does not have are left out: a plan
    /// that needs them can't be made.
    ///
    /// # Errors
    /// [`Rejection::IncompleteRead`] if something is wanted still, or was rejected.
    pub fn finish(self) -> Result<Entries, Rejection> {
        let at = self.directory.start;
        match self.phase {
            Phase::Hold(_, held) if self.reads.wants().is_none() && held.complete => {
                let from = held.from.unwrap_or(self.directory.end);
                Ok(Entries {
                    targets: self.targets,
                    from,
                    records: Reads::over(from, held.bytes, 0),
                })
            }
            _ if self.directory.is_empty() => Ok(Entries {
                targets: Vec::new(),
                from: at,
                records: Reads::over(at, Vec::new(), 0),
            }),
            _ => Err(Rejection::IncompleteRead {
                at,
                wanted: 1,
                supplied: 0,
            }),
        }
    }

    fn advance(&mut self) -> Result<(), Rejection> {
        if let Phase::Find(cursor) = &mut self.phase {
            let (names, targets) = (&self.names, &mut self.targets);
            let find = |record: &Record<'_>| {
                targets.extend(Target::named(names, record));
                Ok(())
            };
            if let Some(need) = cursor.each(&self.reads, find)? {
                self.reads.want(need, self.directory.end);
                return Ok(());
            }
            self.targets.sort_by_key(|target| target.header.local_at);
            self.phase = Phase::Locals(0, ExtentSearch::default());
        }
        while let Phase::Locals(next, search) = &mut self.phase {
            let Some(target) = self.targets.get_mut(*next) else {
                let first = self
                    .targets
                    .first()
                    .map_or(u64::MAX, |target| target.header.local_at);
                self.first_edit = self.first_edit.min(first);
                self.phase = Phase::Hold(DirectoryCursor::new(&self.directory), Held::default());
                break;
            };
            match search.step(
                &self.reads,
                &target.header,
                &target.name,
                self.directory.start,
            )? {
                Step::Need(need) => {
                    let near = need
                        .start
                        .saturating_add(LOCAL_READ_BYTES)
                        .min(self.directory.start);
                    self.reads.want(need, near);
                    return Ok(());
                }
                Step::Ready(extent) => {
                    target.local_header = search.local_header().to_vec();
                    target.extent = extent;
                    self.phase = Phase::Locals(next.saturating_add(1), ExtentSearch::default());
                }
            }
        }
        if let Phase::Hold(cursor, held) = &mut self.phase {
            let first_edit = self.first_edit;
            if let Some(need) = cursor.each(&self.reads, |record| held.see(record, first_edit))? {
                self.reads.want(need, self.directory.end);
                return Ok(());
            }
            held.complete = true;
        }
        Ok(())
    }
}

impl Plan {
    /// As [`append`](Plan::append), with bytes put in front of the data of some entries. `entries` were read for
    /// them from the archive of `index`. Empty insertions change nothing. The plan holds its own copy of the
    /// directory records that change.
    ///
    /// # Errors
    /// Those of [`append`](Plan::append), except that there may be no new files; and if an entry is not there, is
    /// replaced by a new file, or can't take bytes in front ([`PlanError::NoSuchEntry`], [`PlanError::Unsuited`]).
    pub fn with_insertions(
        index: &ArchiveIndex,
        entries: &Entries,
        base_etag: &str,
        files: &[NewFile],
        insertions: &[Insertion],
    ) -> Result<Self, PlanError> {
        let mut edits = edits(index, entries, insertions)?;
        if files.is_empty() && edits.iter().all(|edit| edit.grown.is_none()) {
            return Err(PlanError::NothingToAdd);
        }
        check_names(index, files)?;
        edits.sort_by_key(|edit| edit.extent.start);
        let new = NewEntries::build(index.top.as_ref(), files)?;
        let mut out = Assembly::new(base_etag);
        let mut moves = Moves::default();
        let mut kept_from = 0;
        for edit in &edits {
            out.base(kept_from..edit.extent.start)?;
            let start = out.len();
            if let Some(grown) = &edit.grown {
                out.inline(grown.front.clone())?;
                out.base(edit.extent.data.clone())?;
            }
            let output_bytes = out.len().saturating_sub(start);
            let range = edit.extent.start..edit.extent.end;
            moves
                .push(range, output_bytes)
                .map_err(|_| PlanError::OtherArchive)?;
            kept_from = edit.extent.end;
        }
        out.base(kept_from..index.directory.start)?;
        let new_at = out.len();
        out.inline(new.locals.clone())?;
        let directory_at = out.len();
        out.base(index.directory.start..entries.from)?;
        out.inline(entries.rewritten(index, &edits, &moves)?)?;
        let kept = index.entries.saturating_sub(index.cuts.len() as u64);
        out.finish(index, &new, new_at, directory_at, kept)
    }
}

impl Entries {
    /// The held records, as they are after the edits.
    fn rewritten(
        &self,
        index: &ArchiveIndex,
        edits: &[Edit],
        moves: &Moves,
    ) -> Result<Vec<u8>, PlanError> {
        let mut out = Vec::new();
        let mut too_large = false;
        let mut cursor = DirectoryCursor::new(&(self.from..index.directory.end));
        let walked = cursor.each(&self.records, |record| {
            let edit = edits.iter().find(|edit| edit.record_at == record.at);
            let values = match edit.map(|edit| &edit.grown) {
                Some(None) => return Ok(()),
                Some(Some(grown)) => grown.values,
                None => Values::of(&record.header),
            };
            let values = Values {
                local_at: moves.output_at(record.header.local_at)?,
                ..values
            };
            let record = rewrite::central(record.bytes, &record.header, &values);
            too_large |= record.is_none();
            out.extend(record.unwrap_or_default());
            Ok(())
        });
        match walked {
            Ok(None) if !too_large => Ok(out),
            Ok(None) => Err(PlanError::TooLarge),
            // What was read for another archive's index does not fit this one.
            Ok(Some(_)) | Err(_) => Err(PlanError::OtherArchive),
        }
    }
}

impl fmt::Debug for Insertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Insertion({:?}, {} bytes)", self.name, self.bytes.len())
    }
}

/// How far the reader is.
#[derive(Debug)]
enum Phase {
    /// Finds the targets' records.
    Find(DirectoryCursor),
    /// Reads the local header of the target of this number.
    Locals(usize, ExtentSearch),
    /// Holds the records that change.
    Hold(DirectoryCursor, Held),
}

/// The directory from the first record that changes.
#[derive(Debug, Default)]
struct Held {
    from: Option<u64>,
    bytes: Vec<u8>,
    complete: bool,
}

impl Held {
    fn see(&mut self, record: &Record<'_>, first_edit: u64) -> Result<(), Rejection> {
        if self.from.is_none() && record.header.local_at < first_edit {
            return Ok(());
        }
        let at = *self.from.get_or_insert(record.at);
        self.bytes.extend(record.bytes);
        if self.bytes.len() > MAX_REWRITTEN_BYTES {
            return Err(Rejection::TooLargeToRewrite {
                at,
                size_bytes: self.bytes.len() as u64,
            });
        }
        Ok(())
    }
}

/// An entry that bytes may be inserted into.
#[derive(Debug, Clone)]
struct Target {
    name: EntryName,
    header: CentralHeader,
    record_at: u64,
    /// Neither folder nor symbolic link, whose contents are a path.
    is_file: bool,
    local_header: Vec<u8>,
    extent: Extent,
}

impl Target {
    fn named(names: &[String], record: &Record<'_>) -> Option<Self> {
        let name = record.name();
        names
            .iter()
            .any(|wanted| wanted.as_bytes() == name)
            .then_some(())?;
        let is_unix = u16_at(record.bytes, 4)? >> 8 == HOST_UNIX;
        let file_type = u32_at(record.bytes, 38)? >> 16 & UNIX_TYPE_MASK;
        let is_link = is_unix && file_type == UNIX_LINK;
        let at = record.header.local_at;
        Some(Self {
            name: record.entry_name().ok()?,
            header: record.header.clone(),
            record_at: record.at,
            is_file: !names::ends_as_folder(name) && !is_link,
            local_header: Vec::new(),
            extent: Extent {
                start: at,
                data: at..at,
                end: at,
            },
        })
    }

    /// What bytes in front make of the entry: data, local header and record.
    fn grown(&self, inserted: &[u8]) -> Result<Grown, PlanError> {
        let unsuited = || PlanError::Unsuited {
            name: self.name.shown(),
        };
        let header = &self.header;
        if !self.is_file || header.flags & (FLAG_ENCRYPTED | FLAG_PATCH) != 0 {
            return Err(unsuited());
        }
        let prefix = match header.method {
            METHOD_STORED => inserted.to_vec(),
            METHOD_DEFLATE => stored_blocks(inserted),
            _ => return Err(unsuited()),
        };
        let longer = |bytes: u64, by: &[u8]| {
            bytes
                .checked_add(by.len() as u64)
                .ok_or(PlanError::TooLarge)
        };
        let mut crc = Hasher::new();
        crc.update(inserted);
        crc.combine(&Hasher::new_with_initial_len(
            header.crc,
            header.uncompressed_bytes,
        ));
        let values = Values {
            flags: header.flags & !FLAG_DESCRIPTOR,
            crc: crc.finalize(),
            compressed_bytes: longer(header.compressed_bytes, &prefix)?,
            uncompressed_bytes: longer(header.uncompressed_bytes, inserted)?,
            local_at: header.local_at,
        };
        let local = LocalHeader::parse(&self.local_header, header.local_at)
            .ok()
            .flatten();
        let local = local.and_then(|local| rewrite::local(&self.local_header, &local, &values));
        let mut front = local.ok_or(PlanError::TooLarge)?;
        front.extend(prefix);
        Ok(Grown { front, values })
    }
}

/// What happens to an entry of the base.
struct Edit {
    record_at: u64,
    extent: Extent,
    /// `None`: it is cut out.
    grown: Option<Grown>,
}

struct Grown {
    /// The new local header, and what precedes the old data.
    front: Vec<u8>,
    values: Values,
}

fn edits(
    index: &ArchiveIndex,
    entries: &Entries,
    insertions: &[Insertion],
) -> Result<Vec<Edit>, PlanError> {
    let cuts = index.cuts.iter();
    let cuts = cuts.map(|cut| Edit {
        record_at: cut.record_at,
        extent: cut.extent.clone(),
        grown: None,
    });
    let mut edits: Vec<Edit> = cuts.collect();
    for insertion in insertions
        .iter()
        .filter(|insertion| !insertion.bytes.is_empty())
    {
        let name = || insertion.name.clone();
        let target = entries
            .targets
            .iter()
            .find(|target| target.name.stored == insertion.name.as_bytes());
        let target = target.ok_or_else(|| PlanError::NoSuchEntry { name: name() })?;
        match edits.iter().find(|edit| edit.record_at == target.record_at) {
            Some(Edit { grown: None, .. }) => return Err(PlanError::Unsuited { name: name() }),
            Some(Edit { grown: Some(_), .. }) => return Err(PlanError::Repeated { name: name() }),
            None => {}
        }
        let grown = Some(target.grown(&insertion.bytes)?);
        edits.push(Edit {
            record_at: target.record_at,
            extent: target.extent.clone(),
            grown,
        });
    }
    Ok(edits)
}

/// The bytes as stored blocks of a DEFLATE stream, none of them the last of it (RFC 1951 § 3.2.3, 3.2.4): three
/// header bits and padding to a byte, which is 0; length; its complement; the bytes.
fn stored_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in bytes.chunks(MAX_STORED_BLOCK_BYTES) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out
}

/// The length of a stored block is a number of 16 bits (RFC 1951 § 3.2.4).
const MAX_STORED_BLOCK_BYTES: usize = 65_535;

/// Made by: Unix (4.4.2.2); then the upper half of the external attributes is the file's mode.
const HOST_UNIX: u16 = 3;
const UNIX_TYPE_MASK: u32 = 0o170_000;
const UNIX_LINK: u32 = 0o120_000;

const CHUNK_BYTES: u64 = 1024 * 1024;
const LOCAL_READ_BYTES: u64 = 1024;
