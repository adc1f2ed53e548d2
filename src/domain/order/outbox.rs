//! The order's mail: due until the provider took it.

use serde::{Deserialize, Serialize};

use super::{LinkView, Order};
use crate::domain::mail::Mail;
use crate::domain::time::Timestamp;

/// The pauses between attempts, in seconds; the last one repeats. Storage keeps the mail, the alarm
/// keeps the time, so no attempt depends on a Worker that lives.
pub const RETRY_PAUSES_SECS: [i64; 6] = [10, 60, 5 * 60, 20 * 60, 3_600, 4 * 3_600];

/// One mail's way to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailState {
    /// Not before this; `None` when it was sent.
    due_at: Option<Timestamp>,
    /// How often it was tried.
    attempts: u32,
    /// The text, from the first attempt on: every attempt sends the same bytes.
    mail: Option<Mail>,
    /// When the provider took it.
    sent_at: Option<Timestamp>,
}

/// What an attempt needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailJob {
    /// The text, if it was composed before.
    pub mail: Option<Mail>,
    /// What to compose it from.
    pub links: Vec<LinkView>,
    /// The same on every attempt, so that a provider that took it already drops the second.
    pub idempotency_key: String,
    /// 1 for the first.
    pub attempt: u32,
}

impl MailState {
    /// A mail that is to be sent at once.
    #[must_use]
    pub fn due(now: Timestamp) -> Self {
        Self {
            due_at: Some(now),
            attempts: 0,
            mail: None,
            sent_at: None,
        }
    }

    /// When to try (again).
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }

    pub(super) fn keep(&mut self, mail: &Mail) {
        self.mail.get_or_insert_with(|| mail.clone());
    }

    pub(super) fn sent(&mut self, now: Timestamp) {
        self.due_at = None;
        self.sent_at.get_or_insert(now);
        // The text has done its duty; the link in it should lie in as few places as can be.
        self.mail = None;
    }
}

impl Order {
    /// Begins an attempt. The next one is set before this one is made: whoever dies in between is
    /// followed by it.
    pub(super) fn start_mail(&mut self, now: Timestamp) -> Option<MailJob> {
        let links = self.current_links();
        let state = self.mail.as_mut()?;
        if state.due_at.is_none_or(|due_at| now < due_at) {
            return None;
        }
        let last = RETRY_PAUSES_SECS.last().copied().unwrap_or_default();
        let pause = usize::try_from(state.attempts)
            .ok()
            .and_then(|at| RETRY_PAUSES_SECS.get(at).copied());
        state.due_at = Some(now.plus_secs(pause.unwrap_or(last)));
        state.attempts = state.attempts.saturating_add(1);
        Some(MailJob {
            mail: state.mail.clone(),
            links,
            idempotency_key: format!("links/{}", self.purchase.order.as_str()),
            attempt: state.attempts,
        })
    }
}
