//! What is stored of an index: other releases of the Worker read it back.

use crate::forge::{Entry, archive};
use crate::{NAMES, index};
use bookplate::domain::json;
use bookplate::domain::zip::ArchiveIndex;

fn assert_unchanged(base: &[u8], stored: &str) {
    let index = index(base, &NAMES).unwrap();
    assert_eq!(serde_json::to_string(&index).unwrap(), stored);
    assert_eq!(json::read::<ArchiveIndex>(stored).unwrap(), index);
}

#[test]
fn plain_index_format_unchanged() {
    let base = archive(&[Entry::new("p/x", b"x")], b"Hello.");
    assert_unchanged(&base, PLAIN);
}

#[test]
fn cut_index_format_unchanged() {
    let base = archive(
        &[Entry::new("license.txt", b"old"), Entry::new("x", b"x")],
        b"",
    );
    assert_unchanged(&base, CUT);
}

#[test]
fn memory_of_an_index_is_counted() {
    let plain = index(&archive(&[Entry::new("p/x", b"x")], b""), &NAMES).unwrap();
    let commented = index(
        &archive(&[Entry::new("p/x", b"x")], &vec![b'-'; 60_000]),
        &NAMES,
    )
    .unwrap();
    assert!(
        plain.size_in_memory_bytes() < 1000,
        "{}",
        plain.size_in_memory_bytes()
    );
    assert_eq!(
        commented.size_in_memory_bytes() - plain.size_in_memory_bytes(),
        60_000
    );
}

const PLAIN: &str = concat!(
    r#"{"size_bytes":111,"directory":{"start":34,"end":83},"entries":1,"comment":"SGVsbG8u","top""#,
    r#":{"name":"p","flagged_utf8":false},"names":["LICENSE.txt","README.txt"],"cuts":[],"rewritt"#,
    r#"en":null}"#,
);
const CUT: &str = concat!(
    r#"{"size_bytes":202,"directory":{"start":76,"end":180},"entries":2,"comment":"","top":null,""#,
    r#"names":["LICENSE.txt","README.txt"],"cuts":[{"by":"LICENSE.txt","name":"license.txt","reco"#,
    r#"rd_at":76,"extent":{"start":0,"data":{"start":41,"end":44},"end":44}}],"rewritten":{"from""#,
    r#":76,"bytes":"UEsBAhQDFAAAAAAAAAAhAIMW3IwBAAAAAQAAAAEAAAAAAAAAAAAAAAAAAAAAAHg","sha256":[68"#,
    r#",242,191,199,121,233,123,233,210,161,206,162,198,140,238,194,76,172,194,65,58,41,248,234,3"#,
    r#"8,156,242,96,208,52,59,160]}}"#,
);
