//! Archives of any shape and bytes of any kind, read in pieces of any size: no panic, no read out of bounds, no read
//! without end, and the same index whatever the pieces.
#![no_main]

use arbitrary::Arbitrary;
use bookplate::domain::zip::{IndexReader, verify};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

mod shape;

#[derive(Arbitrary, Debug)]
enum Input {
    Shaped(shape::Shape),
    Any(Vec<u8>),
}

fuzz_target!(|input: (u8, Input)| {
    let (chunk_bytes, archive) = match input {
        (chunk_bytes, Input::Shaped(shape)) => (chunk_bytes, shape.archive()),
        (chunk_bytes, Input::Any(bytes)) => (chunk_bytes, bytes),
    };
    let names = ["LICENSE.txt", "README.txt"];
    let size_bytes = archive.len() as u64;
    let read = |chunk_bytes| {
        let mut reader = IndexReader::with_reads(size_bytes, &names, 0, chunk_bytes)?;
        let mut reads = 0;
        while let Some(range) = reader.wants() {
            assert!(range.start < range.end && range.end <= size_bytes);
            reads += 1;
            assert!(reads <= 8 * (archive.len() + 1));
            reader.supply(&archive[range.start as usize..range.end as usize])?;
        }
        reader.finish()
    };
    let index = read(u64::from(chunk_bytes) + 1);
    assert_eq!(index, read(1 << 20));
    let verdict = verify(&mut Cursor::new(&archive), &names).expect("memory can be read");
    assert_eq!(verdict.index, index.clone().ok());
    assert!(index.is_ok() || !verdict.problems.is_empty());
});
