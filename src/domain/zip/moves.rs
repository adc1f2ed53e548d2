//! Where the base's bytes go when entries before them are cut out or grow.

use super::Rejection;
use std::ops::Range;

/// The edited entries, in their order in the base, and where each ends in the output.
#[derive(Debug, Clone, Default)]
pub(super) struct Moves {
    edits: Vec<Edit>,
}

#[derive(Debug, Clone)]
struct Edit {
    base: Range<u64>,
    output_end: u64,
}

impl Moves {
    /// Notes that the base's range `base` becomes `output_bytes` bytes. Ranges come in their order.
    ///
    /// # Errors
    /// [`Rejection::Overlap`] if it begins inside of the one before.
    pub(super) fn push(&mut self, base: Range<u64>, output_bytes: u64) -> Result<(), Rejection> {
        let output_end = self.output_at(base.start)?.saturating_add(output_bytes);
        self.edits.push(Edit { base, output_end });
        Ok(())
    }

    /// Where the entry at byte `at` of the base begins in the output.
    ///
    /// # Errors
    /// [`Rejection::Overlap`] if it begins inside of an edited one.
    pub(super) fn output_at(&self, at: u64) -> Result<u64, Rejection> {
        let before = self
            .edits
            .partition_point(|edit| edit.base.start < at)
            .checked_sub(1);
        let Some(edit) = before.and_then(|last| self.edits.get(last)) else {
            return Ok(at);
        };
        let behind = at.checked_sub(edit.base.end);
        let moved = behind.map(|behind| edit.output_end.saturating_add(behind));
        moved.ok_or(Rejection::Overlap {
            at,
            other: edit.base.start,
        })
    }
}
