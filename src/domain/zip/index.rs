//! Reading an archive's index by ranges.

use super::Rejection;
use super::cut::{Cut, DirectoryRewrite, RewrittenDirectory};
use super::ends::{Ends, MAX_END_BYTES};
use super::local::ExtentSearch;
use super::names::{self, TopFolder};
use super::reads::{DirectoryCursor, Reads, Step};
use super::walk::{Findings, FirstLook, Replaced, SecondLook};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Reads an archive's index by the ranges that it asks for. Sans-I/O: ask [`wants`](Self::wants), fetch exactly
/// that, [`supply`](Self::supply) it, until nothing is wanted; then [`finish`](Self::finish).
///
/// The tail comes first, and most archives need no more. Then the directory, a chunk at a time, as far as the
/// tail does not have it. What is kept meanwhile: the tail, one chunk, and 8 bytes per entry for the names. If
/// the entries are not in the order of the directory, or a name seems to repeat, the directory is read again,
/// with 16 bytes per entry. If entries must be replaced, their local headers are read, and the directory once
/// more, for the records that change.
#[derive(Debug)]
pub struct IndexReader {
    size_bytes: u64,
    names: Vec<String>,
    reads: Reads,
    phase: Phase,
}

/// What is known of a base archive, and all that a plan needs. Small in the plain case; where entries are
/// replaced it holds the directory records that change for it, changed already, for all plans to share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveIndex {
    pub(super) size_bytes: u64,
    pub(super) directory: Range<u64>,
    pub(super) entries: u64,
    #[serde(with = "super::base64_bytes")]
    pub(super) comment: Arc<[u8]>,
    pub(super) top: Option<TopFolder>,
    /// The names of new files that it was read for.
    pub(super) names: Vec<String>,
    /// The entries that they replace, by their local headers' order.
    pub(super) cuts: Vec<Cut>,
    pub(super) rewritten: Option<RewrittenDirectory>,
}

impl IndexReader {
    /// Begins with an archive of this size. `names` are the files that will be added, without folder: the reader
    /// notes the entries that they replace, at the place where they go.
    ///
    /// # Errors
    /// [`Rejection::NewName`] if one of the names is no plain file name or two of them differ at most in case;
    /// [`Rejection::NoEnd`] if the archive is empty.
    pub fn new(size_bytes: u64, names: &[&str]) -> Result<Self, Rejection> {
        Self::with_reads(size_bytes, names, TAIL_BYTES, CHUNK_BYTES)
    }

    /// Like [`new`](Self::new), with other read sizes in bytes. The tail is never less than the end records can
    /// take, a chunk never less than a record.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_reads(
        size_bytes: u64,
        names: &[&str],
        tail_bytes: u64,
        chunk_bytes: u64,
    ) -> Result<Self, Rejection> {
        for (index, name) in names.iter().enumerate() {
            let repeated = names
                .iter()
                .skip(index.saturating_add(1))
                .any(|other| names::differ_at_most_in_case(other.as_bytes(), name));
            if repeated || !names::is_file_name(name) {
                return Err(Rejection::NewName {
                    name: (*name).to_owned(),
                });
            }
        }
        if size_bytes == 0 {
            return Err(Rejection::NoEnd { size_bytes });
        }
        Ok(Self {
            size_bytes,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            reads: Reads::new(size_bytes, tail_bytes.max(MAX_END_BYTES), chunk_bytes),
            phase: Phase::Ends,
        })
    }

    /// The next range wanted: half-open, not empty, within the archive. `None` when all is known, or nothing
    /// can be any more because of a rejection.
    #[must_use]
    pub fn wants(&self) -> Option<Range<u64>> {
        self.reads.wants()
    }

    /// Takes exactly the bytes of [`wants`](Self::wants).
    ///
    /// # Errors
    /// What is wrong with the archive. [`Rejection::IncompleteRead`] for another number of bytes than wanted.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), Rejection> {
        let advanced = self.reads.supply(bytes).and_then(|()| self.advance());
        if let Err(rejection) = &advanced {
            self.phase = Phase::Rejected(rejection.clone());
            self.reads.stop();
        }
        advanced
    }

    /// The index, when nothing is wanted any more.
    ///
    /// # Errors
    /// The rejection that [`supply`](Self::supply) gave, or [`Rejection::IncompleteRead`] if something is wanted
    /// still.
    pub fn finish(self) -> Result<ArchiveIndex, Rejection> {
        match (self.phase, self.reads.wants()) {
            (Phase::Done(index), _) => Ok(index),
            (Phase::Rejected(rejection), _) => Err(rejection),
            (_, range) => {
                let range = range.unwrap_or_default();
                let wanted = range.end.saturating_sub(range.start);
                Err(Rejection::IncompleteRead {
                    at: range.start,
                    wanted,
                    supplied: 0,
                })
            }
        }
    }

    /// Goes on until bytes are needed that are not at hand.
    fn advance(&mut self) -> Result<(), Rejection> {
        loop {
            let phase = std::mem::replace(&mut self.phase, Phase::Ends);
            let (phase, need) = self.step(phase)?;
            let done = matches!(phase, Phase::Done(_));
            let limit = phase.read_limit(need.as_ref());
            self.phase = phase;
            match need {
                Some(range) => {
                    self.reads.want(range, limit);
                    return Ok(());
                }
                None if done => return Ok(()),
                None => {}
            }
        }
    }

    /// Takes a phase as far as the bytes at hand go: to the next one, or to a range that it needs.
    fn step(&self, phase: Phase) -> Result<(Phase, Option<Range<u64>>), Rejection> {
        match phase {
            Phase::Ends => {
                let (tail_at, tail) = self.reads.tail();
                let ends = Ends::locate(tail, tail_at, self.size_bytes)?;
                let look = FirstLook::new(&ends, &self.names)?;
                Ok((
                    Phase::First(DirectoryCursor::new(&ends.directory), look, ends),
                    None,
                ))
            }
            Phase::First(mut cursor, mut look, ends) => {
                if let Some(need) = cursor.each(&self.reads, |record| look.see(record))? {
                    return Ok((Phase::First(cursor, look, ends), Some(need)));
                }
                let Findings {
                    top,
                    replaced,
                    second_look,
                } = look.finish()?;
                let found = Found {
                    ends,
                    top,
                    replaced,
                };
                Ok(match second_look {
                    Some(look) => (
                        Phase::Second(DirectoryCursor::new(&found.ends.directory), look, found),
                        None,
                    ),
                    None => (
                        Phase::Locals(found, Vec::new(), ExtentSearch::default()),
                        None,
                    ),
                })
            }
            Phase::Second(mut cursor, mut look, found) => {
                if let Some(need) = cursor.each(&self.reads, |record| look.see(record))? {
                    return Ok((Phase::Second(cursor, look, found), Some(need)));
                }
                look.finish()?;
                Ok((
                    Phase::Locals(found, Vec::new(), ExtentSearch::default()),
                    None,
                ))
            }
            Phase::Locals(found, mut cuts, mut search) => {
                while let Some(entry) = found.replaced.get(cuts.len()) {
                    let limit = found.ends.directory.start;
                    match search.step(&self.reads, &entry.header, &entry.name, limit)? {
                        Step::Need(need) => {
                            return Ok((Phase::Locals(found, cuts, search), Some(need)));
                        }
                        Step::Ready(extent) => {
                            cuts.push(Cut {
                                by: entry.by.clone(),
                                name: entry.name.shown(),
                                record_at: entry.record_at,
                                extent,
                            });
                        }
                    }
                }
                if cuts.is_empty() {
                    return Ok((Phase::Done(self.index(found, cuts, None)), None));
                }
                let cursor = DirectoryCursor::new(&found.ends.directory);
                Ok((
                    Phase::Rewrite(
                        cursor,
                        DirectoryRewrite::new(cuts, found.ends.directory.start)?,
                        found,
                    ),
                    None,
                ))
            }
            Phase::Rewrite(mut cursor, mut rewrite, found) => {
                if let Some(need) = cursor.each(&self.reads, |record| rewrite.see(record))? {
                    return Ok((Phase::Rewrite(cursor, rewrite, found), Some(need)));
                }
                let (cuts, rewritten) = rewrite.finish()?;
                Ok((Phase::Done(self.index(found, cuts, rewritten)), None))
            }
            Phase::Done(_) | Phase::Rejected(_) => Ok((phase, None)),
        }
    }

    fn index(
        &self,
        found: Found,
        cuts: Vec<Cut>,
        rewritten: Option<RewrittenDirectory>,
    ) -> ArchiveIndex {
        ArchiveIndex {
            size_bytes: self.size_bytes,
            directory: found.ends.directory,
            entries: found.ends.entries,
            comment: found.ends.comment,
            top: found.top,
            names: self.names.clone(),
            cuts,
            rewritten,
        }
    }
}

impl ArchiveIndex {
    /// The one folder that everything is in, without slash.
    #[must_use]
    pub fn top_folder(&self) -> Option<&str> {
        self.top.as_ref().map(|top| top.name.as_str())
    }

    /// How many entries the base has.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The entries that new files replace: the old one's name, and the new file's.
    pub fn replaced(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cuts
            .iter()
            .map(|cut| (cut.name.as_str(), cut.by.as_str()))
    }

    /// How many bytes the base has.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// About how many bytes of memory it takes, for a cache with a bound.
    #[must_use]
    pub fn size_in_memory_bytes(&self) -> usize {
        let names = self
            .names
            .iter()
            .chain(self.cuts.iter().flat_map(|cut| [&cut.by, &cut.name]))
            .map(String::len);
        let top = self.top.as_ref().map_or(0, |top| top.name.len());
        let rewritten = self
            .rewritten
            .as_ref()
            .map_or(0, |rewritten| rewritten.bytes.len());
        let lists = size_of::<String>() * self.names.len() + size_of::<Cut>() * self.cuts.len();
        size_of::<Self>() + names.sum::<usize>() + top + rewritten + lists + self.comment.len()
    }

    /// The parts of the base's entries that stay.
    pub(super) fn kept(&self) -> impl Iterator<Item = Range<u64>> {
        let starts = std::iter::once(0).chain(self.cuts.iter().map(|cut| cut.extent.end));
        let ends = self
            .cuts
            .iter()
            .map(|cut| cut.extent.start)
            .chain([self.directory.start]);
        starts.zip(ends).map(|(start, end)| start..end)
    }
}

/// How far the reader is.
#[derive(Debug)]
enum Phase {
    Ends,
    First(DirectoryCursor, FirstLook, Ends),
    Second(DirectoryCursor, SecondLook, Found),
    /// Finds where the replaced entries end; the cuts so far.
    Locals(Found, Vec<Cut>, ExtentSearch),
    Rewrite(DirectoryCursor, DirectoryRewrite, Found),
    Done(ArchiveIndex),
    Rejected(Rejection),
}

/// What the first look leaves for the later phases.
#[derive(Debug)]
struct Found {
    ends: Ends,
    top: Option<TopFolder>,
    replaced: Vec<Replaced>,
}

impl Phase {
    /// How far a read may go on past what is needed. A walk wants what follows; a look at a local header little.
    fn read_limit(&self, need: Option<&Range<u64>>) -> u64 {
        match self {
            Self::First(_, _, ends) => ends.directory.end,
            Self::Second(_, _, found) | Self::Rewrite(_, _, found) => found.ends.directory.end,
            Self::Locals(found, ..) => {
                let near = need.map_or(0, |need| need.start.saturating_add(LOCAL_READ_BYTES));
                near.min(found.ends.directory.start)
            }
            Self::Ends | Self::Done(_) | Self::Rejected(_) => 0,
        }
    }
}

/// The first read, at the tail: enough for the directory of some 2,500 entries.
const TAIL_BYTES: u64 = 256 * 1024;

/// Later reads: few of them for a large directory, and little memory.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// A local header with its name and usual extra fields.
const LOCAL_READ_BYTES: u64 = 1024;
