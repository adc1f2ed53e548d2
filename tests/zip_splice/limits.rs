//! Archives that would take more memory, time or reads than a Worker has.

use crate::NAMES;
use crate::forge::{Entry, Forge, archive, end, end64};
use crate::malformed::code;
use bookplate::domain::zip::{IndexReader, Rejection};
use std::io::Cursor;
use std::time::{Duration, Instant};

/// So many entries of one name are a duplicate at the second, and not compared with one another.
#[test]
fn a_new_files_name_many_times() {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    for _ in 0..200_000 {
        forge.add(&Entry::new("LICENSE.txt", b""));
    }
    let base = forge.finish(b"", false).0.into_inner();
    let begin = Instant::now();
    assert_eq!(code(&base), "duplicate-name");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn spellings_of_a_new_files_name() {
    let spelt = |count: u32| {
        let entries = (0..count).map(|number| {
            let letters = "LICENSE".char_indices().map(|(index, letter)| {
                if number >> index & 1 == 1 {
                    letter.to_ascii_lowercase()
                } else {
                    letter
                }
            });
            Entry::new(&(letters.collect::<String>() + ".txt"), b"")
        });
        code(&archive(&entries.collect::<Vec<_>>(), b""))
    };
    assert_eq!(spelt(8), "none");
    assert_eq!(spelt(9), "too-many-replaced");
    assert_eq!(spelt(128), "too-many-replaced");
}

/// Only the tail is read: the directory itself is never asked for.
#[test]
fn directory_of_many_bytes() {
    let rejection = |size_bytes: u64| {
        let size = u32::try_from(size_bytes).unwrap();
        let ends = [end64(1, 0..size_bytes), end(u16::MAX, size, 0, b"")].concat();
        let archive_bytes = size_bytes + ends.len() as u64;
        let mut reader = IndexReader::new(archive_bytes, &NAMES).unwrap();
        let tail = reader.wants().unwrap();
        let zeros = usize::try_from(tail.end - tail.start).unwrap() - ends.len();
        reader.supply(&[vec![0; zeros], ends].concat()).err()
    };
    assert_eq!(rejection(256_000_000), None);
    assert_eq!(
        rejection(256_000_001),
        Some(Rejection::DirectoryTooLarge {
            at: 0,
            size_bytes: 256_000_001
        })
    );
}
