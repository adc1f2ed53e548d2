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
    verdicts(archives, &SHELL_READERS, "all")
}

/// Lets them list each archive and read its licence only: for archives that are too large to be read through.
pub(crate) fn list_all(archives: &[PathBuf]) -> Verdicts {
    verdicts(archives, &SHELL_LISTERS, "license")
}

fn verdicts(archives: &[PathBuf], shell: &[ShellReader], what: &str) -> Verdicts {
    let mut verdicts = Vec::new();
    for (name, tool, script) in shell {
        if has(tool, name) {
            verdicts.push((
                *name,
                archives
                    .iter()
                    .map(|archive| runs(script, archive))
                    .collect(),
            ));
        }
    }
    if has("python3", "Python's testzip") {
        let mut python = Command::new("python3");
        python.args(["-c", PYTHON, what]);
        verdicts.push(("Python's testzip", batch(&mut python, archives)));
    }
    if has("javac", "Java's ZipFile") {
        let folder =
            crate::tools::folder(&format!("java-{what}-{:?}", std::thread::current().id()));
        std::fs::write(folder.join("Reads.java"), JAVA).unwrap();
        let compiled = Command::new("javac")
            .arg("Reads.java")
            .current_dir(&folder)
            .status()
            .unwrap();
        assert!(compiled.success());
        let mut java = Command::new("java");
        java.arg("-cp").arg(&folder).args(["Reads", what]);
        verdicts.push(("Java's ZipFile", batch(&mut java, archives)));
    }
    Verdicts(verdicts)
}

/// Its name, the tool, and a script that succeeds if the tool accepts the archive `$0`.
type ShellReader = (&'static str, &'static str, &'static str);

const SHELL_READERS: [ShellReader; 5] = [
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

const SHELL_LISTERS: [ShellReader; 4] = [
    ("unzip -t", "unzip", "unzip -tqq \"$0\" '*LICENSE.txt'"),
    (
        "zipinfo",
        "zipinfo",
        "zipinfo -1 \"$0\" | grep -q LICENSE.txt",
    ),
    (
        "7z t",
        "7z",
        "7z t -r \"$0\" LICENSE.txt > \"$0.7z\" && ! grep -qi -e warning -e error \"$0.7z\" && grep -q 'Size: ' \"$0.7z\"",
    ),
    (
        "bsdtar",
        "bsdtar",
        "bsdtar -tf \"$0\" | grep -q LICENSE.txt",
    ),
];

const PYTHON: &str = r#"
import sys, zipfile
for path in sys.argv[2:]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sys.argv[1] == "all":
                print("ok" if archive.testzip() is None else "bad")
            else:
                [name] = [name for name in archive.namelist() if name.endswith("LICENSE.txt")]
                print("ok" if archive.read(name) else "bad")
    except Exception:
        print("bad")
"#;

const JAVA: &str = r#"
import java.util.zip.*;
class Reads {
    public static void main(String[] arguments) {
        for (int i = 1; i < arguments.length; i++) {
            try (ZipFile archive = new ZipFile(arguments[i])) {
                for (ZipEntry entry : java.util.Collections.list(archive.entries())) {
                    if (!arguments[0].equals("all") && !entry.getName().endsWith("LICENSE.txt")) continue;
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
