//! Archives that must not be sold: each class has its own rejection, and none a panic.

use crate::forge::{Entry, Forge, archive, descriptor, end, end64, extra};
use crate::{NAMES, index};
use bookplate::domain::zip::{Field, Rejection, verify};
use std::io::Cursor;

const END: usize = 22;
const LOCATOR: usize = 20;
const END64: usize = 56;

/// Two entries, `p/one` and `p/two`, and no comment.
fn sound() -> Vec<u8> {
    archive(&two(), b"")
}

fn two() -> [Entry; 2] {
    [
        Entry::new("p/one", b"first"),
        Entry::new("p/two", b"second"),
    ]
}

/// The same with zip64 end records.
fn sound64() -> Vec<u8> {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    for entry in two() {
        forge.add(&entry);
    }
    forge.finish(b"", true).0.into_inner()
}

/// Where the second entry's local header begins.
const SECOND: usize = 30 + 5 + 5;
/// Where the directory begins, and its second record.
const DIRECTORY: usize = SECOND + 30 + 5 + 6;
const SECOND_RECORD: usize = DIRECTORY + 46 + 5;

pub(crate) fn code(base: &[u8]) -> &'static str {
    match index(base, &NAMES) {
        Ok(_) => "none",
        Err(rejection) => {
            let text = rejection.to_string();
            assert!(text.contains("; "), "no remedy: {text}");
            rejection.code()
        }
    }
}

/// Asserts the rejection of `base` with these bytes at `at`.
fn assert_code(mut base: Vec<u8>, at: usize, bytes: &[u8], expected: &str) {
    assert_eq!(code(&base), "none");
    base[at..at + bytes.len()].copy_from_slice(bytes);
    assert_eq!(code(&base), expected, "{bytes:?} at {at}");
}

/// The first problem that only the local headers and the data show.
pub(crate) fn problem(base: &[u8]) -> Rejection {
    assert_eq!(code(base), "none");
    verify(&mut Cursor::new(base), &NAMES)
        .unwrap()
        .problems
        .remove(0)
}

fn problem_at(at: usize, bytes: &[u8]) -> Rejection {
    let mut base = sound();
    base[at..at + bytes.len()].copy_from_slice(bytes);
    problem(&base)
}

#[test]
fn sound_archives_are_accepted() {
    for base in [
        sound(),
        sound64(),
        archive(&[], b""),
        archive(&two(), b"A comment."),
    ] {
        assert_eq!(code(&base), "none");
        assert_eq!(
            verify(&mut Cursor::new(&base), &NAMES).unwrap().problems,
            []
        );
    }
}

#[test]
fn no_zip() {
    assert_eq!(code(&[]), "no-end");
    assert_eq!(code(b"PK"), "no-end");
    assert_eq!(code(&vec![0; 70_000]), "no-end");
    let whole = sound();
    for cut in 1..whole.len() {
        assert_ne!(code(&whole[..cut]), "none", "cut to {cut} bytes");
        assert_ne!(code(&whole[cut..]), "none", "{cut} bytes cut off the front");
    }
}

#[test]
fn trailing_bytes() {
    assert_eq!(code(&[sound(), vec![0]].concat()), "trailing-bytes");
    let mut short_comment = archive(&two(), b"A comment.");
    short_comment.pop();
    assert_eq!(code(&short_comment), "trailing-bytes");
}

#[test]
fn second_end_in_the_comment() {
    assert_eq!(code(&archive(&two(), &sound())), "second-end");
    assert_eq!(code(&archive(&two(), &end(0, 0, 0, b""))), "second-end");
    assert_eq!(code(&archive(&two(), b"PK\x05\x06")), "second-end");
    // Its own comment reaches the end of the file as well.
    assert_eq!(code(&archive(&two(), &end(0, 0, 0, b"..."))), "second-end");
}

#[test]
fn several_disks() {
    let at_end = sound().len() - END;
    assert_code(sound(), at_end + 4, &[1], "several-disks");
    assert_code(sound(), at_end + 6, &[1], "several-disks");
    assert_code(sound(), at_end + 8, &[1], "several-disks");
    assert_code(sound(), DIRECTORY + 34, &[1], "several-disks");
    let locator = sound64().len() - END - LOCATOR;
    assert_code(sound64(), locator + 4, &[1], "several-disks");
    assert_code(sound64(), locator + 16, &[2], "several-disks");
    assert_code(sound64(), locator - END64 + 16, &[1], "several-disks");
    assert_code(sound64(), locator - END64 + 24, &[1], "several-disks");
}

#[test]
fn encrypted_directory() {
    assert_code(sound(), DIRECTORY + 9, &[0x20], "encrypted-directory");
    // Version 2 of the zip64 end record, longer by 28 bytes.
    let base = sound();
    let directory = &base[DIRECTORY..base.len() - END];
    let mut wide = end64(2, DIRECTORY as u64..(DIRECTORY + directory.len()) as u64);
    wide[4] = 44 + 28;
    wide.splice(END64..END64, [0; 28]);
    let end = end(
        u16::MAX,
        u32::try_from(directory.len()).unwrap(),
        u32::try_from(DIRECTORY).unwrap(),
        b"",
    );
    assert_eq!(
        code(&[&base[..DIRECTORY], directory, &wide, &end].concat()),
        "encrypted-directory"
    );
}

#[test]
fn zip64_end_records_that_lie() {
    let len = sound64().len();
    let (at_end, locator, at_end64) = (len - END, len - END - LOCATOR, len - END - LOCATOR - END64);
    assert_code(sound64(), locator + 8, &[0], "zip64-locator");
    assert_code(sound64(), locator + 8, &[0xff; 8], "zip64-locator");
    assert_code(sound64(), at_end64, b"PK\x01\x02", "zip64-locator");
    assert_code(sound64(), at_end64 + 4, &[45], "zip64-values");
    assert_code(sound64(), at_end + 12, &[1], "zip64-values");
    assert_code(sound64(), at_end + 16, &[1], "zip64-values");
    assert_code(sound64(), at_end + 8, &[3, 0], "zip64-values");
}

#[test]
fn zip64_extra_fields_that_are_missing_or_short() {
    assert_code(sound(), DIRECTORY + 20, &[0xff; 4], "zip64-extra");
    assert_code(sound(), DIRECTORY + 24, &[0xff; 4], "zip64-extra");
    assert_code(sound(), DIRECTORY + 42, &[0xff; 4], "zip64-extra");
    let wide = |central_extra: Vec<u8>| {
        let stated = Some((crc32fast::hash(b"x"), 1, u32::MAX));
        code(&archive(
            &[Entry {
                central_extra,
                stated,
                ..Entry::new("x", b"x")
            }],
            b"",
        ))
    };
    let one = 1_u64.to_le_bytes();
    assert_eq!(wide(extra(1, &one)), "none");
    assert_eq!(wide(extra(1, &one[..7])), "zip64-extra");
    assert_eq!(
        wide([extra(1, &one), extra(1, &one)].concat()),
        "zip64-extra"
    );
    assert_eq!(wide(extra(2, &one)), "zip64-extra");
}

#[test]
fn directory_elsewhere_than_stated() {
    let at_end = sound().len() - END;
    assert_code(sound(), at_end + 16, &[0], "directory-place");
    assert_code(sound(), at_end + 12, &[0], "directory-place");
    assert_code(sound(), at_end + 16, &[0xff; 4], "directory-place");
    let gap = [&sound()[..at_end], &[0], &sound()[at_end..]].concat();
    assert_eq!(code(&gap), "directory-place");
    assert_eq!(
        code(&[b"stub".to_vec(), sound()].concat()),
        "directory-place"
    );
    let len64 = sound64().len();
    assert_eq!(
        code(&[b"stub".to_vec(), sound64()].concat()),
        "zip64-locator"
    );
    let mut base = sound64();
    base[len64 - END + 16..len64 - END + 20].fill(0xff);
    assert_code(
        base,
        len64 - END - LOCATOR - END64 + 48,
        &[0xff; 8],
        "directory-place",
    );
}

#[test]
fn directory_walk_that_does_not_end() {
    assert_code(sound(), DIRECTORY, b"PK\x03\x04", "directory-walk");
    assert_code(sound(), SECOND_RECORD, b"PK\x05\x05", "directory-walk");
    assert_code(sound(), DIRECTORY + 28, &[6], "directory-walk");
    assert_code(sound(), SECOND_RECORD + 30, &[1], "directory-walk");
    assert_code(sound(), SECOND_RECORD + 32, &[0xff, 0xff], "directory-walk");
    let at_end = sound().len() - END;
    assert_code(sound(), at_end + 8, &[1, 0, 1, 0], "entry-count");
    assert_code(sound(), at_end + 8, &[3, 0, 3, 0], "entry-count");
    // Few entries with long names, so that the count could be true.
    let long = archive(&[Entry::new(&"x".repeat(200), b"")], b"");
    let at_end = long.len() - END;
    assert_code(long, at_end + 8, &[2, 0, 2, 0], "entry-count");
}

#[test]
fn too_many_entries() {
    let count = 1_000_001_u64;
    let records = vec![0; usize::try_from(count * 46).unwrap()];
    let size = u32::try_from(records.len()).unwrap();
    let base = [
        records,
        end64(count, 0..count * 46),
        end(u16::MAX, size, 0, b""),
    ]
    .concat();
    assert_eq!(code(&base), "too-many-entries");
}

#[test]
fn stub_in_front_with_adjusted_offsets() {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    forge.write(b"#!/bin/sh\n").add(&Entry::new("x", b"x"));
    let base = forge.finish(b"", false).0.into_inner();
    assert_eq!(index(&base, &NAMES), Err(Rejection::StubInFront { at: 10 }));
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    forge.write(b"nothing but a stub");
    assert_eq!(
        code(&forge.finish(b"", false).0.into_inner()),
        "stub-in-front"
    );
}

/// Found by the fuzzer: what stood behind a replaced entry would come to stand in front of all.
#[test]
fn stub_in_front_once_an_entry_is_cut_out() {
    for behind in [&[][..], &[Entry::new("x", b"x")]] {
        let mut forge = Forge::new(Cursor::new(Vec::new()));
        forge.add(&Entry::new("README.txt", b"old")).write(b"gap");
        for entry in behind {
            forge.add(entry);
        }
        let base = forge.finish(b"", false).0.into_inner();
        assert_eq!(
            index(&base, &[]).map(|index| index.entries()),
            Ok(1 + behind.len() as u64)
        );
        assert_eq!(
            index(&base, &NAMES),
            Err(Rejection::StubInFront {
                at: 30 + 10 + 3 + 3
            })
        );
    }
}

#[test]
fn entries_outside_of_their_part() {
    assert_code(
        sound(),
        DIRECTORY + 20,
        &[0xfe, 0xff, 0xff, 0xff],
        "outside-archive",
    );
    assert_code(
        sound(),
        SECOND_RECORD + 42,
        &[0xfe, 0xff, 0xff, 0xff],
        "outside-archive",
    );
    assert_code(
        sound(),
        SECOND_RECORD + 42,
        &[u8::try_from(SECOND + 1).unwrap()],
        "outside-archive",
    );
    let huge = extra(1, &u64::MAX.to_le_bytes());
    let mut base = archive(
        &[Entry {
            central_extra: huge,
            ..Entry::new("x", b"x")
        }],
        b"",
    );
    let directory = 30 + 1 + 1;
    base[directory + 42..directory + 46].fill(0xff);
    assert_eq!(code(&base), "outside-archive");
}

#[test]
fn overlapping_and_shared_local_headers() {
    assert_code(sound(), SECOND_RECORD + 42, &[0], "overlap");
    assert_code(sound(), SECOND_RECORD + 42, &[1], "overlap");
    assert_code(sound(), DIRECTORY + 20, &[6], "overlap");
    // Out of order, but apart.
    let base = sound();
    let (first, second) = (
        &base[DIRECTORY..SECOND_RECORD],
        &base[SECOND_RECORD..base.len() - END],
    );
    let swapped = [&base[..DIRECTORY], second, first, &base[base.len() - END..]].concat();
    assert_eq!(code(&swapped), "none");
    let mut shared = swapped;
    shared[DIRECTORY + 42] = 0;
    assert_eq!(code(&shared), "overlap");
}

#[test]
fn overlap_that_only_a_local_header_shows() {
    let mut base = sound();
    // The first entry's name is longer in its local header: by extra fields that reach into the second entry.
    base[28] = 4;
    let problems = verify(&mut Cursor::new(&base), &NAMES).unwrap().problems;
    assert!(
        problems.contains(&Rejection::Overlap {
            at: SECOND as u64,
            other: 0
        }),
        "{problems:?}"
    );
}

#[test]
fn unsafe_names() {
    let unsafe_names = [
        "",
        "/etc/passwd",
        "../x",
        "p/../../x",
        "p/..",
        "C:x",
        "c:/x",
        "..\\x",
        "p\0x",
        "//server/x",
        "\\\\server\\x",
        "p\\..\\..\\x",
    ];
    for name in unsafe_names {
        assert_eq!(
            code(&archive(&[Entry::new(name, b"")], b"")),
            "unsafe-name",
            "{name:?}"
        );
    }
    for name in [
        "p/..x",
        "p/x..",
        ".x",
        "./x",
        "Icon\r",
        "caf\u{e9}",
        "...",
        "p\\x",
    ] {
        assert_eq!(
            code(&archive(&[Entry::new(name, b"")], b"")),
            "none",
            "{name:?}"
        );
    }
    let unicode = [&[1][..], &crc32fast::hash(b"x").to_le_bytes(), b"../x"].concat();
    let hidden = Entry {
        central_extra: extra(0x7075, &unicode),
        ..Entry::new("x", b"")
    };
    assert_eq!(code(&archive(&[hidden], b"")), "unsafe-name");
}

#[test]
fn folders_in_the_way() {
    let named = |names: &[&str]| {
        let entries: Vec<Entry> = names.iter().map(|name| Entry::new(name, b"")).collect();
        code(&archive(&entries, b""))
    };
    assert_eq!(named(&["p/a", "p/LICENSE.txt/x"]), "folder-in-the-way");
    assert_eq!(named(&["p/license.TXT/", "p/a"]), "folder-in-the-way");
    assert_eq!(named(&["a", "README.txt/x/y"]), "folder-in-the-way");
    assert_eq!(named(&["a", "p/LICENSE.txt/x"]), "none");
}

#[test]
fn local_headers_that_contradict_the_directory() {
    let differs = |at: usize, bytes: &[u8]| match problem_at(at, bytes) {
        Rejection::LocalMismatch { at: 0, field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(differs(30, b"q"), Field::Name);
    assert_eq!(differs(26, &[4]), Field::Name);
    assert_eq!(differs(8, &[8]), Field::Method);
    assert_eq!(differs(6, &[2]), Field::Flags);
    assert_eq!(differs(6, &[8]), Field::Flags);
    assert_eq!(differs(14, &[0]), Field::Crc);
    assert_eq!(differs(18, &[0]), Field::Size);
    assert_eq!(differs(22, &[0]), Field::Size);
    assert_eq!(problem_at(0, b"PK\x01\x02").code(), "no-local-header");
    assert_eq!(problem_at(18, &[0xff; 4]).code(), "zip64-extra");
}

#[test]
fn data_that_is_not_what_it_should_be() {
    assert_eq!(problem_at(35, b"F").code(), "data-crc");
    let deflated = |data: &[u8], crc: u32, size: u32| {
        let stated = Some((crc, u32::try_from(data.len()).unwrap(), size));
        problem(&archive(
            &[Entry {
                method: 8,
                stated,
                ..Entry::new("x", data)
            }],
            b"",
        ))
        .code()
    };
    // A stored block, the last one, with the bytes "hello".
    let hello = b"\x01\x05\0\xfa\xffhello";
    let crc = crc32fast::hash(b"hello");
    assert_eq!(deflated(b"\x07nonsense", crc, 5), "broken-data");
    assert_eq!(deflated(&hello[..9], crc, 5), "broken-data");
    assert_eq!(
        deflated(&[&hello[..], b"more"].concat(), crc, 5),
        "broken-data"
    );
    assert_eq!(deflated(b"", crc, 5), "broken-data");
    assert_eq!(deflated(hello, crc, 4), "data-size");
    assert_eq!(deflated(hello, crc, 6), "data-size");
    assert_eq!(deflated(hello, crc + 1, 5), "data-crc");
}

#[test]
fn descriptors() {
    let with = |bytes: &[u8]| {
        let entry = Entry {
            flags: 8,
            descriptor: bytes.to_vec(),
            ..Entry::new("x", b"x")
        };
        let base = archive(&[entry, Entry::new("y", b"y")], b"");
        verify(&mut Cursor::new(&base), &NAMES)
            .unwrap()
            .problems
            .first()
            .map(Rejection::code)
    };
    let signed = descriptor(b"x");
    let wide = [&signed[..8], &1_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    for sound in [&signed, &signed[4..], &wide, &wide[4..]] {
        assert_eq!(with(sound), None);
    }
    assert_eq!(with(b""), Some("descriptor"));
    assert_eq!(with(&signed[..12]), Some("descriptor"));
    assert_eq!(with(&descriptor(b"z")), Some("descriptor"));
}
