//! Many entries, and archives around and above 4 GiB: sparse files, of which only the headers take space.

use crate::forge::{Entry, Forge, end64};
use crate::readers::list_all;
use crate::tools::folder;
use crate::{BASE_ETAG, NAMES, new_files};
use bookplate::domain::zip::{
    ArchiveIndex, EntryReader, IndexReader, Insertion, Plan, Rejection, Segment, verify,
};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use zip::ZipArchive;

const GIB: u64 = 1 << 30;

/// An archive in a file, most of which may be holes.
struct Sparse {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    /// Where there are bytes.
    written: Vec<Range<u64>>,
}

impl Sparse {
    fn make(path: PathBuf, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut forge = Forge::new(BufWriter::new(File::create(&path).unwrap()));
        for entry in entries {
            forge.add(&entry);
        }
        let (mut out, written) = forge.finish(b"", false);
        out.flush().unwrap();
        drop(out);
        let file = File::open(&path).unwrap();
        Self {
            size_bytes: file.metadata().unwrap().len(),
            path,
            file,
            written,
        }
    }

    fn read(&self, range: &Range<u64>) -> Vec<u8> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(range.start)).unwrap();
        let mut bytes = Vec::new();
        file.take(range.end - range.start)
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    fn index(&self) -> ArchiveIndex {
        let mut reader = IndexReader::new(self.size_bytes, &NAMES).unwrap();
        while let Some(range) = reader.wants() {
            assert!(
                range.end - range.start <= 1 << 20,
                "too much at once: {range:?}"
            );
            reader.supply(&self.read(&range)).unwrap();
        }
        reader.finish().unwrap()
    }

    /// Writes the output beside the base, with its holes.
    fn spliced(&self, plan: &Plan) -> PathBuf {
        let path = self.path.with_extension("spliced.zip");
        let mut out = File::create(&path).unwrap();
        let mut at = 0;
        for segment in plan.segments() {
            match segment {
                Segment::Inline(bytes) => {
                    out.seek(SeekFrom::Start(at)).unwrap();
                    out.write_all(bytes).unwrap();
                }
                Segment::Base(range) => {
                    for data in &self.written {
                        let data = data.start.max(range.start)..data.end.min(range.end);
                        if data.start < data.end {
                            out.seek(SeekFrom::Start(at + data.start - range.start))
                                .unwrap();
                            out.write_all(&self.read(&data)).unwrap();
                        }
                    }
                }
            }
            at += segment.len();
        }
        assert_eq!(at, plan.len());
        out.set_len(at).unwrap();
        path
    }
}

/// Asserts what the oracle reads of an output: the names in order, and the licence.
fn assert_reads(path: &Path, count: usize, last: &[&str]) {
    let mut read = ZipArchive::new(File::open(path).unwrap()).unwrap();
    assert_eq!(read.len(), count, "{}", path.display());
    for (index, name) in (count - last.len()..).zip(last) {
        assert_eq!(read.by_index_raw(index).unwrap().name().unwrap(), *name);
    }
    let mut license = String::new();
    let name = last[last.len() - 2];
    read.by_name(name)
        .unwrap()
        .read_to_string(&mut license)
        .unwrap();
    assert_eq!(license.as_bytes(), new_files()[0].contents);
}

fn zeros(name: &str, zeros: u64) -> Entry {
    Entry {
        zeros,
        ..Entry::new(name, b"")
    }
}

#[test]
fn many_entries() {
    let folder = folder("many");
    let mut outputs = Vec::new();
    for count in [100_000, 500_000] {
        let entries =
            (0..count).map(|number| Entry::new(&format!("shop/file-{number:07}.bin"), b""));
        let base = Sparse::make(folder.join(format!("{count}.zip")), entries);
        let index = base.index();
        assert_eq!(index.entries(), count);
        assert!(index.size_in_memory_bytes() < 1000);
        let plan = Plan::append(&index, BASE_ETAG, &new_files()).unwrap();
        assert_eq!(plan.segments().len(), 4);
        let out = base.spliced(&plan);
        let count = usize::try_from(count).unwrap();
        assert_reads(&out, count + 2, &["shop/LICENSE.txt", "shop/README.txt"]);
        outputs.push(out);
    }
    list_all(&outputs).assert_all(&outputs);
    std::fs::remove_dir_all(folder).unwrap();
}

/// More than an index may hold must be rewritten; what can be held is.
#[test]
fn cuts_in_large_directories() {
    let folder = folder("cuts");
    let name = |number: u64| format!("file-{number:07}.bin");
    let entries = |first: u64| {
        let before = (0..first).map(move |number| Entry::new(&name(number), b""));
        let after = (first..200_000).map(move |number| Entry::new(&name(number), b""));
        before
            .chain([Entry::new("LICENSE.txt", b"old")])
            .chain(after)
    };
    let late = Sparse::make(folder.join("late.zip"), entries(150_000));
    let index = late.index();
    assert!(index.size_in_memory_bytes() < 50_000 * 70);
    let plan = Plan::append(&index, BASE_ETAG, &new_files()).unwrap();
    let out = late.spliced(&plan);
    assert_reads(
        &out,
        200_002,
        &["file-0199999.bin", "LICENSE.txt", "README.txt"],
    );
    assert_eq!(
        verify(&mut File::open(&out).unwrap(), &NAMES)
            .unwrap()
            .problems,
        []
    );
    let early = Sparse::make(folder.join("early.zip"), entries(0));
    let problems = verify(&mut File::open(&early.path).unwrap(), &NAMES)
        .unwrap()
        .problems;
    assert_eq!(
        problems.first().map(Rejection::code),
        Some("too-large-to-rewrite")
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// The directory of the base, and so the first new entry, around the first offset that needs zip64.
#[test]
fn offsets_around_4_gib() {
    let folder = folder("offsets");
    let mut outputs = Vec::new();
    let sentinel = u64::from(u32::MAX);
    let new_bytes: u64 = 2 * 30
        + new_files()
            .iter()
            .map(|file| (file.name.len() + file.contents.len()) as u64)
            .sum::<u64>();
    for new_at in [
        sentinel - new_bytes - 1,
        sentinel - new_bytes,
        sentinel - 60,
        sentinel - 1,
        sentinel,
        sentinel + 1,
    ] {
        let headers = 2 * (30 + 1);
        let entries = [zeros("a", 2 * GIB), zeros("b", new_at - 2 * GIB - headers)];
        let base = Sparse::make(folder.join(format!("{new_at}.zip")), entries);
        let plan = Plan::append(&base.index(), BASE_ETAG, &new_files()).unwrap();
        let tail: Vec<u8> = plan
            .slice(plan.len() - 98..plan.len() - 22)
            .into_iter()
            .flat_map(inline)
            .collect();
        let directory_at = new_at + new_bytes;
        assert_eq!(
            tail.starts_with(b"PK\x06\x06"),
            directory_at >= sentinel,
            "new entries at {new_at}"
        );
        let records: Vec<u8> = plan.segments().last().cloned().map(inline).unwrap();
        let first_offset = u32::from_le_bytes(records[42..46].try_into().unwrap());
        assert_eq!(first_offset, u32::try_from(new_at).unwrap_or(u32::MAX));
        assert_eq!(
            u16::from_le_bytes([records[30], records[31]]),
            if new_at >= sentinel { 12 } else { 0 }
        );
        let out = base.spliced(&plan);
        assert_reads(&out, 4, &["a", "b", "LICENSE.txt", "README.txt"]);
        outputs.push(out);
    }
    list_all(&outputs).assert_all(&outputs);
    std::fs::remove_dir_all(folder).unwrap();
}

/// From 2 GiB on Python writes a zip64 end record, and true values beside it as long as they fit.
#[test]
fn python_archives_between_2_and_4_gib() {
    let folder = folder("python");
    let mut outputs = Vec::new();
    for gib in [2, 3] {
        let path = folder.join(format!("{gib}.zip"));
        let entries = [zeros("p/a", gib * GIB), Entry::new("p/b", b"b")];
        let mut base = Sparse::make(path, entries);
        let (directory, entries) = (base.size_bytes - 22 - 2 * (46 + 3), 2);
        let narrow = base.read(&(base.size_bytes - 22..base.size_bytes));
        let wide = end64(entries, directory..base.size_bytes - 22);
        let mut out = File::options().write(true).open(&base.path).unwrap();
        out.seek(SeekFrom::Start(base.size_bytes - 22)).unwrap();
        out.write_all(&[wide.clone(), narrow].concat()).unwrap();
        base.size_bytes += wide.len() as u64;
        base.written.last_mut().unwrap().end = base.size_bytes;
        let index = base.index();
        let plan = Plan::append(&index, BASE_ETAG, &new_files()).unwrap();
        let out = base.spliced(&plan);
        assert_reads(&out, 4, &["p/b", "p/LICENSE.txt", "p/README.txt"]);
        outputs.push(out);
    }
    list_all(&outputs).assert_all(&outputs);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Entries above 4 GiB, and offsets in zip64 extra fields, when an entry before them is cut out.
#[test]
fn cut_and_append_above_4_gib() {
    let folder = folder("above");
    let entries = [
        zeros("a", 5 * GIB),
        Entry::new("LICENSE.txt", b"old"),
        zeros("b", GIB),
        Entry::new("c", b"c"),
    ];
    let base = Sparse::make(folder.join("above.zip"), entries);
    assert!(base.size_bytes > 6 * GIB);
    let plan = Plan::append(&base.index(), BASE_ETAG, &new_files()).unwrap();
    let out = base.spliced(&plan);
    assert_reads(&out, 5, &["a", "b", "c", "LICENSE.txt", "README.txt"]);
    let mut text = String::new();
    let mut read = ZipArchive::new(File::open(&out).unwrap()).unwrap();
    read.by_name("c")
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "c");
    list_all(std::slice::from_ref(&out)).assert_all(&[out]);
    std::fs::remove_dir_all(folder).unwrap();
}

/// An insertion that moves later entries across the border, and one that makes an entry cross it itself.
#[test]
fn insertions_across_4_gib() {
    let folder = folder("insertions");
    let sentinel = u64::from(u32::MAX);
    let first = sentinel - 1 - 31;
    let base = Sparse::make(
        folder.join("moved.zip"),
        [
            zeros("a", first - 31),
            Entry::new("b", b""),
            Entry::new("c", b"c"),
            Entry::new("d", b"d"),
        ],
    );
    let inserted = |base: &Sparse, name: &str, bytes: usize| {
        let index = base.index();
        let mut reader = EntryReader::new(&index, &[name]);
        while let Some(range) = reader.wants() {
            reader.supply(&base.read(&range)).unwrap();
        }
        let insertion = Insertion {
            name: name.to_owned(),
            bytes: vec![b'!'; bytes],
        };
        let entries = reader.finish().unwrap();
        base.spliced(
            &Plan::with_insertions(&index, &entries, BASE_ETAG, &new_files(), &[insertion])
                .unwrap(),
        )
    };
    for bytes in [0, 1, 2, 70_000] {
        let out = inserted(&base, "b", bytes);
        assert_reads(&out, 6, &["b", "c", "d", "LICENSE.txt", "README.txt"]);
        let mut text = Vec::new();
        let mut read = ZipArchive::new(File::open(&out).unwrap()).unwrap();
        read.by_name("b").unwrap().read_to_end(&mut text).unwrap();
        assert_eq!(text.len(), bytes);
        list_all(std::slice::from_ref(&out)).assert_all(&[out]);
    }
    let base = Sparse::make(
        folder.join("grown.zip"),
        [zeros("a", sentinel - 1), Entry::new("b", b"b")],
    );
    for bytes in [0, 1, 2] {
        let out = inserted(&base, "a", bytes);
        assert_reads(&out, 4, &["a", "b", "LICENSE.txt", "README.txt"]);
        let mut read = ZipArchive::new(File::open(&out).unwrap()).unwrap();
        assert_eq!(
            read.by_name("a").unwrap().size(),
            sentinel - 1 + bytes as u64
        );
        // unzip 6.00 loses its way in any archive with an entry of exactly 4 GiB less one byte.
        if sentinel - 1 + bytes as u64 != sentinel {
            list_all(std::slice::from_ref(&out)).assert_all(&[out]);
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

fn inline(segment: Segment) -> Vec<u8> {
    match segment {
        Segment::Inline(bytes) => bytes.to_vec(),
        Segment::Base(range) => panic!("{range:?} of the base"),
    }
}
