//! The entries that are added.

use super::PlanError;
use super::ends::Ends;
use super::format::{CentralHeader, FLAG_UTF8, length};
use super::names::TopFolder;
use super::reads::{DirectoryCursor, Reads};
use super::rewrite::{self, Values};
use ::zip::result::ZipResult;
use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, DateTime, ZipWriter};
use std::fmt;
use std::io::{Cursor, Write};

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

/// New entries, made in memory by the `zip` crate.
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
        let unbuilt = |reason: String| PlanError::NewEntry { reason };
        let archive = written(top, files).map_err(|error| unbuilt(error.to_string()))?;
        let size_bytes = length(&archive);
        let mut reads = Reads::new(size_bytes, size_bytes, size_bytes);
        let mut records = Vec::new();
        let read = reads.supply(&archive).and_then(|()| {
            let ends = Ends::locate(&archive, 0, size_bytes)?;
            DirectoryCursor::new(&ends.directory).each(&reads, |record| {
                records.push((record.bytes.to_vec(), record.header.clone()));
                Ok(())
            })?;
            Ok(ends.directory.start)
        });
        let directory_at = read.map_err(|rejection| unbuilt(rejection.to_string()))?;
        let mut locals = archive;
        locals.truncate(usize::try_from(directory_at).unwrap_or(usize::MAX));
        let mut entries = Self { locals, records };
        if top.is_some_and(|top| !top.name.is_ascii() && !top.flagged_utf8) {
            entries.clear_utf8_flags();
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

    /// The base's own entries leave their UTF-8 names unflagged, so these do too.
    fn clear_utf8_flags(&mut self) {
        for (record, header) in &mut self.records {
            header.flags &= !FLAG_UTF8;
            let flags = header.flags.to_le_bytes();
            let at = usize::try_from(header.local_at).unwrap_or(usize::MAX);
            let places = [(record, 8), (&mut self.locals, at.saturating_add(6))];
            for (bytes, at) in places {
                if let Some(place) = bytes.get_mut(at..at.saturating_add(2)) {
                    place.copy_from_slice(&flags);
                }
            }
        }
    }
}

fn written(top: Option<&TopFolder>, files: &[NewFile]) -> ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let path = top.map_or_else(
            || file.name.clone(),
            |top| format!("{}/{}", top.name, file.name),
        );
        writer.start_file(path, options)?;
        writer.write_all(&file.contents)?;
    }
    Ok(writer.finish()?.into_inner())
}
