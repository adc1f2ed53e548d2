//! Archives for the benchmarks, written by hand: the `zip` crate would take longer than what is measured.

/// A stored archive of `count` files of `length` bytes each, below zip64's bounds but for their number. PKWARE's
/// APPNOTE 6.3.10, 4.3.
pub(crate) fn archive(count: u32, length: u32) -> Vec<u8> {
    let data = vec![b'x'; length as usize];
    let crc = crc32fast::hash(&data);
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for at in 0..count {
        let name = format!("plates/{at:06}.bin");
        let offset = u32::try_from(out.len()).unwrap_or(u32::MAX);
        // Version, flags, method, time, date; then CRC, sizes, lengths: the same in both headers.
        let mut shared = Vec::new();
        shared.extend([10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        for number in [crc, length, length] {
            shared.extend(number.to_le_bytes());
        }
        shared.extend(u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
        shared.extend([0, 0]);

        out.extend(*b"PK\x03\x04");
        out.extend(&shared);
        out.extend(name.as_bytes());
        out.extend(&data);

        directory.extend(*b"PK\x01\x02\x0a\x00");
        directory.extend(&shared);
        // Comment length, disk, internal and external attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = out.len() as u64;
    let bytes = directory.len() as u64;
    out.extend(directory);
    if count >= 0xffff {
        let end_at = out.len() as u64;
        out.extend(*b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [u64::from(count), u64::from(count), bytes, at] {
            out.extend(number.to_le_bytes());
        }
        out.extend(*b"PK\x06\x07\0\0\0\0");
        out.extend(end_at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    let short = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    out.extend(*b"PK\x05\x06\0\0\0\0");
    out.extend(short);
    out.extend(short);
    out.extend(u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
    out.extend([0, 0]);
    out
}
