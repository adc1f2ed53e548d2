//! The order's mail: due until the provider took it. At most one is pending; what is asked for meanwhile goes
//! into it.

use serde::{Deserialize, Serialize};

use super::{LinkView, Order, Standing};
use crate::domain::id::RandomId;
use crate::domain::mail::Mail;
use crate::domain::settings::{Limits, ProductId};
use crate::domain::time::Timestamp;

/// The pauses between attempts, in seconds; the last one repeats. Storage keeps the mail, the alarm
/// keeps the time, so no attempt depends on a Worker that lives.
pub const RETRY_PAUSES_SECS: [i64; 6] = [30, 2 * 60, 10 * 60, 30 * 60, 3_600, 4 * 3_600];

/// Why a mail is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailReason {
    /// Somebody bought.
    Purchase,
    /// The buyer wanted a new link in the place of an old one.
    Renewal,
    /// Somebody who named the buyer's address has lost the mail. Links that work stay as they are: it may have
    /// been a stranger.
    Recovery,
}

/// One mail's way to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailState {
    /// Why.
    reason: MailReason,
    /// The links of these items are in it.
    products: Vec<ProductId>,
    /// Not before this; `None` when it was sent.
    due_at: Option<Timestamp>,
    /// How often it was tried.
    attempts: u32,
    /// The text, from the first attempt on: every attempt sends the same bytes, while its links are good.
    mail: Option<Mail>,
    /// Which text of this order it is: another text has another idempotency key.
    edition: u32,
    /// When the provider took it.
    sent_at: Option<Timestamp>,
}

/// What an attempt needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailJob {
    /// Why it is sent.
    pub reason: MailReason,
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
    pub fn due(reason: MailReason, products: Vec<ProductId>, now: Timestamp) -> Self {
        Self {
            reason,
            products,
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
    /// Has the links of these products mailed: with the mail that is pending, if one is.
    pub(super) fn ask_for_mail(
        &mut self,
        reason: MailReason,
        products: Vec<ProductId>,
        now: Timestamp,
    ) {
        let Some(state) = &mut self.mail else {
            self.mail = Some(MailState::due(reason, products, now));
            return;
        };
        if state.due_at.is_none() {
            let edition = state.edition.saturating_add(1);
            *state = MailState {
                edition,
                ..MailState::due(reason, products, now)
            };
            return;
        }
        // Its time stays: a provider that is down is not asked more often because a buyer is.
        state.recompose();
        for product in products {
            if !state.products.contains(&product) {
                state.products.push(product);
            }
        }
    }

    /// Somebody has lost the mail: what works is mailed again as it is, what expired before it was used is renewed.
    pub(super) fn recover(&mut self, fresh: &RandomId, limits: &Limits, now: Timestamp) {
        let mut products = Vec::new();
        let mut renewed = false;
        for (at, item) in self.items.iter_mut().enumerate() {
            let Some(link) = item.links.last() else {
                continue;
            };
            match item.standing(link, limits, now) {
                Standing::Ready | Standing::Yours | Standing::InProgress { .. } => {}
                Standing::Expired { .. } if item.is_fit_to_mail(link, false, limits, now) => {
                    continue;
                }
                Standing::Expired { .. } => {
                    item.renew(fresh.nth(at), limits, now);
                    renewed = true;
                }
                _ => continue,
            }
            products.push(item.product.clone());
        }
        let pending = self.mail.as_ref().is_some_and(|mail| {
            mail.due_at.is_some()
                && products
                    .iter()
                    .all(|product| mail.products.contains(product))
        });
        // What is on its way already is not composed anew, or else a stranger could have it sent twice.
        if !products.is_empty() && (renewed || !pending) {
            self.ask_for_mail(MailReason::Recovery, products, now);
        }
    }

    /// Begins an attempt. The next one is set before this one is made: whoever dies in between is
    /// followed by it.
    ///
    /// A mail that is late gets new links, and with them a new text and a new key: nobody is to get a link
    /// that is about to end.
    pub(super) fn start_mail(
        &mut self,
        fresh: &RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Option<MailJob> {
        let state = self.mail.as_mut()?;
        if state.due_at.is_none_or(|due_at| now < due_at) {
            return None;
        }
        let carried = |item: &&mut super::Item| state.products.contains(&item.product);
        let items: Vec<_> = self.items.iter_mut().filter(carried).collect();
        let recovers = state.reason == MailReason::Recovery;
        // Links that are all in use have arrived, though we never heard that the mail did.
        let arrived = |item: &&mut super::Item| {
            item.links
                .last()
                .is_none_or(|link| link.revoked_at.is_some() || link.is_begun())
        };
        if !recovers && items.iter().all(arrived) {
            state.sent(now);
            return None;
        }
        for (at, item) in items.into_iter().enumerate() {
            let fit = item
                .links
                .last()
                .is_some_and(|link| item.is_fit_to_mail(link, !recovers, limits, now));
            if !fit {
                item.renew(fresh.nth(at), limits, now);
                state.recompose();
            }
        }
        let last = RETRY_PAUSES_SECS.last().copied().unwrap_or_default();
        let pause = usize::try_from(state.attempts)
            .ok()
            .and_then(|at| RETRY_PAUSES_SECS.get(at).copied());
        state.due_at = Some(now.plus_secs(pause.unwrap_or(last)));
        state.attempts = state.attempts.saturating_add(1);
        let job = MailJob {
            reason: state.reason,
            mail: state.mail.clone(),
            idempotency_key: format!("links/{}/{}", self.purchase.order.as_str(), state.edition),
            attempt: state.attempts,
            links: Vec::new(),
        };
        let links = self.links_to_mail(limits, now);
        if links.is_empty() {
            self.mail.iter_mut().for_each(MailState::cancel);
            return None;
        }
        Some(MailJob { links, ..job })
    }

    /// The links that the pending mail carries: none that opens nothing.
    fn links_to_mail(&self, limits: &Limits, now: Timestamp) -> Vec<LinkView> {
        let carried = |product| {
            self.mail
                .as_ref()
                .is_some_and(|mail| mail.products.contains(product))
        };
        let links = self
            .items
            .iter()
            .filter(|item| carried(&item.product))
            .filter_map(|item| {
                let link = item.links.last()?;
                let dead = matches!(
                    item.standing(link, limits, now),
                    Standing::Revoked | Standing::Used { .. }
                );
                (!dead).then(|| self.view(item, link))
            });
        links.collect()
    }
}
