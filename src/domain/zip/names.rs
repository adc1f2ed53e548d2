//! Names of entries: which are safe, which are the same, and where a new file goes.

use super::crc::crc32;
use super::format::{EXTRA_UNICODE_PATH, extras, u32_at};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hasher};

/// The one folder that everything in an archive is in, so that new files go there too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TopFolder {
    pub(super) name: String,
    /// Whether the base's own entries flag its name as UTF-8 (4.4.4, bit 11): new entries must do as they do,
    /// or a reader makes two folders of it.
    pub(super) flagged_utf8: bool,
}

/// Finds the top folder, one entry after the other.
///
/// Entries below `__MACOSX/` do not count: Archive Utility puts a shadow of everything there. A folder whose name
/// is not the same for all readers is none: one that is no UTF-8, or is flagged as such by some of its entries
/// only, or has another name in a Unicode path extra field, or ends at a backslash. Then new files go to the root, which always works.
#[derive(Debug, Default)]
pub(super) enum TopFolderSearch {
    #[default]
    NothingSeen,
    Only(TopFolder),
    None,
}

impl TopFolderSearch {
    pub(super) fn see(&mut self, name: &[u8], unicode_name: Option<&[u8]>, flagged_utf8: bool) {
        let Some(first) = components(name).next() else {
            return;
        };
        if first == MAC_SHADOW {
            return;
        }
        let is_folder = ends_as_folder(name) || components(name).nth(1).is_some();
        let mut by_slashes = name.split(|byte| *byte == b'/');
        let shared = by_slashes.find(|part| !part.is_empty() && *part != b".") == Some(first)
            && unicode_name.is_none_or(|unicode| components(unicode).next() == Some(first));
        let named = str::from_utf8(first).ok().filter(|_| is_folder && shared);
        let seen = named.map(|name| TopFolder {
            name: name.to_owned(),
            flagged_utf8: flagged_utf8 && !name.is_ascii(),
        });
        *self = match (std::mem::replace(self, Self::None), seen) {
            (Self::NothingSeen, Some(seen)) => Self::Only(seen),
            (Self::Only(only), Some(seen)) if only == seen => Self::Only(only),
            _ => Self::None,
        };
    }

    pub(super) fn found(self) -> Option<TopFolder> {
        match self {
            Self::Only(folder) => Some(folder),
            Self::NothingSeen | Self::None => None,
        }
    }

    /// Whether this may still come out as the top folder.
    pub(super) fn may_be(&self, folder: &[u8]) -> bool {
        matches!(self, Self::Only(only) if only.name.as_bytes() == folder)
    }
}

/// What an entry is called by the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryName {
    /// The name as it is stored (4.4.17).
    pub(super) stored: Vec<u8>,
    /// Another one, from a Unicode path extra field.
    pub(super) unicode: Option<Vec<u8>>,
}

impl EntryName {
    /// The name for people.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.stored).into_owned()
    }
}

/// The name that the Unicode path extra field gives, if it is made for this name and differs from it (4.6.9).
///
/// A field whose CRC is another name's is stale, and all readers ignore it.
///
/// # Errors
/// [`UnsoundPath`] if readers disagree about the field.
pub(super) fn unicode_name<'a>(
    name: &[u8],
    extra: &'a [u8],
) -> Result<Option<&'a [u8]>, UnsoundPath> {
    let mut found = extras(extra).filter(|field| field.id == EXTRA_UNICODE_PATH);
    let Some(field) = found.next() else {
        return Ok(None);
    };
    let content = extra.get(field.content).unwrap_or_default();
    let (Some(1), Some(crc), Some(unicode), None) = (
        content.first(),
        u32_at(content, 1),
        content.get(5..),
        found.next(),
    ) else {
        return Err(UnsoundPath);
    };
    let made_for = crc == crc32(name);
    Ok(Some(unicode).filter(|unicode| made_for && *unicode != name))
}

/// A header has several Unicode path extra fields, or one that is too short or of another version than 1 (4.6.9).
/// Each reader makes another name of them.
#[derive(Debug)]
pub(super) struct UnsoundPath;

/// Whether a name stays inside the folder that it is unpacked to, on every system (4.4.17): not empty, not
/// absolute, no drive, no `..`, no NUL (the end of the name for C). A backslash may be a separator: see
/// [`components`].
pub(super) fn is_safe(name: &[u8]) -> bool {
    let has_drive = name.get(1) == Some(&b':') && name.first().is_some_and(u8::is_ascii_alphabetic);
    let is_relative =
        !name.is_empty() && !name.starts_with(b"/") && !name.starts_with(b"\\") && !has_drive;
    is_relative && !name.contains(&0) && components(name).all(|part| part != b"..")
}

/// Whether this is the name of a JAR's signature file.
pub(super) fn is_jar_signature(name: &[u8]) -> bool {
    let mut parts = components(name);
    let (Some(folder), Some(file), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let extension = file.rsplit(|byte| *byte == b'.').next();
    folder.eq_ignore_ascii_case(b"META-INF")
        && extension.is_some_and(|extension| extension.eq_ignore_ascii_case(b"SF"))
}

/// Whether this can be the name of a new file: one safe component.
pub(super) fn is_file_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let plain = !bytes.iter().any(|byte| is_separator(*byte))
        && bytes.len() <= MAX_FILE_NAME_BYTES
        && !name.chars().any(char::is_control);
    plain && is_safe(bytes) && bytes != b"."
}

/// The parts between separators. `.` and nothing are no parts: `./a//b` is `a/b` for every file system.
///
/// A backslash is a separator on Windows, and older .NET writes it for a slash. Elsewhere it is a byte like any
/// other, as it is the second byte of some Japanese and Chinese characters. Names that are split at it stay safe
/// and distinct if it is none: so what holds of these parts holds for every reader.
pub(super) fn components(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| is_separator(*byte))
        .filter(|part| !part.is_empty() && *part != b".")
}

/// Whether a name is a folder's, for some reader.
pub(super) fn ends_as_folder(name: &[u8]) -> bool {
    name.last().is_some_and(|last| is_separator(*last))
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// The components of the file that this one holds metadata of, by macOS: `p/a` for `__MACOSX/p/._a`.
pub(super) fn shadowed(name: &[u8]) -> Option<Vec<&[u8]>> {
    let mut all = components(name).take(MAX_SHADOW_PARTS);
    let is_shadow = all.next() == Some(MAC_SHADOW) && !ends_as_folder(name);
    let mut parts: Vec<&[u8]> = is_shadow.then(|| all.collect())?;
    let file = parts.last_mut()?;
    *file = file.strip_prefix(b"._")?;
    Some(parts)
}

/// A 64-bit hash of the components, the same for `a`, `./a` and `a/`: a file and a folder can't share a name.
pub(super) fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in components(name) {
        hasher.write(part);
        hasher.write_u8(b'/');
    }
    hasher.finish()
}

/// Whether two names name one thing.
pub(super) fn are_same(one: &[u8], other: &[u8]) -> bool {
    components(one).eq(components(other))
}

/// Whether some file system takes them for one file: those of Windows and macOS ignore case.
pub(super) fn differ_at_most_in_case(base: &[u8], new: &str) -> bool {
    // Windows strips trailing dots and spaces.
    let stripped = |byte: &u8| matches!(byte, b'.' | b' ');
    let kept = base.iter().rposition(|byte| !stripped(byte));
    let base = kept.and_then(|last| base.get(..=last)).unwrap_or(base);
    if base.is_ascii() && new.is_ascii() {
        return base.eq_ignore_ascii_case(new.as_bytes());
    }
    str::from_utf8(base).is_ok_and(|base| base.to_lowercase() == new.to_lowercase())
}

/// Where macOS keeps its metadata in archives that it makes.
const MAC_SHADOW: &[u8] = b"__MACOSX";

/// The shadow folder, a top folder, a file, and one more if it is deeper than a new file can be.
const MAX_SHADOW_PARTS: usize = 4;

/// What common file systems allow for a name.
const MAX_FILE_NAME_BYTES: usize = 255;
