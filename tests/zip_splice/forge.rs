//! Archives byte by byte, for what no tool would write. Shares no code with what it tests.

use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;

/// An archive in the making.
pub(crate) struct Forge<W> {
    out: W,
    at: u64,
    directory: Vec<u8>,
    entries: u64,
    /// Where there are bytes; elsewhere are holes, which read as zeros.
    pub(crate) written: Vec<Range<u64>>,
}

/// An entry: stored, with the contents in memory, or as so many zeros that are not written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) contents: Vec<u8>,
    pub(crate) zeros: u64,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) local_extra: Vec<u8>,
    pub(crate) central_extra: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) descriptor: Vec<u8>,
    pub(crate) attributes: u32,
    /// What the headers state instead of the contents' own: CRC, compressed size, uncompressed size.
    pub(crate) stated: Option<(u32, u32, u32)>,
}

impl Entry {
    pub(crate) fn new(name: &str, contents: &[u8]) -> Self {
        Self {
            name: name.into(),
            contents: contents.into(),
            ..Self::default()
        }
    }
}

impl<W: Write + Seek> Forge<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            directory: Vec::new(),
            entries: 0,
            written: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, entry: &Entry) -> &mut Self {
        let size = entry.contents.len() as u64 + entry.zeros;
        let wide = size >= u64::from(u32::MAX);
        let narrow = u32::try_from(size).unwrap_or(u32::MAX);
        let crc = if entry.zeros > 0 {
            crc_of_zeros(entry.zeros)
        } else {
            crc32fast::hash(&entry.contents)
        };
        let (crc, compressed, uncompressed) = entry.stated.unwrap_or((crc, narrow, narrow));
        let deferred = entry.flags & 8 != 0;
        let wide_sizes = [size.to_le_bytes(), size.to_le_bytes()].concat();
        let local_extra = if wide {
            [&extra(1, &wide_sizes)[..], &entry.local_extra].concat()
        } else {
            entry.local_extra.clone()
        };
        let offset = self.at;
        let mut wide_central = if wide { wide_sizes } else { Vec::new() };
        if offset >= u64::from(u32::MAX) {
            wide_central.extend(offset.to_le_bytes());
        }
        let central_extra = if wide_central.is_empty() {
            entry.central_extra.clone()
        } else {
            [&extra(1, &wide_central)[..], &entry.central_extra].concat()
        };
        let version: u16 = if wide_central.is_empty() { 20 } else { 45 };
        let common = [version, entry.flags, entry.method, 0, 33];
        let common: Vec<u8> = common
            .iter()
            .flat_map(|field| field.to_le_bytes())
            .collect();
        let sizes = |shown: bool| {
            let shown = if shown {
                [crc, compressed, uncompressed]
            } else {
                [0; 3]
            };
            shown
                .iter()
                .flat_map(|field| field.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let short = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
        let local = [
            &b"PK\x03\x04"[..],
            &common,
            &sizes(!deferred),
            &short(&entry.name),
            &short(&local_extra),
            &entry.name,
            &local_extra,
            &entry.contents,
        ];
        self.write(&local.concat());
        if entry.zeros > 0 {
            self.at += entry.zeros;
            self.out.seek(SeekFrom::Start(self.at)).unwrap();
        }
        self.write(&entry.descriptor);
        let record = [
            &b"PK\x01\x02\x14\x03"[..],
            &common,
            &sizes(true),
            &short(&entry.name),
            &short(&central_extra),
            &short(&entry.comment),
            &[0; 4],
            &entry.attributes.to_le_bytes(),
            &u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes(),
            &entry.name,
            &central_extra,
            &entry.comment,
        ];
        self.directory.extend(record.concat());
        self.entries += 1;
        self
    }

    /// Writes bytes that belong to no entry.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.write_all(bytes).unwrap();
        let end = self.at + bytes.len() as u64;
        match self.written.last_mut() {
            Some(last) if last.end == self.at => last.end = end,
            _ => self.written.push(self.at..end),
        }
        self.at = end;
        self
    }

    /// Ends the archive; with zip64 records if a value needs them, or if told to.
    pub(crate) fn finish(mut self, comment: &[u8], force_zip64: bool) -> (W, Vec<Range<u64>>) {
        let (start, size) = (self.at, self.directory.len() as u64);
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory);
        let wide = force_zip64 || self.entries >= 0xffff || start >= u64::from(u32::MAX);
        if wide {
            self.write(&end64(self.entries, start..start + size));
        }
        let entries = if force_zip64 {
            u16::MAX
        } else {
            u16::try_from(self.entries).unwrap_or(u16::MAX)
        };
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        self.write(&end(entries, u32::try_from(size).unwrap(), start, comment));
        (self.out, self.written)
    }
}

/// An archive in memory.
pub(crate) fn archive(entries: &[Entry], comment: &[u8]) -> Vec<u8> {
    let mut forge = Forge::new(std::io::Cursor::new(Vec::new()));
    for entry in entries {
        forge.add(entry);
    }
    forge.finish(comment, false).0.into_inner()
}

/// An end of central directory record.
pub(crate) fn end(entries: u16, size: u32, start: u32, comment: &[u8]) -> Vec<u8> {
    let counts = [entries.to_le_bytes(), entries.to_le_bytes()].concat();
    let comment_bytes = u16::try_from(comment.len()).unwrap().to_le_bytes();
    [
        &b"PK\x05\x06\0\0\0\0"[..],
        &counts,
        &size.to_le_bytes(),
        &start.to_le_bytes(),
        &comment_bytes,
        comment,
    ]
    .concat()
}

/// A zip64 end record and its locator.
pub(crate) fn end64(entries: u64, directory: Range<u64>) -> Vec<u8> {
    let size = directory.end - directory.start;
    let fields = [entries, entries, size, directory.start]
        .map(u64::to_le_bytes)
        .concat();
    let record = [
        &b"PK\x06\x06"[..],
        &44_u64.to_le_bytes(),
        &[45, 3, 45, 0],
        &[0; 8],
        &fields,
    ];
    let locator = [
        &b"PK\x06\x07\0\0\0\0"[..],
        &directory.end.to_le_bytes(),
        &1_u32.to_le_bytes(),
    ];
    [record.concat(), locator.concat()].concat()
}

pub(crate) fn extra(id: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&id.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
}

/// A data descriptor with its signature.
pub(crate) fn descriptor(contents: &[u8]) -> Vec<u8> {
    let size = u32::try_from(contents.len()).unwrap().to_le_bytes();
    [
        &b"PK\x07\x08"[..],
        &crc32fast::hash(contents).to_le_bytes(),
        &size,
        &size,
    ]
    .concat()
}

fn crc_of_zeros(count: u64) -> u32 {
    let block = vec![0; 1 << 20];
    let mut doubled = crc32fast::Hasher::new();
    doubled.update(&block);
    let mut all = crc32fast::Hasher::new();
    for bit in 20..64 {
        if count >> bit & 1 == 1 {
            all.combine(&doubled);
        }
        if count >> bit <= 1 {
            break;
        }
        doubled.combine(&doubled.clone());
    }
    all.update(&block[..usize::try_from(count % (1 << 20)).unwrap()]);
    all.finalize()
}
