//! Archives that one reader sees otherwise than another. A splice would make sound ones of them.

use crate::forge::{Entry, Forge, archive, descriptor, end, extra};
use crate::malformed::{code, problem};
use crate::oracle::assert_appended;
use crate::{NAMES, append, index, new_files};
use bookplate::domain::zip::{Field, Rejection, verify};
use std::io::Cursor;

/// A Unicode path extra field for an entry of this name (APPNOTE 4.6.9).
fn unicode_path(name: &[u8], unicode: &str, version: u8) -> Vec<u8> {
    let crc = crc32fast::hash(name).to_le_bytes();
    extra(0x7075, &[&[version][..], &crc, unicode.as_bytes()].concat())
}

/// The second record is made of the first one's last two bytes, a comment length of 0x4b50, and the comment.
#[test]
fn second_end_that_overlaps_the_first() {
    let comment_bytes = 0x4b50;
    let mut second = end(0, 0, 0, &vec![b'-'; comment_bytes - 20]);
    second.drain(..2);
    let base = archive(&[Entry::new("a", b"a")], &second);
    let at = base.len() as u64 - comment_bytes as u64 - 2;
    assert_eq!(index(&base, &NAMES), Err(Rejection::SecondEnd { at }));
}

#[test]
fn second_end_in_the_fields_of_the_first() {
    // A directory of 0x0605 bytes in front of whose stated size the entries' number is 0x4b50; the place is that
    // of a signature as a whole.
    for fields in [end(0x4b50, 0x0605, 0, b""), end(1, 50, 0x0605_4b50, b"")] {
        assert_eq!(code(&[vec![0; 60], fields].concat()), "second-end");
    }
}

/// What a plan writes must not have by chance what a base must not have.
#[test]
fn no_second_end_is_written() {
    let added: usize = NAMES.iter().map(|name| 46 + "d/".len() + name.len()).sum();
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    let count = 0x4b50 - NAMES.len();
    let records: usize = (0..count)
        .map(|number| 46 + format!("d/{number}").len())
        .sum();
    let padding = (0x1_0000 + 0x0605 - (records + added) % 0x1_0000) % 0x1_0000;
    for number in 0..count {
        let comment = vec![b'-'; if number == 0 { padding } else { 0 }];
        forge.add(&Entry {
            comment,
            ..Entry::new(&format!("d/{number}"), b"")
        });
    }
    let base = forge.finish(b"", false).0.into_inner();
    let (_, out) = append(&base);
    assert_eq!(index(&out, &[]).unwrap().entries(), 0x4b50);
    assert_appended(&base, &out, Some("d"), &[], &new_files());
}

#[test]
fn unicode_names_in_the_local_header_alone() {
    let with = |local_extra: Vec<u8>, central_extra: Vec<u8>| {
        let entry = Entry {
            local_extra,
            central_extra,
            ..Entry::new("a", b"a")
        };
        let base = archive(&[entry], b"");
        let verdict = verify(&mut Cursor::new(&base), &NAMES).unwrap();
        verdict.problems.into_iter().next()
    };
    let mismatch = Some(Rejection::LocalMismatch {
        at: 0,
        name: "a".into(),
        field: Field::Name,
    });
    let hidden = unicode_path(b"a", "../evil", 1);
    assert_eq!(with(hidden, Vec::new()), mismatch);
    let (one, other) = (unicode_path(b"a", "ä", 1), unicode_path(b"a", "á", 1));
    assert_eq!(with(one.clone(), other), mismatch);
    assert_eq!(with(one.clone(), Vec::new()), mismatch);
    assert_eq!(with(one.clone(), one.clone()), None);
    assert_eq!(with(Vec::new(), one.clone()), None);
    // Stale: ignored by all readers.
    let stale = unicode_path(b"b", "ä", 1);
    assert_eq!(with(stale.clone(), stale), None);
    let doubled = with([one.clone(), one].concat(), Vec::new());
    assert_eq!(doubled.map(|problem| problem.code()), Some("unicode-path"));
}

#[test]
fn unicode_names_that_some_readers_ignore() {
    let with = |central_extra: Vec<u8>| {
        let entry = Entry {
            central_extra,
            ..Entry::new("a", b"a")
        };
        code(&archive(&[entry], b""))
    };
    let (stale, sound) = (unicode_path(b"b", "x", 1), unicode_path(b"a", "x", 1));
    assert_eq!(with(stale.clone()), "none");
    assert_eq!(with(sound.clone()), "none");
    assert_eq!(with([stale, sound].concat()), "unicode-path");
    assert_eq!(with(unicode_path(b"a", "../evil", 0)), "unicode-path");
    assert_eq!(with(extra(0x7075, &[1, 0, 0, 0])), "unicode-path");
    assert_eq!(with(extra(0x7075, &[])), "unicode-path");
}

#[test]
fn duplicate_names() {
    let named = |names: &[&str]| {
        let entries: Vec<Entry> = names.iter().map(|name| Entry::new(name, b"")).collect();
        code(&archive(&entries, b""))
    };
    assert_eq!(named(&["p/a", "p/b"]), "none");
    assert_eq!(named(&["p/a", "p/A"]), "none");
    assert_eq!(named(&["p/a", "p/a"]), "duplicate-name");
    assert_eq!(named(&["p/a", "x", "p/./a"]), "duplicate-name");
    assert_eq!(named(&["p/a", "x", "p//a"]), "duplicate-name");
    assert_eq!(named(&["p/a/", "x", "p/a"]), "duplicate-name");
    let unicode = [&[1][..], &crc32fast::hash(b"p/x").to_le_bytes(), b"p/a"].concat();
    let other = Entry {
        central_extra: extra(0x7075, &unicode),
        ..Entry::new("p/x", b"")
    };
    assert_eq!(
        code(&archive(&[Entry::new("p/a", b""), other], b"")),
        "duplicate-name"
    );
}

/// A stored name without components does not hide that the other name is a second one.
#[test]
fn unicode_name_that_repeats_another_name() {
    let shadow = Entry {
        central_extra: unicode_path(b"./", "a", 1),
        ..Entry::new("./", b"other")
    };
    let base = archive(&[Entry::new("a", b"a"), shadow], b"");
    assert_eq!(code(&base), "duplicate-name");
}

/// The long descriptor of an empty entry fits the short form too.
#[test]
fn long_descriptors_of_empty_entries() {
    let long = [&descriptor(b"")[..8], &[0; 16]].concat();
    for bytes in [&long[..], &long[4..]] {
        let old = Entry {
            flags: 8,
            descriptor: bytes.to_vec(),
            ..Entry::new("LICENSE.txt", b"")
        };
        let base = archive(&[old, Entry::new("a", b"a")], b"");
        let (_, out) = append(&base);
        assert!(out.starts_with(b"PK\x03\x04"), "{:?}", &out[..8]);
        assert_appended(&base, &out, None, &["LICENSE.txt"], &new_files());
        assert_eq!(verify(&mut Cursor::new(&out), &[]).unwrap().problems, []);
    }
}

#[test]
fn gaps() {
    let with = |gap: &[u8], last: bool| {
        let mut forge = Forge::new(Cursor::new(Vec::new()));
        forge.add(&Entry::new("a", b"a"));
        if last {
            forge.write(gap);
        } else {
            forge.write(gap).add(&Entry::new("b", b"b"));
        }
        forge.finish(b"", false).0.into_inner()
    };
    let whole = archive(&[Entry::new("LICENSE.txt", b"Free for all.")], b"");
    let record = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02");
    let (hidden, record) = whole.split_at(record.unwrap());
    for gap in [hidden, &record[..57], &whole, b"\0\0\0x"] {
        for last in [false, true] {
            let size_bytes = gap.len() as u64;
            assert_eq!(
                problem(&with(gap, last)),
                Rejection::Gap { at: 32, size_bytes }
            );
        }
    }
    // Padding.
    for last in [false, true] {
        let base = with(&vec![0; 100_000], last);
        let verdict = verify(&mut Cursor::new(&base), &NAMES).unwrap();
        assert_eq!(verdict.problems, []);
    }
}

/// Where a broken entry ends is not known, so that what follows is no gap.
#[test]
fn no_gap_behind_a_broken_entry() {
    let mut base = archive(&[Entry::new("a", b"a"), Entry::new("b", b"b")], b"");
    base[30] = b'x';
    let problems = verify(&mut Cursor::new(&base), &NAMES).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
}
