//! The program that an operator asks before publishing.

use crate::forge::{Entry, archive};
use crate::tools::folder;
use std::process::{Command, Output};

fn preflight(arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_preflight"))
        .args(arguments)
        .output()
        .unwrap();
    (
        status.code(),
        String::from_utf8([stdout, stderr].concat()).unwrap(),
    )
}

fn checked(name: &str, base: &[u8]) -> (Option<i32>, String) {
    let path = folder(name).join("base.zip");
    std::fs::write(&path, base).unwrap();
    preflight(&[path.to_str().unwrap()])
}

#[test]
fn says_what_it_found() {
    let lzma = Entry {
        method: 14,
        ..Entry::new("p/a", b"a")
    };
    let base = archive(&[lzma, Entry::new("p/license.txt", b"old")], b"");
    let (code, text) = checked("preflight-sound", &base);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ok: 2 entries, top folder \"p\""), "{text}");
    assert!(
        text.contains("\"p/license.txt\" will be replaced by the new LICENSE.txt"),
        "{text}"
    );
    assert!(
        text.contains("the data of 1 entries can't be checked"),
        "{text}"
    );
}

#[test]
fn says_every_problem_with_offset_and_remedy() {
    let mut base = archive(
        &[
            Entry::new("a", b"a"),
            Entry::new("b", b"b"),
            Entry::new("c", b"c"),
        ],
        b"",
    );
    base[31] = b'?';
    base[32 + 31] = b'?';
    let (code, text) = checked("preflight-broken", &base);
    assert_eq!(code, Some(1), "{text}");
    let problem = |name: &str, at: u64| {
        format!(
            "problem (data-crc): the data of '{name}' at byte {at} has another CRC-32 than stated; \
             restore that file from its source, and repack it with `zip -r`\n"
        )
    };
    assert_eq!(text, problem("a", 31) + &problem("b", 63));
}

#[test]
fn says_what_kept_it_from_looking() {
    assert_eq!(preflight(&[]).0, Some(2));
    assert_eq!(preflight(&["no such file.zip"]).0, Some(2));
}
