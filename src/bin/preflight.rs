//! `preflight <archive.zip> [file name…]`: whether an archive can be sold. For the operator, before it is uploaded.
//!
//! The file names are those that will be added to it, by default `LICENSE.txt` and `README.txt`. Exit code 0 if it
//! can be sold, 1 if not, 2 if that could not be found out.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use bookplate::domain::zip::{MAX_PROBLEMS, verify};
    use std::process::ExitCode;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, names)) = arguments.split_first() else {
        eprintln!("usage: preflight <archive.zip> [name of a file that is added]…");
        return ExitCode::from(2);
    };
    let names: Vec<&str> = match names {
        [] => vec!["LICENSE.txt", "README.txt"],
        names => names.iter().map(String::as_str).collect(),
    };
    let verdict = match std::fs::File::open(path).and_then(|mut file| verify(&mut file, &names)) {
        Ok(verdict) => verdict,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    for problem in &verdict.problems {
        println!("problem ({}): {problem}", problem.code());
    }
    if verdict.problems.len() >= MAX_PROBLEMS {
        println!("There may be more problems: the first {MAX_PROBLEMS} are shown.");
    }
    if let Some(first) = verdict.unverified.first() {
        let count = verdict.unverified.len();
        println!(
            "note: the data of {count} entries can't be checked, since it is encrypted or compressed by an unusual method; the first is {first:?}"
        );
    }
    if let Some(signature) = &verdict.signature {
        println!(
            "note: this is a signed JAR ({signature:?}); its signature will not cover the new files"
        );
    }
    match verdict.index {
        Some(index) if verdict.problems.is_empty() => {
            let top = index
                .top_folder()
                .map_or("none".to_owned(), |top| format!("{top:?}"));
            println!("ok: {} entries, top folder {top}", index.entries());
            for (old, by) in index.replaced() {
                println!("note: {old:?} will be replaced by the new {by}");
            }
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {}
