//! An entry's own part of the archive: local header, data, data descriptor.

use super::format::{
    CentralHeader, DESCRIPTOR_SIGNATURE, EXTRA_UNICODE_PATH, FLAG_DESCRIPTOR, LOCAL_FIXED_BYTES,
    LocalHeader, extras, length, u32_at, u64_at,
};
use super::names::{self, EntryName, UnsoundPath};
use super::reads::{Reads, Step};
use super::{Field, Rejection};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where an entry's parts lie in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    /// From the local header's first byte.
    pub(super) start: u64,
    /// The compressed data.
    pub(super) data: Range<u64>,
    /// Past the data descriptor, if there is one.
    pub(super) end: u64,
}

/// Finds out where an entry's parts lie, and checks that the local header and the descriptor say what the
/// directory says (4.3.7, 4.3.9).
///
/// Header and descriptor can be far apart, and only one of them at hand: so it remembers the first.
#[derive(Debug, Default)]
pub(super) struct ExtentSearch {
    data: Option<Range<u64>>,
    local_header: Vec<u8>,
}

impl ExtentSearch {
    /// Goes as far as the bytes at hand go. `limit` is where the directory begins.
    pub(super) fn step(
        &mut self,
        reads: &Reads,
        header: &CentralHeader,
        name: &EntryName,
        limit: u64,
    ) -> Result<Step<Extent>, Rejection> {
        let data = match self.data.take() {
            Some(data) => data,
            None => match data_range(reads, header, name, limit)? {
                Step::Need(need) => return Ok(Step::Need(need)),
                Step::Ready(data) => {
                    let header = reads
                        .bytes(&(header.local_at..data.start))
                        .unwrap_or_default();
                    self.local_header.clear();
                    self.local_header.extend_from_slice(header);
                    data
                }
            },
        };
        let start = header.local_at;
        if header.flags & FLAG_DESCRIPTOR == 0 {
            return Ok(Step::Ready(Extent {
                start,
                end: data.end,
                data,
            }));
        }
        let after = data.end..limit.min(data.end.saturating_add(MAX_DESCRIPTOR_BYTES));
        let Some(bytes) = reads
            .bytes(&after)
            .or_else(|| after.is_empty().then_some(&[]))
        else {
            self.data = Some(data);
            return Ok(Step::Need(after));
        };
        let end = descriptor_bytes(bytes, header).and_then(|bytes| data.end.checked_add(bytes));
        let end = end.ok_or_else(|| Rejection::Descriptor {
            at: data.end,
            name: name.shown(),
        })?;
        Ok(Step::Ready(Extent { start, data, end }))
    }

    /// The local header with its name and extra fields, once the data is found.
    pub(super) fn local_header(&self) -> &[u8] {
        &self.local_header
    }
}

/// Where the data lies, by a local header that agrees with the directory.
fn data_range(
    reads: &Reads,
    header: &CentralHeader,
    name: &EntryName,
    limit: u64,
) -> Result<Step<Range<u64>>, Rejection> {
    let at = header.local_at;
    let missing = || Rejection::NoLocalHeader {
        at,
        name: name.shown(),
    };
    let differs = |field| Rejection::LocalMismatch {
        at,
        name: name.shown(),
        field,
    };
    let within = |start: u64, bytes: u64| {
        start
            .checked_add(bytes)
            .filter(|end| *end <= limit)
            .map(|end| start..end)
    };
    let fixed = within(at, LOCAL_FIXED_BYTES).ok_or_else(missing)?;
    let Some(bytes) = reads.bytes(&fixed) else {
        return Ok(Step::Need(fixed));
    };
    let header_bytes = LocalHeader::header_bytes_of(bytes).ok_or_else(missing)?;
    let whole = within(at, header_bytes).ok_or_else(missing)?;
    let Some(bytes) = reads.bytes(&whole) else {
        return Ok(Step::Need(whole));
    };
    let local = LocalHeader::parse(bytes, at)?.ok_or_else(missing)?;
    if let Some(field) = compare(&local, header) {
        return Err(differs(field));
    }
    let extra = bytes.get(local.extra_range()).unwrap_or_default();
    if bytes.get(local.name_range()) != Some(&name.stored) {
        return Err(differs(Field::Name));
    }
    let same_unicode_name =
        has_same_unicode_name(extra, name).map_err(|_| Rejection::UnicodePath {
            at,
            name: name.shown(),
        })?;
    if !same_unicode_name {
        return Err(differs(Field::Name));
    }
    let data = within(whole.end, header.compressed_bytes).ok_or_else(|| differs(Field::Size))?;
    Ok(Step::Ready(data))
}

/// The first field in which a local header contradicts the directory. CRC and sizes may be zero where a
/// descriptor follows (4.4.4).
fn compare(local: &LocalHeader, central: &CentralHeader) -> Option<Field> {
    let deferred = local.flags & FLAG_DESCRIPTOR != 0;
    let agrees = |local: u64, central: u64| local == central || (deferred && local == 0);
    if local.method != central.method {
        return Some(Field::Method);
    }
    if local.flags != central.flags {
        return Some(Field::Flags);
    }
    if !agrees(local.crc.into(), central.crc.into()) {
        return Some(Field::Crc);
    }
    let sizes_agree = agrees(local.compressed_bytes, central.compressed_bytes)
        && agrees(local.uncompressed_bytes, central.uncompressed_bytes);
    (!sizes_agree).then_some(Field::Size)
}

/// Whether a local header's Unicode path is the directory's (4.6.9). It may do without one: readers that know the
/// directory take its name, and those that do not know it take the stored one.
fn has_same_unicode_name(local_extra: &[u8], name: &EntryName) -> Result<bool, UnsoundPath> {
    let has_field = extras(local_extra).any(|field| field.id == EXTRA_UNICODE_PATH);
    let unicode = names::unicode_name(&name.stored, local_extra)?;
    Ok(!has_field || unicode == name.unicode.as_deref())
}

/// The length of the descriptor that `bytes` begin with: with or without signature, with sizes of four or of
/// eight bytes (4.3.9). Writers do all four, so the longest that says what the directory says is taken: the
/// descriptor of an empty entry fits both sizes, but behind a short one there is a signature, not a zero.
fn descriptor_bytes(bytes: &[u8], central: &CentralHeader) -> Option<u64> {
    let signed = u32_at(bytes, 0) == Some(DESCRIPTOR_SIGNATURE);
    let unsigned = [(0, 20), (0, 12)];
    let all = [(4, 24), (4, 16)]
        .into_iter()
        .filter(|_| signed)
        .chain(unsigned);
    let fits = |(start, end): (usize, usize)| {
        let body = bytes.get(start..end)?;
        let (compressed, uncompressed) = if body.len() == 12 {
            (u32_at(body, 4)?.into(), u32_at(body, 8)?.into())
        } else {
            (u64_at(body, 4)?, u64_at(body, 12)?)
        };
        let same = u32_at(body, 0)? == central.crc
            && compressed == central.compressed_bytes
            && uncompressed == central.uncompressed_bytes;
        same.then(|| length(bytes.get(..end).unwrap_or_default()))
    };
    all.into_iter().find_map(fits)
}

/// Signature, CRC, and two sizes of eight bytes (4.3.9).
const MAX_DESCRIPTOR_BYTES: u64 = 24;
