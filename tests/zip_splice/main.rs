//! The splice against other people's tools: archives that they made, and what they read of ours.
//!
//! Fixtures are made by real tools while the tests run. On a machine without such a tool its fixtures are missing,
//! which is said on stderr, and is a failure where `CI` is `true`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod disagreements;
mod edges;
mod fixtures;
mod forge;
mod insertions;
mod large;
mod limits;
mod malformed;
mod oracle;
mod ordinary;
mod preflight;
mod properties;
mod readers;
mod stored_format;
mod tools;

use bookplate::domain::zip::{ArchiveIndex, IndexReader, NewFile, Plan, Rejection, Segment};
use std::ops::Range;

/// What is added in most tests.
const NAMES: [&str; 2] = ["LICENSE.txt", "README.txt"];

const BASE_ETAG: &str = "9a0364b9e99bb480dd25e1f0284c8555";

fn new_files() -> Vec<NewFile> {
    let file = |name: &str, text: &str| NewFile {
        name: name.into(),
        contents: text.into(),
    };
    vec![
        file(NAMES[0], "Licensed to Ada Lovelace.\n"),
        file(NAMES[1], "Thank you, Ada.\n"),
    ]
}

/// The index of an archive in memory.
fn index(base: &[u8], names: &[&str]) -> Result<ArchiveIndex, Rejection> {
    driven(IndexReader::new(base.len() as u64, names)?, base)
}

/// Supplies what a reader wants, and checks what it may want.
fn driven(mut reader: IndexReader, base: &[u8]) -> Result<ArchiveIndex, Rejection> {
    let mut reads = 0;
    while let Some(range) = reader.wants() {
        assert!(
            range.start < range.end && range.end <= base.len() as u64,
            "wants {range:?}"
        );
        reads += 1;
        assert!(reads <= 8 * base.len(), "reads without end");
        reader.supply(part(base, &range))?;
    }
    reader.finish()
}

fn append(base: &[u8]) -> (Plan, Vec<u8>) {
    let plan = Plan::append(&index(base, &NAMES).unwrap(), BASE_ETAG, &new_files()).unwrap();
    let out = rendered(base, plan.segments());
    assert_eq!(out.len() as u64, plan.len());
    (plan, out)
}

fn rendered(base: &[u8], segments: &[Segment]) -> Vec<u8> {
    let mut out = Vec::new();
    for segment in segments {
        assert!(segment.len() > 0, "an empty segment");
        match segment {
            Segment::Base(range) => out.extend(part(base, range)),
            Segment::Inline(bytes) => out.extend(&bytes[..]),
        }
    }
    out
}

fn part<'a>(base: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    &base[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}
