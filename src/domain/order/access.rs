//! Stripe's say in an order: which products it is about, and whether its money is still the shop's.
//!
//! Two errands may be left to do when an order is stored: to ask Stripe which products a session is about whose event
//! named none; and then to tell its payment that it is here, so that refunds and disputes find it. Both are due until
//! they are done.
//!
//! When the money goes back, all links are taken back, and which ones is remembered: when it comes again, those
//! alone get a new one in their place. What the operator took back stays taken.

use serde::{Deserialize, Serialize};

use super::{Item, LinkView, MailReason, MailState, NewItem, Order, Stage, Standing};
use crate::domain::id::{BrowserId, OrderId, RandomId};
use crate::domain::payment::{Amount, PaymentId, Withdrawal};
use crate::domain::purchase::Purchase;
use crate::domain::settings::{Limits, ProductId};
use crate::domain::time::Timestamp;

/// The pauses between attempts at an errand, in seconds; the last one repeats.
const PAUSES_SECS: [i64; 6] = [30, 2 * 60, 10 * 60, 30 * 60, 3_600, 4 * 3_600];

/// An errand that was tried so often has been failing for an hour and more.
const STUCK_AFTER_ATTEMPTS: u32 = 5;

/// A mail waits so long for its payment to be asked, in seconds: what was given back is not mailed. Then it goes all the
/// same, since somebody paid; the operator has known of it for hours.
const MAIL_WAITS_SECS: i64 = 6 * 3_600;

/// What is stored of Stripe's say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeSide {
    /// To tell the payment that this order is here.
    register: Option<Errand>,
    /// To ask Stripe which products the session is about.
    name: Option<Errand>,
    /// The last change of the payment's standing that was heard of.
    revision: u64,
    /// Why and since when access is withdrawn, and what that took.
    withdrawn: Option<Withdrawn>,
}

/// Something that is to be done until it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Errand {
    due_at: Timestamp,
    attempts: u32,
    /// The first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// Access that Stripe's word took away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Withdrawn {
    why: Withdrawal,
    since: Timestamp,
    /// The links that were good until then.
    links: Vec<RandomId>,
}

/// What can be asked of an order in Stripe's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StripeCommand {
    /// Begins an attempt at the errands that are due.
    StartErrands,
    /// The payment knows of the order.
    Registered,
    /// How the payment stands. An older word than the last one changes nothing.
    Hear {
        /// Why access is withdrawn, if it is.
        withdrawal: Option<Withdrawal>,
        /// Which change of the standing this is.
        revision: u64,
        /// What the names of new links are made from, should access be restored.
        fresh: RandomId,
    },
    /// The session is about nothing that is sold here. The order is forgotten, unless it has items.
    Forget,
    /// How do the links stand for this browser? Changes nothing.
    Links {
        /// Who asks.
        browser: BrowserId,
    },
}

/// What an order answers to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StripeReply {
    /// What to do now.
    Errands(Errands),
    /// How the links stand.
    Links(LinksReport),
    /// Noted.
    Noted,
}

/// How an order's links stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinksReport {
    /// Each item's current link.
    pub links: Vec<(Standing, LinkView)>,
    /// Whether the money is back, or held back.
    pub withdrawn: bool,
    /// Whether the mail with them will never arrive.
    pub undeliverable: bool,
    /// When the order was stored.
    pub recorded_at: Timestamp,
}

/// What an order has to do outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errands {
    /// The order.
    pub order: OrderId,
    /// Where links lead.
    pub origin: String,
    /// The payment to be told, and how much was paid.
    pub register: Option<(PaymentId, Option<Amount>)>,
    /// Whether to ask which products it is about.
    pub name: bool,
}

impl StripeSide {
    /// The errands of an order that is new.
    pub(super) fn of(purchase: &Purchase, now: Timestamp) -> Self {
        let due = Some(Errand {
            due_at: now,
            attempts: 0,
            since: None,
        });
        Self {
            register: purchase.payment_intent.as_ref().and(due.clone()),
            name: due.filter(|_| purchase.products.is_empty()),
            ..Self::default()
        }
    }

    /// When an errand is due. What may be none of ours is not told to its payment.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let errand = self.name.as_ref().or(self.register.as_ref());
        errand.map(|errand| errand.due_at)
    }

    /// Whether no mail goes out yet: the payment was not asked, and nobody has waited for that too long.
    pub(super) fn holds_mail(&self, now: Timestamp) -> bool {
        let waits = |errand: &Errand| errand.mail_waits_until().is_none_or(|until| now < until);
        self.register.as_ref().is_some_and(waits)
    }

    /// When to see again whether a mail may go out, if it has to wait.
    pub(super) fn mail_held_until(&self) -> Option<Timestamp> {
        let errand = self.register.as_ref()?;
        let until = errand.mail_waits_until();
        Some(until.map_or(errand.due_at, |until| until.min(errand.due_at)))
    }

    /// Whether an errand fails and fails: the operator is to know, since the mail waits for it.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        let mut errands = self.name.iter().chain(&self.register);
        errands.any(|errand| errand.attempts >= STUCK_AFTER_ATTEMPTS)
    }

    /// Whether the money is back, or held back: nothing is renewed then but by the operator.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.is_some()
    }

    /// The operator took a link back, or all: no restored access brings it again.
    pub(super) fn taken_by_the_operator(&mut self, jti: Option<&RandomId>) {
        if let Some(withdrawn) = &mut self.withdrawn {
            withdrawn
                .links
                .retain(|link| jti.is_some_and(|jti| jti != link));
        }
    }
}

impl Errand {
    fn mail_waits_until(&self) -> Option<Timestamp> {
        self.since.map(|since| since.plus_secs(MAIL_WAITS_SECS))
    }

    /// Begins an attempt, if it is due. The next one is set before this one is made.
    fn start(&mut self, now: Timestamp) -> bool {
        if now < self.due_at {
            return false;
        }
        let last = PAUSES_SECS.last().copied().unwrap_or_default();
        let pause = usize::try_from(self.attempts)
            .ok()
            .and_then(|at| PAUSES_SECS.get(at).copied());
        self.due_at = now.plus_secs(pause.unwrap_or(last));
        self.since.get_or_insert(now);
        self.attempts = self.attempts.saturating_add(1);
        true
    }
}

impl Order {
    /// Obeys; `None` if the order is to be forgotten.
    pub(super) fn obey_stripe(
        &mut self,
        command: StripeCommand,
        limits: &Limits,
        now: Timestamp,
    ) -> Option<StripeReply> {
        match command {
            StripeCommand::StartErrands => {
                return Some(StripeReply::Errands(self.start_errands(now)));
            }
            StripeCommand::Registered => self.stripe.register = None,
            StripeCommand::Hear {
                withdrawal,
                revision,
                fresh,
            } => {
                if revision > self.stripe.revision {
                    self.stripe.revision = revision;
                    match withdrawal {
                        Some(why) => self.withdraw(why, now),
                        None => self.restore(&fresh, limits, now),
                    }
                }
            }
            StripeCommand::Forget if self.items.is_empty() => return None,
            StripeCommand::Forget => self.stripe.name = None,
            StripeCommand::Links { browser } => {
                let links = self
                    .items
                    .iter()
                    .filter_map(|item| Some((item, item.links.last()?)));
                let views = links.map(|(item, link)| {
                    let terms = item.terms(link, limits);
                    let standing = link.standing(Some(&browser), terms, now);
                    (standing, self.view(item, link))
                });
                let first = self.items.first().and_then(|item| item.links.first());
                return Some(StripeReply::Links(LinksReport {
                    links: views.collect(),
                    withdrawn: self.stripe.is_withdrawn(),
                    undeliverable: self.mail.as_ref().map(MailState::stage) == Some(Stage::Failed),
                    recorded_at: first.map_or(self.purchase.purchased_at, |link| link.issued_at),
                }));
            }
        }
        Some(StripeReply::Noted)
    }

    /// Gives an order its items that was stored before it was known what it is about.
    pub(super) fn name_products(
        &mut self,
        products: Vec<ProductId>,
        items: Vec<NewItem>,
        limits: &Limits,
        now: Timestamp,
    ) {
        if !self.items.is_empty() || items.is_empty() {
            return;
        }
        self.purchase.products = products;
        self.items = items
            .into_iter()
            .map(|new| Item::new(new, limits, now))
            .collect();
        self.stripe.name = None;
        let products = self.purchase.products.clone();
        self.mail = Some(MailState::due(MailReason::Purchase, products, now));
        if let Some(Withdrawn { why, .. }) = self.stripe.withdrawn {
            self.withdraw(why, now);
        }
    }

    fn start_errands(&mut self, now: Timestamp) -> Errands {
        let StripeSide { register, name, .. } = &mut self.stripe;
        let nameless = name.is_some();
        let name = name.as_mut().is_some_and(|errand| errand.start(now));
        let mut register = register.as_mut().filter(|_| !nameless);
        let registers = register.as_mut().is_some_and(|errand| errand.start(now));
        let payment = self.purchase.payment_intent.clone().filter(|_| registers);
        Errands {
            order: self.purchase.order.clone(),
            origin: self.origin.clone(),
            register: payment.map(|payment| (payment, self.purchase.amount.clone())),
            name,
        }
    }

    /// The money went back, or is held back: every link that works is taken back, and no mail goes out.
    fn withdraw(&mut self, why: Withdrawal, now: Timestamp) {
        let (since, mut links) = match self.stripe.withdrawn.take() {
            Some(earlier) => (earlier.since, earlier.links),
            None => (now, Vec::new()),
        };
        let current = self
            .items
            .iter_mut()
            .filter_map(|item| item.links.last_mut());
        for link in current.filter(|link| link.revoked_at.is_none()) {
            link.revoke(now);
            links.push(link.jti.clone());
        }
        self.mail.iter_mut().for_each(MailState::cancel);
        self.aside.clear();
        self.stripe.withdrawn = Some(Withdrawn { why, since, links });
    }

    /// The money is the shop's again: what was taken back for it gets a new link, and a mail says so.
    fn restore(&mut self, fresh: &RandomId, limits: &Limits, now: Timestamp) {
        let Some(withdrawn) = self.stripe.withdrawn.take() else {
            return;
        };
        let mut restored = Vec::new();
        for (at, item) in self.items.iter_mut().enumerate() {
            let taken = item
                .links
                .last()
                .is_some_and(|link| withdrawn.links.contains(&link.jti));
            if taken {
                item.renew(fresh.nth(at), limits, now);
                restored.push(item.product.clone());
            }
        }
        if !restored.is_empty() {
            self.ask_for_mail(MailReason::Renewal, restored, now);
        }
    }
}

#[cfg(test)]
mod tests;
