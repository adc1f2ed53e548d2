//! The order's mail: due until the provider took it. At most one is pending; what is asked for meanwhile goes
//! into it.

use serde::{Deserialize, Serialize};

use super::{LinkView, Order, Reply, Standing};
use crate::domain::id::RandomId;
use crate::domain::mail::{Mail, Outcome, Schedule};
use crate::domain::settings::{Limits, ProductId};
use crate::domain::time::Timestamp;

/// A link that is mailed for the first time has so much of its life left, in percent.
const LEFT_WHEN_NEW: i64 = 50;

/// And so much if its text is sent once more as it was: of 24 hours, the 4 that are left after the 20 for which a
/// text is kept.
const LEFT_WHEN_KEPT: i64 = 16;

/// No link has as much.
const LEFT_NEVER: i64 = 101;

/// A product that is not configured is looked for again after so many seconds at most.
const UNCONFIGURED_PAUSE_SECS: i64 = 3_600;

/// And after so many once it has not been for a month: then nobody may ever sell it here.
const FORGOTTEN_PAUSE_SECS: i64 = 86_400;
const FORGOTTEN_AFTER_SECS: i64 = 30 * 86_400;

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

/// How far a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is to be sent.
    Due,
    /// It was handed over, and what became of it is not known yet.
    Sending,
    /// The provider took it.
    Sent,
    /// The provider may have taken it, and its links are in use: another text could come twice, so none is sent.
    Presumed,
    /// It will not be sent.
    Failed,
    /// There is nothing in it any more.
    Cancelled,
}

/// One mail's way to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailState {
    /// Why.
    reason: MailReason,
    /// The links of these items are in it.
    products: Vec<ProductId>,
    /// How far it has come.
    stage: Stage,
    /// Since when it is wanted.
    asked_at: Timestamp,
    /// Not before this; `None` when there is nothing left to do.
    due_at: Option<Timestamp>,
    /// How often it was tried.
    attempts: u32,
    /// How many of the attempts with the text as it is were not refused: the provider may have taken it.
    unclear: u32,
    /// The text, from the first attempt on: every attempt sends the same bytes, while its links are good.
    mail: Option<Mail>,
    /// Since when that is the text.
    text_since: Option<Timestamp>,
    /// Which text of this order it is: another text has another idempotency key.
    edition: u32,
    /// Why the last attempt did not succeed.
    trouble: Option<Trouble>,
    /// When it last failed by what the operator has to mend.
    refused_at: Option<Timestamp>,
    /// When the provider took it.
    sent_at: Option<Timestamp>,
    /// The last mail of this order that failed for good.
    failure: Option<MailFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trouble {
    /// Whether the operator has to mend it.
    refused: bool,
    /// In the provider's words, cleaned.
    why: String,
}

/// A mail that will not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFailure {
    /// Since when.
    pub at: Timestamp,
    /// In the provider's words, cleaned.
    pub why: String,
    /// Whether the operator was told.
    pub told: bool,
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
    /// Which text of the order it is.
    pub edition: u32,
    /// The same on every attempt, so that a provider that took it already drops the second.
    pub idempotency_key: String,
    /// 1 for the first.
    pub attempt: u32,
    /// For how long it has been wanted, in seconds.
    pub waited_secs: i64,
}

impl MailState {
    /// A mail that is to be sent at once.
    #[must_use]
    pub fn due(reason: MailReason, products: Vec<ProductId>, now: Timestamp) -> Self {
        Self {
            reason,
            products,
            stage: Stage::Due,
            asked_at: now,
            due_at: Some(now),
            attempts: 0,
            unclear: 0,
            mail: None,
            text_since: None,
            edition: 0,
            trouble: None,
            refused_at: None,
            sent_at: None,
            failure: None,
        }
    }

    /// When there is something to do: to try (again), or to tell the operator that it failed.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let untold = self.untold_failure().map(|failure| failure.at);
        self.due_at.into_iter().chain(untold).min()
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The failure that the operator has not been told of.
    #[must_use]
    pub fn untold_failure(&self) -> Option<&MailFailure> {
        self.failure.as_ref().filter(|failure| !failure.told)
    }

    /// Whether it is on its way.
    pub(super) fn is_pending(&self) -> bool {
        self.due_at.is_some()
    }

    /// Whether it has this product's link.
    pub(super) fn carries(&self, product: &ProductId) -> bool {
        self.products.contains(product)
    }

    /// Leaves out what can't be mailed yet. If that is all, it waits: `false`.
    pub(super) fn leave_out(&mut self, products: &[ProductId], now: Timestamp) -> bool {
        let some_left = self.products.iter().any(|it| !products.contains(it));
        if some_left {
            self.products.retain(|it| !products.contains(it));
        } else if self.due_at.is_some() {
            let forgotten = now.secs_since(self.asked_at) >= FORGOTTEN_AFTER_SECS;
            let soon = self
                .due_at
                .min(Some(now.plus_secs(UNCONFIGURED_PAUSE_SECS)));
            let late = Some(now.plus_secs(FORGOTTEN_PAUSE_SECS));
            self.due_at = if forgotten { late } else { soon };
        }
        some_left
    }

    pub(super) fn failure_told(&mut self) {
        self.failure
            .iter_mut()
            .for_each(|failure| failure.told = true);
    }

    pub(super) fn keep(&mut self, mail: &Mail, now: Timestamp) {
        if self.mail.is_none() {
            if self.trouble.is_none() {
                // The provider's time begins when it has something to send.
                self.asked_at = now;
            }
            self.mail = Some(mail.clone());
            self.text_since = Some(now);
            self.unclear = 1;
        }
    }

    /// Its links are others now: a text that may have been sent is not sent again.
    pub(super) fn recompose(&mut self) {
        self.text_since = None;
        self.unclear = 0;
        if self.mail.take().is_some() {
            self.edition = self.edition.saturating_add(1);
        }
    }

    /// There is nothing to send any more.
    pub(super) fn cancel(&mut self) {
        // What was sent was sent.
        if self.due_at.is_some() {
            self.end(Stage::Cancelled);
        }
    }

    /// An attempt has ended. What was asked for meanwhile has another text, of which this says nothing.
    pub(super) fn tried(
        &mut self,
        edition: u32,
        outcome: Outcome,
        schedule: Schedule,
        now: Timestamp,
    ) {
        if self.due_at.is_none() || self.edition != edition {
            return;
        }
        self.stage = Stage::Due;
        match outcome {
            Outcome::Sent | Outcome::SentBefore => self.sent(now),
            Outcome::Never { why } => self.fail(why, now),
            Outcome::Later {
                why,
                retry_after_secs,
            } => {
                let wanted_secs = retry_after_secs.unwrap_or_default();
                self.wait(wanted_secs.max(schedule.pause_secs(self.attempts)), now);
                self.trouble = Some(Trouble {
                    refused: false,
                    why,
                });
            }
            Outcome::Refused {
                why,
                retry_after_secs,
            } => {
                let wanted_secs = retry_after_secs.unwrap_or_default();
                self.wait(wanted_secs.max(schedule.refused_pause_secs()), now);
                self.trouble = Some(Trouble { refused: true, why });
                self.refused_at = Some(now);
                self.unclear = self.unclear.saturating_sub(1);
            }
        }
    }

    /// The next attempt is not before then.
    fn wait(&mut self, secs: i64, now: Timestamp) {
        self.due_at = self.due_at.max(Some(now.plus_secs(secs)));
    }

    fn sent(&mut self, now: Timestamp) {
        self.end(Stage::Sent);
        self.trouble = None;
        self.sent_at.get_or_insert(now);
    }

    fn fail(&mut self, why: String, now: Timestamp) {
        self.end(Stage::Failed);
        self.failure = Some(MailFailure {
            at: now,
            why,
            told: false,
        });
    }

    /// The text has done its duty, or has none any more; the link in it should lie in as few places as can be.
    fn end(&mut self, stage: Stage) {
        self.stage = stage;
        self.due_at = None;
        self.mail = None;
        self.text_since = None;
    }

    /// What the operator has to mend takes longer than what passes by itself: nobody's mail is to be lost over a
    /// long weekend. Nor by a provider that is busy in the moment in which it was mended: what passes by itself has
    /// its time from then on.
    fn is_given_up(&self, schedule: Schedule, now: Timestamp) -> bool {
        let refused = self.trouble.as_ref().is_some_and(|it| it.refused);
        let (since, patience_secs) = if refused {
            (self.asked_at, schedule.refused_given_up_after_secs())
        } else {
            let mended_at = self.refused_at.unwrap_or(self.asked_at);
            (mended_at.max(self.asked_at), schedule.given_up_after_secs())
        };
        let waited_secs = now.secs_since(since);
        // What could not be composed yet, since its product is not configured, never was at the provider.
        let tried = self.mail.is_some() || self.trouble.is_some();
        tried && waited_secs >= patience_secs
    }

    /// The provider may soon have forgotten the text's key.
    fn is_worn(&self, schedule: Schedule, now: Timestamp) -> bool {
        self.mail.is_some()
            && self
                .text_since
                .is_none_or(|since| now.secs_since(since) >= schedule.text_kept_secs())
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
                failure: state.failure.take(),
                ..MailState::due(reason, products, now)
            };
            return;
        }
        // Its time stays: a provider that is down is not asked more often because a buyer is. But who asks today is not
        // given up on tonight.
        state.asked_at = now;
        state.recompose();
        for product in products {
            if !state.products.contains(&product) {
                state.products.push(product);
            }
        }
    }

    /// Somebody has lost the mail: what works is mailed again as it is, what expired before it was used is renewed.
    pub(super) fn recover(&mut self, fresh: &RandomId, limits: &Limits, now: Timestamp) -> Reply {
        let mut products = Vec::new();
        let mut renewed = false;
        for (at, item) in self.items.iter_mut().enumerate() {
            let Some(link) = item.links.last() else {
                continue;
            };
            match item.standing(link, limits, now) {
                Standing::Ready | Standing::Yours | Standing::InProgress { .. } => {}
                Standing::Expired { .. } if item.is_fit_to_mail(link, 0, limits, now) => {
                    continue;
                }
                Standing::Expired { .. } | Standing::Exhausted { .. } => {
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
        if products.is_empty() {
            return Reply::Done;
        }
        if renewed || !pending {
            self.ask_for_mail(MailReason::Recovery, products, now);
        }
        Reply::WillMail {
            to: self.purchase.buyer.email.clone(),
        }
    }

    /// Begins an attempt. The next one is set before this one is made: whoever dies in between is
    /// followed by it.
    ///
    /// A mail that is late gets new links, and with them a new text and a new key: nobody is to get a link
    /// that is about to end, and no key is used for longer than a provider remembers it. A mail that is too late is
    /// given up.
    pub(super) fn start_mail(
        &mut self,
        fresh: &RandomId,
        schedule: Schedule,
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
        let worn = state.is_worn(schedule, now);
        // Links that are all in use may have arrived by mail, though we never heard that it did; or the success page
        // gave them. The very same text can do no harm, but another might be a second mail.
        let begun = |item: &&mut super::Item| {
            item.links
                .last()
                .is_none_or(|link| link.revoked_at.is_some() || link.is_begun())
        };
        let same_text = !worn && items.iter().all(|item| item.is_alive(limits, now));
        if state.unclear > 0 && !recovers && !same_text && items.iter().all(begun) {
            state.end(Stage::Presumed);
            return None;
        }
        if state.is_given_up(schedule, now) {
            let last = state.trouble.take().map(|trouble| trouble.why);
            state.fail(last.unwrap_or_else(|| "no answer".to_owned()), now);
            return None;
        }
        let least_left = match (recovers, worn, &state.mail) {
            // A stranger may have asked: what works is left alone.
            (true, _, _) => 0,
            (false, true, _) => LEFT_NEVER,
            (false, false, Some(_)) => LEFT_WHEN_KEPT,
            (false, false, None) => LEFT_WHEN_NEW,
        };
        if worn {
            state.recompose();
        }
        for (at, item) in items.into_iter().enumerate() {
            let fit = item
                .links
                .last()
                .is_some_and(|link| item.is_fit_to_mail(link, least_left, limits, now));
            if !fit {
                item.renew(fresh.nth(at), limits, now);
                state.recompose();
            }
        }
        state.unclear = state
            .unclear
            .saturating_add(u32::from(state.mail.is_some()));
        state.stage = Stage::Sending;
        state.attempts = state.attempts.saturating_add(1);
        state.due_at = Some(now.plus_secs(schedule.pause_secs(state.attempts)));
        let job = MailJob {
            reason: state.reason,
            mail: state.mail.clone(),
            edition: state.edition,
            idempotency_key: format!("links/{}/{}", self.purchase.order.as_str(), state.edition),
            attempt: state.attempts,
            waited_secs: now.secs_since(state.asked_at),
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
                item.is_alive(limits, now).then(|| self.view(item, link))
            });
        links.collect()
    }
}

#[cfg(test)]
mod tests;
