//! The operator's alarm: what only a person can mend, told once per cause and day.
//!
//! [`Alarms`] is what the object `operator` stores. Causes that arise within a few minutes are told in one mail;
//! what arises while that is on its way, in the next.

use askama::Template;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::id::hex;
use crate::domain::mail::{Mail, Outcome, Schedule, cleaned};
use crate::domain::settings::{MailSettings, Shop};
use crate::domain::template::render;
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
    /// A cause; its texts are cleaned of addresses, keys and links. An order that is called by an address, as a
    /// reference may be, goes by its digest.
    #[must_use]
    pub fn new(code: Code, subject: &str, detail: &str) -> Self {
        Self {
            code,
            // A session's id is longer than what `cleaned` takes for a word.
            subject: named(&text::clean_line(subject)),
            detail: cleaned(detail),
        }
    }
}

fn named(subject: &str) -> String {
    if !subject.contains('@') {
        return subject.to_owned();
    }
    let digest: String = hex(&Sha256::digest(subject.as_bytes()))
        .chars()
        .take(12)
        .collect();
    format!("[address] {digest}")
}

/// What the object `operator` stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms {
    /// What was raised in the last day, and when.
    known: Vec<(Code, String, Timestamp)>,
    /// What is to be told, until it was.
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
    /// So many of those that wait are in it.
    tells: usize,
    /// And it counts so many more.
    counts: u32,
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
    /// The operator can't be reached so. A new mail tells it all a day later; /healthz and the log have it now.
    Failed,
}

impl Alarms {
    /// Takes a cause in. `false` if it was raised within a day before.
    pub fn raise(&mut self, cause: Cause, schedule: Schedule, now: Timestamp) -> bool {
        self.known
            .retain(|(_, _, at)| now.secs_since(*at) < DAY_SECS);
        let same = |code, subject: &str| code == cause.code && subject == cause.subject;
        if self.known.iter().any(|(code, what, _)| same(*code, what)) {
            return false;
        }
        if self.known.len() < MAX_KNOWN {
            self.known.push((cause.code, cause.subject.clone(), now));
        }
        let mut waiting = self.waiting.iter().map(|it| &it.cause);
        if waiting.any(|it| same(it.code, &it.subject)) {
            return true;
        }
        let in_mail = self.mail.as_ref().map_or(0, |sending| sending.tells);
        if self.waiting.len().saturating_sub(in_mail) < MAX_TOLD {
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

    /// What has waited for hours and was not told, and how often.
    #[must_use]
    pub fn untold(&self, schedule: Schedule, now: Timestamp) -> Vec<(Code, usize)> {
        let mut untold: Vec<(Code, usize)> = Vec::new();
        let late = |it: &&Waiting| now.secs_since(it.since) >= schedule.stuck_after_secs();
        for Waiting { cause, .. } in self.waiting.iter().filter(late) {
            match untold.iter_mut().find(|(code, _)| *code == cause.code) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => untold.push((cause.code, 1)),
            }
        }
        untold
    }

    /// Begins an attempt, if one is due. The next one is set before this one is made. Before the provider forgets its
    /// key, a mail is composed anew, with all that waits by then. Without an operator's
    /// address what waits is forgotten: it is in the log.
    pub fn start(
        &mut self,
        shop: &Shop,
        settings: &MailSettings,
        now: Timestamp,
    ) -> Option<AlarmJob> {
        if self.due_at.is_none_or(|due_at| now < due_at) {
            return None;
        }
        let schedule = Schedule::new(settings.speedup);
        let Some(operator) = &settings.operator else {
            self.waiting.clear();
            self.unnamed = 0;
            self.mail = None;
            self.due_at = None;
            return None;
        };
        let last = self.mail.take();
        let attempts = last.as_ref().map_or(0, |last| last.attempts);
        let good = |last: &Sending| now.secs_since(last.first_at) < schedule.text_kept_secs();
        let mut sending = match last.filter(good) {
            Some(sending) => sending,
            None => {
                self.mails = self.mails.saturating_add(1);
                Sending {
                    mail: self.compose(shop, settings, operator),
                    first_at: now,
                    attempts,
                    tells: self.waiting.len().min(MAX_TOLD),
                    counts: self.unnamed,
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
        Some(job)
    }

    /// Notes what became of an attempt. Nothing is given up: what was not told waits.
    pub fn heard(&mut self, outcome: &Outcome, schedule: Schedule, now: Timestamp) -> Told {
        let Some(sending) = &self.mail else {
            return Told::Yes;
        };
        match outcome {
            Outcome::Sent | Outcome::SentBefore => {
                self.waiting.drain(..sending.tells.min(self.waiting.len()));
                self.unnamed = self.unnamed.saturating_sub(sending.counts);
                self.mail = None;
                let more = !self.waiting.is_empty() || self.unnamed > 0;
                self.due_at = more.then(|| now.plus_secs(schedule.gathering_secs()));
                Told::Yes
            }
            Outcome::Later {
                retry_after_secs, ..
            }
            | Outcome::Refused {
                retry_after_secs, ..
            } => {
                let wanted = now.plus_secs(retry_after_secs.unwrap_or_default());
                self.due_at = self.due_at.max(Some(wanted));
                Told::NotYet
            }
            Outcome::Never { .. } => {
                self.mail = None;
                self.due_at = Some(now.plus_secs(schedule.unreachable_pause_secs()));
                Told::Failed
            }
        }
    }

    fn compose(&self, shop: &Shop, settings: &MailSettings, operator: &str) -> Mail {
        let causes: Vec<_> = self
            .waiting
            .iter()
            .take(MAX_TOLD)
            .map(|Waiting { cause, since }| CauseWords {
                code: cause.code.as_str(),
                meaning: cause.code.in_words(),
                subject: &cause.subject,
                detail: &cause.detail,
                since: since.minute(),
            })
            .collect();
        let mail = Words {
            shop: &shop.name,
            causes,
            unnamed: self.unnamed,
        };
        Mail {
            from: settings.from.clone(),
            reply_to: settings.reply_to.clone(),
            to: operator.to_owned(),
            subject: text::clean_line(&render(&AlarmSubject { mail: &mail })),
            text: render(&AlarmText { mail: &mail }),
            html: render(&AlarmHtml { mail: &mail }),
            links: Vec::new(),
        }
    }
}

struct Words<'a> {
    shop: &'a str,
    causes: Vec<CauseWords<'a>>,
    unnamed: u32,
}

struct CauseWords<'a> {
    code: &'static str,
    meaning: &'static str,
    subject: &'a str,
    detail: &'a str,
    since: String,
}

impl Words<'_> {
    fn first(&self) -> &'static str {
        self.causes.first().map_or("", |cause| cause.code)
    }

    /// How many there are beside the first.
    fn more(&self) -> usize {
        (self.causes.len() + self.unnamed as usize).saturating_sub(1)
    }
}

#[derive(Template)]
#[template(path = "mail/alarm-subject.txt")]
struct AlarmSubject<'a> {
    mail: &'a Words<'a>,
}

#[derive(Template)]
#[template(path = "mail/alarm.txt")]
struct AlarmText<'a> {
    mail: &'a Words<'a>,
}

#[derive(Template)]
#[template(path = "mail/alarm.html")]
struct AlarmHtml<'a> {
    mail: &'a Words<'a>,
}

#[cfg(test)]
mod tests;
