//! Whether an archive can be sold, and with which texts. For the operator, before anything is uploaded:
//! `npm run publish` runs it.
//!
//! Exit code 0 if so, 1 if not, 2 if that could not be found out. Everything that is wrong is printed at once.

#[cfg(not(target_arch = "wasm32"))]
mod archive;
#[cfg(not(target_arch = "wasm32"))]
mod arguments;
#[cfg(not(target_arch = "wasm32"))]
mod texts;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use arguments::{Arguments, USAGE};
    use std::process::ExitCode;

    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // The texts first: they are quick, and the archive may take minutes.
    let checks = texts::check(&arguments)
        .and_then(|texts| archive::check(&arguments.archive).map(|archive| texts && archive));
    match checks {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {}
