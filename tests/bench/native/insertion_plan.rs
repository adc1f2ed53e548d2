//! Prints where each byte of a copy with insertions comes from, as JSON: `[start, end]` is a range of the base,
//! a string is base64. The Worker puts nothing into entries yet, so the plan is made here, and pumped by a Worker
//! of the benchmarks.
//!
//! `insertion_plan <archive> <insertions>`; the archive's entries are named as those of `archives.mjs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that panics has failed"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bookplate::domain::zip::{EntryReader, IndexReader, Insertion, NewFile, Plan, Segment};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

const NAMES: [&str; 2] = ["LICENSE.txt", "README.txt"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let archive = File::open(arguments.next().unwrap()).unwrap();
    let count: usize = arguments.next().unwrap().parse().unwrap();
    let part = |range: Range<u64>| {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
        archive.read_exact_at(&mut bytes, range.start).unwrap();
        bytes
    };

    let mut reader = IndexReader::new(archive.metadata().unwrap().len(), &NAMES).unwrap();
    while let Some(range) = reader.wants() {
        reader.supply(&part(range)).unwrap();
    }
    let index = reader.finish().unwrap();
    let names: Vec<String> = (0..count).map(|at| format!("plates/{at:06}.bin")).collect();
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut entries = EntryReader::new(&index, &wanted);
    while let Some(range) = entries.wants() {
        entries.supply(&part(range)).unwrap();
    }
    let entries = entries.finish().unwrap();

    let files = NAMES.map(|name| NewFile {
        name: name.to_owned(),
        contents: vec![b'x'; 1_000],
    });
    let insertions: Vec<Insertion> = names
        .into_iter()
        .map(|name| Insertion {
            name,
            bytes: b"Licensed to Ada Lovelace.\n".to_vec(),
        })
        .collect();
    let plan = Plan::with_insertions(&index, &entries, "etag", &files, &insertions).unwrap();
    let segments: Vec<serde_json::Value> = plan
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Base(range) => serde_json::json!([range.start, range.end]),
            Segment::Inline(bytes) => serde_json::json!(STANDARD.encode(&bytes[..])),
        })
        .collect();
    println!(
        "{}",
        serde_json::json!({ "bytes": plan.len(), "segments": segments })
    );
}
