//! What has been read of an archive, and what is to be read next.

use super::Rejection;
use super::format::{CENTRAL_FIXED_BYTES, CentralHeader, length};
use super::names::{self, EntryName};
use std::ops::Range;

/// The bytes at hand: the archive's tail, which is kept, and the last other range that was read.
///
/// Sans-I/O: whoever holds it asks [`Reads::wants`], fetches, and calls [`Reads::supply`].
#[derive(Debug, Clone)]
pub(super) struct Reads {
    chunk_bytes: u64,
    tail: Window,
    recent: Window,
    want: Option<Range<u64>>,
}

/// What a step of a reader comes to.
pub(super) enum Step<T> {
    Ready(T),
    /// These bytes are needed, and not at hand.
    Need(Range<u64>),
}

impl Reads {
    /// Wants the last `tail_bytes` first, later about `chunk_bytes` at a time.
    pub(super) fn new(size_bytes: u64, tail_bytes: u64, chunk_bytes: u64) -> Self {
        let start = size_bytes.saturating_sub(tail_bytes);
        let want = (size_bytes > 0).then_some(start..size_bytes);
        Self {
            chunk_bytes,
            tail: Window {
                at: start,
                bytes: Vec::new(),
            },
            recent: Window::default(),
            want,
        }
    }

    /// Has these bytes, which begin at byte `at` of the archive, and wants nothing yet.
    pub(super) fn over(at: u64, bytes: Vec<u8>, chunk_bytes: u64) -> Self {
        Self {
            chunk_bytes,
            tail: Window { at, bytes },
            recent: Window::default(),
            want: None,
        }
    }

    pub(super) fn wants(&self) -> Option<Range<u64>> {
        self.want.clone()
    }

    /// Takes exactly the bytes that are wanted.
    pub(super) fn supply(&mut self, bytes: &[u8]) -> Result<(), Rejection> {
        let range = self.want.clone().unwrap_or_default();
        let (wanted, supplied) = (range.end.saturating_sub(range.start), length(bytes));
        if wanted != supplied || wanted == 0 {
            return Err(Rejection::IncompleteRead {
                at: range.start,
                wanted,
                supplied,
            });
        }
        let window = if self.tail.bytes.is_empty() {
            &mut self.tail
        } else {
            &mut self.recent
        };
        window.at = range.start;
        window.bytes.clear();
        window.bytes.extend_from_slice(bytes);
        self.want = None;
        Ok(())
    }

    /// Wants nothing any more.
    pub(super) fn stop(&mut self) {
        self.want = None;
    }

    /// The archive's last bytes, and where they begin.
    pub(super) fn tail(&self) -> (u64, &[u8]) {
        (self.tail.at, &self.tail.bytes)
    }

    /// The bytes of `range`, if they are at hand.
    pub(super) fn bytes(&self, range: &Range<u64>) -> Option<&[u8]> {
        self.tail.slice(range).or_else(|| self.recent.slice(range))
    }

    /// Wants `needed`, and a chunk along with it that does not pass `limit`.
    pub(super) fn want(&mut self, needed: Range<u64>, limit: u64) {
        let ahead = needed.start.saturating_add(self.chunk_bytes).min(limit);
        self.want = Some(needed.start..needed.end.max(ahead));
    }
}

#[derive(Debug, Clone, Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn slice(&self, range: &Range<u64>) -> Option<&[u8]> {
        let start = usize::try_from(range.start.checked_sub(self.at)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.at)?).ok()?;
        self.bytes.get(start..end)
    }
}

/// A walk over the records of a central directory (4.3.12).
#[derive(Debug, Clone)]
pub(super) struct DirectoryCursor {
    at: u64,
    end: u64,
}

/// A record of the central directory.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Where it begins in the archive.
    pub(super) at: u64,
    /// All of it.
    pub(super) bytes: &'a [u8],
    pub(super) header: CentralHeader,
}

impl DirectoryCursor {
    pub(super) fn new(directory: &Range<u64>) -> Self {
        Self {
            at: directory.start,
            end: directory.end,
        }
    }

    /// Shows every record to `see`, as far as the bytes at hand go. The range that is needed to go on; `None` at
    /// the directory's end.
    pub(super) fn each(
        &mut self,
        reads: &Reads,
        mut see: impl FnMut(&Record<'_>) -> Result<(), Rejection>,
    ) -> Result<Option<Range<u64>>, Rejection> {
        loop {
            match self.next(reads)? {
                Step::Need(range) => return Ok(Some(range)),
                Step::Ready(Some(record)) => see(&record)?,
                Step::Ready(None) => return Ok(None),
            }
        }
    }

    /// The next record, or `None` at the directory's end.
    fn next<'a>(&mut self, reads: &'a Reads) -> Result<Step<Option<Record<'a>>>, Rejection> {
        let at = self.at;
        if at == self.end {
            return Ok(Step::Ready(None));
        }
        let fixed = self.span(CENTRAL_FIXED_BYTES)?;
        let Some(bytes) = reads.bytes(&fixed) else {
            return Ok(Step::Need(fixed));
        };
        let whole =
            self.span(CentralHeader::record_bytes(bytes).ok_or(Rejection::DirectoryWalk { at })?)?;
        let Some(bytes) = reads.bytes(&whole) else {
            return Ok(Step::Need(whole));
        };
        let header = CentralHeader::parse(bytes, at)?;
        self.at = whole.end;
        Ok(Step::Ready(Some(Record { at, bytes, header })))
    }

    /// The next `bytes` bytes, unless they pass the directory's end.
    fn span(&self, bytes: u64) -> Result<Range<u64>, Rejection> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.end);
        end.map(|end| self.at..end)
            .ok_or(Rejection::DirectoryWalk { at: self.at })
    }
}

impl Record<'_> {
    /// The name as it is stored (4.4.17).
    pub(super) fn name(&self) -> &[u8] {
        self.bytes.get(self.header.name_range()).unwrap_or_default()
    }

    /// The extra fields (4.4.28).
    pub(super) fn extra(&self) -> &[u8] {
        self.bytes
            .get(self.header.extra_range())
            .unwrap_or_default()
    }

    /// The name that the Unicode path extra field gives, if it is another one (4.6.9).
    ///
    /// # Errors
    /// [`Rejection::UnicodePath`] if readers disagree about the field.
    pub(super) fn unicode_name(&self) -> Result<Option<&[u8]>, Rejection> {
        names::unicode_name(self.name(), self.extra()).map_err(|_| Rejection::UnicodePath {
            at: self.at,
            name: self.shown_name(),
        })
    }

    /// Both names, to keep.
    ///
    /// # Errors
    /// As [`unicode_name`](Self::unicode_name).
    pub(super) fn entry_name(&self) -> Result<EntryName, Rejection> {
        Ok(EntryName {
            stored: self.name().to_vec(),
            unicode: self.unicode_name()?.map(<[u8]>::to_vec),
        })
    }

    /// The name for people.
    pub(super) fn shown_name(&self) -> String {
        String::from_utf8_lossy(self.name()).into_owned()
    }
}
