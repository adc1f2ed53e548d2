//! The archive: every entry of it.

use bookplate::domain::copy::FILE_NAMES;
use bookplate::domain::zip::{MAX_PROBLEMS, Verdict, verify};
use std::fs::File;

/// Whether the archive can be sold; prints why not, and last what it is.
pub(crate) fn check(path: &str) -> Result<bool, String> {
    let verdict = File::open(path)
        .and_then(|mut file| verify(&mut file, &FILE_NAMES))
        .map_err(|error| format!("{path}: {error}"))?;
    let Verdict {
        index,
        problems,
        unverified,
        signature,
    } = verdict;
    for problem in &problems {
        println!("problem ({}): {problem}", problem.code());
    }
    if problems.len() >= MAX_PROBLEMS {
        println!("There may be more problems: the first {MAX_PROBLEMS} are shown.");
    }
    if let Some(first) = unverified.first() {
        println!(
            "note: the data of {} entries can't be checked, since it is encrypted or compressed by an unusual method; the first is {first:?}",
            unverified.len()
        );
    }
    if let Some(signature) = &signature {
        println!(
            "note: this is a signed JAR ({signature:?}); its signature will not cover the new files"
        );
    }
    let Some(index) = index.filter(|_| problems.is_empty()) else {
        return Ok(false);
    };
    for (old, by) in index.replaced() {
        println!("note: {old:?} will be replaced by the new {by}");
    }
    let top = index
        .top_folder()
        .map_or("no top folder".to_owned(), |top| {
            format!("top folder {top:?}")
        });
    println!("archive ok: {} entries, {top}", index.entries());
    Ok(true)
}
