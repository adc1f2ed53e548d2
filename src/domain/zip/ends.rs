//! The end records: end of central directory, its zip64 twin, and the locator between them.

use super::Rejection;
use super::format::{
    CENTRAL_FIXED_BYTES, SENTINEL_16, SENTINEL_32, VERSION_ZIP64, length, u16_at, u32_at, u64_at,
};
use std::ops::Range;
use std::sync::Arc;

/// The archive's last bytes that can hold the end records: a comment of the greatest length, the end record,
/// the locator and the zip64 end record.
pub(super) const MAX_END_BYTES: u64 = 65_535 + END_BYTES + LOCATOR_BYTES + END64_BYTES;

/// What the end records state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) directory: Range<u64>,
    pub(super) entries: u64,
    /// The archive comment, as it is (4.4.26).
    pub(super) comment: Arc<[u8]>,
}

impl Ends {
    /// Finds and checks the end records in the archive's last bytes, which begin at byte `tail_at`
    /// (4.3.14, 4.3.15, 4.3.16).
    pub(super) fn locate(tail: &[u8], tail_at: u64, size_bytes: u64) -> Result<Self, Rejection> {
        let end_index = sole_end(tail, tail_at, size_bytes)?;
        let at = tail_at.saturating_add(length(tail.get(..end_index).unwrap_or_default()));
        let end = tail
            .get(end_index..)
            .and_then(End::parse)
            .ok_or(Rejection::NoEnd { size_bytes })?;
        let front = tail.get(..end_index).unwrap_or_default();
        let (ends_at, wide) = match locator(front) {
            Some(locator) => {
                let wide_at = at.saturating_sub(LOCATOR_BYTES).saturating_sub(END64_BYTES);
                (wide_at, end.widened(front, locator, at)?)
            }
            None if end.disk != 0 || end.directory_disk != 0 => {
                return Err(Rejection::SeveralDisks { at });
            }
            None => (at, end.wide()),
        };
        if wide.entries_here != wide.entries {
            return Err(Rejection::SeveralDisks { at: ends_at });
        }
        let stated_end = wide.directory_at.saturating_add(wide.directory_bytes);
        if stated_end != ends_at {
            return Err(Rejection::DirectoryPlace {
                at: ends_at,
                stated_end,
            });
        }
        let least = wide.entries.checked_mul(CENTRAL_FIXED_BYTES);
        if least.is_none_or(|least| least > wide.directory_bytes) {
            return Err(Rejection::EntryCount {
                at: wide.directory_at,
                stated: wide.entries,
            });
        }
        let comment = tail
            .get(end_index..)
            .and_then(|end| end.get(22..))
            .unwrap_or_default()
            .into();
        Ok(Self {
            directory: wide.directory_at..ends_at,
            entries: wide.entries,
            comment,
        })
    }

    /// Writes the end records for a directory at this place. The zip64 pair is written when a value needs it,
    /// and only then (4.4.1.4): a value that equals a sentinel needs it, and one that looks like the beginning of
    /// another end record must not be seen.
    pub(super) fn write(&self) -> Vec<u8> {
        let directory_bytes = self.directory.end.saturating_sub(self.directory.start);
        let entries = u16::try_from(self.entries).unwrap_or(SENTINEL_16);
        let size = u32::try_from(directory_bytes).unwrap_or(SENTINEL_32);
        let at = u32::try_from(self.directory.start).unwrap_or(SENTINEL_32);
        let narrow = self.write_narrow(entries, size, at);
        if second_end(&narrow).is_some() {
            let hidden = self.write_narrow(SENTINEL_16, SENTINEL_32, SENTINEL_32);
            return [self.write_wide(directory_bytes), hidden].concat();
        }
        if entries == SENTINEL_16 || size == SENTINEL_32 || at == SENTINEL_32 {
            return [self.write_wide(directory_bytes), narrow].concat();
        }
        narrow
    }

    /// The zip64 end record and its locator (4.3.14, 4.3.15).
    fn write_wide(&self, directory_bytes: u64) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(END64_SIGNATURE.to_le_bytes());
        out.extend((END64_BYTES - 12).to_le_bytes());
        out.extend(MADE_BY_UNIX_45.to_le_bytes());
        out.extend(VERSION_ZIP64.to_le_bytes());
        out.extend([0; 8]); // this disk, the directory's disk
        out.extend(self.entries.to_le_bytes());
        out.extend(self.entries.to_le_bytes());
        out.extend(directory_bytes.to_le_bytes());
        out.extend(self.directory.start.to_le_bytes());
        out.extend(LOCATOR_SIGNATURE.to_le_bytes());
        out.extend([0; 4]); // the disk of the record above
        out.extend(self.directory.end.to_le_bytes());
        out.extend(1_u32.to_le_bytes()); // disks in total
        out
    }

    /// The end record with these values, and the comment (4.3.16).
    fn write_narrow(&self, entries: u16, directory_bytes: u32, directory_at: u32) -> Vec<u8> {
        let comment_bytes = u16::try_from(self.comment.len()).unwrap_or(u16::MAX);
        let mut out = Vec::new();
        out.extend(END_SIGNATURE.to_le_bytes());
        out.extend([0; 4]); // this disk, the directory's disk
        out.extend(entries.to_le_bytes());
        out.extend(entries.to_le_bytes());
        out.extend(directory_bytes.to_le_bytes());
        out.extend(directory_at.to_le_bytes());
        out.extend(comment_bytes.to_le_bytes());
        out.extend(&*self.comment);
        out
    }
}

/// End of central directory record (4.3.16).
struct End {
    disk: u16,
    directory_disk: u16,
    entries_here: u16,
    entries: u16,
    directory_bytes: u32,
    directory_at: u32,
}

/// The same values as the zip64 end record holds them (4.3.14).
struct WideEnd {
    entries_here: u64,
    entries: u64,
    directory_bytes: u64,
    directory_at: u64,
}

impl End {
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            disk: u16_at(bytes, 4)?,
            directory_disk: u16_at(bytes, 6)?,
            entries_here: u16_at(bytes, 8)?,
            entries: u16_at(bytes, 10)?,
            directory_bytes: u32_at(bytes, 12)?,
            directory_at: u32_at(bytes, 16)?,
        })
    }

    fn wide(&self) -> WideEnd {
        WideEnd {
            entries_here: self.entries_here.into(),
            entries: self.entries.into(),
            directory_bytes: self.directory_bytes.into(),
            directory_at: self.directory_at.into(),
        }
    }

    /// Reads the zip64 end record that ends at the locator, and checks that all three records agree.
    /// `front` is what lies in front of the end record, which is at byte `at`.
    ///
    /// No sentinel has to call for it (4.4.1.4): Python writes it from 2 GiB on, with true values in the end record.
    fn widened(&self, front: &[u8], locator: Locator, at: u64) -> Result<WideEnd, Rejection> {
        let locator_at = at.saturating_sub(LOCATOR_BYTES);
        let wide_at = locator_at.saturating_sub(END64_BYTES);
        if locator.disk != 0 || locator.disks > 1 {
            return Err(Rejection::SeveralDisks { at: locator_at });
        }
        let begin = front.len().checked_sub(END64_LEN + LOCATOR_LEN);
        let wide = begin
            .and_then(|begin| front.get(begin..))
            .filter(|wide| u32_at(wide, 0) == Some(END64_SIGNATURE));
        let Some(wide) = wide.filter(|_| locator.end64_at == wide_at) else {
            return Err(longer_end64(front, locator, at)
                .unwrap_or(Rejection::Zip64Locator { at: locator_at }));
        };
        let lies = Rejection::Zip64Values { at: wide_at };
        let Some((disks, wide)) = WideEnd::parse(wide) else {
            return Err(lies);
        };
        if disks != (0, 0) {
            return Err(Rejection::SeveralDisks { at: wide_at });
        }
        let narrow = self.wide();
        let agrees = |narrow: u64, wide: u64, sentinel: u64| narrow == wide || narrow == sentinel;
        let (short, long) = (u64::from(SENTINEL_16), u64::from(SENTINEL_32));
        let all_agree = agrees(self.disk.into(), 0, short)
            && agrees(self.directory_disk.into(), 0, short)
            && agrees(narrow.entries_here, wide.entries_here, short)
            && agrees(narrow.entries, wide.entries, short)
            && agrees(narrow.directory_bytes, wide.directory_bytes, long)
            && agrees(narrow.directory_at, wide.directory_at, long);
        if all_agree { Ok(wide) } else { Err(lies) }
    }
}

impl WideEnd {
    /// Version 1 of the record, with its two disk numbers. `None` if its stated size is another (4.3.14.1).
    fn parse(bytes: &[u8]) -> Option<((u32, u32), Self)> {
        (u64_at(bytes, 4)? == END64_BYTES - 12).then_some(())?;
        let disks = (u32_at(bytes, 16)?, u32_at(bytes, 20)?);
        let wide = Self {
            entries_here: u64_at(bytes, 24)?,
            entries: u64_at(bytes, 32)?,
            directory_bytes: u64_at(bytes, 40)?,
            directory_at: u64_at(bytes, 48)?,
        };
        Some((disks, wide))
    }
}

/// Zip64 end of central directory locator (4.3.15).
#[derive(Clone, Copy)]
struct Locator {
    disk: u32,
    end64_at: u64,
    disks: u32,
}

/// The locator at the end of `front`, if there is one.
fn locator(front: &[u8]) -> Option<Locator> {
    let bytes = front.get(front.len().checked_sub(LOCATOR_LEN)?..)?;
    (u32_at(bytes, 0)? == LOCATOR_SIGNATURE).then_some(())?;
    Some(Locator {
        disk: u32_at(bytes, 4)?,
        end64_at: u64_at(bytes, 8)?,
        disks: u32_at(bytes, 16)?,
    })
}

/// A zip64 end record that is longer than version 1 and ends at the locator: version 2, which exists for the
/// encryption of the directory (4.3.14, 7.3.4).
fn longer_end64(front: &[u8], locator: Locator, at: u64) -> Option<Rejection> {
    let back = usize::try_from(at.checked_sub(locator.end64_at)?).ok()?;
    let record = front.get(front.len().checked_sub(back)?..)?;
    (u32_at(record, 0)? == END64_SIGNATURE).then_some(())?;
    let ends_at = locator
        .end64_at
        .checked_add(u64_at(record, 4)?)?
        .checked_add(12)?;
    (ends_at == at.checked_sub(LOCATOR_BYTES)?).then_some(Rejection::EncryptedDirectory {
        at: locator.end64_at,
    })
}

/// The index of the one end record whose comment ends with the file (4.3.16).
fn sole_end(tail: &[u8], tail_at: u64, size_bytes: u64) -> Result<usize, Rejection> {
    let offset =
        |index: usize| tail_at.saturating_add(length(tail.get(..index).unwrap_or_default()));
    let first = tail.len().saturating_sub(END_LEN + usize::from(u16::MAX));
    let mut last_seen = None;
    for (index, bytes) in tail.windows(END_LEN).enumerate().skip(first) {
        if u32_at(bytes, 0) != Some(END_SIGNATURE) {
            continue;
        }
        last_seen = Some(index);
        let comment_at = index.saturating_add(END_LEN);
        let comment_bytes = u16_at(bytes, 20).unwrap_or_default();
        if comment_at.checked_add(comment_bytes.into()) == Some(tail.len()) {
            return match second_end(tail.get(index..).unwrap_or_default()) {
                Some(second) => Err(Rejection::SecondEnd {
                    at: offset(index.saturating_add(second)),
                }),
                None => Ok(index),
            };
        }
    }
    Err(last_seen.map_or(Rejection::NoEnd { size_bytes }, |index| {
        Rejection::TrailingBytes { at: offset(index) }
    }))
}

/// Where in an end record and its comment another one seems to begin. Readers search from the file's end, so they
/// would take that one: be it in the comment, in the record's own fields, or half in either.
fn second_end(end: &[u8]) -> Option<usize> {
    let later = |(_, bytes): &(usize, &[u8])| u32_at(bytes, 0) == Some(END_SIGNATURE);
    let found = end.windows(4).enumerate().skip(1).find(later);
    found.map(|(index, _)| index)
}

const END_SIGNATURE: u32 = 0x0605_4b50;
const END64_SIGNATURE: u32 = 0x0606_4b50;
const LOCATOR_SIGNATURE: u32 = 0x0706_4b50;

const END_LEN: usize = 22;
const LOCATOR_LEN: usize = 20;
const END64_LEN: usize = 56;
const END_BYTES: u64 = END_LEN as u64;
const LOCATOR_BYTES: u64 = LOCATOR_LEN as u64;
const END64_BYTES: u64 = END64_LEN as u64;

/// Made by: host 3, Unix; version 4.5 (4.4.2).
const MADE_BY_UNIX_45: u16 = 3 << 8 | VERSION_ZIP64;
