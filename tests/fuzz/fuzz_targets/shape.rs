//! Archives of any shape, from what the fuzzer makes up.

use arbitrary::Arbitrary;

#[path = "../../zip_splice/forge.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod forge;

/// An archive that is sound but for its names, flags and extra fields, and for bytes that are changed afterwards.
#[derive(Arbitrary, Debug)]
pub struct Shape {
    entries: Vec<Entry>,
    comment: Vec<u8>,
    /// Where, and by what.
    changes: Vec<(u16, u8)>,
}

impl Shape {
    pub fn archive(self) -> Vec<u8> {
        let entries: Vec<forge::Entry> = self.entries.into_iter().map(forged).collect();
        let comment = self.comment.get(..60_000).unwrap_or(&self.comment);
        let mut archive = forge::archive(&entries, comment);
        for (at, by) in self.changes {
            let at = usize::from(at) % archive.len();
            archive[at] ^= by;
        }
        archive
    }
}

#[derive(Arbitrary, Debug)]
struct Entry {
    name: Name,
    contents: Vec<u8>,
    deferred: bool,
    flags: u16,
    local_extra: Vec<u8>,
    central_extra: Vec<u8>,
    comment: Vec<u8>,
    attributes: u32,
}

#[derive(Arbitrary, Debug)]
enum Name {
    License,
    LicenseInFolder,
    File,
    FileInFolder,
    Other(Vec<u8>),
}

fn forged(entry: Entry) -> forge::Entry {
    let name = match entry.name {
        Name::License => b"LICENSE.txt".to_vec(),
        Name::LicenseInFolder => b"x/license.TXT".to_vec(),
        Name::File => b"file".to_vec(),
        Name::FileInFolder => b"x/file".to_vec(),
        Name::Other(name) => name,
    };
    let shortened = |mut bytes: Vec<u8>| {
        bytes.truncate(1000);
        bytes
    };
    let bit_3 = if entry.deferred { 8 } else { 0 };
    forge::Entry {
        name: shortened(name),
        descriptor: if entry.deferred {
            forge::descriptor(&entry.contents)
        } else {
            Vec::new()
        },
        contents: entry.contents,
        flags: entry.flags & !(8 | 1 << 13) | bit_3,
        local_extra: shortened(entry.local_extra),
        central_extra: shortened(entry.central_extra),
        comment: shortened(entry.comment),
        attributes: entry.attributes,
        ..forge::Entry::default()
    }
}
