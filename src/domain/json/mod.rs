//! JSON (RFC 8259), both ways, for the types that derive serde's traits.
//!
//! `serde_json` parses and writes. Only what lies between a parsed text and a type is ours: `serde_json` would compile its
//! reader into each of our hundred types, once for every way of reading. Here a text is parsed into a tree, in the one
//! form that there is, and a type takes from the tree what its fields name: some 100 KB of gzipped WASM less. What it
//! can't do, nobody here needs, and a test sees to that: numbers with a fraction in a type; to read by serde's attributes
//! `alias`, `flatten`, `other`, `tag` and `untagged`; `deny_unknown_fields`, for which there is [`read_strictly`]; a default
//! by a function's name.
//!
//! An error never quotes what it met, since that may be a buyer's; but the name of a field that there is none of.

mod read;
mod tree;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use tree::Json;

/// Why a text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// It is no JSON, from here on.
    Syntax {
        /// The line, the first one being 1.
        line: usize,
        /// The column in bytes, the first one being 1.
        column: usize,
    },
    /// This field is missing, or of another form. The innermost one, if fields are in fields; none if it is the whole.
    Form(Option<&'static str>),
    /// There is no field of this name.
    UnknownField(String),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column } => {
                write!(f, "no JSON from line {line}, column {column} on")
            }
            Self::Form(Some(field)) => write!(f, "`{field}` is missing, or of another form"),
            Self::Form(None) => f.write_str("it is of another form"),
            Self::UnknownField(name) => write!(f, "there is no field `{name}`"),
        }
    }
}

/// Reads a text. Fields that the type does not have are passed over.
///
/// # Errors
/// See [`JsonError`].
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    take(&Json::parse(text)?)
}

/// As [`read`], from bytes that should be UTF-8.
///
/// # Errors
/// As [`read`].
pub fn read_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    take(&Json::parse_bytes(bytes)?)
}

/// As [`read_bytes`], but the outermost object has no field that the type does not have.
///
/// # Errors
/// As [`read`], and [`JsonError::UnknownField`].
pub fn read_strictly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    read::take(&Json::parse_bytes(bytes)?, read::Others::Refused)
}

/// Takes a value out of a tree.
///
/// # Errors
/// [`JsonError::Form`].
pub fn take<T: DeserializeOwned>(tree: &Json<'_>) -> Result<T, JsonError> {
    read::take(tree, read::Others::PassedOver)
}

/// Writes a value, without any space, its fields in their order.
///
/// # Errors
/// [`JsonError::Form`] if it can't be: a map whose keys are no texts. Our types have none.
pub fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, JsonError> {
    serde_json::to_string(value).map_err(|_| JsonError::Form(None))
}

/// What serde's code gives up with. It says nothing, so that no text about what was met is made.
#[derive(Debug)]
struct Unfit;

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("of another form")
    }
}

impl std::error::Error for Unfit {}

impl serde::de::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests;
