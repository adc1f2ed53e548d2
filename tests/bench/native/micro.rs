//! `cargo bench`: what the rules take natively. The Worker is built for size, so these are built as it is.
#![allow(missing_docs, reason = "criterion's macros make functions without any")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that panics has failed"
)]

mod archives;

use archives::archive;
use bookplate::domain::id::{OrderId, RandomId, hex};
use bookplate::domain::keys::{KeyRing, Secret, hmac_sha256};
use bookplate::domain::settings::ProductId;
use bookplate::domain::stripe;
use bookplate::domain::time::Timestamp;
use bookplate::domain::token::LinkClaims;
use bookplate::domain::zip::{ArchiveIndex, IndexReader, NewFile, Plan};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const NAMES: [&str; 2] = ["LICENSE.txt", "README.txt"];
const NOW: Timestamp = Timestamp::from_secs(1_795_442_709);

fn read(base: &[u8]) -> ArchiveIndex {
    let mut reader = IndexReader::new(base.len() as u64, &NAMES).unwrap();
    while let Some(range) = reader.wants() {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        reader.supply(&base[range]).unwrap();
    }
    reader.finish().unwrap()
}

fn zips(criterion: &mut Criterion) {
    let files = NAMES.map(|name| NewFile {
        name: name.to_owned(),
        contents: vec![b'x'; 1_000],
    });
    for count in [10, 1_000, 100_000] {
        let base = archive(count, 16);
        // The tail is read, and everything that must hold of a base is checked.
        criterion.bench_function(&format!("read and check, {count} entries"), |bencher| {
            bencher.iter(|| read(black_box(&base)));
        });
        let index = read(&base);
        criterion.bench_function(&format!("plan, {count} entries"), |bencher| {
            bencher.iter(|| Plan::append(black_box(&index), "etag", &files).unwrap());
        });
    }
}

fn signatures(criterion: &mut Criterion) {
    let keys = KeyRing::parse("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
    let claims = LinkClaims::new(
        OrderId::from_session("cs_test_a1b2c3d4e5f6").unwrap(),
        "ada@example.com".to_owned(),
        ProductId::parse("field-guide").unwrap(),
        RandomId::from_random(&[7; 16]),
        NOW,
        NOW.plus_secs(3_600),
    );
    let token = claims.sign(&keys).unwrap();
    criterion.bench_function("verify a token", |bencher| {
        bencher.iter(|| LinkClaims::verify(&keys, black_box(&token), NOW).unwrap());
    });

    let body = vec![b'x'; 4_000];
    let signed = [format!("{}.", NOW.as_secs()).as_bytes(), &body].concat();
    let tag = hex(&hmac_sha256(b"whsec_bench", &signed));
    let header = format!("t={},v1={tag}", NOW.as_secs());
    let secrets = [Secret::new("whsec_bench")];
    criterion.bench_function("verify a webhook of 4 kB", |bencher| {
        bencher.iter(|| stripe::verify(Some(&header), black_box(&body), &secrets, NOW).unwrap());
    });
}

criterion_group!(benches, zips, signatures);
criterion_main!(benches);
