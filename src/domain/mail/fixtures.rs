//! A mail that the tests of several modules share.

use super::outcome::{Answer, Outcome};
use super::{Mail, Mailbox};
use crate::domain::time::Timestamp;

pub(crate) fn mail() -> Mail {
    Mail {
        from: Mailbox::new("Demo Shop, Ltd", "shop@example.com"),
        reply_to: "help@example.com".to_owned(),
        to: "ada@example.com".to_owned(),
        subject: "Your \"copy\"".to_owned(),
        text: "Grüße\n".to_owned(),
        html: "<p>Grüße</p>".to_owned(),
        links: Vec::new(),
    }
}

pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent => "sent",
        Outcome::SentBefore => "sent before",
        Outcome::Later { .. } => "later",
        Outcome::Refused { .. } => "refused",
        Outcome::Never { .. } => "never",
    }
}

/// Checks what answers mean, and that a pause is taken over wherever there is one.
pub(crate) fn outcomes_of(
    outcome: fn(&Answer<'_>, Timestamp) -> Outcome,
    answers: &[(u16, &str, &str)],
) {
    for (status, body, expected) in answers {
        let answer = Answer {
            status: *status,
            retry_after: Some("90"),
            ratelimit_reset: None,
            body: body.as_bytes(),
        };
        let outcome = outcome(&answer, Timestamp::from_secs(0));
        assert_eq!(word(&outcome), *expected, "{status} {body}");
        if let Outcome::Later {
            why,
            retry_after_secs,
        }
        | Outcome::Refused {
            why,
            retry_after_secs,
        } = &outcome
        {
            assert_eq!(*retry_after_secs, Some(90), "{status} {body}");
            assert!(why.contains(&status.to_string()), "{why}");
        }
        if let Outcome::Never { why } = &outcome {
            assert!(!why.contains('@'), "{why}");
        }
    }
}
