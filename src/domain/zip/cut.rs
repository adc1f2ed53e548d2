//! The directory after entries were cut out of the archive.

use super::Rejection;
use super::local::Extent;
use super::moves::Moves;
use super::reads::Record;
use super::rewrite::{self, Values};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// An entry that a new file replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cut {
    /// The new file's name.
    pub(super) by: String,
    /// The old entry's name, for people.
    pub(super) name: String,
    /// Where its directory record is.
    pub(super) record_at: u64,
    pub(super) extent: Extent,
}

/// The directory's records from the first that changes to the end, as they are after the cuts. They are the same
/// for every buyer, so all plans share them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RewrittenDirectory {
    /// Where the first of them begins in the base.
    pub(super) from: u64,
    #[serde(with = "super::base64_bytes")]
    pub(super) bytes: Arc<[u8]>,
    /// Their SHA-256, so that not every plan hashes them.
    pub(super) sha256: [u8; 32],
}

/// The pass over the directory that leaves out the cut entries' records, and moves the offsets of those behind
/// them. Offsets only become smaller, so every record keeps its length and all its other bytes (4.4.16).
#[derive(Debug)]
pub(super) struct DirectoryRewrite {
    /// In the order of their local headers.
    cuts: Vec<Cut>,
    moves: Moves,
    from: Option<u64>,
    bytes: Vec<u8>,
    /// Where the first entry that stays begins: in the output, and in the base.
    first_kept: (u64, u64),
}

impl DirectoryRewrite {
    /// # Errors
    /// [`Rejection::Overlap`] if two of the cut entries do.
    pub(super) fn new(cuts: Vec<Cut>, directory_at: u64) -> Result<Self, Rejection> {
        let mut moves = Moves::default();
        for cut in &cuts {
            moves.push(cut.extent.start..cut.extent.end, 0)?;
        }
        // Behind all entries is where the new ones go.
        let first_kept = (moves.output_at(directory_at)?, directory_at);
        Ok(Self {
            cuts,
            moves,
            from: None,
            bytes: Vec::new(),
            first_kept,
        })
    }

    pub(super) fn see(&mut self, record: &Record<'_>) -> Result<(), Rejection> {
        if self.cuts.iter().any(|cut| cut.record_at == record.at) {
            self.from.get_or_insert(record.at);
            return Ok(());
        }
        let at = record.header.local_at;
        let local_at = self.moves.output_at(at)?;
        self.first_kept = self.first_kept.min((local_at, at));
        if self.from.is_none() && local_at == at {
            return Ok(());
        }
        let from = *self.from.get_or_insert(record.at);
        let values = Values {
            local_at,
            ..Values::of(&record.header)
        };
        let moved = rewrite::central(record.bytes, &record.header, &values);
        self.bytes
            .extend(moved.ok_or(Rejection::Zip64Extra { at: record.at })?);
        if self.bytes.len() > MAX_REWRITTEN_BYTES {
            let size_bytes = self.bytes.len() as u64;
            return Err(Rejection::TooLargeToRewrite {
                at: from,
                size_bytes,
            });
        }
        Ok(())
    }

    /// # Errors
    /// [`Rejection::StubInFront`] if bytes that no entry owns would become the archive's first.
    pub(super) fn finish(self) -> Result<(Vec<Cut>, Option<RewrittenDirectory>), Rejection> {
        if let (1.., at) = self.first_kept {
            return Err(Rejection::StubInFront { at });
        }
        let sha256 = Sha256::digest(&self.bytes).into();
        let bytes = self.bytes.into();
        Ok((
            self.cuts,
            self.from.map(|from| RewrittenDirectory {
                from,
                bytes,
                sha256,
            }),
        ))
    }
}

/// What an index holds at most of a directory: that of some 80,000 entries. Many archives' indexes fit beside
/// each other into the 128 MB of an isolate, and one into a KV value (25 MiB) as base64.
pub(super) const MAX_REWRITTEN_BYTES: usize = 8 * 1024 * 1024;
