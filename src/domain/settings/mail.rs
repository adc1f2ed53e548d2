//! `MAIL_PROVIDER`, and what belongs to it.

use super::errors::Errors;
use super::{Environment, is_line, parse_public_url};
use crate::domain::keys::Secret;
use crate::domain::mail::{Mailbox, check_subject, postmark, resend};
use crate::domain::text;

/// Postmark's own name for the stream of single mails: <https://postmarkapp.com/developer/api/message-streams-api>.
const DEFAULT_STREAM: &str = "outbound";

/// So many times faster, at most, may a developer have the outbox's clock run: then 30 hours take a second.
const MAX_SPEEDUP: i64 = 100_000;

/// How mails are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// `MAIL_PROVIDER`.
    pub provider: MailProvider,
    /// `MAIL_FROM`.
    pub from: Mailbox,
    /// `MAIL_REPLY_TO`.
    pub reply_to: String,
    /// `MAIL_SUBJECT`, a template; without it the one that comes with the service.
    pub subject: Option<String>,
    /// `OPERATOR_EMAIL`; without it an alarm is a line in the log.
    pub operator: Option<String>,
    /// `MAIL_SPEEDUP`: by how much the outbox's pauses are shortened. 1 in production.
    pub speedup: i64,
}

/// Who sends the mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailProvider {
    /// Resend.
    Resend {
        /// `RESEND_API_KEY`.
        api_key: Secret,
        /// Its address; in development `RESEND_API_URL`.
        origin: String,
    },
    /// Postmark.
    Postmark {
        /// `POSTMARK_SERVER_TOKEN`.
        token: Secret,
        /// `POSTMARK_MESSAGE_STREAM`.
        stream: String,
        /// Its address; in development `POSTMARK_API_URL`.
        origin: String,
    },
    /// Cloudflare Email Service, by the binding `EMAIL`.
    Cloudflare,
    /// Nobody: they are kept for `/dev/outbox`.
    Outbox,
}

impl MailProvider {
    /// As `MAIL_PROVIDER` names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resend { .. } => "resend",
            Self::Postmark { .. } => "postmark",
            Self::Cloudflare => "cloudflare",
            Self::Outbox => "outbox",
        }
    }
}

impl Errors {
    pub(super) fn mail(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Option<MailSettings> {
        let provider = self.mail_provider(read, environment);
        let named = read("MAIL_PROVIDER");
        let sends = matches!(named.as_deref(), Some("resend" | "postmark" | "cloudflare"));
        let from = if sends {
            self.required(read, "MAIL_FROM", parse_from)
        } else {
            // What goes nowhere may come from anywhere.
            self.optional(read, "MAIL_FROM", parse_from)
                .or_else(|| Some(shop_itself(read)))
        };
        let support = read("SUPPORT_EMAIL").and_then(|raw| text::email(&raw));
        let reply_to = self
            .optional(read, "MAIL_REPLY_TO", parse_address)
            .or_else(|| support.clone());
        let subject = self.optional(read, "MAIL_SUBJECT", parse_subject);
        let operator = match read("OPERATOR_EMAIL").as_deref() {
            Some("off") => None,
            // Whoever helps buyers hears of it, rather than nobody.
            None => support,
            Some(_) => self.optional(read, "OPERATOR_EMAIL", |raw| {
                parse_address(raw).map_err(|what| format!("{what}, or `off`"))
            }),
        };
        let speedup = match environment {
            Environment::Development => self.optional(read, "MAIL_SPEEDUP", parse_speedup),
            Environment::Production => None,
        };
        Some(MailSettings {
            provider: provider?,
            from: from?,
            // Without a SUPPORT_EMAIL there are no settings at all, and that was said elsewhere.
            reply_to: reply_to.unwrap_or_default(),
            subject,
            operator,
            speedup: speedup.unwrap_or(1),
        })
    }

    fn mail_provider(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Option<MailProvider> {
        let mut origin = |name: &str, fixed: &str| match environment {
            Environment::Development => self
                .optional(read, name, |raw| parse_public_url(raw, environment))
                .unwrap_or_else(|| fixed.to_owned()),
            Environment::Production => fixed.to_owned(),
        };
        let Some(named) = read("MAIL_PROVIDER") else {
            self.say("MAIL_PROVIDER", "is missing");
            return None;
        };
        match named.as_str() {
            "resend" => {
                let origin = origin("RESEND_API_URL", resend::ORIGIN);
                let api_key = self.required(read, "RESEND_API_KEY", parse_resend_key)?;
                Some(MailProvider::Resend { api_key, origin })
            }
            "postmark" => {
                let origin = origin("POSTMARK_API_URL", postmark::ORIGIN);
                let token = self.required(read, "POSTMARK_SERVER_TOKEN", parse_postmark_token);
                let stream = self.optional(read, "POSTMARK_MESSAGE_STREAM", parse_stream);
                Some(MailProvider::Postmark {
                    token: token?,
                    stream: stream.unwrap_or_else(|| DEFAULT_STREAM.to_owned()),
                    origin,
                })
            }
            "cloudflare" => {
                if read("EMAIL").is_none() {
                    self.say(
                        "MAIL_PROVIDER",
                        "is `cloudflare`, which takes a `[[send_email]]` binding named EMAIL in wrangler.toml",
                    );
                }
                Some(MailProvider::Cloudflare)
            }
            "outbox" if environment == Environment::Development => Some(MailProvider::Outbox),
            "outbox" => {
                self.say(
                    "MAIL_PROVIDER",
                    "is `outbox`, which sends nothing and works in development alone; take `resend`, `postmark` or `cloudflare`",
                );
                None
            }
            _ => {
                self.say(
                    "MAIL_PROVIDER",
                    "takes `resend`, `postmark`, `cloudflare`, or in development `outbox`",
                );
                None
            }
        }
    }
}

fn shop_itself(read: &impl Fn(&str) -> Option<String>) -> Mailbox {
    let address = read("SUPPORT_EMAIL").and_then(|raw| text::email(&raw));
    Mailbox::new(
        &read("SHOP_NAME").unwrap_or_default(),
        &address.unwrap_or_default(),
    )
}

fn parse_from(raw: &str) -> Result<Mailbox, String> {
    Mailbox::parse(raw)
        .ok_or_else(|| "takes an address, such as `Shop <shop@example.com>`".to_owned())
}

fn parse_address(raw: &str) -> Result<String, String> {
    text::email(raw).ok_or_else(|| "takes an e-mail address".to_owned())
}

fn parse_subject(raw: &str) -> Result<String, String> {
    if !is_line(raw) {
        return Err("takes one line of up to 200 characters".to_owned());
    }
    check_subject(raw)
        .map(|()| raw.to_owned())
        .map_err(|error| format!("is no subject: {error}"))
}

fn parse_resend_key(raw: &str) -> Result<Secret, String> {
    if raw.starts_with("re_") && is_token(raw) {
        return Ok(Secret::new(raw));
    }
    Err("takes an API key of Resend, `re_…`".to_owned())
}

fn parse_postmark_token(raw: &str) -> Result<Secret, String> {
    if is_token(raw) {
        return Ok(Secret::new(raw));
    }
    Err("takes a server's API token of Postmark, without spaces".to_owned())
}

/// It becomes a header's value, so it is visible ASCII.
fn is_token(raw: &str) -> bool {
    (8..=256).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic())
}

fn parse_stream(raw: &str) -> Result<String, String> {
    let fits = raw.len() <= 64
        && raw
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits {
        return Ok(raw.to_owned());
    }
    Err("takes the id of a message stream, such as `outbound`".to_owned())
}

fn parse_speedup(raw: &str) -> Result<i64, String> {
    raw.parse()
        .ok()
        .filter(|speedup| (1..=MAX_SPEEDUP).contains(speedup))
        .ok_or_else(|| format!("takes a whole number from 1 to {MAX_SPEEDUP}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;
    use crate::domain::settings::{Settings, SettingsErrors};

    fn parse(changes: &[(&str, &str)]) -> Result<MailSettings, SettingsErrors> {
        let read = |name: &str| match changes.iter().find(|(changed, _)| *changed == name) {
            Some((_, value)) => Some((*value).to_owned()),
            None => fixtures::setting(name),
        };
        Settings::parse(read).map(|settings| settings.mail)
    }

    fn said(changes: &[(&str, &str)]) -> String {
        parse(changes).unwrap_err().to_string()
    }

    const PRODUCTION: (&str, &str) = ("ENVIRONMENT", "production");
    const SUPPORT: (&str, &str) = ("SUPPORT_EMAIL", "help@shop.example");
    const FROM: (&str, &str) = ("MAIL_FROM", "Shop <post@shop.example>");
    const RESEND: (&str, &str) = ("MAIL_PROVIDER", "resend");
    const POSTMARK: (&str, &str) = ("MAIL_PROVIDER", "postmark");
    const KEY: (&str, &str) = ("RESEND_API_KEY", "re_0123456789");

    #[test]
    fn the_outbox_needs_nothing() {
        let mail = parse(&[]).unwrap();
        assert_eq!(mail.provider, MailProvider::Outbox);
        assert_eq!(mail.from.quoted(), "\"Demo Shop\" <help@example.com>");
        assert_eq!(mail.reply_to, "help@example.com");
        assert_eq!(mail.operator.as_deref(), Some("help@example.com"));
        assert_eq!((mail.subject, mail.speedup), (None, 1));
    }

    #[test]
    fn production_with_resend() {
        let mail = parse(&[
            PRODUCTION,
            SUPPORT,
            RESEND,
            KEY,
            FROM,
            ("MAIL_REPLY_TO", "answers@shop.example"),
            ("OPERATOR_EMAIL", "me@shop.example"),
            ("RESEND_API_URL", "http://127.0.0.1:1"),
            ("MAIL_SPEEDUP", "3600"),
        ])
        .unwrap();
        let MailProvider::Resend { api_key, origin } = &mail.provider else {
            panic!("{mail:?}");
        };
        assert_eq!(api_key.expose(), "re_0123456789");
        assert_eq!(
            origin, "https://api.resend.com",
            "elsewhere in development alone"
        );
        assert_eq!(mail.speedup, 1, "faster in development alone");
        assert_eq!(mail.from.address, "post@shop.example");
        assert_eq!(mail.reply_to, "answers@shop.example");
        assert_eq!(mail.operator.as_deref(), Some("me@shop.example"));
    }

    #[test]
    fn postmark_has_a_stream() {
        let token = (
            "POSTMARK_SERVER_TOKEN",
            "0a1b2c3d-0000-0000-0000-000000000000",
        );
        for (stream, expected) in [("", "outbound"), ("links", "links")] {
            let stream = ("POSTMARK_MESSAGE_STREAM", stream);
            let url = ("POSTMARK_API_URL", "http://127.0.0.1:9/");
            let mail = parse(&[POSTMARK, token, FROM, stream, url]).unwrap();
            let MailProvider::Postmark { stream, origin, .. } = mail.provider else {
                panic!("{mail:?}");
            };
            assert_eq!(
                (stream.as_str(), origin.as_str()),
                (expected, "http://127.0.0.1:9")
            );
        }
    }

    #[test]
    fn cloudflare_needs_its_binding() {
        let cloudflare = ("MAIL_PROVIDER", "cloudflare");
        assert!(said(&[cloudflare, FROM]).contains("[[send_email]]"));
        let mail = parse(&[cloudflare, FROM, ("EMAIL", "bound")]).unwrap();
        assert_eq!(mail.provider, MailProvider::Cloudflare);
    }

    #[test]
    fn what_a_provider_needs_is_said_at_once_and_without_values() {
        let said = said(&[
            RESEND,
            ("MAIL_REPLY_TO", "nobody-1"),
            ("MAIL_SUBJECT", "Hi {{ email }}"),
            ("OPERATOR_EMAIL", "nobody-2"),
            ("RESEND_API_URL", "nowhere-3"),
            ("MAIL_SPEEDUP", "0"),
        ]);
        for name in [
            "MAIL_FROM is missing",
            "RESEND_API_KEY is missing",
            "MAIL_REPLY_TO takes",
            "MAIL_SUBJECT is no subject",
            "OPERATOR_EMAIL takes",
            "RESEND_API_URL takes",
            "MAIL_SPEEDUP takes",
        ] {
            assert!(said.contains(name), "{name}: {said}");
        }
        assert!(
            !said.contains("nobody") && !said.contains("nowhere"),
            "{said}"
        );
    }

    #[test]
    fn a_bad_value_is_named() {
        for (change, with) in [
            (("MAIL_FROM", "Nobody"), [RESEND, KEY]),
            (("MAIL_FROM", "Shop\r\nBcc: a@b <c@d>"), [RESEND, KEY]),
            (("RESEND_API_KEY", "sk_0123456789"), [RESEND, FROM]),
            (("RESEND_API_KEY", "re_0123\u{e9}56789"), [RESEND, FROM]),
            (
                ("POSTMARK_SERVER_TOKEN", "two words here"),
                [POSTMARK, FROM],
            ),
            (
                ("POSTMARK_MESSAGE_STREAM", "out bound"),
                [("POSTMARK_SERVER_TOKEN", "0123456789"), POSTMARK],
            ),
        ] {
            let said = said(&[change, with[0], with[1], FROM]);
            assert!(
                said.contains(&format!("{} takes", change.0)),
                "{change:?}: {said}"
            );
            assert!(!said.contains(change.1), "{said}");
        }
    }

    #[test]
    fn production_refuses_the_outbox_and_no_alarm_is_a_choice() {
        assert!(said(&[PRODUCTION, SUPPORT]).contains("MAIL_PROVIDER is `outbox`"));
        let off = parse(&[
            PRODUCTION,
            SUPPORT,
            RESEND,
            KEY,
            FROM,
            ("OPERATOR_EMAIL", "off"),
        ]);
        assert_eq!(off.unwrap().operator, None);
        let unset = parse(&[PRODUCTION, SUPPORT, RESEND, KEY, FROM]).unwrap();
        assert_eq!(unset.operator.as_deref(), Some("help@shop.example"));
    }
}
