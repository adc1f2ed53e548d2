//! What holds for every archive, plan and range.

use crate::forge::{Entry, archive, descriptor, extra};
use crate::{BASE_ETAG, NAMES, driven, index, new_files, part, rendered};
use bookplate::domain::zip::{
    ArchiveIndex, Entries, EntryReader, IndexReader, Insertion, NewFile, Plan, Rejection, verify,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Cursor;

/// An entry with any of the things that must survive.
fn entry() -> impl Strategy<Value = Entry> {
    let name = prop_oneof![
        6 => "[a-c]{1,3}(/[a-c]{1,2}){0,2}",
        1 => Just("LICENSE.txt".to_owned()),
        1 => Just("a/license.TXT".to_owned()),
        1 => Just("a/README.txt".to_owned()),
        1 => Just("é/x".to_owned()),
    ];
    let extras = prop_oneof![
        Just(vec![]),
        vec(any::<u8>(), 0..20).prop_map(|bytes| extra(0x5455, &bytes))
    ];
    let contents = vec(any::<u8>(), 0..200);
    (
        name,
        contents,
        any::<bool>(),
        extras.clone(),
        extras,
        vec(any::<u8>(), 0..9),
        any::<u32>(),
    )
        .prop_map(
            |(name, contents, deferred, local_extra, central_extra, comment, attributes)| Entry {
                flags: if deferred { 8 } else { 0 } | if name.is_ascii() { 0 } else { 1 << 11 },
                descriptor: if deferred {
                    descriptor(&contents)
                } else {
                    Vec::new()
                },
                local_extra,
                central_extra,
                comment,
                attributes,
                ..Entry::new(&name, &contents)
            },
        )
}

/// An archive that is accepted, or nearly: names may still collide.
fn base() -> impl Strategy<Value = Vec<u8>> {
    let comment = prop_oneof![Just(vec![]), vec(any::<u8>(), 0..40)];
    (vec(entry(), 0..7), comment).prop_map(|(entries, comment)| archive(&entries, &comment))
}

fn read(base: &[u8], tail_bytes: u64, chunk_bytes: u64) -> Result<ArchiveIndex, Rejection> {
    driven(
        IndexReader::with_reads(base.len() as u64, &NAMES, tail_bytes, chunk_bytes)?,
        base,
    )
}

/// Everything that a caller can do with an archive; nothing of it may panic, or want more than there is.
fn use_all(base: &[u8]) -> Option<Plan> {
    let _ = verify(&mut Cursor::new(base), &NAMES);
    let index = index(base, &NAMES).ok()?;
    let entries = read_entries(&index, base, 64).ok()?;
    let insertion = Insertion {
        name: "a/b".to_owned(),
        bytes: b"yours".to_vec(),
    };
    let _ = Plan::with_insertions(&index, &entries, BASE_ETAG, &new_files(), &[insertion]);
    Plan::append(&index, BASE_ETAG, &new_files()).ok()
}

fn read_entries(index: &ArchiveIndex, base: &[u8], chunk_bytes: u64) -> Result<Entries, Rejection> {
    let mut reader = EntryReader::with_reads(index, &["a/b", "a", "b"], chunk_bytes);
    while let Some(range) = reader.wants() {
        assert!(
            range.start < range.end && range.end <= base.len() as u64,
            "wants {range:?}"
        );
        reader.supply(part(base, &range))?;
    }
    reader.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_slice_of_a_plan_is_the_slice_of_the_whole(base in base(), from: prop::sample::Index, to: prop::sample::Index) {
        let Ok(index) = index(&base, &NAMES) else { return Ok(()) };
        let plan = Plan::append(&index, BASE_ETAG, &new_files()).unwrap();
        let whole = rendered(&base, plan.segments());
        prop_assert_eq!(whole.len() as u64, plan.len());
        let (from, to) = (from.index(whole.len() + 1), to.index(whole.len() + 1));
        let range = from.min(to)..from.max(to);
        let slice = plan.slice(range.start as u64..range.end as u64);
        prop_assert_eq!(&rendered(&base, &slice), &whole[range]);
        prop_assert_eq!(plan.slice(0..u64::MAX), plan.segments());
    }

    #[test]
    fn a_splice_is_sound_and_the_same_twice(base in base()) {
        let Ok(index) = index(&base, &NAMES) else { return Ok(()) };
        let plan = Plan::append(&index, BASE_ETAG, &new_files()).unwrap();
        prop_assert_eq!(&plan, &Plan::append(&index, BASE_ETAG, &new_files()).unwrap());
        let stored: ArchiveIndex = serde_json::from_str(&serde_json::to_string(&index).unwrap()).unwrap();
        prop_assert_eq!(&plan, &Plan::append(&stored, BASE_ETAG, &new_files()).unwrap());
        let out = rendered(&base, plan.segments());
        // Unicode, order and all: an archive like any other, in which the new files are found where they would go.
        let again = crate::index(&out, &NAMES).unwrap();
        prop_assert_eq!(again.entries(), index.entries() + 2 - index.replaced().count() as u64);
        prop_assert_eq!(again.top_folder(), index.top_folder().or(again.top_folder()));
        prop_assert_eq!(verify(&mut Cursor::new(&out), &NAMES).unwrap().problems, []);
        let twice = Plan::append(&again, BASE_ETAG, &new_files()).unwrap();
        if index.entries() > 0 {
            prop_assert_eq!(rendered(&out, twice.segments()), out);
        }
    }

    #[test]
    fn read_sizes_do_not_matter(base in base(), tail in 0_u64..99, chunk in 1_u64..99) {
        prop_assert_eq!(read(&base, tail, chunk), index(&base, &NAMES));
    }

    #[test]
    fn the_tag_tells_outputs_apart(base in base(), text in "[a-z]{0,9}", other_text in "[a-z]{0,9}", etag in "[a-f]{0,4}") {
        let Ok(index) = index(&base, &NAMES) else { return Ok(()) };
        let plan = |etag: &str, text: &str| {
            let files = [new_files().remove(0), NewFile { name: NAMES[1].into(), contents: text.into() }];
            Plan::append(&index, etag, &files).unwrap()
        };
        prop_assert_eq!(plan(&etag, &text).etag().len(), 32);
        prop_assert_eq!(plan(&etag, &text).etag() == plan(&etag, &other_text).etag(), text == other_text);
        prop_assert_ne!(plan(&etag, &text).etag().to_owned(), plan(BASE_ETAG, &text).etag().to_owned());
    }

    #[test]
    fn insertions_change_nothing_else(base in base(), bytes in vec(any::<u8>(), 0..300), chunk in 1_u64..99) {
        let Ok(index) = index(&base, &NAMES) else { return Ok(()) };
        let entries = read_entries(&index, &base, chunk).unwrap();
        for name in ["a/b", "a", "b"] {
            let insertion = Insertion { name: name.to_owned(), bytes: bytes.clone() };
            let Ok(plan) = Plan::with_insertions(&index, &entries, BASE_ETAG, &new_files(), &[insertion]) else { continue };
            let out = rendered(&base, plan.segments());
            prop_assert_eq!(plan.len(), out.len() as u64);
            prop_assert_eq!(verify(&mut Cursor::new(&out), &NAMES).unwrap().problems, []);
            let plain = Plan::append(&index, BASE_ETAG, &new_files()).unwrap();
            if bytes.is_empty() {
                prop_assert_eq!(&out, &rendered(&base, plain.segments()));
            }
        }
    }

    #[test]
    fn mutated_archives_never_panic(
        mut base in base(),
        changes in vec((any::<prop::sample::Index>(), prop_oneof![Just(0_u8), Just(0xff), any::<u8>()]), 1..9),
        kind in 0..4,
    ) {
        for (place, byte) in changes {
            let at = place.index(base.len());
            match kind {
                0 | 1 => base[at] = byte,
                2 => base.insert(at, byte),
                _ if base.len() > 1 => drop(base.remove(at)),
                _ => {}
            }
        }
        if let Some(plan) = use_all(&base) {
            prop_assert_eq!(rendered(&base, plan.segments()).len() as u64, plan.len());
        }
    }

    #[test]
    fn bytes_of_any_kind_never_panic(mut bytes in vec(any::<u8>(), 0..200), entries in 0_u16..3, sizes: (u32, u32)) {
        bytes.extend(crate::forge::end(entries, sizes.0 % 256, sizes.1 % 256, b""));
        use_all(&bytes);
    }
}

/// Every read size up to the archive's own: every place where a read can end.
#[test]
fn input_split_at_every_byte_gives_the_same() {
    let entries: Vec<Entry> = ["a/x", "a/LICENSE.txt", "a/y", "a/README.txt", "a/z"]
        .map(|name| Entry {
            flags: 8,
            descriptor: descriptor(b"contents"),
            ..Entry::new(name, b"contents")
        })
        .to_vec();
    // A comment as long as can be leaves nothing but the end records in the first read.
    let base = archive(&entries, &vec![b'.'; 65_535]);
    let expected = index(&base, &NAMES).unwrap();
    assert_eq!(expected.replaced().count(), 2);
    for chunk in 1..700 {
        assert_eq!(
            read(&base, 0, chunk).as_ref(),
            Ok(&expected),
            "reads of {chunk} bytes"
        );
    }
}

/// A slice of one byte, and of two, at every border of segments.
#[test]
fn slices_at_every_border() {
    let base = archive(
        &["x", "LICENSE.txt", "y", "README.txt", "z"].map(|name| Entry::new(name, b"text")),
        b"",
    );
    let plan = Plan::append(&index(&base, &NAMES).unwrap(), BASE_ETAG, &new_files()).unwrap();
    let whole = rendered(&base, plan.segments());
    for from in 0..whole.len() {
        for length in 0..3 {
            let to = (from + length).min(whole.len());
            let slice = plan.slice(from as u64..to as u64);
            assert_eq!(rendered(&base, &slice), whole[from..to], "{from}..{to}");
        }
    }
    assert!(plan.slice(plan.len()..u64::MAX).is_empty());
}
