//! CRC-32 (4.4.7), of names and of the few files that are added.

use std::array;
use std::sync::LazyLock;

/// The CRC of bytes. A byte at a time, by a table that is made at first use: the `crc32fast` crate is several times as
/// fast, for 16 KB of tables that no compressor makes smaller.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let table = &*TABLE;
    let all = bytes.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        let of_low = table.get(usize::from(low ^ byte)).copied();
        crc >> 8 ^ of_low.unwrap_or_default()
    });
    !all
}

/// The CRC of each byte.
static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
    let of_bit = |crc: u32, _| crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
    let mut byte = 0..256_u32;
    array::from_fn(|_| (0..8).fold(byte.next().unwrap_or_default(), of_bit))
});

/// The 'magic number' of 4.4.7, its bits in reverse order.
const POLYNOMIAL: u32 = 0xedb8_8320;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_value_is_the_catalogues() {
        // CRC-32/ISO-HDLC: <https://reveng.sourceforge.io/crc-catalogue/17plus.htm>.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_have_the_crc_that_crc32fast_gives_them(bytes: Vec<u8>) {
            prop_assert_eq!(crc32(&bytes), crc32fast::hash(&bytes));
        }
    }
}
