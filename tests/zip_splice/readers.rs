//! Programs that read archives, and whether they accept one.

use crate::tools::has;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every reader's verdict on each archive.
pub(crate) struct Verdicts(Vec<(&'static str, Vec<bool>)>);

impl Verdicts {
    /// Asserts that what a reader accepted before, it accepts after.
    pub(crate) fn assert_none_lost(&self, after: &Verdicts, archives: &[PathBuf]) {
        for ((reader, before), (_, after)) in self.0.iter().zip(&after.0) {
            for ((before, after), archive) in before.iter().zip(after).zip(archives) {
                assert!(
                    !before || *after,
                    "{reader} no longer reads {}",
                    archive.display()
                );
            }
        }
    }

    /// Asserts that every reader accepts every archive.
    pub(crate) fn assert_all(&self, archives: &[PathBuf]) {
        for (reader, verdicts) in &self.0 {
            for (accepts, archive) in verdicts.iter().zip(archives) {
                assert!(accepts, "{reader} does not read {}", archive.display());
            }
        }
    }
}

/// Lets all readers that this machine has read all of each archive.
pub(crate) fn read_all(archives: &[PathBuf]) -> Verdicts {
    let mut verdicts = Vec::new();
    for (name, tool, script) in SHELL_READERS {
        if has(tool, name) {
            verdicts.push((
                name,
                archives
                    .iter()
                    .map(|archive| runs(script, archive))
                    .collect(),
            ));
        }
    }
    if has("python3", "Python's testzip") {
        verdicts.push((
            "Python's testzip",
            batch(Command::new("python3").args(["-c", PYTHON]), archives),
        ));
    }
    if has("javac", "Java's ZipFile") {
        let folder = crate::tools::folder("java_reader");
        std::fs::write(folder.join("Reads.java"), JAVA).unwrap();
        assert!(
            Command::new("javac")
                .arg("Reads.java")
                .current_dir(&folder)
                .status()
                .unwrap()
                .success()
        );
        verdicts.push((
            "Java's ZipFile",
            batch(
                Command::new("java").arg("-cp").arg(folder).arg("Reads"),
                archives,
            ),
        ));
    }
    Verdicts(verdicts)
}

const SHELL_READERS: [(&str, &str, &str); 5] = [
    ("unzip -t", "unzip", "unzip -tqq \"$0\" </dev/null"),
    (
        "zipinfo",
        "zipinfo",
        "zipinfo -v \"$0\" && ! zipinfo -v \"$0\" 2>&1 | grep -qi warning",
    ),
    (
        "7z t",
        "7z",
        "7z t -pnone \"$0\" > \"$0.7z\" && ! grep -qi -e warning -e error \"$0.7z\"",
    ),
    ("bsdtar", "bsdtar", "bsdtar --passphrase none -xOf \"$0\""),
    (
        "bsdtar, piped",
        "bsdtar",
        "cat \"$0\" | bsdtar --passphrase none -xOf -",
    ),
];

const PYTHON: &str = r#"
import sys, zipfile
for path in sys.argv[1:]:
    try:
        with zipfile.ZipFile(path) as archive:
            print("ok" if archive.testzip() is None else "bad")
    except Exception:
        print("bad")
"#;

const JAVA: &str = r#"
import java.util.zip.*;
class Reads {
    public static void main(String[] paths) {
        for (String path : paths) {
            try (ZipFile archive = new ZipFile(path)) {
                for (ZipEntry entry : java.util.Collections.list(archive.entries())) {
                    long read = archive.getInputStream(entry).transferTo(java.io.OutputStream.nullOutputStream());
                    if (read != entry.getSize()) throw new java.io.IOException("size");
                }
                System.out.println("ok");
            } catch (Exception e) {
                System.out.println("bad");
            }
        }
    }
}
"#;

fn runs(script: &str, archive: &Path) -> bool {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(archive)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().unwrap().success()
}

fn batch(command: &mut Command, archives: &[PathBuf]) -> Vec<bool> {
    let output = command
        .args(archives)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let verdicts: Vec<bool> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line == "ok")
        .collect();
    assert_eq!(verdicts.len(), archives.len());
    verdicts
}
