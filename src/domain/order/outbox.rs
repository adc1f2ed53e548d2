//! The order's mail: due until the provider took it.

use serde::{Deserialize, Serialize};

use super::{LinkView, Order};
use crate::domain::id::RandomId;
use crate::domain::mail::Mail;
use crate::domain::time::Timestamp;

/// The pauses between attempts, in seconds; the last one repeats. Storage keeps the mail, the alarm
/// keeps the time, so no attempt depends on a Worker that lives.
pub const RETRY_PAUSES_SECS: [i64; 6] = [30, 2 * 60, 10 * 60, 30 * 60, 3_600, 4 * 3_600];

/// One mail's way to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailState {
    /// Not before this; `None` when it was sent.
    due_at: Option<Timestamp>,
    /// How often it was tried.
    attempts: u32,
    /// The text, from the first attempt on: every attempt sends the same bytes, while its links are good.
    mail: Option<Mail>,
    /// Which text it is: another text has another idempotency key.
    edition: u32,
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
            edition: 0,
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

    /// Its links are others now: a text that may have been sent is not sent again.
    pub(super) fn recompose(&mut self) {
        if self.mail.take().is_some() {
            self.edition = self.edition.saturating_add(1);
        }
    }

    /// It is due again, with other links: another text, under another key.
    pub(super) fn again(&mut self, now: Timestamp) {
        *self = Self {
            edition: self.edition.saturating_add(1),
            ..Self::due(now)
        };
    }

    /// There is nothing to send any more.
    pub(super) fn cancel(&mut self) {
        self.due_at = None;
        self.mail = None;
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
    ///
    /// A mail that is late gets new links, and with them a new text and a new key: nobody is to get a link
    /// that is about to end.
    pub(super) fn start_mail(
        &mut self,
        jtis: Vec<RandomId>,
        link_ttl_secs: i64,
        now: Timestamp,
    ) -> Option<MailJob> {
        let state = self.mail.as_mut()?;
        if state.due_at.is_none_or(|due_at| now < due_at) {
            return None;
        }
        let mut current = self.items.iter().filter_map(|item| item.links.last());
        // Links that are all in use have arrived, though we never heard that the mail did.
        if current.all(|link| link.revoked_at.is_some() || link.is_begun()) {
            state.sent(now);
            return None;
        }
        for (item, jti) in self.items.iter_mut().zip(jtis) {
            // What the operator took back, no mail brings again; and what is in use stays as it is.
            let fit = item.links.last().is_some_and(|link| {
                link.revoked_at.is_some() || link.is_begun() || link.is_worth_sending(now)
            });
            if !fit {
                item.renew(jti, link_ttl_secs, now);
                state.recompose();
            }
        }
        let last = RETRY_PAUSES_SECS.last().copied().unwrap_or_default();
        let pause = usize::try_from(state.attempts)
            .ok()
            .and_then(|at| RETRY_PAUSES_SECS.get(at).copied());
        state.due_at = Some(now.plus_secs(pause.unwrap_or(last)));
        state.attempts = state.attempts.saturating_add(1);
        let (mail, attempt, edition) = (state.mail.clone(), state.attempts, state.edition);
        let idempotency_key = format!("links/{}/{edition}", self.purchase.order.as_str());
        Some(MailJob {
            mail,
            links: self.current_links(),
            idempotency_key,
            attempt,
        })
    }
}
