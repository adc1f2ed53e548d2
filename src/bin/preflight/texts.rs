//! LICENSE.txt and README.txt: whether they can be rendered for any buyer.

use crate::arguments::{Arguments, Sold};
use bookplate::domain::copy::{MAX_TEXT_BYTES, Texts, check_texts};
use std::fs::File;
use std::io::Read;

/// Whether the texts are fine; prints why not. Each is checked beside a built-in one, so that both are told of.
pub(crate) fn check(arguments: &Arguments) -> Result<bool, String> {
    let Some(sold) = &arguments.sold else {
        return Ok(true);
    };
    let license = |license| Texts {
        license,
        ..Texts::default()
    };
    let readme = |readme| Texts {
        readme,
        ..Texts::default()
    };
    let license_is_fine = check_own(arguments.license.as_deref(), sold, license)?;
    let readme_is_fine = check_own(arguments.readme.as_deref(), sold, readme)?;
    Ok(license_is_fine && readme_is_fine)
}

fn check_own(
    path: Option<&str>,
    sold: &Sold,
    beside_the_other: impl Fn(String) -> Texts,
) -> Result<bool, String> {
    let (place, texts) = match path {
        Some(path) => match read(path)? {
            Ok(text) => (path, beside_the_other(text)),
            Err(problem) => {
                println!("problem (text): {path}{problem}");
                return Ok(false);
            }
        },
        None => ("built-in", Texts::default()),
    };
    match check_texts(&texts, &sold.shop, &sold.product) {
        Ok(()) => Ok(true),
        Err(error) => {
            println!(
                "problem (text): {place}: {error}; templates/README.md tells of all variables"
            );
            Ok(false)
        }
    }
}

/// A file's text, or what is wrong with it.
fn read(path: &str) -> Result<Result<String, String>, String> {
    let mut bytes = Vec::new();
    // One byte more than there may be shows that there are more, whatever the file's length.
    File::open(path)
        .and_then(|file| file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{path}: {error}"))?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Ok(Err(format!(
            " is longer than {MAX_TEXT_BYTES} bytes; shorten it"
        )));
    }
    Ok(String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let before = before.unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        format!(", line {line}: this is not UTF-8; save it as UTF-8")
    }))
}
