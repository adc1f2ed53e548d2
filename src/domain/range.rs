//! Byte ranges (RFC 9110 §14).

use std::ops::Range;

/// What a request asks for of a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no `Range`, one that can't be read, or several at once, which a server may answer whole
    /// (§14.2).
    Whole,
    /// These bytes of it.
    Part {
        /// Never empty, never past the end.
        range: Range<u64>,
        /// Asked for without an end: all from there on.
        open_ended: bool,
    },
    /// Nothing of it is there (§15.5.17).
    Unsatisfiable,
}

/// Reads `Range` and `If-Range` of a GET. `etag` is the strong tag, unquoted.
///
/// `If-Range` holds only with that very tag (§13.1.5): a weak one, or a date, never does, and then the
/// whole is sent, so that a copy of one release is never continued with another's bytes. Many clients
/// go on without it: so `begun_etag`, the tag of what was first sent, stands in for it.
#[must_use]
pub fn wanted(
    range: Option<&str>,
    if_range: Option<&str>,
    begun_etag: Option<&str>,
    etag: &str,
    total: u64,
) -> Wanted {
    let same = match if_range {
        Some(tag) => {
            tag.trim()
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                == Some(etag)
        }
        None => begun_etag.is_none_or(|begun| begun == etag),
    };
    match range.filter(|_| same).and_then(parse) {
        None => Wanted::Whole,
        Some(Spec::From(first)) if first < total => Wanted::Part {
            range: first..total,
            open_ended: true,
        },
        Some(Spec::Between(first, last)) if first < total => Wanted::Part {
            range: first..last.saturating_add(1).min(total),
            open_ended: false,
        },
        Some(Spec::Last(length)) if length > 0 && total > 0 => Wanted::Part {
            range: total.saturating_sub(length)..total,
            open_ended: false,
        },
        Some(_) => Wanted::Unsatisfiable,
    }
}

enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

fn parse(header: &str) -> Option<Spec> {
    let (unit, set) = header.trim().split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    match set.trim().split_once('-')? {
        ("", length) => Some(Spec::Last(number(length)?)),
        (first, "") => Some(Spec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Digits alone. More than fit are as good as the largest number: past every end.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(range: Range<u64>, open_ended: bool) -> Wanted {
        Wanted::Part { range, open_ended }
    }

    #[test]
    fn ranges_of_a_thousand_bytes() {
        for (header, expected) in [
            ("bytes=0-", part(0..1_000, true)),
            ("bytes=999-", part(999..1_000, true)),
            ("bytes=0-0", part(0..1, false)),
            ("bytes=0-999", part(0..1_000, false)),
            ("bytes=500-5000", part(500..1_000, false)),
            ("bytes=0-99999999999999999999999", part(0..1_000, false)),
            ("bytes=-1", part(999..1_000, false)),
            ("bytes=-1000", part(0..1_000, false)),
            ("bytes=-99999", part(0..1_000, false)),
            (" Bytes = 1-2 ", part(1..3, false)),
            ("bytes=1000-", Wanted::Unsatisfiable),
            ("bytes=1000-1001", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=5-1", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(
                wanted(Some(header), None, None, "tag", 1_000),
                expected,
                "{header}"
            );
        }
        assert_eq!(wanted(None, None, None, "tag", 1_000), Wanted::Whole);
    }

    #[test]
    fn if_range_takes_the_very_tag() {
        for (tag, holds) in [
            ("\"tag\"", true),
            (" \"tag\" ", true),
            ("\"other\"", false),
            ("W/\"tag\"", false),
            ("tag", false),
            ("Sat, 29 Oct 1994 19:43:31 GMT", false),
            ("", false),
        ] {
            let expected = if holds {
                part(1..2, false)
            } else {
                Wanted::Whole
            };
            assert_eq!(
                wanted(Some("bytes=1-1"), Some(tag), None, "tag", 1_000),
                expected,
                "{tag}"
            );
        }
        assert_eq!(
            wanted(None, Some("\"tag\""), None, "tag", 1_000),
            Wanted::Whole
        );
    }

    #[test]
    fn without_if_range_what_was_begun_counts() {
        let range = Some("bytes=1-1");
        assert_eq!(
            wanted(range, None, Some("tag"), "tag", 1_000),
            part(1..2, false)
        );
        assert_eq!(
            wanted(range, None, Some("old"), "tag", 1_000),
            Wanted::Whole
        );
        // A client that says what it has is believed.
        assert_eq!(
            wanted(range, Some("\"tag\""), Some("old"), "tag", 1_000),
            part(1..2, false)
        );
    }
}
