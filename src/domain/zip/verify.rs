//! What takes an archive's local headers and data to find out. Natively only: one read per entry and all of the
//! data are too much for a Worker, and an archive is looked at once, before it is published.

use super::format::{CentralHeader, FLAG_ENCRYPTED, METHOD_DEFLATE, METHOD_STORED};
use super::local::{Extent, ExtentSearch};
use super::names::{self, EntryName};
use super::reads::{DirectoryCursor, Reads, Step};
use super::{ArchiveIndex, IndexReader, Rejection};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The index, as the Worker will read it. `None` if the directory alone is reason to reject the archive.
    pub index: Option<ArchiveIndex>,
    /// Everything that is wrong, in the order of the archive. At most [`MAX_PROBLEMS`].
    pub problems: Vec<Rejection>,
    /// Names of entries whose data can't be checked: encrypted, or of a method other than 0 and 8 (4.4.5). No
    /// reason to reject the archive, since a splice does not touch them.
    pub unverified: Vec<String>,
    /// The signature file of a signed JAR: new files will not be covered by it. No reason to reject the archive,
    /// since those that it covers stay as they are.
    pub signature: Option<String>,
}

/// After this many problems the rest is not looked for.
pub const MAX_PROBLEMS: usize = 100;

/// Checks all that [`IndexReader`] checks for new files of these `names`; then of every entry that the local header
/// and the data descriptor say what the directory says, that it shares no byte with another one, that nothing but
/// zeros is between it and the next, and that the data inflates to the stated size and CRC (4.3.6 to 4.3.9, 4.4.7
/// to 4.4.9). Memory: some 150 bytes per entry.
///
/// # Errors
/// Those of reading. Everything that is wrong with the archive is in the verdict.
pub fn verify<A: Read + Seek>(archive: &mut A, names: &[&str]) -> io::Result<Verdict> {
    let size_bytes = archive.seek(SeekFrom::End(0))?;
    let mut problems = Vec::new();
    let index = match read_index(archive, size_bytes, names)? {
        Ok(index) => index,
        Err(rejection) => {
            return Ok(Verdict {
                index: None,
                problems: vec![rejection],
                unverified: Vec::new(),
                signature: None,
            });
        }
    };
    let mut source = Source::new(archive, size_bytes)?;
    let apk_signature = source.apk_signature(&index.directory)?;
    // The signing block itself belongs to no entry: one problem is enough.
    let is_apk = apk_signature.is_some();
    problems.extend(apk_signature);
    let mut unverified = Vec::new();
    let mut signature = None;
    let mut last = Some(0..0);
    for Entry { header, name } in source.entries(&index.directory)? {
        if problems.len() >= MAX_PROBLEMS {
            break;
        }
        let extent = match source.extent(&header, &name, index.directory.start)? {
            Ok(extent) => extent,
            Err(problem) => {
                problems.push(problem);
                // Where it ends is not known, so neither is what lies behind it.
                last = None;
                continue;
            }
        };
        if let Some(last) = &last {
            problems.extend(source.between(last, extent.start)?);
        }
        let shown = name.shown();
        if signature.is_none() && names::is_jar_signature(&name.stored) {
            signature = Some(shown.clone());
        }
        match source.check_data(&extent.data, &header, name.stored.ends_with(b"/"))? {
            Data::Sound => {}
            Data::CanNotTell => unverified.push(shown),
            Data::Broken => problems.push(Rejection::BrokenData {
                at: extent.data.start,
                name: shown,
            }),
            Data::OtherSize => problems.push(Rejection::DataSize {
                at: extent.data.start,
                name: shown,
            }),
            Data::OtherCrc => problems.push(Rejection::DataCrc {
                at: extent.data.start,
                name: shown,
            }),
        }
        last = Some(extent.start..extent.end);
    }
    if let Some(last) = last.filter(|_| !is_apk && problems.len() < MAX_PROBLEMS) {
        problems.extend(source.between(&last, index.directory.start)?);
    }
    Ok(Verdict {
        index: Some(index),
        problems,
        unverified,
        signature,
    })
}

struct Entry {
    header: CentralHeader,
    name: EntryName,
}

enum Data {
    Sound,
    CanNotTell,
    Broken,
    OtherSize,
    OtherCrc,
}

/// An archive, and what was read of it last.
struct Source<'a, A> {
    archive: &'a mut A,
    reads: Reads,
}

impl<'a, A: Read + Seek> Source<'a, A> {
    fn new(archive: &'a mut A, size_bytes: u64) -> io::Result<Self> {
        let mut source = Self {
            archive,
            reads: Reads::new(size_bytes, 1, CHUNK_BYTES),
        };
        source.fetch()?;
        Ok(source)
    }

    /// Reads what is wanted.
    fn fetch(&mut self) -> io::Result<()> {
        let bytes = read_range(self.archive, &self.reads.wants().unwrap_or_default())?;
        self.reads.supply(&bytes).map_err(io::Error::other)
    }

    /// All entries, in the order of their local headers.
    fn entries(&mut self, directory: &Range<u64>) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut cursor = DirectoryCursor::new(directory);
        let mut keep = |record: &super::reads::Record<'_>| {
            entries.push(Entry {
                header: record.header.clone(),
                name: record.entry_name()?,
            });
            Ok(())
        };
        while let Some(need) = cursor
            .each(&self.reads, &mut keep)
            .map_err(io::Error::other)?
        {
            self.reads.want(need, directory.end);
            self.fetch()?;
        }
        entries.sort_by_key(|entry| entry.header.local_at);
        Ok(entries)
    }

    fn extent(
        &mut self,
        header: &CentralHeader,
        name: &EntryName,
        limit: u64,
    ) -> io::Result<Result<Extent, Rejection>> {
        let mut search = ExtentSearch::default();
        loop {
            match search.step(&self.reads, header, name, limit) {
                Ok(Step::Ready(extent)) => return Ok(Ok(extent)),
                Ok(Step::Need(need)) => {
                    let near = need.start.saturating_add(HEADER_READ_BYTES).min(limit);
                    self.reads.want(need, near);
                    self.fetch()?;
                }
                Err(rejection) => return Ok(Err(rejection)),
            }
        }
    }

    /// The signing block of an APK, which ends where the directory begins. New entries would come between the two.
    fn apk_signature(&mut self, directory: &Range<u64>) -> io::Result<Option<Rejection>> {
        let Some(start) = directory.start.checked_sub(APK_BLOCK_END.len() as u64) else {
            return Ok(None);
        };
        let found = read_range(self.archive, &(start..directory.start))?;
        Ok((found == APK_BLOCK_END).then(|| Rejection::Signed {
            at: directory.start,
            name: String::from_utf8_lossy(APK_BLOCK_END).into_owned(),
        }))
    }

    /// What is wrong between an entry, `last`, and the next one or the directory, at byte `at`.
    fn between(&mut self, last: &Range<u64>, at: u64) -> io::Result<Option<Rejection>> {
        let Some(size_bytes) = at.checked_sub(last.end) else {
            let other = last.start;
            return Ok(Some(Rejection::Overlap { at, other }));
        };
        if size_bytes == 0 {
            return Ok(None);
        }
        self.archive.seek(SeekFrom::Start(last.end))?;
        let gap = self.archive.take(size_bytes);
        let mut gap = BufReader::with_capacity(DATA_READ_BYTES, gap);
        loop {
            let bytes = gap.fill_buf()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            // Zeros are padding. Anything else could be an entry for readers that do not know the directory.
            if bytes.iter().any(|byte| *byte != 0) {
                let at = last.end;
                return Ok(Some(Rejection::Gap { at, size_bytes }));
            }
            let read = bytes.len();
            gap.consume(read);
        }
    }

    /// Reads the data through, and inflates it.
    fn check_data(
        &mut self,
        range: &Range<u64>,
        header: &CentralHeader,
        is_folder: bool,
    ) -> io::Result<Data> {
        if header.flags & FLAG_ENCRYPTED != 0 {
            return Ok(Data::CanNotTell);
        }
        self.archive.seek(SeekFrom::Start(range.start))?;
        // Some writers call an empty folder deflated, and nobody inflates one.
        let is_empty = range.is_empty() && header.uncompressed_bytes == 0 && header.crc == 0;
        if is_folder && is_empty {
            return Ok(Data::Sound);
        }
        let data = self.archive.take(range.end.saturating_sub(range.start));
        let mut sink = Sink {
            left_bytes: header.uncompressed_bytes,
            hasher: crc32fast::Hasher::new(),
        };
        let mut data = BufReader::with_capacity(DATA_READ_BYTES, data);
        let complete = match header.method {
            METHOD_STORED => copy(&mut data, &mut sink)?,
            METHOD_DEFLATE => inflate_all(&mut data, &mut sink)?,
            _ => return Ok(Data::CanNotTell),
        };
        Ok(match complete {
            Outcome::Broken => Data::Broken,
            Outcome::TooLong => Data::OtherSize,
            Outcome::Complete if sink.left_bytes != 0 => Data::OtherSize,
            Outcome::Complete if sink.hasher.finalize() != header.crc => Data::OtherCrc,
            Outcome::Complete => Data::Sound,
        })
    }
}

/// Counts and hashes what comes out of an entry, and keeps none of it.
struct Sink {
    left_bytes: u64,
    hasher: crc32fast::Hasher,
}

impl Sink {
    /// Whether the bytes are within the stated size: an archive that blows up is not inflated to its end.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.hasher.update(bytes);
        let left = self.left_bytes.checked_sub(bytes.len() as u64);
        self.left_bytes = left.unwrap_or_default();
        left.is_some()
    }
}

enum Outcome {
    Complete,
    TooLong,
    Broken,
}

fn copy(data: &mut impl BufRead, sink: &mut Sink) -> io::Result<Outcome> {
    loop {
        let bytes = data.fill_buf()?;
        if bytes.is_empty() {
            return Ok(Outcome::Complete);
        }
        if !sink.take(bytes) {
            return Ok(Outcome::TooLong);
        }
        let taken = bytes.len();
        data.consume(taken);
    }
}

/// Inflates a raw DEFLATE stream, which must end with the data (4.4.5, RFC 1951).
fn inflate_all(data: &mut impl BufRead, sink: &mut Sink) -> io::Result<Outcome> {
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let mut out = vec![0; DATA_READ_BYTES];
    loop {
        let bytes = data.fill_buf()?;
        let at_end = bytes.is_empty();
        let result = inflate(&mut state, bytes, &mut out, MZFlush::None);
        data.consume(result.bytes_consumed);
        if !sink.take(out.get(..result.bytes_written).unwrap_or_default()) {
            return Ok(Outcome::TooLong);
        }
        match result.status {
            Ok(MZStatus::StreamEnd) => {
                let ends_with_data = data.fill_buf()?.is_empty();
                return Ok(if ends_with_data {
                    Outcome::Complete
                } else {
                    Outcome::Broken
                });
            }
            Ok(_) if !at_end || result.bytes_written > 0 => {}
            _ => return Ok(Outcome::Broken),
        }
    }
}

fn read_index<A: Read + Seek>(
    archive: &mut A,
    size_bytes: u64,
    names: &[&str],
) -> io::Result<Result<ArchiveIndex, Rejection>> {
    let mut reader = match IndexReader::new(size_bytes, names) {
        Ok(reader) => reader,
        Err(rejection) => return Ok(Err(rejection)),
    };
    while let Some(range) = reader.wants() {
        let bytes = read_range(archive, &range)?;
        if let Err(rejection) = reader.supply(&bytes) {
            return Ok(Err(rejection));
        }
    }
    Ok(reader.finish())
}

fn read_range<A: Read + Seek>(archive: &mut A, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let wanted =
        usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut bytes = vec![0; wanted];
    archive.seek(SeekFrom::Start(range.start))?;
    archive.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// How an APK signing block ends (APK signature scheme v2 and later).
const APK_BLOCK_END: &[u8] = b"APK Sig Block 42";

const CHUNK_BYTES: u64 = 1024 * 1024;
const HEADER_READ_BYTES: u64 = 1024;
const DATA_READ_BYTES: usize = 64 * 1024;
