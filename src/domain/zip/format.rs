//! The byte formats of APPNOTE 6.3.10, one function or struct per clause. Nothing here seeks or reads.
//!
//! All numbers are little-endian (4.4.1.1).

use super::Rejection;
use std::ops::Range;

/// Local file header (4.3.7).
pub(super) const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
/// Central directory record (4.3.12).
pub(super) const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
/// Data descriptor; its signature may be left out (4.3.9.3).
pub(super) const DESCRIPTOR_SIGNATURE: u32 = 0x0807_4b50;

/// Size of a local file header before its name (4.3.7).
pub(super) const LOCAL_FIXED_BYTES: u64 = 30;
/// Size of a central directory record before its name (4.3.12).
pub(super) const CENTRAL_FIXED_BYTES: u64 = 46;

/// Bit 0: the data is encrypted (4.4.4).
pub(super) const FLAG_ENCRYPTED: u16 = 1;
/// Bit 3: CRC and sizes follow the data in a descriptor (4.4.4).
pub(super) const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Bit 5: the data is a patch to another file (4.4.4).
pub(super) const FLAG_PATCH: u16 = 1 << 5;
/// Bit 11: name and comment are UTF-8 (4.4.4, appendix D).
pub(super) const FLAG_UTF8: u16 = 1 << 11;
/// Bit 13: values in the local header are masked (4.4.4).
pub(super) const FLAG_MASKED: u16 = 1 << 13;

/// Method 0, stored (4.4.5).
pub(super) const METHOD_STORED: u16 = 0;
/// Method 8, DEFLATE (4.4.5).
pub(super) const METHOD_DEFLATE: u16 = 8;

/// A field of 16 bits that stands for 'see the zip64 record' (4.4.1.4).
pub(super) const SENTINEL_16: u16 = u16::MAX;
/// A field of 32 bits that stands for 'see the zip64 record' (4.4.1.4).
pub(super) const SENTINEL_32: u32 = u32::MAX;
/// The version needed for zip64, 4.5 (4.4.3.2).
pub(super) const VERSION_ZIP64: u16 = 45;

/// Extra field: zip64 extended information (4.5.3).
pub(super) const EXTRA_ZIP64: u16 = 0x0001;
/// Extra field: Info-ZIP Unicode path (4.6.9).
pub(super) const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// What a central directory record states, its zip64 extra field included (4.3.12, 4.5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CentralHeader {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed_bytes: u64,
    pub(super) uncompressed_bytes: u64,
    pub(super) disk: u32,
    /// Where the local header begins.
    pub(super) local_at: u64,
    pub(super) name_bytes: usize,
    pub(super) extra_bytes: usize,
    pub(super) comment_bytes: usize,
    /// Where in the record the offset's eight bytes are, if the zip64 extra field holds it.
    pub(super) wide_local_at: Option<usize>,
}

/// What a local file header states, its zip64 extra field included (4.3.7, 4.5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalHeader {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed_bytes: u64,
    pub(super) uncompressed_bytes: u64,
    pub(super) name_bytes: usize,
    pub(super) extra_bytes: usize,
}

impl CentralHeader {
    /// The record's total length, from its first 46 bytes. `None` if that is no record's beginning (4.3.12).
    pub(super) fn record_bytes(fixed: &[u8]) -> Option<u64> {
        (u32_at(fixed, 0)? == CENTRAL_SIGNATURE).then_some(())?;
        let variable = [28, 30, 32].map(|at| u16_at(fixed, at).map(u64::from));
        variable
            .into_iter()
            .try_fold(CENTRAL_FIXED_BYTES, |sum, part| Some(sum + part?))
    }

    /// Reads a whole record that begins at byte `at` of the archive (4.3.12).
    pub(super) fn parse(record: &[u8], at: u64) -> Result<Self, Rejection> {
        let fixed = Self::parse_fixed(record).ok_or(Rejection::DirectoryWalk { at })?;
        fixed.with_zip64(record).ok_or(Rejection::Zip64Extra { at })
    }

    /// Where the name lies in the record (4.4.17).
    pub(super) fn name_range(&self) -> Range<usize> {
        fixed_len(CENTRAL_FIXED_BYTES)
            ..fixed_len(CENTRAL_FIXED_BYTES).saturating_add(self.name_bytes)
    }

    /// Where the extra fields lie in the record (4.4.28).
    pub(super) fn extra_range(&self) -> Range<usize> {
        let start = self.name_range().end;
        start..start.saturating_add(self.extra_bytes)
    }

    fn parse_fixed(record: &[u8]) -> Option<Self> {
        let header = Self {
            flags: u16_at(record, 8)?,
            method: u16_at(record, 10)?,
            crc: u32_at(record, 16)?,
            compressed_bytes: u32_at(record, 20)?.into(),
            uncompressed_bytes: u32_at(record, 24)?.into(),
            name_bytes: u16_at(record, 28)?.into(),
            extra_bytes: u16_at(record, 30)?.into(),
            comment_bytes: u16_at(record, 32)?.into(),
            disk: u16_at(record, 34)?.into(),
            local_at: u32_at(record, 42)?.into(),
            wide_local_at: None,
        };
        let length = header.extra_range().end.checked_add(header.comment_bytes)?;
        (record.len() == length).then_some(header)
    }

    /// The fields that hold a sentinel, in their order in the extra field (4.5.3).
    fn with_zip64(mut self, record: &[u8]) -> Option<Self> {
        let wide_uncompressed = self.uncompressed_bytes == u64::from(SENTINEL_32);
        let wide_compressed = self.compressed_bytes == u64::from(SENTINEL_32);
        let wide_offset = self.local_at == u64::from(SENTINEL_32);
        let wide_disk = self.disk == u32::from(SENTINEL_16);
        let extra = self.extra_range();
        if !(wide_uncompressed || wide_compressed || wide_offset || wide_disk) {
            return Some(self);
        }
        let zip64 = sole_extra(record.get(extra.clone())?, EXTRA_ZIP64)?;
        let mut at = extra.start.checked_add(zip64.start)?;
        let end = extra.start.checked_add(zip64.end)?;
        let mut next = |bytes: usize| {
            let field = at;
            at = at.checked_add(bytes)?;
            (at <= end).then_some(field)
        };
        if wide_uncompressed {
            self.uncompressed_bytes = u64_at(record, next(8)?)?;
        }
        if wide_compressed {
            self.compressed_bytes = u64_at(record, next(8)?)?;
        }
        if wide_offset {
            let field = next(8)?;
            self.local_at = u64_at(record, field)?;
            self.wide_local_at = Some(field);
        }
        if wide_disk {
            self.disk = u32_at(record, next(4)?)?;
        }
        Some(self)
    }
}

impl LocalHeader {
    /// The header's total length with name and extra fields, from its first 30 bytes. `None` if that is no
    /// header's beginning (4.3.7).
    pub(super) fn header_bytes_of(fixed: &[u8]) -> Option<u64> {
        (u32_at(fixed, 0)? == LOCAL_SIGNATURE).then_some(())?;
        let variable = [26, 28].map(|at| u16_at(fixed, at).map(u64::from));
        variable
            .into_iter()
            .try_fold(LOCAL_FIXED_BYTES, |sum, part| Some(sum + part?))
    }

    /// Reads a whole local header that begins at byte `at` of the archive (4.3.7). `Ok(None)`: it is none.
    pub(super) fn parse(bytes: &[u8], at: u64) -> Result<Option<Self>, Rejection> {
        let Some(header) = Self::parse_fixed(bytes) else {
            return Ok(None);
        };
        header
            .with_zip64(bytes)
            .map(Some)
            .ok_or(Rejection::Zip64Extra { at })
    }

    /// Where the name lies in the header.
    pub(super) fn name_range(&self) -> Range<usize> {
        fixed_len(LOCAL_FIXED_BYTES)..fixed_len(LOCAL_FIXED_BYTES).saturating_add(self.name_bytes)
    }

    /// Where the extra fields lie in the header.
    pub(super) fn extra_range(&self) -> Range<usize> {
        let start = self.name_range().end;
        start..start.saturating_add(self.extra_bytes)
    }

    fn parse_fixed(bytes: &[u8]) -> Option<Self> {
        (u32_at(bytes, 0)? == LOCAL_SIGNATURE).then_some(())?;
        Some(Self {
            flags: u16_at(bytes, 6)?,
            method: u16_at(bytes, 8)?,
            crc: u32_at(bytes, 14)?,
            compressed_bytes: u32_at(bytes, 18)?.into(),
            uncompressed_bytes: u32_at(bytes, 22)?.into(),
            name_bytes: u16_at(bytes, 26)?.into(),
            extra_bytes: u16_at(bytes, 28)?.into(),
        })
    }

    /// Sentinels in a local header: both sizes must be in the extra field (4.5.3).
    fn with_zip64(mut self, bytes: &[u8]) -> Option<Self> {
        let wide_uncompressed = self.uncompressed_bytes == u64::from(SENTINEL_32);
        let wide_compressed = self.compressed_bytes == u64::from(SENTINEL_32);
        if !(wide_uncompressed || wide_compressed) {
            return Some(self);
        }
        let extra = bytes.get(self.extra_range())?;
        let zip64 = extra.get(sole_extra(extra, EXTRA_ZIP64)?)?;
        // Written in full by the rule, but some writers leave out the one that fits.
        let compressed_at = if wide_uncompressed {
            8
        } else {
            zip64.len().checked_sub(8)?
        };
        if wide_uncompressed {
            self.uncompressed_bytes = u64_at(zip64, 0)?;
        }
        if wide_compressed {
            self.compressed_bytes = u64_at(zip64, compressed_at)?;
        }
        Some(self)
    }
}

/// The extra fields of a header, each as its number, the range of its content, and the range of all of it
/// (4.5.1). Ends before bytes that make no field: some tools pad with them.
pub(super) fn extras(all: &[u8]) -> impl Iterator<Item = ExtraField> + '_ {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let id = u16_at(all, at)?;
        let start = at.checked_add(4)?;
        let end = start.checked_add(u16_at(all, at.checked_add(2)?)?.into())?;
        all.get(start..end)?;
        let whole = at..end;
        at = end;
        Some(ExtraField {
            id,
            content: start..end,
            whole,
        })
    })
}

/// One extra field (4.5.1).
pub(super) struct ExtraField {
    pub(super) id: u16,
    pub(super) content: Range<usize>,
    /// With its four bytes of number and size.
    pub(super) whole: Range<usize>,
}

/// Where the content of the extra field `id` lies, if there is one, and one only.
fn sole_extra(all: &[u8], id: u16) -> Option<Range<usize>> {
    let mut found = extras(all).filter(|field| field.id == id);
    let first = found.next().map(|field| field.content);
    first.filter(|_| found.next().is_none())
}

/// The 16-bit number at `at`, if there is one (4.4.1.1).
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

/// The 32-bit number at `at`, if there is one (4.4.1.1).
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// The 64-bit number at `at`, if there is one (4.4.1.1).
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// The length of a slice, as an offset is counted. No platform has a `usize` wider than 64 bits.
pub(super) fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The fixed lengths are below 100.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the constants are below 100"
)]
const fn fixed_len(bytes: u64) -> usize {
    bytes as usize
}
