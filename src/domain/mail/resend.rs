//! Resend: <https://resend.com/docs/api-reference/emails/send-email>.

use serde::{Deserialize, Serialize};

use super::outcome::{Answer, Outcome, cleaned};
use super::request::Request;
use super::{Mail, short_key};
use crate::domain::json;
use crate::domain::keys::Secret;
use crate::domain::time::Timestamp;

/// Where it is.
pub const ORIGIN: &str = "https://api.resend.com";

/// The longest idempotency key, in characters: <https://resend.com/docs/dashboard/emails/idempotency-keys>.
const MAX_KEY_CHARS: usize = 256;

/// In the order in which the official library writes them; the order is a part of the bytes.
#[derive(Serialize)]
struct Body<'a> {
    from: String,
    html: &'a str,
    reply_to: &'a str,
    subject: &'a str,
    text: &'a str,
    to: [&'a str; 1],
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Error {
    name: String,
    message: String,
}

/// The request that sends `mail`. The same key is sent once within 24 hours.
#[must_use]
pub fn request(origin: &str, api_key: &Secret, mail: &Mail, idempotency_key: &str) -> Request {
    let body = Body {
        // Quoted names are refused as invalid, and encoded ones as a risk:
        // <https://github.com/anymail/django-anymail/blob/main/anymail/backends/resend.py>.
        from: mail.from.bare(),
        html: &mail.html,
        reply_to: &mail.reply_to,
        subject: &mail.subject,
        text: &mail.text,
        to: [&mail.to],
    };
    let headers = vec![
        ("Authorization", format!("Bearer {}", api_key.expose())),
        ("Idempotency-Key", short_key(idempotency_key, MAX_KEY_CHARS)),
    ];
    Request::json(format!("{origin}/emails"), headers, &body)
}

/// What an answer means: <https://resend.com/docs/api-reference/errors>. What is not known there is taken for
/// the operator's to mend: then nothing is lost, and nothing goes unnoticed.
#[must_use]
pub fn outcome(answer: &Answer<'_>, now: Timestamp) -> Outcome {
    if (200..300).contains(&answer.status) {
        return Outcome::Sent;
    }
    let error: Error = json::read_bytes(answer.body).unwrap_or_default();
    let why = cleaned(&format!(
        "Resend {} {}: {}",
        answer.status, error.name, error.message
    ));
    match (answer.status, error.name.as_str()) {
        (409, "invalid_idempotent_request") => Outcome::SentBefore,
        // A quota ends for a day or a month; the operator may want to buy some.
        (429, "daily_quota_exceeded" | "monthly_quota_exceeded") => answer.refused(why, now),
        (408 | 409 | 425 | 429 | 500.., _) => answer.later(why, now),
        (400 | 422, "invalid_to_address") => Outcome::Never { why },
        (400 | 422, "validation_error" | "invalid_parameter")
            if names_the_recipient(&error.message) =>
        {
            Outcome::Never { why }
        }
        _ => answer.refused(why, now),
    }
}

/// All other fields are the shop's, and most of them the same in every mail.
fn names_the_recipient(message: &str) -> bool {
    ["`to`", "'to'"].iter().any(|field| message.contains(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mail::fixtures::{mail, outcomes_of};

    #[test]
    fn the_request_is_what_the_reference_says() {
        let request = request(ORIGIN, &Secret::new("re_123"), &mail(), "links/cs_test_1/0");
        assert_eq!(request.url, "https://api.resend.com/emails");
        assert_eq!(request.header("Authorization"), Some("Bearer re_123"));
        assert_eq!(request.header("Idempotency-Key"), Some("links/cs_test_1/0"));
        assert!(
            request
                .header("User-Agent")
                .unwrap()
                .starts_with("bookplate/")
        );
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            r#"{"from":"Demo Shop Ltd <shop@example.com>","html":"<p>Grüße</p>","reply_to":"help@example.com","subject":"Your \"copy\"","text":"Grüße\n","to":["ada@example.com"]}"#
        );
    }

    #[test]
    fn a_long_key_is_shortened_and_stays_its_own() {
        let key = |seed: &str| {
            let request = request(ORIGIN, &Secret::new("re_123"), &mail(), &seed.repeat(300));
            request.header("Idempotency-Key").unwrap().to_owned()
        };
        assert!(key("a").len() <= 256);
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
    }

    #[test]
    fn the_key_is_not_shown() {
        let request = request(ORIGIN, &Secret::new("re_secret"), &mail(), "k");
        assert!(!format!("{request:?}").contains("re_secret"));
    }

    #[test]
    fn each_documented_answer() {
        outcomes_of(
            outcome,
            &[
                (
                    200,
                    r#"{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}"#,
                    "sent",
                ),
                (200, "", "sent"),
                (
                    400,
                    r#"{"name":"invalid_idempotency_key","message":"The key must be between 1-256 chars."}"#,
                    "refused",
                ),
                (
                    400,
                    r#"{"name":"validation_error","message":"We found an error with one or more fields in the request."}"#,
                    "refused",
                ),
                (
                    401,
                    r#"{"name":"missing_api_key","message":"Missing API key"}"#,
                    "refused",
                ),
                (
                    401,
                    r#"{"name":"restricted_api_key","message":"This API key is restricted"}"#,
                    "refused",
                ),
                (
                    403,
                    r#"{"name":"invalid_api_key","message":"API key is invalid"}"#,
                    "refused",
                ),
                (
                    403,
                    r#"{"name":"validation_error","message":"The example.com domain is not verified."}"#,
                    "refused",
                ),
                (404, r#"{"name":"not_found","message":""}"#, "refused"),
                (405, r#"{"name":"method_not_allowed"}"#, "refused"),
                (
                    409,
                    r#"{"name":"invalid_idempotent_request","message":""}"#,
                    "sent before",
                ),
                (
                    409,
                    r#"{"name":"concurrent_idempotent_requests","message":""}"#,
                    "later",
                ),
                (
                    422,
                    r#"{"name":"validation_error","message":"Invalid `to` field. The email address needs to follow the `email@example.com` format."}"#,
                    "never",
                ),
                (
                    422,
                    r#"{"name":"validation_error","message":"Invalid 'to' field."}"#,
                    "never",
                ),
                (422, r#"{"name":"invalid_to_address"}"#, "never"),
                (
                    422,
                    r#"{"name":"validation_error","message":"Invalid `reply_to` field."}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"name":"validation_error","message":"Invalid `from` field."}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"name":"missing_required_field","message":"Missing `subject` field."}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"name":"invalid_from_address","message":""}"#,
                    "refused",
                ),
                (
                    429,
                    r#"{"name":"rate_limit_exceeded","message":"Too many requests"}"#,
                    "later",
                ),
                (
                    429,
                    r#"{"name":"daily_quota_exceeded","message":""}"#,
                    "refused",
                ),
                (
                    429,
                    r#"{"name":"monthly_quota_exceeded","message":""}"#,
                    "refused",
                ),
                (451, r#"{"name":"security_error","message":""}"#, "refused"),
                (500, r#"{"name":"application_error","message":""}"#, "later"),
                (502, "<html>Bad Gateway</html>", "later"),
                (302, "", "refused"),
                (418, "not json", "refused"),
            ],
        );
    }
}
