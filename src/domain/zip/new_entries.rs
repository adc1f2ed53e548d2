//! The entries that are added.

use super::PlanError;
use super::crc::crc32;
use super::format::{CENTRAL_SIGNATURE, CentralHeader, FLAG_UTF8, LOCAL_SIGNATURE, METHOD_STORED};
use super::names::TopFolder;
use super::rewrite::{self, Values};
use std::fmt;

/// A file to be added. Its `Debug` output shows no contents: they are a buyer's.
#[derive(Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its name without folder. It is placed within the archive's top folder if there is one.
    pub name: String,
    /// Its bytes.
    pub contents: Vec<u8>,
}

impl fmt::Debug for NewFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewFile({:?}, {} bytes)", self.name, self.contents.len())
    }
}

/// New entries, in the bytes that the `zip` crate would make of them.
///
/// Stored, not compressed: they are small, and the same bytes come out whatever the version of a compressor.
/// CRC and sizes stand in the local header, for readers that can't do without (4.4.4, bit 3 clear). The date is
/// always the first that DOS can tell: a plan has no clock.
pub(super) struct NewEntries {
    /// Local headers and data, as they are put into the archive (4.3.7, 4.3.8).
    pub(super) locals: Vec<u8>,
    /// Directory records, with offsets counted from the start of `locals`.
    records: Vec<(Vec<u8>, CentralHeader)>,
}

impl NewEntries {
    pub(super) fn build(top: Option<&TopFolder>, files: &[NewFile]) -> Result<Self, PlanError> {
        let mut entries = Self {
            locals: Vec::new(),
            records: Vec::new(),
        };
        for file in files {
            entries.add(top, file).ok_or(PlanError::TooLarge)?;
        }
        Ok(entries)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.records.len() as u64
    }

    /// The directory records for local headers that begin at byte `at` of the output. An offset gets a zip64
    /// extra field only if it needs one (4.5.3).
    pub(super) fn directory(&self, at: u64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for (record, header) in &self.records {
            let values = Values {
                local_at: at.checked_add(header.local_at)?,
                ..Values::of(header)
            };
            out.extend(rewrite::central(record, header, &values)?);
        }
        Some(out)
    }

    /// `None` if its name or its contents are longer than an entry without zip64 can be.
    fn add(&mut self, top: Option<&TopFolder>, file: &NewFile) -> Option<()> {
        let mut name = top.map_or_else(String::new, |top| format!("{}/", top.name));
        // Where the base's own entries leave their UTF-8 names unflagged, so do these.
        let unflagged = top.is_some_and(|top| !top.name.is_ascii() && !top.flagged_utf8);
        name.push_str(&file.name);
        let flags = if name.is_ascii() || unflagged {
            0
        } else {
            FLAG_UTF8
        };
        let name_bytes = u16::try_from(name.len()).ok()?;
        let size_bytes = u32::try_from(file.contents.len())
            .ok()
            .filter(|size| *size < u32::MAX)?;
        let local_at = u32::try_from(self.locals.len()).ok()?;
        let shared = shared_fields(flags, crc32(&file.contents), size_bytes, name_bytes);

        self.locals.extend(LOCAL_SIGNATURE.to_le_bytes());
        self.locals.extend(&shared);
        self.locals.extend(name.as_bytes());
        self.locals.extend(&file.contents);

        let mut record = CENTRAL_SIGNATURE.to_le_bytes().to_vec();
        record.extend(MADE_BY.to_le_bytes());
        record.extend(&shared);
        // No comment; the first disk; nothing is known to be text (4.4.12 to 4.4.14).
        record.extend([0; 6]);
        record.extend(ATTRIBUTES.to_le_bytes());
        record.extend(local_at.to_le_bytes());
        record.extend(name.as_bytes());
        let header = CentralHeader::parse(&record, 0).ok()?;
        self.records.push((record, header));
        Some(())
    }
}

/// The fields that local header and directory record share, from the version needed to the length of the extra fields
/// (4.3.7, 4.3.12).
fn shared_fields(flags: u16, crc: u32, size_bytes: u32, name_bytes: u16) -> Vec<u8> {
    let mut fields = Vec::new();
    for field in [VERSION_NEEDED, flags, METHOD_STORED, FIRST_TIME, FIRST_DATE] {
        fields.extend(field.to_le_bytes());
    }
    for field in [crc, size_bytes, size_bytes] {
        fields.extend(field.to_le_bytes());
    }
    for field in [name_bytes, 0] {
        fields.extend(field.to_le_bytes());
    }
    fields
}

/// Version 1.0: a stored file (4.4.3.2).
const VERSION_NEEDED: u16 = 10;
/// Made on Unix (4.4.2.2), by the rules of that version.
const MADE_BY: u16 = 3 << 8 | VERSION_NEEDED;
/// Midnight (4.4.6).
const FIRST_TIME: u16 = 0;
/// 1980-01-01 (4.4.6).
const FIRST_DATE: u16 = 1 << 5 | 1;
/// A plain file that its owner may write and everybody read, as Unix has it in the upper half (4.4.15).
const ATTRIBUTES: u32 = 0o100_644 << 16;

#[cfg(test)]
mod tests {
    use super::super::ends::Ends;
    use super::super::format::length;
    use super::super::reads::{DirectoryCursor, Reads};
    use super::*;
    use ::zip::write::SimpleFileOptions;
    use ::zip::{CompressionMethod, DateTime, ZipWriter};
    use std::io::{Cursor, Write};

    /// The same by the `zip` crate: local headers with data, and the directory.
    fn by_the_zip_crate(top: Option<&TopFolder>, files: &[NewFile]) -> (Vec<u8>, Vec<u8>) {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for file in files {
            let name = &file.name;
            let path = top.map_or_else(|| name.clone(), |top| format!("{}/{name}", top.name));
            writer.start_file(path, options).unwrap();
            writer.write_all(&file.contents).unwrap();
        }
        let archive = writer.finish().unwrap().into_inner();
        let size_bytes = length(&archive);
        let mut reads = Reads::new(size_bytes, size_bytes, size_bytes);
        reads.supply(&archive).unwrap();
        let directory = Ends::locate(&archive, 0, size_bytes).unwrap().directory;
        let mut records = Vec::new();
        let mut cursor = DirectoryCursor::new(&directory);
        cursor
            .each(&reads, |record| {
                records.extend(record.bytes);
                Ok(())
            })
            .unwrap();
        let locals = &archive[..usize::try_from(directory.start).unwrap()];
        (locals.to_vec(), records)
    }

    fn files() -> Vec<NewFile> {
        let file = |name: &str, contents: Vec<u8>| NewFile {
            name: name.to_owned(),
            contents,
        };
        vec![
            file("LICENSE.txt", b"Ada Lovelace\r\n".to_vec()),
            file("empty", Vec::new()),
            file("für dich.txt", (0..=255).cycle().take(70_000).collect()),
        ]
    }

    #[test]
    fn the_bytes_are_the_zip_crates() {
        let folder = |name: &str| TopFolder {
            name: name.to_owned(),
            flagged_utf8: true,
        };
        for top in [None, Some(folder("shop-1.0")), Some(folder("Bücher"))] {
            let (locals, directory) = by_the_zip_crate(top.as_ref(), &files());
            let entries = NewEntries::build(top.as_ref(), &files()).unwrap();
            assert_eq!(entries.locals, locals);
            assert_eq!(entries.directory(0).unwrap(), directory);
            assert_eq!(entries.count(), 3);
        }
    }

    #[test]
    fn names_are_as_unflagged_as_the_folders() {
        let top = TopFolder {
            name: "Bücher".to_owned(),
            flagged_utf8: false,
        };
        let entries = NewEntries::build(Some(&top), &files()).unwrap();
        assert_eq!(entries.locals[6..8], [0, 0]);
        assert!(entries.records.iter().all(|(_, header)| header.flags == 0));
    }

    #[test]
    fn a_name_that_no_entry_can_have_is_refused() {
        let mut file = files().remove(0);
        file.name = "a".repeat(65_535);
        assert!(NewEntries::build(None, &[file.clone()]).is_ok());
        file.name.push('a');
        assert!(NewEntries::build(None, &[file]).is_err());
    }
}
