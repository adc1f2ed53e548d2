//! Other people's tools, where the machine has them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder for one test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("zip_splice")
        .join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Whether a tool is there. If not, that is said on stderr, past the capture of test output; under `CI=true` it is a
/// failure.
pub(crate) fn has(tool: &str, what_is_missing: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", tool])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{tool} is missing: {what_is_missing}"
        );
        let _ = writeln!(
            std::io::stderr(),
            "NOT TESTED: {what_is_missing}: this machine has no `{tool}`"
        );
    }
    found
}
