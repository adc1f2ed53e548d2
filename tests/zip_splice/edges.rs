//! Layouts, and the numbers at which the format changes.

use crate::forge::{Entry, Forge, archive, extra};
use crate::oracle::assert_appended;
use crate::{BASE_ETAG, NAMES, append, index, new_files, rendered};
use bookplate::domain::zip::{IndexReader, NewFile, Plan, PlanError, Rejection, Segment, verify};
use std::io::Cursor;
use zip::ZipArchive;

fn named(names: &[&str]) -> Vec<u8> {
    let entries: Vec<Entry> = names
        .iter()
        .map(|name| Entry::new(name, name.as_bytes()))
        .collect();
    archive(&entries, b"")
}

fn top_folder(base: &[u8]) -> Option<String> {
    index(base, &NAMES).unwrap().top_folder().map(str::to_owned)
}

#[test]
fn plain_case_is_two_ranges_and_two_pieces() {
    let base = named(&["p/a", "p/b"]);
    let (plan, out) = append(&base);
    assert!(matches!(
        plan.segments(),
        [
            Segment::Base(_),
            Segment::Inline(_),
            Segment::Base(_),
            Segment::Inline(_)
        ]
    ));
    assert_appended(&base, &out, Some("p"), &[], &new_files());
}

#[test]
fn plain_index_is_read_at_once_and_is_small() {
    let base = named(&["p/a", "p/b"]);
    let mut reader = IndexReader::new(base.len() as u64, &NAMES).unwrap();
    assert_eq!(reader.wants(), Some(0..base.len() as u64));
    reader.supply(&base).unwrap();
    assert_eq!(reader.wants(), None);
    assert!(reader.finish().unwrap().size_in_memory_bytes() < 500);
}

#[test]
fn empty_archive() {
    let base = archive(&[], b"");
    assert_eq!(base.len(), 22);
    let (_, out) = append(&base);
    assert_appended(&base, &out, None, &[], &new_files());
}

#[test]
fn an_archive_at_the_end_of_an_archive() {
    let inner = archive(&[Entry::new("inner", b"inner")], b"Inner comment.");
    let base = archive(
        &[Entry::new("a", b"a"), Entry::new("inner.zip", &inner)],
        b"",
    );
    let (_, out) = append(&base);
    assert_appended(&base, &out, None, &[], &new_files());
}

#[test]
fn archive_comment_is_kept() {
    let base = archive(&[Entry::new("a", b"a")], b"About this archive.");
    let (_, out) = append(&base);
    assert_eq!(
        ZipArchive::new(Cursor::new(out)).unwrap().comment(),
        b"About this archive."
    );
}

#[test]
fn top_folders() {
    let top = |names: &[&str]| top_folder(&named(names));
    assert_eq!(top(&["p/", "p/a", "p/b/c"]).as_deref(), Some("p"));
    assert_eq!(top(&["./", "./p/", "./p/a"]).as_deref(), Some("p"));
    assert_eq!(top(&["p/"]).as_deref(), Some("p"));
    assert_eq!(top(&["p/a", "__MACOSX/p/._a"]).as_deref(), Some("p"));
    assert_eq!(top(&["p/a", "q/a"]), None);
    assert_eq!(top(&["p/a", "P/a"]), None);
    assert_eq!(top(&["p/a", "a"]), None);
    assert_eq!(top(&["p"]), None);
    assert_eq!(top(&[]), None);
}

#[test]
fn top_folder_with_an_ambiguous_name_is_none() {
    let entry = |name: &[u8], flags| Entry {
        name: name.into(),
        flags,
        ..Entry::default()
    };
    let of = |entries: &[Entry]| top_folder(&archive(entries, b""));
    let utf8 = "é/a".as_bytes();
    assert_eq!(of(&[entry(utf8, 1 << 11)]).as_deref(), Some("é"));
    assert_eq!(of(&[entry(utf8, 0)]).as_deref(), Some("é"));
    assert_eq!(
        of(&[entry(utf8, 0), entry("é/b".as_bytes(), 1 << 11)]),
        None
    );
    assert_eq!(of(&[entry(b"\x82/a", 0)]), None);
    let unicode = [&[1][..], &crc32fast::hash(b"e/a").to_le_bytes(), utf8].concat();
    assert_eq!(
        of(&[Entry {
            central_extra: extra(0x7075, &unicode),
            ..entry(b"e/a", 0)
        }]),
        None
    );
    let stale = [&[1][..], &[0; 4], utf8].concat();
    let stale = Entry {
        central_extra: extra(0x7075, &stale),
        ..entry(b"e/a", 0)
    };
    assert_eq!(of(&[stale]).as_deref(), Some("e"));
}

#[test]
fn new_entries_flag_a_folder_as_the_base_does() {
    for flags in [0, 1 << 11] {
        let base = archive(
            &[Entry {
                flags,
                ..Entry::new("é/a", b"")
            }],
            b"",
        );
        let (_, out) = append(&base);
        assert_eq!(top_folder(&out).as_deref(), Some("é"));
        assert_eq!(verify(&mut Cursor::new(&out), &NAMES).unwrap().problems, []);
    }
    // Flagged for the file's own name in a plain folder.
    let base = named(&["p/a"]);
    let file = NewFile {
        name: "Lizenz für Ada.txt".into(),
        contents: b"x".to_vec(),
    };
    let index = index(&base, &["Lizenz für Ada.txt"]).unwrap();
    let plan = Plan::append(&index, BASE_ETAG, &[file]).unwrap();
    let out = rendered(&base, plan.segments());
    assert!(
        ZipArchive::new(Cursor::new(out))
            .unwrap()
            .by_name("p/Lizenz für Ada.txt")
            .is_ok()
    );
}

#[test]
fn replaced_entries_are_cut_out() {
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &["LICENSE.txt", "x", "README.txt", "y"],
            &["LICENSE.txt", "README.txt"],
        ),
        (&["LICENSE.txt"], &["LICENSE.txt"]),
        (&["x", "LICENSE.txt"], &["LICENSE.txt"]),
        (
            &["p/LICENSE.txt", "p/x", "p/sub/LICENSE.txt"],
            &["p/LICENSE.txt"],
        ),
        (&["LICENSE.txt", "p/LICENSE.txt"], &["LICENSE.txt"]),
        (
            &["license.TXT", "LICENSE.txt", "License.txt", "x"],
            &["license.TXT", "LICENSE.txt", "License.txt"],
        ),
        (&["./README.txt", "x"], &["./README.txt"]),
        (&["p/a", "LICENSE.txt.old", "MY-LICENSE.txt"], &[]),
    ];
    for (names, replaced) in cases {
        let base = named(names);
        let (_, out) = append(&base);
        assert_appended(
            &base,
            &out,
            top_folder(&base).as_deref(),
            replaced,
            &new_files(),
        );
        assert_eq!(verify(&mut Cursor::new(&out), &NAMES).unwrap().problems, []);
        let gone: usize = replaced.iter().map(|name| 30 + 46 + 3 * name.len()).sum();
        let (_, plain) = append(&archive(&[], b""));
        if top_folder(&base).is_none() {
            assert_eq!(out.len(), base.len() + plain.len() - 22 - gone, "{names:?}");
        }
    }
}

/// A directory in another order than the entries: its records keep their order.
#[test]
fn cut_out_of_an_archive_with_an_unordered_directory() {
    let base = named(&["a", "LICENSE.txt", "b", "README.txt", "c"]);
    let start = base.len() - 22 - 5 * 46 - 3 - 11 - 10;
    let mut records = Vec::new();
    let mut at = start;
    while at < base.len() - 22 {
        let end = at + 46 + usize::from(base[at + 28]);
        records.push(base[at..end].to_vec());
        at = end;
    }
    records.reverse();
    let base = [&base[..start], &records.concat(), &base[base.len() - 22..]].concat();
    let (_, out) = append(&base);
    assert_appended(
        &base,
        &out,
        None,
        &["LICENSE.txt", "README.txt"],
        &new_files(),
    );
    assert_eq!(verify(&mut Cursor::new(&out), &NAMES).unwrap().problems, []);
}

/// Bytes that no entry owns stay where they are between the others, in an archive that nobody verified.
#[test]
fn gaps_are_kept() {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    forge
        .add(&Entry::new("a", b"a"))
        .write(b"gap one")
        .add(&Entry::new("LICENSE.txt", b"old"));
    forge
        .write(b"gap two")
        .add(&Entry::new("b", b"b"))
        .write(b"gap three");
    let base = forge.finish(b"", false).0.into_inner();
    let (_, out) = append(&base);
    for gap in [&b"gap one"[..], b"gap two", b"gap three"] {
        assert!(out.windows(gap.len()).any(|bytes| bytes == gap));
    }
    assert_appended(&base, &out, None, &["LICENSE.txt"], &new_files());
}

#[test]
fn zip64_end_records_come_and_go_with_the_count() {
    for count in [65_531_u64, 65_532, 65_533, 65_534, 65_535, 65_536] {
        let mut forge = Forge::new(Cursor::new(Vec::new()));
        for number in 0..count {
            forge.add(&Entry::new(&format!("d/{number}"), b""));
        }
        let base = forge.finish(b"", false).0.into_inner();
        assert_eq!(
            base.windows(4).any(|bytes| bytes == b"PK\x06\x06"),
            count >= 65_535
        );
        let (_, out) = append(&base);
        let wide = out[out.len() - 98..].starts_with(b"PK\x06\x06");
        assert_eq!(wide, count + 2 >= 65_535, "{count} and 2 entries");
        let read = ZipArchive::new(Cursor::new(&out)).unwrap();
        assert_eq!(read.len() as u64, count + 2);
        assert_eq!(index(&out, &[]).unwrap().entries(), count + 2);
    }
}

/// Some writers take 65,535 for a number like any other.
#[test]
fn exactly_65535_entries_without_zip64() {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    for number in 0..65_535 {
        forge.add(&Entry::new(&format!("d/{number}"), b""));
    }
    let mut base = forge.finish(b"", false).0.into_inner();
    base.drain(base.len() - 98..base.len() - 22);
    let (_, out) = append(&base);
    assert_eq!(ZipArchive::new(Cursor::new(out)).unwrap().len(), 65_537);
}

#[test]
fn zip64_end_records_that_are_not_needed_are_left_out() {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    forge.add(&Entry::new("a", b"a"));
    let base = forge.finish(b"", true).0.into_inner();
    let (_, out) = append(&base);
    assert!(!out.windows(4).any(|bytes| bytes == b"PK\x06\x06"));
    assert_appended(&base, &out, None, &[], &new_files());
}

#[test]
fn caller_mistakes_are_errors() {
    let base = named(&["LICENSE.txt", "x"]);
    let index = index(&base, &NAMES).unwrap();
    let plan = |files: &[NewFile]| Plan::append(&index, BASE_ETAG, files).unwrap_err();
    let [license, readme] = <[NewFile; 2]>::try_from(new_files()).unwrap();
    let other = NewFile {
        name: "OTHER.txt".into(),
        contents: Vec::new(),
    };
    let named = |name: &str| name.to_owned();
    assert_eq!(plan(&[]), PlanError::NothingToAdd);
    assert_eq!(
        plan(&[license.clone(), other]),
        PlanError::NotIndexed {
            name: named("OTHER.txt")
        }
    );
    assert_eq!(
        plan(&[readme]),
        PlanError::NotReplaced {
            name: named("LICENSE.txt")
        }
    );
    assert_eq!(
        plan(&[license.clone(), license]),
        PlanError::Repeated {
            name: named("LICENSE.txt")
        }
    );
    for name in ["", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", "C:x", "/x"] {
        assert_eq!(
            IndexReader::new(22, &[name]).unwrap_err().code(),
            "new-name",
            "{name:?}"
        );
    }
    assert_eq!(
        IndexReader::new(22, &["a", "A"]).unwrap_err().code(),
        "new-name"
    );
}

#[test]
fn incomplete_reads_are_errors() {
    let base = named(&["x"]);
    let reader = || IndexReader::new(base.len() as u64, &NAMES).unwrap();
    let incomplete = |supplied: u64| Rejection::IncompleteRead {
        at: 0,
        wanted: base.len() as u64,
        supplied,
    };
    assert_eq!(
        reader().supply(&base[1..]),
        Err(incomplete(base.len() as u64 - 1))
    );
    assert_eq!(reader().supply(&[]), Err(incomplete(0)));
    assert_eq!(reader().finish(), Err(incomplete(0)));
    let mut rejected = reader();
    let rejection = rejected.supply(&vec![0; base.len()]).unwrap_err();
    assert_eq!(
        (rejected.wants(), rejected.finish()),
        (None, Err(rejection))
    );
    let mut done = reader();
    done.supply(&base).unwrap();
    assert_eq!(done.supply(&base).unwrap_err().code(), "incomplete-read");
}

/// What a buyer is told apart by does not get into logs by way of `Debug`.
#[test]
fn debug_output_shows_no_contents() {
    let (plan, _) = append(&named(&["x"]));
    let shown = format!("{plan:?} {:?}", new_files());
    assert!(!shown.contains("Ada"), "{shown}");
}
