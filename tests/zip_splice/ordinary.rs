//! What tools that are not on every machine write, and shops sell: it must not be refused for being unusual.

use crate::forge::{Entry, Forge, archive, descriptor, end, extra};
use crate::malformed::{code, problem};
use crate::oracle::assert_appended;
use crate::{NAMES, append, index, new_files};
use bookplate::domain::zip::{Rejection, verify};
use std::io::Cursor;

/// Asserts that an archive can be sold, and what of it is replaced.
fn assert_sold(base: &[u8], top: Option<&str>, replaced: &[&str]) {
    assert_eq!(verify(&mut Cursor::new(base), &NAMES).unwrap().problems, []);
    let (_, out) = append(base);
    assert_appended(base, &out, top, replaced, &new_files());
    assert_eq!(verify(&mut Cursor::new(&out), &[]).unwrap().problems, []);
}

/// Deferred sizes, and a shadow of every file. That of a replaced one would be taken for the new one's.
#[test]
fn macos_finder() {
    let entry = |name: &str, contents: &[u8]| {
        let deferred = if contents.is_empty() { 0 } else { 8 };
        Entry {
            flags: deferred,
            descriptor: if deferred == 8 {
                descriptor(contents)
            } else {
                Vec::new()
            },
            local_extra: extra(0x5855, &[0; 12]),
            central_extra: extra(0x5855, &[0; 8]),
            ..Entry::new(name, contents)
        }
    };
    let base = archive(
        &[
            entry("p/", b""),
            entry("p/a", b"a"),
            entry("__MACOSX/", b""),
            entry("__MACOSX/p/", b""),
            entry("__MACOSX/p/._a", b"shadow"),
            entry("p/LICENSE.txt", b"old"),
            entry("__MACOSX/p/._LICENSE.txt", b"shadow"),
            entry("p/sub/LICENSE.txt", b"other"),
            entry("__MACOSX/p/sub/._LICENSE.txt", b"shadow"),
        ],
        b"",
    );
    let replaced = ["p/LICENSE.txt", "__MACOSX/p/._LICENSE.txt"];
    assert_sold(&base, Some("p"), &replaced);
    let at_root = archive(
        &[
            entry("README.txt", b"old"),
            entry("__MACOSX/._README.txt", b"shadow"),
            entry("__MACOSX/.__README.txt", b"another's"),
        ],
        b"",
    );
    assert_sold(&at_root, None, &["README.txt", "__MACOSX/._README.txt"]);
}

/// Code page 437; and 932, where a backslash is half of a character.
#[test]
fn windows_explorer() {
    let named = |name: &[u8]| Entry {
        name: name.into(),
        ..Entry::new("", b"x")
    };
    assert_sold(&archive(&[named(b"p/M\x81ller.txt")], b""), Some("p"), &[]);
    let japanese = [named(b"p/\x95\x5c\x8e\x86.txt"), named(b"p/\x83\x5c")];
    assert_sold(&archive(&japanese, b""), Some("p"), &[]);
}

/// Separators of older .NET. What is a folder for some readers only is no top folder.
#[test]
fn dot_net_backslashes() {
    let named = |names: &[&str]| {
        let entries: Vec<Entry> = names.iter().map(|name| Entry::new(name, b"")).collect();
        archive(&entries, b"")
    };
    assert_sold(&named(&["p\\a", "p\\sub\\b"]), None, &[]);
    assert_sold(&named(&["p\\a", "p/b"]), None, &[]);
    assert_sold(&named(&["p/sub\\a", "p/b"]), Some("p"), &[]);
    let replaced = named(&["p/a", "p/.\\LICENSE.txt"]);
    assert_sold(&replaced, Some("p"), &["p/.\\LICENSE.txt"]);
    assert_eq!(code(&named(&["p/a", "p\\a"])), "duplicate-name");
    assert_eq!(code(&named(&["LICENSE.txt\\a"])), "folder-in-the-way");
}

/// Java and Go write zip64 fields that nothing calls for; Python and others a whole zip64 end record.
#[test]
fn zip64_without_sentinels() {
    let wide = [5_u64.to_le_bytes(), 5_u64.to_le_bytes()].concat();
    let entry = Entry {
        local_extra: extra(1, &wide),
        central_extra: extra(1, &wide),
        ..Entry::new("a", b"hello")
    };
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    forge.add(&entry);
    let mut base = forge.finish(b"", true).0.into_inner();
    let directory = u32::try_from(30 + 1 + 20 + 5).unwrap();
    base.truncate(base.len() - 22);
    base.extend(end(1, 46 + 1 + 20, directory, b""));
    assert_sold(&base, None, &[]);
    base.truncate(base.len() - 22);
    base.extend(end(1, 46 + 1 + 20, directory + 1, b""));
    assert_eq!(code(&base), "zip64-values");
}

/// zipalign pads with zeros that make no extra field.
#[test]
fn aligned_data() {
    let entry = Entry {
        local_extra: vec![0; 3],
        ..Entry::new("lib.so", b"aligned")
    };
    assert_sold(&archive(&[Entry::new("a", b"a"), entry], b""), None, &[]);
}

/// Tools that merge folders repeat them, and some call them deflated.
#[test]
fn folders_of_build_tools() {
    let folder = |name: &str, method| Entry {
        method,
        ..Entry::new(name, b"")
    };
    let merged = [folder("p/", 0), Entry::new("p/a", b"a"), folder("p/", 8)];
    let base = archive(&merged, b"");
    assert_eq!(
        verify(&mut Cursor::new(&base), &NAMES).unwrap().problems,
        []
    );
    assert_eq!(index(&base, &NAMES).unwrap().top_folder(), Some("p"));
    let many: Vec<Entry> = (0..300)
        .map(|n| folder(&format!("d{}/", n % 100), 0))
        .collect();
    assert_eq!(code(&archive(&many, b"")), "none");
    let file = [&many[..], &[Entry::new("d99", b"")]].concat();
    assert_eq!(code(&archive(&file, b"")), "duplicate-name");
    let with_contents = [folder("p/", 0), Entry::new("p/", b"contents")];
    assert_eq!(code(&archive(&with_contents, b"")), "duplicate-name");
}

/// Windows strips them.
#[test]
fn dots_and_spaces_behind_a_new_files_name() {
    let base = archive(
        &[
            Entry::new("LICENSE.txt.", b""),
            Entry::new("readme.txt ..", b""),
        ],
        b"",
    );
    assert_sold(&base, None, &["LICENSE.txt.", "readme.txt .."]);
}

/// The signature of a JAR is by file, so what is added alone leaves it valid.
#[test]
fn signed_jars() {
    let jar = |name: &str| {
        let names = ["META-INF/MANIFEST.MF", "META-INF/SHOP.SF", "A.class", name];
        archive(&names.map(|name| Entry::new(name, b"")), b"")
    };
    let plain = jar("B.class");
    assert_sold(&plain, None, &[]);
    let verdict = verify(&mut Cursor::new(&plain), &NAMES).unwrap();
    assert_eq!(verdict.signature.as_deref(), Some("META-INF/SHOP.SF"));
    assert_eq!(
        index(&jar("LICENSE.txt"), &NAMES).map_err(|rejection| rejection.code()),
        Err("signed")
    );
    let unsigned = archive(
        &[
            Entry::new("p/SHOP.SF", b""),
            Entry::new("p/LICENSE.txt", b""),
        ],
        b"",
    );
    assert_sold(&unsigned, Some("p"), &["p/LICENSE.txt"]);
}

/// The signing block lies right in front of the directory, and is found from there.
#[test]
fn signed_apks() {
    let mut forge = Forge::new(Cursor::new(Vec::new()));
    forge.add(&Entry::new("classes.dex", b"dex"));
    forge.write(
        &[
            &24_u64.to_le_bytes()[..],
            &24_u64.to_le_bytes(),
            b"APK Sig Block 42",
        ]
        .concat(),
    );
    let base = forge.finish(b"", false).0.into_inner();
    let (at, name) = (30 + 11 + 3 + 32, "APK Sig Block 42".to_owned());
    assert_eq!(problem(&base), Rejection::Signed { at, name });
    let problems = verify(&mut Cursor::new(&base), &NAMES).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
}
