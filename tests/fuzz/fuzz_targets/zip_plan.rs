//! Archives of any shape, spliced: every slice is the slice of the whole, and the output is sound.
#![no_main]

use arbitrary::Arbitrary;
use bookplate::domain::zip::{EntryReader, IndexReader, Insertion, NewFile, Plan, Segment, verify};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

mod shape;

#[derive(Arbitrary, Debug)]
struct Input {
    shape: shape::Shape,
    license: Vec<u8>,
    inserted: Vec<u8>,
    range: (u32, u32),
}

fuzz_target!(|input: Input| {
    let base = input.shape.archive();
    let names = ["LICENSE.txt"];
    let Ok(mut reader) = IndexReader::new(base.len() as u64, &names) else {
        return;
    };
    while let Some(range) = reader.wants() {
        let _ = reader.supply(&base[range.start as usize..range.end as usize]);
    }
    let Ok(index) = reader.finish() else { return };
    let sound =
        verify(&mut Cursor::new(&base), &names).is_ok_and(|verdict| verdict.problems.is_empty());
    let files = [NewFile {
        name: names[0].to_owned(),
        contents: input.license,
    }];
    let mut plans =
        vec![Plan::append(&index, "etag", &files).expect("it was read for these files")];
    let mut reader = EntryReader::new(&index, &["x/file"]);
    while let Some(range) = reader.wants() {
        let _ = reader.supply(&base[range.start as usize..range.end as usize]);
    }
    if let Ok(entries) = reader.finish() {
        let insertion = Insertion {
            name: "x/file".to_owned(),
            bytes: input.inserted,
        };
        plans.extend(Plan::with_insertions(
            &index,
            &entries,
            "etag",
            &files,
            &[insertion],
        ));
    }
    for plan in plans {
        let whole = rendered(&base, plan.segments());
        assert_eq!(whole.len() as u64, plan.len());
        let range = |at: u32| u64::from(at) % (plan.len() + 1);
        let (one, other) = (range(input.range.0), range(input.range.1));
        let range = one.min(other)..one.max(other);
        let slice = rendered(&base, &plan.slice(range.clone()));
        assert_eq!(slice, whole[range.start as usize..range.end as usize]);
        let verdict = verify(&mut Cursor::new(&whole), &names).expect("memory can be read");
        assert!(
            !sound || verdict.problems.is_empty(),
            "{:?}",
            verdict.problems
        );
    }
});

fn rendered(base: &[u8], segments: &[Segment]) -> Vec<u8> {
    let parts = segments.iter().map(|segment| match segment {
        Segment::Base(range) => &base[range.start as usize..range.end as usize],
        Segment::Inline(bytes) => &bytes[..],
    });
    parts.collect::<Vec<_>>().concat()
}
