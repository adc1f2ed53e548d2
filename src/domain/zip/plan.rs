//! What an output is made of, and how long it is, before its first byte.

use super::ends::Ends;
use super::index::ArchiveIndex;
use super::new_entries::{NewEntries, NewFile};
use super::segment::{InlineBytes, Segment};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::Arc;

/// An output: the segments that it is made of, its length and its entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    segments: Vec<Segment>,
    len: u64,
    etag: String,
}

/// Why a plan can't be made. The caller's mistakes, not the archive's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// There is nothing to add: the output would be the bare archive.
    NothingToAdd,
    /// The index was not read for a file of this name, so one might be there already.
    NotIndexed {
        /// The file's name.
        name: String,
    },
    /// The index has an entry cut out for a file of this name, which is not there.
    NotReplaced {
        /// The file's name.
        name: String,
    },
    /// Two of the new files have one name, or two insertions are into one entry.
    Repeated {
        /// The name.
        name: String,
    },
    /// The archive has no entry of this name, or its local header was not read.
    NoSuchEntry {
        /// The name.
        name: String,
    },
    /// Bytes can't be put in front of this entry's data: it is no file, is encrypted, is of a method other than 0
    /// and 8, or is replaced by a new file.
    Unsuited {
        /// The name.
        name: String,
    },
    /// Index and entries were not read from one archive, or entries of it overlap.
    OtherArchive,
    /// A header or the output would become longer than the format allows.
    TooLarge,
}

impl Plan {
    /// The base, less the entries that the new files replace, with the new files behind the others. The same
    /// arguments give the same plan. `base_etag` is the storage's tag of the archive that `index` was read from.
    ///
    /// # Errors
    /// If the new files are not those that the index was read for, or make no entries: see [`PlanError`].
    pub fn append(
        index: &ArchiveIndex,
        base_etag: &str,
        files: &[NewFile],
    ) -> Result<Self, PlanError> {
        if files.is_empty() {
            return Err(PlanError::NothingToAdd);
        }
        check_names(index, files)?;
        let new = NewEntries::build(index.top.as_ref(), files)?;
        let mut out = Assembly::new(base_etag);
        for range in index.kept() {
            out.base(range)?;
        }
        let new_at = out.len();
        out.inline(new.locals.clone())?;
        let directory_at = out.len();
        let mut entries = index.entries;
        match &index.rewritten {
            None => out.base(index.directory.clone())?,
            Some(rewritten) => {
                out.base(index.directory.start..rewritten.from)?;
                out.shared(&rewritten.bytes, &rewritten.sha256)?;
                entries = entries.saturating_sub(index.cuts.len() as u64);
            }
        }
        out.finish(index, &new, new_at, directory_at, entries)
    }

    /// The output's length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no output is empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// A strong entity tag (RFC 9110 § 8.8.3), without quotes: 32 hexadecimal digits of a SHA-256 over the base's
    /// tag and everything that the output is made of.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The segments, in the order of the output.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments of exactly this range of the output; of the part of it that there is, if it passes the end.
    #[must_use]
    pub fn slice(&self, range: Range<u64>) -> Vec<Segment> {
        let mut parts = Vec::new();
        let mut at = 0_u64;
        for segment in &self.segments {
            let end = at.saturating_add(segment.len());
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                parts.push(segment.part(from.saturating_sub(at)..to.saturating_sub(at)));
            }
            at = end;
        }
        parts
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToAdd => f.write_str("there is nothing to add to the archive"),
            Self::NotIndexed { name } => {
                write!(f, "the archive's index was not read for a file '{name}'")
            }
            Self::NotReplaced { name } => write!(
                f,
                "the archive's '{name}' is cut out, but there is no new one"
            ),
            Self::Repeated { name } => write!(f, "'{name}' is given twice"),
            Self::NoSuchEntry { name } => write!(f, "the archive has no entry '{name}'"),
            Self::Unsuited { name } => write!(f, "nothing can be put in front of '{name}'"),
            Self::OtherArchive => f.write_str("index and entries are not of one archive"),
            Self::TooLarge => f.write_str("a header or the output would become too long"),
        }
    }
}

impl std::error::Error for PlanError {}

/// A plan in the making: its segments, and the hash over them.
pub(super) struct Assembly {
    segments: Vec<Segment>,
    len: u64,
    hash: Sha256,
}

impl Assembly {
    pub(super) fn new(base_etag: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"bookplate splice 1\0");
        hash.update((base_etag.len() as u64).to_le_bytes());
        hash.update(base_etag);
        Self {
            segments: Vec::new(),
            len: 0,
            hash,
        }
    }

    /// How long the output is so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of the base. Ranges that meet become one: each is a read.
    pub(super) fn base(&mut self, range: Range<u64>) -> Result<(), PlanError> {
        let segment = Segment::Base(range.clone());
        if segment.len() == 0 {
            return Ok(());
        }
        self.hash.update(b"base");
        self.hash.update(range.start.to_le_bytes());
        self.hash.update(range.end.to_le_bytes());
        self.len = self
            .len
            .checked_add(segment.len())
            .ok_or(PlanError::TooLarge)?;
        match self.segments.last_mut() {
            Some(Segment::Base(last)) if last.end == range.start => last.end = range.end,
            _ => self.segments.push(segment),
        }
        Ok(())
    }

    pub(super) fn inline(&mut self, bytes: Vec<u8>) -> Result<(), PlanError> {
        self.hash.update(b"here");
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(&bytes);
        self.push_inline(bytes.into())
    }

    /// Bytes that many plans share, and whose hash is known.
    pub(super) fn shared(&mut self, bytes: &Arc<[u8]>, sha256: &[u8; 32]) -> Result<(), PlanError> {
        self.hash.update(b"hash");
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(sha256);
        self.push_inline(Arc::clone(bytes))
    }

    /// Ends the directory, which began at `directory_at` and has `entries` records so far, with the records of the
    /// new entries, whose local headers begin at `new_at`; and then the archive.
    pub(super) fn finish(
        mut self,
        index: &ArchiveIndex,
        new: &NewEntries,
        new_at: u64,
        directory_at: u64,
        entries: u64,
    ) -> Result<Plan, PlanError> {
        let records = new.directory(new_at).ok_or(PlanError::TooLarge)?;
        let directory_end = self
            .len
            .checked_add(records.len() as u64)
            .ok_or(PlanError::TooLarge)?;
        let ends = Ends {
            directory: directory_at..directory_end,
            entries: entries
                .checked_add(new.count())
                .ok_or(PlanError::TooLarge)?,
            comment: Arc::clone(&index.comment),
        };
        self.inline([records, ends.write()].concat())?;
        let mut etag = String::with_capacity(32);
        for byte in self.hash.finalize().iter().take(16) {
            // Writing to a string can't fail.
            let _ = write!(etag, "{byte:02x}");
        }
        Ok(Plan {
            segments: self.segments,
            len: self.len,
            etag,
        })
    }

    fn push_inline(&mut self, bytes: Arc<[u8]>) -> Result<(), PlanError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.len = self
            .len
            .checked_add(bytes.len() as u64)
            .ok_or(PlanError::TooLarge)?;
        self.segments.push(Segment::Inline(InlineBytes::new(bytes)));
        Ok(())
    }
}

/// What the index knows of entries to be replaced must be what is replaced.
pub(super) fn check_names(index: &ArchiveIndex, files: &[NewFile]) -> Result<(), PlanError> {
    for (place, file) in files.iter().enumerate() {
        let name = || file.name.clone();
        if !index.names.contains(&file.name) {
            return Err(PlanError::NotIndexed { name: name() });
        }
        if files
            .iter()
            .take(place)
            .any(|other| other.name == file.name)
        {
            return Err(PlanError::Repeated { name: name() });
        }
    }
    let unreplaced = index
        .cuts
        .iter()
        .find(|cut| !files.iter().any(|file| file.name == cut.by));
    unreplaced.map_or(Ok(()), |cut| {
        Err(PlanError::NotReplaced {
            name: cut.by.clone(),
        })
    })
}
