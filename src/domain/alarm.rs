//! The operator's alarm: what only a person can mend, told once per cause and day.
//!
//! [`Alarms`] is what the object `operator` stores. Causes that arise within a few minutes are told in one mail;
//! what arises while that is on its way, in the next.

use serde::{Deserialize, Serialize};

use crate::domain::mail::{Mail, Outcome, Schedule, cleaned};
use crate::domain::settings::{MailSettings, Shop};
use crate::domain::template::{TemplateError, render};
use crate::domain::text;
use crate::domain::time::Timestamp;

/// A day, in seconds.
const DAY_SECS: i64 = 86_400;

/// A mail names so many causes; of all others it says how many they are.
const MAX_TOLD: usize = 50;

/// So many causes are told apart in a day: beyond it a further one is counted, and known only by its line in the log.
const MAX_KNOWN: usize = 1_000;

/// What happened. The text of each is a stable code, in the log and in the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A mail will never go out.
    MailFailed,
    /// A mail has not gone out for hours.
    MailStuck,
    /// The provider refuses our key, our domain or our quota.
    MailRefused,
    /// Somebody paid for what is not configured.
    UnknownProduct,
    /// An order can't do its work.
    OrderFailing,
    /// Stripe's events do not arrive.
    WebhooksMissing,
    /// Stripe sent an event of a purchase that can't be fulfilled.
    EventUnfit,
    /// Stripe refuses our key, or does not know by it what it sent.
    StripeRefused,
    /// Stripe sends events of real money, and our key is for tests.
    ModeMismatch,
    /// Nothing can be made up for while a setting is missing.
    WatchdogIdle,
    /// What was lost is not made up for: for hours something has been in the way.
    WatchdogStuck,
}

impl Code {
    /// The stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MailFailed => "mail-failed",
            Self::MailStuck => "mail-stuck",
            Self::MailRefused => "mail-refused",
            Self::UnknownProduct => "unknown-product",
            Self::OrderFailing => "order-failing",
            Self::WebhooksMissing => "webhooks-missing",
            Self::EventUnfit => "event-unfit",
            Self::StripeRefused => "stripe-refused",
            Self::ModeMismatch => "mode-mismatch",
            Self::WatchdogIdle => "watchdog-idle",
            Self::WatchdogStuck => "watchdog-stuck",
        }
    }

    /// What it means, and what the operator does.
    fn in_words(self) -> &'static str {
        match self {
            Self::MailFailed => {
                "A buyer's mail will not go out. Ask the buyer for another address, or hand over a link that you get from POST /links."
            }
            Self::MailStuck => {
                "A buyer's mail has not gone out for hours. It is tried again for three days; see the provider's status."
            }
            Self::MailRefused => {
                "The mail provider refuses us. See its key, the domain of MAIL_FROM, and the quota. All mails are kept and go out once that is mended."
            }
            Self::UnknownProduct => {
                "Somebody paid for a product that PRODUCTS does not name. Add it and deploy: the order is then fulfilled."
            }
            Self::OrderFailing => {
                "An order can't do its work; it goes on trying. The detail, and the log, say what is in its way."
            }
            Self::WebhooksMissing => {
                "Stripe's events did not arrive and were fetched instead. See the webhook endpoint in Stripe's dashboard, and STRIPE_WEBHOOK_SECRET."
            }
            Self::EventUnfit => {
                "Stripe reported a purchase that can't be fulfilled: it has no e-mail address, or a form that is not known. Look it up in Stripe's dashboard, and hand over a link that you get from POST /links."
            }
            Self::StripeRefused => {
                "Stripe refuses our key, or does not know by it what it sent. See STRIPE_API_KEY: its permissions, and whose account it is of."
            }
            Self::ModeMismatch => {
                "Stripe sends events of real purchases, but STRIPE_API_KEY is a test key, so none of them is fulfilled. Set the live key: Stripe sends them again for three days."
            }
            Self::WatchdogStuck => {
                "For hours the watchdog has not got on, so what webhooks lost is not made up for. The detail, and the log, say what is in its way."
            }
            Self::WatchdogIdle => {
                "Webhooks that get lost are not made up for, since nobody knows where links would lead. Set PUBLIC_URL and deploy."
            }
        }
    }
}

/// One cause: a code, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What happened.
    pub code: Code,
    /// To what: an order's name, a product's id, a provider. No buyer's data.
    pub subject: String,
    /// How, as far as it is known.
    pub detail: String,
}

impl Cause {
    /// A cause; its texts are cleaned of addresses, keys and links.
    #[must_use]
    pub fn new(code: Code, subject: &str, detail: &str) -> Self {
        Self {
            code,
            // A session's id is longer than what `cleaned` takes for a word.
            subject: text::clean_line(subject).replace('@', ""),
            detail: cleaned(detail),
        }
    }
}

/// What the object `operator` stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms {
    /// The day that `known` is about, in days since 1970-01-01 UTC.
    day: i64,
    /// What was raised on that day.
    known: Vec<(Code, String)>,
    /// What is to be told.
    waiting: Vec<Waiting>,
    /// How many more there are to be told of.
    unnamed: u32,
    /// When to tell.
    due_at: Option<Timestamp>,
    /// The mail that is on its way.
    mail: Option<Sending>,
    /// How many mails there were: each has a key of its own.
    mails: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    cause: Cause,
    since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sending {
    mail: Mail,
    first_at: Timestamp,
    attempts: u32,
}

/// An attempt at the operator's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmJob {
    /// The mail.
    pub mail: Mail,
    /// The same on every attempt.
    pub idempotency_key: String,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was sent.
    Yes,
    /// It is tried again.
    NotYet,
    /// It will not be tried again; the log has it all.
    Never,
}

impl Alarms {
    /// Takes a cause in. `false` if it was raised on this day before.
    pub fn raise(&mut self, cause: Cause, schedule: Schedule, now: Timestamp) -> bool {
        let day = now.as_secs().div_euclid(DAY_SECS);
        if day != self.day {
            self.day = day;
            self.known.clear();
        }
        let key = (cause.code, cause.subject.clone());
        if self.known.contains(&key) {
            return false;
        }
        if self.known.len() < MAX_KNOWN {
            self.known.push(key);
        }
        if self.waiting.len() < MAX_TOLD {
            self.waiting.push(Waiting { cause, since: now });
        } else {
            self.unnamed = self.unnamed.saturating_add(1);
        }
        self.due_at
            .get_or_insert(now.plus_secs(schedule.gathering_secs()));
        true
    }

    /// When there is something to do.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }

    /// Begins an attempt, if one is due. The next one is set before this one is made. Without an operator's
    /// address what waits is forgotten: it is in the log.
    ///
    /// # Errors
    /// The mail can't be rendered.
    pub fn start(
        &mut self,
        shop: &Shop,
        settings: &MailSettings,
        now: Timestamp,
    ) -> Result<Option<AlarmJob>, TemplateError> {
        if self.due_at.is_none_or(|due_at| now < due_at) {
            return Ok(None);
        }
        let schedule = Schedule::new(settings.speedup);
        let Some(operator) = &settings.operator else {
            self.waiting.clear();
            self.unnamed = 0;
            self.done(schedule, now);
            return Ok(None);
        };
        let mut sending = match self.mail.take() {
            Some(sending) => sending,
            None => {
                let mail = self.compose(shop, settings, operator)?;
                self.waiting.clear();
                self.unnamed = 0;
                self.mails = self.mails.saturating_add(1);
                Sending {
                    mail,
                    first_at: now,
                    attempts: 0,
                }
            }
        };
        sending.attempts = sending.attempts.saturating_add(1);
        self.due_at = Some(now.plus_secs(schedule.pause_secs(sending.attempts)));
        let job = AlarmJob {
            mail: sending.mail.clone(),
            idempotency_key: format!("operator/{}/{}", sending.first_at.as_secs(), self.mails),
        };
        self.mail = Some(sending);
        Ok(Some(job))
    }

    /// Notes what became of an attempt.
    pub fn heard(&mut self, outcome: &Outcome, schedule: Schedule, now: Timestamp) -> Told {
        let Some(sending) = &self.mail else {
            return Told::Yes;
        };
        let late = now.secs_since(sending.first_at) >= schedule.given_up_after_secs();
        match outcome {
            Outcome::Sent | Outcome::SentBefore => {
                self.done(schedule, now);
                Told::Yes
            }
            Outcome::Later {
                retry_after_secs, ..
            }
            | Outcome::Refused {
                retry_after_secs, ..
            } if !late => {
                let wanted = retry_after_secs.map(|secs| now.plus_secs(secs));
                self.due_at = self.due_at.max(wanted);
                Told::NotYet
            }
            _ => {
                self.done(schedule, now);
                Told::Never
            }
        }
    }

    fn done(&mut self, schedule: Schedule, now: Timestamp) {
        self.mail = None;
        let more = !self.waiting.is_empty();
        self.due_at = more.then(|| now.plus_secs(schedule.gathering_secs()));
    }

    fn compose(
        &self,
        shop: &Shop,
        settings: &MailSettings,
        operator: &str,
    ) -> Result<Mail, TemplateError> {
        let causes: Vec<_> = self
            .waiting
            .iter()
            .map(|Waiting { cause, since }| CauseContext {
                code: cause.code.as_str(),
                meaning: cause.code.in_words(),
                subject: &cause.subject,
                detail: &cause.detail,
                since: since.minute(),
            })
            .collect();
        let context = Context {
            shop: &shop.name,
            causes,
            unnamed: self.unnamed,
        };
        Ok(Mail {
            from: settings.from.clone(),
            reply_to: settings.reply_to.clone(),
            to: operator.to_owned(),
            subject: text::clean_line(&render("mail/alarm-subject.txt", &context)?),
            text: render("mail/alarm.txt", &context)?,
            html: render("mail/alarm.html", &context)?,
            links: Vec::new(),
        })
    }
}

#[derive(Serialize)]
struct Context<'a> {
    shop: &'a str,
    causes: Vec<CauseContext<'a>>,
    unnamed: u32,
}

#[derive(Serialize)]
struct CauseContext<'a> {
    code: &'static str,
    meaning: &'static str,
    subject: &'a str,
    detail: &'a str,
    since: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;

    const NOW: Timestamp = fixtures::PAID_AT;
    const ORDER: &str = "cs_test_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";

    fn stuck(order: &str) -> Cause {
        Cause::new(Code::MailStuck, order, "Resend 500: for ada@example.com")
    }

    fn schedule() -> Schedule {
        Schedule::new(1)
    }

    fn start(alarms: &mut Alarms, now: Timestamp) -> Option<AlarmJob> {
        alarms
            .start(&fixtures::shop(), &fixtures::mail_settings(), now)
            .unwrap()
    }

    fn down() -> Outcome {
        Outcome::no_answer("down")
    }

    #[test]
    fn one_mail_tells_all_that_arose_within_minutes() {
        let mut alarms = Alarms::default();
        assert!(alarms.raise(stuck(ORDER), schedule(), NOW));
        let refused = Cause::new(Code::MailRefused, "resend", "Resend 401");
        assert!(alarms.raise(refused, schedule(), NOW.plus_secs(60)));
        assert_eq!(start(&mut alarms, NOW.plus_secs(179)), None);
        let job = start(&mut alarms, NOW.plus_secs(180)).unwrap();
        assert_eq!(job.mail.to, "operator@example.com");
        assert_eq!(
            job.mail.subject,
            "Demo Shop needs you: mail-stuck and 1 more"
        );
        for body in [&job.mail.text, &job.mail.html] {
            for part in [
                ORDER,
                "mail-stuck",
                "mail-refused",
                "14 November 2023, 22:13 UTC",
                "[address]",
            ] {
                assert!(body.contains(part), "{part} in {body}");
            }
            assert!(!body.contains("ada@"), "{body}");
        }
        assert_eq!(alarms.heard(&Outcome::Sent, schedule(), NOW), Told::Yes);
        assert_eq!(alarms.due_at(), None);
    }

    #[test]
    fn once_per_cause_and_day() {
        let mut alarms = Alarms::default();
        assert!(alarms.raise(stuck(ORDER), schedule(), NOW));
        assert!(!alarms.raise(stuck(ORDER), schedule(), NOW.plus_secs(1)));
        assert!(alarms.raise(stuck("cs_test_2"), schedule(), NOW));
        assert!(alarms.raise(Cause::new(Code::MailFailed, ORDER, ""), schedule(), NOW));
        // PAID_AT is 22:13 UTC: the day ends less than two hours later.
        assert!(alarms.raise(stuck(ORDER), schedule(), NOW.plus_secs(2 * 3_600)));
    }

    #[test]
    fn what_arises_meanwhile_is_told_next() {
        let mut alarms = Alarms::default();
        alarms.raise(stuck(ORDER), schedule(), NOW);
        let at = NOW.plus_secs(180);
        let first = start(&mut alarms, at).unwrap();
        alarms.raise(stuck("cs_test_2"), schedule(), at);
        alarms.heard(&down(), schedule(), at);
        assert_eq!(start(&mut alarms, at.plus_secs(29)), None);
        let again = start(&mut alarms, at.plus_secs(30)).unwrap();
        assert_eq!(again, first, "the same bytes, the same key");
        alarms.heard(&Outcome::SentBefore, schedule(), at.plus_secs(30));
        let next = start(&mut alarms, at.plus_secs(210)).unwrap();
        assert_ne!(next.idempotency_key, first.idempotency_key);
        assert!(next.mail.text.contains("cs_test_2") && !next.mail.text.contains(ORDER));
    }

    #[test]
    fn it_is_tried_for_three_days_and_then_left_to_the_log() {
        let mut alarms = Alarms::default();
        alarms.raise(stuck(ORDER), schedule(), NOW);
        let mut told = Told::NotYet;
        let mut attempts = 0;
        while let Some(at) = alarms.due_at() {
            assert!(start(&mut alarms, at).is_some());
            told = alarms.heard(&down(), schedule(), at);
            attempts += 1;
        }
        assert_eq!(told, Told::Never);
        assert!((15..30).contains(&attempts), "{attempts}");
    }

    #[test]
    fn no_address_is_no_mail() {
        let mut alarms = Alarms::default();
        alarms.raise(stuck(ORDER), schedule(), NOW);
        let mut settings = fixtures::mail_settings();
        settings.operator = None;
        let job = alarms.start(&fixtures::shop(), &settings, NOW.plus_secs(180));
        assert_eq!((job, alarms.due_at()), (Ok(None), None));
    }

    #[test]
    fn a_flood_is_one_mail_of_bounded_size() {
        let mut alarms = Alarms::default();
        for n in 0..3_000 {
            assert!(alarms.raise(stuck(&format!("cs_test_{n}")), schedule(), NOW));
        }
        assert!(serde_json::to_string(&alarms).unwrap().len() < 200_000);
        let job = start(&mut alarms, NOW.plus_secs(180)).unwrap();
        assert!(job.mail.text.contains("2950 more") && job.mail.text.len() < 50_000);
        alarms.heard(&Outcome::Sent, schedule(), NOW);
        assert_eq!(alarms.due_at(), None);
    }

    #[test]
    fn stored_format_unchanged() {
        let mut alarms = Alarms::default();
        alarms.raise(
            Cause::new(Code::MailStuck, "cs_test_1", "down"),
            schedule(),
            NOW,
        );
        assert_eq!(
            serde_json::to_string(&alarms).unwrap(),
            r#"{"day":19675,"known":[["mail-stuck","cs_test_1"]],"waiting":[{"cause":{"code":"mail-stuck","subject":"cs_test_1","detail":"down"},"since":1700000000}],"unnamed":0,"due_at":1700000180,"mail":null,"mails":0}"#
        );
    }
}
