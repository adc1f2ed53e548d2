//! What the `zip` crate reads of an archive.

use bookplate::domain::zip::NewFile;
use std::io::{Cursor, Read, Seek};
use zip::ZipArchive;

/// An entry, as far as a reader can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: Vec<u8>,
    pub(crate) comment: String,
    pub(crate) mode: Option<u32>,
    pub(crate) crc: u32,
    pub(crate) size_bytes: u64,
    pub(crate) modified: String,
    pub(crate) extra: Vec<u8>,
    /// `None` if it is encrypted, or of a method that this build does not know.
    pub(crate) contents: Option<Vec<u8>>,
}

pub(crate) fn entries(archive: impl Read + Seek) -> Vec<Seen> {
    let mut archive = ZipArchive::new(archive).unwrap();
    let count = archive.len();
    let read = |index| {
        let mut contents = Vec::new();
        let read = archive
            .by_index(index)
            .map_err(Into::into)
            .and_then(|mut file| file.read_to_end(&mut contents));
        let contents = read.is_ok().then_some(contents);
        let file = archive.by_index_raw(index).unwrap();
        Seen {
            name: file.name_raw().to_vec(),
            comment: file.comment().to_owned(),
            mode: file.unix_mode(),
            crc: file.crc32(),
            size_bytes: file.size(),
            modified: format!("{:?}", file.last_modified()),
            extra: file.extra_data().unwrap_or_default(),
            contents,
        }
    };
    (0..count).map(read).collect()
}

/// Asserts that `out` has all entries of `base` but those named `replaced`, in their order, and then `new` in the
/// folder `top`.
pub(crate) fn assert_appended(
    base: &[u8],
    out: &[u8],
    top: Option<&str>,
    replaced: &[&str],
    new: &[NewFile],
) {
    let mut expected = entries(Cursor::new(base));
    expected.retain(|seen| !replaced.iter().any(|name| name.as_bytes() == seen.name));
    let found = entries(Cursor::new(out));
    let (kept, added) = found.split_at(found.len() - new.len());
    assert_eq!(kept.len(), expected.len());
    for (kept, expected) in kept.iter().zip(&expected) {
        assert!(
            kept == expected,
            "{} is not what it was",
            String::from_utf8_lossy(&expected.name)
        );
    }
    for (added, new) in added.iter().zip(new) {
        let path = top.map_or_else(|| new.name.clone(), |top| format!("{top}/{}", new.name));
        assert_eq!(String::from_utf8_lossy(&added.name), path);
        assert_eq!(added.contents.as_ref(), Some(&new.contents));
        assert_eq!(added.mode, Some(0o100_644));
        assert!(added.extra.is_empty(), "{:?}", added.extra);
    }
}
