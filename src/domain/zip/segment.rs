//! The pieces that an output is made of.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A piece of an output. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// These bytes of the base archive, as they are.
    Base(Range<u64>),
    /// These bytes.
    Inline(InlineBytes),
}

impl Segment {
    /// Its length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no segment is empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Base(range) => range.end.saturating_sub(range.start),
            Self::Inline(bytes) => bytes.range.end.saturating_sub(bytes.range.start) as u64,
        }
    }

    /// The part of it from `start` to `end`, both counted from its own first byte and at most its length.
    pub(super) fn part(&self, range: Range<u64>) -> Self {
        match self {
            Self::Base(base) => Self::Base(
                base.start.saturating_add(range.start)..base.start.saturating_add(range.end),
            ),
            Self::Inline(bytes) => Self::Inline(bytes.part(&range)),
        }
    }
}

/// Bytes that several plans and slices share. Cheap to clone. Shows only how many they are: a buyer's data is in
/// them, and does not belong into a log.
#[derive(Clone)]
pub struct InlineBytes {
    all: Arc<[u8]>,
    range: Range<usize>,
}

impl InlineBytes {
    /// All of `bytes`.
    pub(super) fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let all = bytes.into();
        Self {
            range: 0..all.len(),
            all,
        }
    }

    fn part(&self, range: &Range<u64>) -> Self {
        let shifted = |by: u64| {
            usize::try_from(by)
                .unwrap_or(usize::MAX)
                .saturating_add(self.range.start)
        };
        let end = shifted(range.end).min(self.range.end);
        Self {
            all: Arc::clone(&self.all),
            range: shifted(range.start).min(end)..end,
        }
    }
}

impl Deref for InlineBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.all.get(self.range.clone()).unwrap_or_default()
    }
}

impl PartialEq for InlineBytes {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for InlineBytes {}

impl fmt::Debug for InlineBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.range.len())
    }
}
