//! Whatever stands in `Range` and `If-Range`: what is answered lies within the copy, and is none but what was asked.

#![no_main]

use bookplate::domain::range::{Wanted, wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, Option<&str>, Option<&str>, u64)| {
    let (range, if_range, begun, total) = input;
    match wanted(Some(range), if_range, begun, "tag", total) {
        Wanted::Whole => {}
        Wanted::Part { range: part, open_ended } => {
            assert!(part.start < part.end && part.end <= total);
            assert!(!open_ended || part.end == total);
            assert!(if_range.is_none_or(|tag| tag.contains("\"tag\"")));
            assert!(if_range.is_some() || begun.is_none_or(|begun| begun == "tag"));
            assert!(!range.contains(','));
        }
        Wanted::Unsatisfiable => assert!(range.bytes().any(|byte| byte.is_ascii_digit())),
    }
    // Said in our own words, the answer is the same.
    if let Wanted::Part { range: part, .. } = wanted(Some(range), if_range, begun, "tag", total) {
        let again = format!("bytes={}-{}", part.start, part.end - 1);
        let expected = Wanted::Part { range: part, open_ended: false };
        assert_eq!(wanted(Some(&again), None, None, "tag", total), expected);
    }
});
