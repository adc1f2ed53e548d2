//! Cloudflare Email Service, by a `send_email` binding: no request and no key, but a call.
//! <https://developers.cloudflare.com/email-service/api/send-emails/workers-api/>. It knows no idempotency key,
//! so a mail whose answer was lost is sent again.

use serde::Serialize;

use super::outcome::{Outcome, cleaned};
use super::{Mail, Mailbox};

/// What `send()` of the binding takes (`EmailMessageBuilder`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message<'a> {
    from: Sender<'a>,
    to: &'a str,
    reply_to: &'a str,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
}

/// The name is a field of its own there, so nothing has to be quoted; and it may not be missing.
#[derive(Serialize)]
struct Sender<'a> {
    name: &'a str,
    email: &'a str,
}

impl<'a> Message<'a> {
    /// The message that sends `mail`.
    #[must_use]
    pub fn of(mail: &'a Mail) -> Self {
        let Mailbox { name, address } = &mail.from;
        let name = if name.is_empty() { address } else { name };
        Self {
            from: Sender {
                name,
                email: address,
            },
            to: &mail.to,
            reply_to: &mail.reply_to,
            subject: &mail.subject,
            text: &mail.text,
            html: &mail.html,
        }
    }
}

/// What an error means, by its `code`. An error without a code is the runtime's: the service was not reached.
#[must_use]
pub fn outcome(code: &str, message: &str) -> Outcome {
    let why = cleaned(&format!("Cloudflare {code}: {message}"));
    let retry_after_secs = None;
    match code {
        "E_RECIPIENT_SUPPRESSED" => Outcome::Never { why },
        "E_VALIDATION_ERROR" if names_the_recipient(message) => Outcome::Never { why },
        // A server that refused may do so for now or for ever; three days tell.
        "E_RATE_LIMIT_EXCEEDED" | "E_INTERNAL_SERVER_ERROR" | "E_DELIVERY_FAILED" => {
            Outcome::Later {
                why,
                retry_after_secs,
            }
        }
        code if !code.starts_with("E_") => Outcome::Later {
            why,
            retry_after_secs,
        },
        // The sender, the domain, the day's quota, the binding's restrictions, or a message as we should not make it.
        _ => Outcome::Refused {
            why,
            retry_after_secs,
        },
    }
}

/// All other fields are the shop's, and most of them the same in every mail. 'to' by itself is just a word.
fn names_the_recipient(message: &str) -> bool {
    let message = message.to_lowercase();
    ["recipient", "`to`", "'to'", "\"to\"", "to address"]
        .iter()
        .any(|field| message.contains(field) && !message.contains("reply"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mail::fixtures::{mail, word};

    #[test]
    fn the_message_has_the_documented_fields() {
        let mut mail = mail();
        let message = serde_json::to_value(Message::of(&mail)).unwrap();
        assert_eq!(
            message,
            serde_json::json!({
                "from": { "name": "Demo Shop, Ltd", "email": "shop@example.com" }, "to": "ada@example.com",
                "replyTo": "help@example.com", "subject": "Your \"copy\"", "text": "Grüße\n", "html": "<p>Grüße</p>",
            })
        );
        mail.from.name.clear();
        let message = serde_json::to_value(Message::of(&mail)).unwrap();
        assert_eq!(message["from"]["name"], "shop@example.com");
    }

    #[test]
    fn each_documented_code() {
        for (code, expected) in [
            ("E_VALIDATION_ERROR", "refused"),
            ("E_FIELD_MISSING", "refused"),
            ("E_TOO_MANY_RECIPIENTS", "refused"),
            ("E_SENDER_NOT_VERIFIED", "refused"),
            ("E_RECIPIENT_NOT_ALLOWED", "refused"),
            ("E_RECIPIENT_SUPPRESSED", "never"),
            ("E_SENDER_DOMAIN_NOT_AVAILABLE", "refused"),
            ("E_CONTENT_TOO_LARGE", "refused"),
            ("E_DELIVERY_FAILED", "later"),
            ("E_RATE_LIMIT_EXCEEDED", "later"),
            ("E_DAILY_LIMIT_EXCEEDED", "refused"),
            ("E_INTERNAL_SERVER_ERROR", "later"),
            ("E_HEADER_NOT_ALLOWED", "refused"),
            ("E_NEW_SINCE", "refused"),
            ("", "later"),
        ] {
            assert_eq!(
                word(&outcome(code, "to ada@example.com")),
                expected,
                "{code}"
            );
        }
        for (message, expected) in [
            ("invalid from", "refused"),
            ("replyTo address is invalid", "refused"),
            ("failed to parse 'to'", "never"),
            ("Invalid recipient address", "never"),
        ] {
            let outcome = outcome("E_VALIDATION_ERROR", message);
            assert_eq!(word(&outcome), expected, "{message}");
        }
    }
}
