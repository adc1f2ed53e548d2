//! What became of a mail that was handed to a provider.

use serde::{Deserialize, Serialize};

use crate::domain::text::clean_line;
use crate::domain::time::Timestamp;

/// A provider's reason is kept up to this length, in characters.
const MAX_REASON_CHARS: usize = 200;

/// A longer word is no word but a key or a link, and no business of a log.
const MAX_WORD_CHARS: usize = 40;

/// So many letters and digits in a row, some of them digits, are a key or a part of one: a Resend key is `re_`, 8, `_`
/// and 24, a Postmark token is a UUID, whose last part has 12.
const MIN_KEY_CHARS: usize = 12;

/// Nobody is waited for longer than this, in seconds: a day.
const MAX_RETRY_AFTER_SECS: i64 = 24 * 3_600;

/// What became of a mail. A reason never holds an address, a key or a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The provider took it.
    Sent,
    /// The provider had taken a mail under the same key before. Its text was another one, but its links are
    /// the same: other links have another key.
    SentBefore,
    /// Not now: the provider is down, busy, or did not answer. It may have taken the mail nonetheless.
    Later {
        /// Why.
        why: String,
        /// When the provider wants to hear of us again, in seconds.
        retry_after_secs: Option<i64>,
    },
    /// Not until the operator mends something: the key, the domain, the quota, the address that it is sent from.
    Refused {
        /// Why.
        why: String,
        /// As above.
        retry_after_secs: Option<i64>,
    },
    /// Never: there is no such recipient, or they want no mail.
    Never {
        /// Why.
        why: String,
    },
}

/// A provider's answer, as far as anybody looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The header `RateLimit-Reset`: seconds until there is quota again.
    pub ratelimit_reset: Option<&'a str>,
    /// The body; empty if it could not be read.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// When the provider wants to hear of us again, in seconds from `now`. `Retry-After` is the stronger word
    /// (RFC 9110 §10.2.3): seconds, or a date.
    #[must_use]
    pub fn retry_after_secs(&self, now: Timestamp) -> Option<i64> {
        let said = self.retry_after.and_then(|raw| {
            seconds(raw).or_else(|| Some(Timestamp::from_http_date(raw.trim())?.secs_since(now)))
        });
        said.or_else(|| self.ratelimit_reset.and_then(seconds))
            .map(|secs| secs.clamp(0, MAX_RETRY_AFTER_SECS))
    }

    pub(super) fn later(&self, why: String, now: Timestamp) -> Outcome {
        Outcome::Later {
            why,
            retry_after_secs: self.retry_after_secs(now),
        }
    }

    pub(super) fn refused(&self, why: String, now: Timestamp) -> Outcome {
        Outcome::Refused {
            why,
            retry_after_secs: self.retry_after_secs(now),
        }
    }
}

impl Outcome {
    /// The outcome, after so many seconds: a pause is counted from the answer on, and there is no other attempt before it,
    /// however short the order's own pause is.
    #[must_use]
    pub fn after(mut self, secs: i64) -> Self {
        if let Self::Later {
            retry_after_secs, ..
        }
        | Self::Refused {
            retry_after_secs, ..
        } = &mut self
        {
            let pause = retry_after_secs.get_or_insert(0);
            *pause = pause.saturating_add(secs.max(0));
        }
        self
    }

    /// The network, or a time-out: whether the mail arrived at the provider is unknown.
    #[must_use]
    pub fn no_answer(why: &str) -> Self {
        Self::Later {
            why: cleaned(why),
            retry_after_secs: None,
        }
    }
}

/// Somebody else's words, fit for a log and for the operator: one line, without addresses, keys and links.
#[must_use]
pub fn cleaned(raw: &str) -> String {
    let line = clean_line(&raw.chars().take(4 * MAX_REASON_CHARS).collect::<String>());
    let words = line.split(' ').map(|word| {
        if word.contains('@') {
            "[address]"
        } else if word.chars().count() > MAX_WORD_CHARS || holds_a_key(word) {
            "[…]"
        } else {
            word
        }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    text.chars().take(MAX_REASON_CHARS).collect()
}

/// Resend's keys say what they are; others show it by their form. What Stripe calls its events and payments by is of
/// use to nobody else, and of much to the operator.
fn holds_a_key(word: &str) -> bool {
    let word = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if ["evt_", "pi_", "ch_", "du_", "req_"]
        .iter()
        .any(|name| word.starts_with(name))
    {
        return false;
    }
    let prefixed = ["re_", "whsec_"].iter().any(|prefix| {
        let rest = word.strip_prefix(prefix).unwrap_or_default();
        rest.chars().take_while(char::is_ascii_alphanumeric).count() >= 8
    });
    let mut runs = word.split(|c: char| !c.is_ascii_alphanumeric());
    prefixed
        || runs
            .any(|run| run.len() >= MIN_KEY_CHARS && run.bytes().any(|byte| byte.is_ascii_digit()))
}

fn seconds(raw: &str) -> Option<i64> {
    let raw = raw.trim();
    let digits = !raw.is_empty() && raw.len() <= 9 && raw.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| raw.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(784_111_777);

    fn said(retry_after: Option<&str>, ratelimit_reset: Option<&str>) -> Option<i64> {
        let answer = Answer {
            status: 429,
            retry_after,
            ratelimit_reset,
            body: b"",
        };
        answer.retry_after_secs(NOW)
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        for (raw, secs) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("999999999", Some(86_400)),
            ("99999999999999999999", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(said(Some(raw), None), secs, "{raw:?}");
        }
    }

    #[test]
    fn the_rate_limit_counts_when_nothing_else_was_said() {
        assert_eq!(said(None, Some("7")), Some(7));
        assert_eq!(said(Some("soon"), Some("7")), Some(7));
        assert_eq!(said(Some("60"), Some("7")), Some(60));
        assert_eq!(said(None, None), None);
    }

    #[test]
    fn a_pause_begins_with_the_answer() {
        let later = Outcome::Later {
            why: String::new(),
            retry_after_secs: Some(60),
        };
        let Outcome::Later {
            retry_after_secs, ..
        } = later.after(14)
        else {
            panic!();
        };
        assert_eq!(retry_after_secs, Some(74));
        assert_eq!(Outcome::Sent.after(14), Outcome::Sent);
    }

    #[test]
    fn keys_of_real_length_are_keys() {
        for key in [
            "re_Ab3dEf9h_7Kq2mN8pR5sT1uV4wX6yZ0aB",
            "re_AbcdEfgh_AbcdEfghAbcdEfghAbcdEfgh",
            "(re_Ab3dEf9h_7Kq2mN8pR5sT1uV4wX6yZ0aB).",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "'7c9e6679-7425-40de-944b-e07fc1f90ae7',",
            "whsec_abcdefghijkl",
        ] {
            let said = cleaned(&format!("API key {key} is invalid"));
            assert_eq!(said, "API key […] is invalid");
        }
        let plain = "Resend 429 rate_limit_exceeded: You can only make 2 requests per second (see E_DAILY_LIMIT_EXCEEDED, invalid_idempotent_request, before_delivery, evt_1NG8Du2eZvKYlo2CUI79vXWy).";
        assert_eq!(cleaned(plain), plain);
    }

    #[test]
    fn a_reason_tells_no_address_no_key_and_no_link() {
        let raw = "Found inactive addresses: ada@example.com, <b@c>.\r\nKey re_0123456789012345678901234567890123456789 \
                   at https://shop.example/download?token=0123456789";
        assert_eq!(
            cleaned(raw),
            "Found inactive addresses: [address] [address] Key […] at […]"
        );
        assert_eq!(
            cleaned(&"a ".repeat(5_000)).chars().count(),
            MAX_REASON_CHARS
        );
    }
}
