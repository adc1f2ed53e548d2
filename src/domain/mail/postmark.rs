//! Postmark: <https://postmarkapp.com/developer/api/email-api>. It knows no idempotency key, so a mail whose
//! answer was lost is sent again.

use serde::{Deserialize, Serialize};

use super::Mail;
use super::outcome::{Answer, Outcome, cleaned};
use super::request::Request;
use crate::domain::json;
use crate::domain::keys::Secret;
use crate::domain::time::Timestamp;

/// Where it is.
pub const ORIGIN: &str = "https://api.postmarkapp.com";

/// A body's fields, in the order in which the reference names them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    from: String,
    to: &'a str,
    subject: &'a str,
    #[serde(rename = "HtmlBody")]
    html: &'a str,
    #[serde(rename = "TextBody")]
    text: &'a str,
    reply_to: &'a str,
    // A shop's link goes to its buyer and to nobody else: no picture that calls home, no link rewritten.
    track_opens: bool,
    track_links: &'a str,
    message_stream: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Said {
    error_code: u32,
    message: String,
}

/// The request that sends `mail`.
#[must_use]
pub fn request(origin: &str, token: &Secret, stream: &str, mail: &Mail) -> Request {
    let body = Body {
        from: mail.from.quoted(),
        to: &mail.to,
        subject: &mail.subject,
        html: &mail.html,
        text: &mail.text,
        reply_to: &mail.reply_to,
        track_opens: false,
        track_links: "None",
        message_stream: stream,
    };
    let headers = vec![("X-Postmark-Server-Token", token.expose().to_owned())];
    Request::json(format!("{origin}/email"), headers, &body)
}

/// What an answer means: <https://postmarkapp.com/developer/api/overview#error-codes>. What is not known there is
/// taken for the operator's to mend: then nothing is lost, and nothing goes unnoticed.
#[must_use]
pub fn outcome(answer: &Answer<'_>, now: Timestamp) -> Outcome {
    let said: Said = json::read_bytes(answer.body).unwrap_or_default();
    let (status, code) = (answer.status, said.error_code);
    let why = cleaned(&format!("Postmark {status} {code}: {}", said.message));
    match (status, code) {
        // An answer that broke off after its status was a yes all the same.
        (200..300, 0) => Outcome::Sent,
        // 100: maintenance.
        (408 | 429 | 500.., _) | (_, 100 | 429) => answer.later(why, now),
        // 406: a hard bounce, a complaint, or somebody who wants no mail.
        (_, 406) => Outcome::Never { why },
        // 300: a field is not as it should be; the message says which, most of the time.
        (_, 300) if names_the_recipient(&said.message) => Outcome::Never { why },
        _ => answer.refused(why, now),
    }
}

/// All other fields are the shop's, and most of them the same in every mail.
fn names_the_recipient(message: &str) -> bool {
    message.contains("'To'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mail::fixtures::{mail, outcomes_of};

    #[test]
    fn the_request_is_what_the_reference_says() {
        let request = request(ORIGIN, &Secret::new("token-1"), "outbound", &mail());
        assert_eq!(request.url, "https://api.postmarkapp.com/email");
        assert_eq!(request.header("X-Postmark-Server-Token"), Some("token-1"));
        assert_eq!(request.header("Accept"), Some("application/json"));
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            r#"{"From":"\"Demo Shop, Ltd\" <shop@example.com>","To":"ada@example.com","Subject":"Your \"copy\"","HtmlBody":"<p>Grüße</p>","TextBody":"Grüße\n","ReplyTo":"help@example.com","TrackOpens":false,"TrackLinks":"None","MessageStream":"outbound"}"#
        );
    }

    #[test]
    fn each_documented_answer() {
        outcomes_of(
            outcome,
            &[
                (
                    200,
                    r#"{"To":"ada@example.com","SubmittedAt":"2026-11-23T07:00:00Z","MessageID":"b7bc2f4a","ErrorCode":0,"Message":"OK"}"#,
                    "sent",
                ),
                (200, r#"{"To":"ada@exa"#, "sent"),
                (
                    401,
                    r#"{"ErrorCode":10,"Message":"Request does not contain a valid Server token."}"#,
                    "refused",
                ),
                (404, "", "refused"),
                (413, r#"{"ErrorCode":0,"Message":""}"#, "refused"),
                (
                    422,
                    r#"{"ErrorCode":10,"Message":"Bad or missing API token"}"#,
                    "refused",
                ),
                (422, r#"{"ErrorCode":100,"Message":"Maintenance"}"#, "later"),
                (
                    422,
                    r#"{"ErrorCode":300,"Message":"Error parsing 'To': Illegal email address 'ada@'."}"#,
                    "never",
                ),
                (
                    422,
                    r#"{"ErrorCode":300,"Message":"Invalid 'To' address: 'ada@'."}"#,
                    "never",
                ),
                (
                    422,
                    r#"{"ErrorCode":300,"Message":"Provide either email TextBody or HtmlBody or both."}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":300,"Message":"Error parsing 'ReplyTo': Illegal email address 'help'."}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":300,"Message":"Invalid 'From' address: 'shop'."}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":400,"Message":"Sender Signature not found"}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":401,"Message":"Sender signature not confirmed"}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":405,"Message":"Not allowed to send"}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":406,"Message":"You tried to send to recipient(s) that have been marked as inactive."}"#,
                    "never",
                ),
                (
                    422,
                    r#"{"ErrorCode":412,"Message":"Account is Pending"}"#,
                    "refused",
                ),
                (
                    422,
                    r#"{"ErrorCode":429,"Message":"Rate Limit Exceeded"}"#,
                    "later",
                ),
                (
                    422,
                    r#"{"ErrorCode":1235,"Message":"The 'MessageStream' does not exist on this server."}"#,
                    "refused",
                ),
                (429, "", "later"),
                (500, r#"{"ErrorCode":0,"Message":""}"#, "later"),
                (503, "", "later"),
                (302, "", "refused"),
            ],
        );
    }
}
