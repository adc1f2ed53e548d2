//! Archives that real tools made: each is spliced, and read by the oracle and by all readers.

use crate::oracle::assert_appended;
use crate::readers::read_all;
use crate::tools::{folder, has};
use crate::{BASE_ETAG, NAMES, append, index, new_files, rendered};
use bookplate::domain::zip::{EntryReader, Insertion, Plan, PlanError, Rejection, verify};
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

/// A fixture: its name, the tool, a script that writes `$OUT` in a folder with `proj`, and the code of the
/// rejection, if it must be rejected.
type Fixture = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const FIXTURES: [Fixture; 37] = [
    ("infozip-stored", "zip", "zip -qr -0 $OUT proj", None),
    ("infozip-fast", "zip", "zip -qr -1 $OUT proj", None),
    ("infozip-best", "zip", "zip -qr -9 $OUT proj", None),
    ("infozip-zip64", "zip", "zip -qr -fz $OUT proj", None),
    ("infozip-no-extras", "zip", "zip -qrX $OUT proj", None),
    ("infozip-dos-lines", "zip", "zip -qrl $OUT proj", None),
    ("infozip-symlinks", "zip", "zip -qry $OUT proj", None),
    ("infozip-piped", "zip", "zip -qr - proj | cat > $OUT", None),
    (
        "infozip-piped-narrow",
        "zip",
        "zip -qr -fz- - proj | cat > $OUT",
        None,
    ),
    (
        "infozip-stdin",
        "zip",
        "cat proj/a.txt | zip -q $OUT -",
        None,
    ),
    (
        "infozip-comment",
        "zip",
        "echo 'A comment.' | zip -qrz $OUT proj",
        None,
    ),
    (
        "infozip-entry-comments",
        "zip",
        "yes remark | zip -qrc $OUT proj",
        None,
    ),
    (
        "infozip-encrypted",
        "zip",
        "zip -qr -P secret $OUT proj",
        None,
    ),
    (
        "infozip-c-locale",
        "zip",
        "LC_ALL=C zip -qr $OUT proj",
        None,
    ),
    (
        "infozip-utf8-locale",
        "zip",
        "LC_ALL=C.UTF-8 zip -qr $OUT proj",
        None,
    ),
    ("infozip-folders-absent", "zip", "zip -qrD $OUT proj", None),
    ("infozip-two-tops", "zip", "zip -qr $OUT proj other", None),
    (
        "infozip-files-at-root",
        "zip",
        "cd proj && zip -qr $OUT .",
        None,
    ),
    (
        "infozip-replaced",
        "zip",
        "cp -r proj r && echo old > r/LICENSE.txt && zip -qr $OUT r/LICENSE.txt r",
        None,
    ),
    (
        "infozip-replaced-piped",
        "zip",
        "cp -r proj q && seq 9999 > q/README.txt && zip -qr - q | cat > $OUT",
        None,
    ),
    (
        "infozip-self-extractor",
        "zip",
        "zip -qr s.zip proj && cat proj/run.sh s.zip > $OUT",
        Some("directory-place"),
    ),
    (
        "infozip-adjusted-stub",
        "zip",
        "zip -qr u.zip proj && cat proj/run.sh u.zip > $OUT && zip -qA $OUT",
        Some("stub-in-front"),
    ),
    ("7zip", "7z", "7z a -bso0 $OUT proj", None),
    ("7zip-best", "7z", "7z a -bso0 -mx=9 $OUT proj", None),
    ("7zip-lzma", "7z", "7z a -bso0 -mm=LZMA $OUT proj", None),
    (
        "7zip-aes",
        "7z",
        "7z a -bso0 -psecret -mem=AES256 $OUT proj",
        None,
    ),
    ("bsdtar", "bsdtar", "bsdtar -acf $OUT proj", None),
    ("bsdtar-dot", "bsdtar", "bsdtar -acf $OUT .", None),
    (
        "bsdtar-stored",
        "bsdtar",
        "bsdtar -acf $OUT --options zip:compression=store proj",
        None,
    ),
    (
        "bsdtar-piped",
        "bsdtar",
        "bsdtar -b 1 --format zip -cf - proj | cat > $OUT",
        Some("trailing-bytes"),
    ),
    ("python", "python3", "python3 make.py plain $OUT", None),
    (
        "python-unseekable",
        "python3",
        "python3 make.py unseekable $OUT",
        None,
    ),
    (
        "python-zip64",
        "python3",
        "python3 make.py zip64 $OUT",
        None,
    ),
    (
        "python-unseekable-zip64",
        "python3",
        "python3 make.py unseekable-zip64 $OUT",
        None,
    ),
    (
        "python-duplicates",
        "python3",
        "python3 make.py duplicates $OUT",
        Some("duplicate-name"),
    ),
    ("jar", "jar", "jar cf $OUT proj", None),
    ("jar-stored", "jar", "jar cf0M $OUT proj", None),
];

#[test]
fn what_readers_accepted_before_they_accept_after() {
    let folder = folder("fixtures");
    write_tree(&folder);
    let (mut bases, mut appended, mut inserted) = (Vec::new(), Vec::new(), Vec::new());
    for (name, tool, script, rejection) in FIXTURES {
        if !has(tool, &format!("the fixture {name}")) {
            continue;
        }
        let path = folder.join(format!("{name}.zip"));
        make(&folder, script, &path);
        let base = std::fs::read(&path).unwrap();
        let verdict = verify(&mut Cursor::new(&base), &NAMES).unwrap();
        if let Some(code) = rejection {
            assert_eq!(
                index(&base, &NAMES).map_err(|rejection| rejection.code()),
                Err(code),
                "{name}"
            );
            assert_eq!(
                verdict.problems.first().map(Rejection::code),
                Some(code),
                "{name}"
            );
            continue;
        }
        assert_eq!(verdict.problems, [], "{name}");
        let out = check_append(name, &base);
        assert_eq!(
            verify(&mut Cursor::new(&out), &NAMES).unwrap().problems,
            [],
            "{name}, spliced"
        );
        appended.push(folder.join(format!("{name}.appended.zip")));
        std::fs::write(appended.last().unwrap(), out).unwrap();
        inserted.push(folder.join(format!("{name}.inserted.zip")));
        std::fs::write(inserted.last().unwrap(), check_insertions(name, &base)).unwrap();
        bases.push(path);
    }
    let before = read_all(&bases);
    before.assert_none_lost(&read_all(&appended), &appended);
    before.assert_none_lost(&read_all(&inserted), &inserted);
}

/// Appends to a fixture, and compares all entries.
fn check_append(name: &str, base: &[u8]) -> Vec<u8> {
    let index = index(base, &NAMES).unwrap();
    let replaced: Vec<&str> = index.replaced().map(|(old, _)| old).collect();
    assert_eq!(
        replaced.len(),
        usize::from(name.contains("replaced")),
        "{name}"
    );
    let (plan, out) = append(base);
    assert_appended(base, &out, index.top_folder(), &replaced, &new_files());
    if replaced.is_empty() {
        assert!(plan.segments().len() <= 4, "{name}: {:?}", plan.segments());
    }
    out
}

/// Inserts into every entry that can take it, appends as well, and compares their contents.
fn check_insertions(name: &str, base: &[u8]) -> Vec<u8> {
    let before = crate::oracle::entries(Cursor::new(base));
    let archive_index = index(base, &NAMES).unwrap();
    let names: Vec<&str> = before
        .iter()
        .filter_map(|seen| str::from_utf8(&seen.name).ok())
        .collect();
    let mut reader = EntryReader::new(&archive_index, &names);
    while let Some(range) = reader.wants() {
        reader.supply(crate::part(base, &range)).unwrap();
    }
    let entries = reader.finish().unwrap();
    let plan = |insertions: &[Insertion]| {
        Plan::with_insertions(
            &archive_index,
            &entries,
            BASE_ETAG,
            &new_files(),
            insertions,
        )
    };
    let insertion = |name: &str| Insertion {
        name: name.to_owned(),
        bytes: format!("{name} is yours\n").into(),
    };
    let mut insertions: Vec<Insertion> = names.iter().map(|name| insertion(name)).collect();
    insertions.retain(|one| match plan(std::slice::from_ref(one)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(
                error,
                PlanError::Unsuited {
                    name: one.name.clone()
                },
                "{name}"
            );
            false
        }
    });
    let plan = plan(&insertions).unwrap();
    let out = rendered(base, plan.segments());
    assert_eq!(out.len() as u64, plan.len());
    assert_eq!(
        verify(&mut Cursor::new(&out), &[]).unwrap().problems,
        [],
        "{name}, inserted"
    );
    let after = crate::oracle::entries(Cursor::new(&out));
    for seen in before {
        let Some(insertion) = insertions
            .iter()
            .find(|one| one.name.as_bytes() == seen.name)
        else {
            continue;
        };
        let now = after.iter().find(|now| now.name == seen.name).unwrap();
        let expected = [insertion.bytes.clone(), seen.contents.unwrap()].concat();
        assert!(
            now.contents.as_ref() == Some(&expected),
            "{name}: {}",
            insertion.name
        );
        assert_eq!(
            (now.mode, &now.comment),
            (seen.mode, &seen.comment),
            "{name}: {}",
            insertion.name
        );
    }
    out
}

fn make(folder: &Path, script: &str, out: &Path) {
    let mut command = Command::new("sh");
    command
        .args(["-ec", script])
        .env("OUT", out)
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(
        out.is_file(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The files that the fixtures are made of.
fn write_tree(folder: &Path) {
    let write = |path: &str, contents: &[u8]| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    };
    let numbers = (0..20_000)
        .map(|number| number.to_string())
        .collect::<Vec<_>>()
        .join("\n");
    let mut noise = 1_u64;
    let noise = std::iter::repeat_with(|| {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        noise.to_be_bytes()[0]
    });
    let noise: Vec<u8> = noise.take(70_000).collect();
    write("proj/a.txt", b"hello\n");
    write("proj/empty", b"");
    write("proj/café.txt", "crème\n".as_bytes());
    write("proj/sub/numbers.txt", numbers.as_bytes());
    write("proj/sub/noise.bin", &noise);
    write("proj/run.sh", b"#!/bin/sh\necho hello\n");
    write("other/b.txt", b"world\n");
    write("make.py", PYTHON.as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join("proj/run.sh"), mode).unwrap();
        symlink("a.txt", folder.join("proj/link")).unwrap();
    }
}

const PYTHON: &str = r#"
import os, sys, warnings, zipfile
warnings.simplefilter("ignore")
kind, path = sys.argv[1:]
class Unseekable:
    def __init__(self, file): self.file = file
    def write(self, data): return self.file.write(data)
    def flush(self): self.file.flush()
file = open(path, "wb")
target = Unseekable(file) if kind.startswith("unseekable") else file
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
    if kind.endswith("zip64"):
        for name in ["proj/a.txt", "proj/sub/numbers.txt"]:
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(open(name, "rb").read())
    else:
        for folder, _, names in os.walk("proj"):
            for name in names:
                archive.write(os.path.join(folder, name))
        if kind == "duplicates":
            archive.write("proj/a.txt")
"#;
