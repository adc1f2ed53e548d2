//! Headers with other values, every other byte of them kept.

use super::format::{
    CentralHeader, EXTRA_ZIP64, LocalHeader, SENTINEL_16, SENTINEL_32, VERSION_ZIP64, extras,
    u16_at, u32_at,
};
use std::ops::Range;

/// The values of an entry that a splice may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) flags: u16,
    pub(super) crc: u32,
    pub(super) compressed_bytes: u64,
    pub(super) uncompressed_bytes: u64,
    /// Where the local header begins. Only the directory's record has it.
    pub(super) local_at: u64,
}

impl Values {
    /// The values that a record has.
    pub(super) fn of(header: &CentralHeader) -> Self {
        Self {
            flags: header.flags,
            crc: header.crc,
            compressed_bytes: header.compressed_bytes,
            uncompressed_bytes: header.uncompressed_bytes,
            local_at: header.local_at,
        }
    }
}

/// A directory record with other values (4.3.12). Sentinels stay where they were, and their values in the zip64
/// extra field; that field is made anew only if one more value needs it (4.5.3). `None` if the extra fields
/// would become too long.
pub(super) fn central(record: &[u8], header: &CentralHeader, values: &Values) -> Option<Vec<u8>> {
    let wide = |at: usize, value: u64| needs_zip64(record, at, value);
    let places = [
        wide(CENTRAL.uncompressed, values.uncompressed_bytes).then_some(values.uncompressed_bytes),
        wide(CENTRAL.compressed, values.compressed_bytes).then_some(values.compressed_bytes),
        wide(CENTRAL_LOCAL_AT, values.local_at).then_some(values.local_at),
    ];
    let mut zip64: Vec<u8> = places
        .iter()
        .flatten()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    if u16_at(record, CENTRAL_DISK)? == SENTINEL_16 {
        zip64.extend(header.disk.to_le_bytes());
    }
    let [wide_uncompressed, wide_compressed, wide_local_at] = places.map(|wide| wide.is_some());
    let was_wide = |at: usize| u32_at(record, at) == Some(SENTINEL_32);
    let as_before = was_wide(CENTRAL.uncompressed) == wide_uncompressed
        && was_wide(CENTRAL.compressed) == wide_compressed
        && was_wide(CENTRAL_LOCAL_AT) == wide_local_at;
    let mut out = with_zip64(record, header.extra_range(), &CENTRAL, &zip64, as_before)?;
    put_values(
        &mut out,
        &CENTRAL,
        values,
        [wide_uncompressed, wide_compressed],
    )?;
    put_narrow(&mut out, CENTRAL_LOCAL_AT, values.local_at, wide_local_at)?;
    Some(out)
}

/// A local header with other values (4.3.7). If one size needs the zip64 extra field, it holds both (4.5.3).
/// `None` if the extra fields would become too long.
pub(super) fn local(bytes: &[u8], header: &LocalHeader, values: &Values) -> Option<Vec<u8>> {
    let sizes = [values.uncompressed_bytes, values.compressed_bytes];
    // A field that is there without being called for would stay behind with false sizes.
    let has_field = extras(bytes.get(header.extra_range())?).any(|field| field.id == EXTRA_ZIP64);
    let wide = has_field
        || needs_zip64(bytes, LOCAL.uncompressed, sizes[0])
        || needs_zip64(bytes, LOCAL.compressed, sizes[1]);
    let zip64: Vec<u8> = sizes
        .iter()
        .filter(|_| wide)
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let was_wide = |at: usize| u32_at(bytes, at) == Some(SENTINEL_32);
    let as_before = was_wide(LOCAL.uncompressed) == wide && was_wide(LOCAL.compressed) == wide;
    let mut out = with_zip64(bytes, header.extra_range(), &LOCAL, &zip64, as_before)?;
    put_values(&mut out, &LOCAL, values, [wide, wide])?;
    Some(out)
}

/// Where a header has the fields that change.
struct Layout {
    version: usize,
    flags: usize,
    crc: usize,
    compressed: usize,
    uncompressed: usize,
    extra_len: usize,
}

const CENTRAL: Layout = Layout {
    version: 6,
    flags: 8,
    crc: 16,
    compressed: 20,
    uncompressed: 24,
    extra_len: 30,
};
const LOCAL: Layout = Layout {
    version: 4,
    flags: 6,
    crc: 14,
    compressed: 18,
    uncompressed: 22,
    extra_len: 28,
};
const CENTRAL_DISK: usize = 34;
const CENTRAL_LOCAL_AT: usize = 42;

/// A value that had a sentinel keeps it: other writers' zip64 headers are not made smaller.
fn needs_zip64(header: &[u8], at: usize, value: u64) -> bool {
    value >= u64::from(SENTINEL_32) || u32_at(header, at) == Some(SENTINEL_32)
}

/// The header with this content in its zip64 extra field: in the place of the one that was there, or behind the
/// others. If it is called for by the same values `as_before`, what it holds beyond them is kept.
fn with_zip64(
    header: &[u8],
    extra_range: Range<usize>,
    layout: &Layout,
    zip64: &[u8],
    as_before: bool,
) -> Option<Vec<u8>> {
    if zip64.is_empty() {
        return Some(header.to_vec());
    }
    let extra = header.get(extra_range.clone())?;
    let old = extras(extra).find(|field| field.id == EXTRA_ZIP64);
    let whole = old
        .as_ref()
        .map_or(extra.len()..extra.len(), |field| field.whole.clone());
    let kept = old
        .filter(|_| as_before)
        .and_then(|field| extra.get(field.content)?.get(zip64.len()..));
    let kept = kept.unwrap_or_default();
    let mut new_extra = extra.get(..whole.start)?.to_vec();
    new_extra.extend(EXTRA_ZIP64.to_le_bytes());
    new_extra.extend(
        u16::try_from(zip64.len().checked_add(kept.len())?)
            .ok()?
            .to_le_bytes(),
    );
    new_extra.extend(zip64);
    new_extra.extend(kept);
    new_extra.extend(extra.get(whole.end..)?);
    let mut out = header.get(..extra_range.start)?.to_vec();
    put(
        &mut out,
        layout.extra_len,
        &u16::try_from(new_extra.len()).ok()?.to_le_bytes(),
    )?;
    let version = u16_at(&out, layout.version)?;
    if !as_before && version & 0xff < VERSION_ZIP64 {
        put(
            &mut out,
            layout.version,
            &((version & 0xff00) | VERSION_ZIP64).to_le_bytes(),
        )?;
    }
    out.extend(new_extra);
    out.extend(header.get(extra_range.end..)?);
    Some(out)
}

fn put_values(
    out: &mut [u8],
    layout: &Layout,
    values: &Values,
    [wide_un, wide_co]: [bool; 2],
) -> Option<()> {
    put(out, layout.flags, &values.flags.to_le_bytes())?;
    put(out, layout.crc, &values.crc.to_le_bytes())?;
    put_narrow(out, layout.uncompressed, values.uncompressed_bytes, wide_un)?;
    put_narrow(out, layout.compressed, values.compressed_bytes, wide_co)
}

fn put_narrow(out: &mut [u8], at: usize, value: u64, wide: bool) -> Option<()> {
    let narrow = if wide {
        SENTINEL_32
    } else {
        u32::try_from(value).ok()?
    };
    put(out, at, &narrow.to_le_bytes())
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    out.get_mut(at..at.checked_add(bytes.len())?)?
        .copy_from_slice(bytes);
    Some(())
}
