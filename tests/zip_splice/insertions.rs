//! Bytes put in front of an entry's data.

use crate::forge::{Entry, archive, descriptor, extra};
use crate::{BASE_ETAG, NAMES, index, new_files, part, rendered};
use bookplate::domain::zip::{
    ArchiveIndex, Entries, EntryReader, Insertion, Plan, PlanError, verify,
};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::{Cursor, Read, Write};
use zip::ZipArchive;

fn read(base: &[u8], names: &[&str]) -> (ArchiveIndex, Entries) {
    let index = index(base, &NAMES).unwrap();
    let mut reader = EntryReader::new(&index, names);
    while let Some(range) = reader.wants() {
        reader.supply(part(base, &range)).unwrap();
    }
    (index, reader.finish().unwrap())
}

fn inserted(base: &[u8], into: &[(&str, &[u8])]) -> Result<Vec<u8>, PlanError> {
    let names: Vec<&str> = into.iter().map(|(name, _)| *name).collect();
    let (index, entries) = read(base, &names);
    let insertions: Vec<Insertion> = into
        .iter()
        .map(|(name, bytes)| Insertion {
            name: (*name).into(),
            bytes: bytes.to_vec(),
        })
        .collect();
    let plan = Plan::with_insertions(&index, &entries, BASE_ETAG, &new_files(), &insertions)?;
    assert_eq!(
        Plan::with_insertions(&index, &entries, BASE_ETAG, &new_files(), &insertions)?,
        plan
    );
    let out = rendered(base, plan.segments());
    assert_eq!(plan.len(), out.len() as u64);
    assert_eq!(verify(&mut Cursor::new(&out), &NAMES).unwrap().problems, []);
    Ok(out)
}

fn contents(archive: &[u8], name: &str) -> Vec<u8> {
    let mut contents = Vec::new();
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    archive
        .by_name(name)
        .unwrap()
        .read_to_end(&mut contents)
        .unwrap();
    contents
}

/// An entry of method 8.
fn deflated(name: &str, contents: &[u8]) -> Entry {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).unwrap();
    let data = encoder.finish().unwrap();
    let sizes = (
        u32::try_from(data.len()).unwrap(),
        u32::try_from(contents.len()).unwrap(),
    );
    Entry {
        method: 8,
        stated: Some((crc32fast::hash(contents), sizes.0, sizes.1)),
        ..Entry::new(name, &data)
    }
}

#[test]
fn text_precedes_what_was_there() {
    let base = archive(
        &[
            Entry::new("a", b"stored"),
            deflated("b", &[b'x'; 1000]),
            Entry::new("c", b""),
        ],
        b"Comment.",
    );
    let out = inserted(&base, &[("a", b"Ada: "), ("b", b"Ada! "), ("c", b"Ada.")]).unwrap();
    assert_eq!(contents(&out, "a"), b"Ada: stored");
    assert_eq!(contents(&out, "b"), [&b"Ada! "[..], &[b'x'; 1000]].concat());
    assert_eq!(contents(&out, "c"), b"Ada.");
    assert_eq!(contents(&out, "LICENSE.txt"), new_files()[0].contents);
    assert_eq!(
        ZipArchive::new(Cursor::new(out)).unwrap().comment(),
        b"Comment."
    );
}

#[test]
fn more_than_one_stored_block() {
    let base = archive(
        &[deflated("a", b"contents"), Entry::new("b", b"contents")],
        b"",
    );
    for count in [1, 65_534, 65_535, 65_536, 131_070, 131_071, 200_000] {
        let bytes = vec![b'-'; count];
        let out = inserted(&base, &[("a", &bytes), ("b", &bytes)]).unwrap();
        let expected = [&bytes[..], b"contents"].concat();
        assert!(
            contents(&out, "a") == expected && contents(&out, "b") == expected,
            "{count} bytes"
        );
        let blocks = count.div_ceil(65_535);
        assert_eq!(
            out.len(),
            inserted(&base, &[("b", &bytes)]).unwrap().len() + count + 5 * blocks
        );
    }
}

#[test]
fn along_with_cuts() {
    let names = ["a", "LICENSE.txt", "b", "README.txt", "c"];
    let base = archive(&names.map(|name| Entry::new(name, name.as_bytes())), b"");
    let out = inserted(&base, &[("c", b"3"), ("a", b"1"), ("b", b"2")]).unwrap();
    let mut read = ZipArchive::new(Cursor::new(&out)).unwrap();
    let order: Vec<String> = (0..read.len())
        .map(|index| read.by_index(index).unwrap().name().unwrap().into_owned())
        .collect();
    assert_eq!(order, ["a", "b", "c", "LICENSE.txt", "README.txt"]);
    for (name, expected) in [("a", "1a"), ("b", "2b"), ("c", "3c")] {
        assert_eq!(contents(&out, name), expected.as_bytes());
    }
}

#[test]
fn a_descriptor_is_dropped() {
    let base = archive(
        &[Entry {
            flags: 8,
            descriptor: descriptor(b"x"),
            ..Entry::new("a", b"x")
        }],
        b"",
    );
    let out = inserted(&base, &[("a", b"yours")]).unwrap();
    assert_eq!(contents(&out, "a"), b"yoursx");
    assert_eq!(&out[6..8], [0, 0]);
    assert!(!out.windows(4).any(|bytes| bytes == b"PK\x07\x08"));
}

/// Zip64 fields that are there are filled with the new sizes; other extra fields stay, in their order.
#[test]
fn extra_fields_are_kept_or_rebuilt() {
    let (before, after) = (extra(0x5455, b"\x01time"), extra(0x7875, b"owner"));
    let wide = |sizes: [u64; 2]| extra(1, &sizes.map(u64::to_le_bytes).concat());
    let local_extra = [&before[..], &wide([0, 0]), &after].concat();
    let entry = Entry {
        flags: 8,
        descriptor: descriptor(b"x"),
        local_extra: local_extra.clone(),
        central_extra: before.clone(),
        comment: b"Remark.".to_vec(),
        attributes: 0o100_755 << 16,
        ..Entry::new("a", b"x")
    };
    let out = inserted(&archive(&[entry], b""), &[("a", b"yours")]).unwrap();
    assert_eq!(&out[18..26], [0xff; 8]);
    assert_eq!(
        out[31..31 + local_extra.len()],
        [&before[..], &wide([6, 6]), &after].concat()
    );
    let mut read = ZipArchive::new(Cursor::new(&out)).unwrap();
    let read = read.by_index_raw(0).unwrap();
    assert_eq!(
        (read.comment(), read.unix_mode()),
        ("Remark.", Some(0o100_755))
    );
    assert_eq!(read.extra_data(), Some(before));
}

#[test]
fn entries_that_take_nothing() {
    let link = Entry {
        attributes: 0o120_777 << 16,
        ..Entry::new("link", b"a")
    };
    let encrypted = Entry {
        flags: 1,
        ..Entry::new("encrypted", b"0123456789abcdef")
    };
    let lzma = Entry {
        method: 14,
        ..Entry::new("lzma", b"0123456789")
    };
    let folder = Entry::new("folder/", b"");
    let base = archive(
        &[
            Entry::new("a", b"a"),
            link,
            encrypted,
            lzma,
            folder,
            Entry::new("LICENSE.txt", b""),
        ],
        b"",
    );
    for name in ["link", "encrypted", "lzma", "folder/", "LICENSE.txt"] {
        let error = inserted(&base, &[(name, b"x")]).unwrap_err();
        assert_eq!(
            error,
            PlanError::Unsuited {
                name: name.to_owned()
            }
        );
    }
    assert_eq!(
        inserted(&base, &[("b", b"x")]),
        Err(PlanError::NoSuchEntry {
            name: "b".to_owned()
        })
    );
    assert_eq!(
        inserted(&base, &[("a", b"x"), ("a", b"y")]),
        Err(PlanError::Repeated {
            name: "a".to_owned()
        })
    );
}

#[test]
fn without_new_files() {
    let base = archive(&[Entry::new("a", b"a"), Entry::new("b", b"b")], b"");
    let (index, entries) = read(&base, &["a"]);
    let plan = |text: &str| {
        let insertion = Insertion {
            name: "a".to_owned(),
            bytes: text.into(),
        };
        Plan::with_insertions(&index, &entries, BASE_ETAG, &[], &[insertion])
    };
    let out = rendered(&base, plan("yours").unwrap().segments());
    assert_eq!(out.len(), base.len() + 5);
    assert_eq!(contents(&out, "a"), b"yoursa");
    assert_eq!(plan(""), Err(PlanError::NothingToAdd));
}

#[test]
fn of_another_archive() {
    let base = archive(&[Entry::new("a", b"a")], b"");
    let longer = archive(&[Entry::new("bbb", b"b"), Entry::new("a", b"a")], b"");
    let (index, _) = read(&base, &["a"]);
    let (_, entries) = read(&longer, &["a"]);
    let insertion = Insertion {
        name: "a".to_owned(),
        bytes: b"x".to_vec(),
    };
    let plan = Plan::with_insertions(&index, &entries, BASE_ETAG, &new_files(), &[insertion]);
    assert_eq!(plan, Err(PlanError::OtherArchive));
}

#[test]
fn an_empty_archive_has_nothing_to_insert_into() {
    let base = archive(&[], b"");
    let out = inserted(&base, &[("a", b"")]).unwrap();
    assert_eq!(ZipArchive::new(Cursor::new(out)).unwrap().len(), 2);
    assert_eq!(
        inserted(&base, &[("a", b"x")]),
        Err(PlanError::NoSuchEntry {
            name: "a".to_owned()
        })
    );
}
