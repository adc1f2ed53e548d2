//! The meeting point of a payment: what refunds and disputes say of it, and which order it paid for.
//!
//! Refunds and disputes name the payment, a purchase names its session, and they arrive in any order, and more than
//! once. So each payment has a place of its own where the facts are merged, whichever comes first. What they come to is
//! its [`Standing`]; the order is told whenever that changes, until it has heard it.

mod facts;
mod standing;

use serde::{Deserialize, Serialize};

pub use facts::{Charge, Dispute, DisputeStatus, Fact, Facts, Refund, RefundStatus};
pub use standing::{PartialRefunds, Standing, Withdrawal};

use super::id::OrderId;

/// The name of a payment: Stripe's Payment Intent, `pi_…`, at most 255 characters
/// (<https://docs.stripe.com/upgrades#what-changes-does-stripe-consider-to-be-backwards-compatible>).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PaymentId(String);

impl PaymentId {
    /// A payment's name, if it is of its form.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let fits = raw.strip_prefix("pi_").is_some_and(|rest| !rest.is_empty())
            && raw.len() <= 255
            && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then(|| Self(raw.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its object: no order's name begins like that.
    #[must_use]
    pub fn object_name(&self) -> String {
        format!("pi:{}", self.0)
    }
}

impl TryFrom<String> for PaymentId {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        Self::parse(&raw).ok_or("not the name of a payment")
    }
}

impl From<PaymentId> for String {
    fn from(id: PaymentId) -> Self {
        id.0
    }
}

/// How much was paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// In the currency's smallest unit, as Stripe counts.
    pub total: i64,
    /// Three letters, lowercase (ISO 4217).
    pub currency: String,
}

/// All that is stored of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// What refunds and disputes said.
    facts: Facts,
    /// The order that it paid for, and how much that was, once it is known.
    order: Option<(OrderId, Option<Amount>)>,
    /// Counts how often the standing changed.
    revision: u64,
    /// The last change that the order has heard of.
    told: u64,
    /// How often it was tried to tell it of the one after that.
    attempts: u32,
}

/// The pauses between these attempts, in seconds; the last one repeats.
const PAUSES_SECS: [i64; 5] = [30, 2 * 60, 10 * 60, 30 * 60, 3_600];

/// After so many attempts the operator hears of it: money may be back, and access not gone.
const STUCK_AFTER: u32 = 5;

/// What can be asked of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentCommand {
    /// Stripe says something about it.
    Learn(Fact),
    /// An order says that this payment paid for it, and how much that was.
    Register {
        /// The order.
        order: OrderId,
        /// The session's total.
        amount: Option<Amount>,
    },
    /// What is there to tell the order? Changes nothing.
    Tidings,
    /// Are all disputes that are known of over, without loss? Changes nothing.
    Disputes,
    /// The order has heard of this change.
    Told {
        /// Which one.
        revision: u64,
    },
}

/// What a payment answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentReply {
    /// Noted; `new` if it was not known before.
    Learned {
        /// Whether it changed anything.
        new: bool,
    },
    /// How the payment stands.
    Stands(Word),
    /// Whether there were disputes, and all are over without loss.
    Disputes {
        /// `false` as well if none is known.
        over: bool,
    },
    /// What to tell, and whom; nothing if the order has heard it all, or is not known yet.
    Tidings(Option<(OrderId, Word)>),
    /// Noted.
    Done,
}

/// How a payment stands, and how new that is: of two words the one with the higher revision holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The standing.
    pub standing: Standing,
    /// Which change of it.
    pub revision: u64,
}

/// The rule of a payment: what becomes of it, and what to answer.
#[must_use]
pub fn decide(state: Option<Payment>, command: PaymentCommand) -> (Option<Payment>, PaymentReply) {
    let known = state.is_some();
    let mut payment = state.unwrap_or_default();
    let reply = match command {
        PaymentCommand::Learn(fact) => {
            let new = payment.change(|payment| payment.facts.learn(fact));
            PaymentReply::Learned { new }
        }
        PaymentCommand::Register { order, amount } => {
            payment.change(|payment| {
                // Stripe has one session per payment; the first that says so stays.
                let first = payment.order.is_none();
                payment.order.get_or_insert((order, amount));
                first
            });
            PaymentReply::Stands(payment.word())
        }
        PaymentCommand::Tidings => {
            let tidings = payment.order.clone().filter(|_| payment.has_tidings());
            payment.attempts = payment
                .attempts
                .saturating_add(u32::from(tidings.is_some()));
            let reply = PaymentReply::Tidings(tidings.map(|(order, _)| (order, payment.word())));
            return (known.then_some(payment), reply);
        }
        PaymentCommand::Disputes => {
            let over = payment.facts.disputes_are_over();
            return (known.then_some(payment), PaymentReply::Disputes { over });
        }
        PaymentCommand::Told { revision } => {
            payment.told = payment.told.max(revision.min(payment.revision));
            payment.attempts = 0;
            PaymentReply::Done
        }
    };
    (Some(payment), reply)
}

impl Payment {
    /// Whether the order has something to hear.
    #[must_use]
    pub fn has_tidings(&self) -> bool {
        self.order.is_some() && self.told < self.revision
    }

    /// How long to wait after an attempt that failed, in seconds.
    #[must_use]
    pub fn pause_secs(&self) -> i64 {
        let at = usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = PAUSES_SECS.last().copied().unwrap_or_default();
        PAUSES_SECS.get(at).copied().unwrap_or(last)
    }

    /// The order that could not be told, however often it was tried.
    #[must_use]
    pub fn deaf_order(&self) -> Option<&OrderId> {
        let order = self.order.as_ref().map(|(order, _)| order);
        order.filter(|_| self.attempts >= STUCK_AFTER)
    }

    /// Whether it is known what it paid for.
    #[must_use]
    pub fn has_order(&self) -> bool {
        self.order.is_some()
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let amount = self.order.as_ref().and_then(|(_, amount)| amount.as_ref());
        self.facts.standing(amount)
    }

    fn word(&self) -> Word {
        Word {
            standing: self.standing(),
            revision: self.revision,
        }
    }

    fn change(&mut self, act: impl FnOnce(&mut Self) -> bool) -> bool {
        let before = self.standing();
        let changed = act(self);
        self.revision += u64::from(self.standing() != before);
        changed
    }
}

#[cfg(test)]
mod tests;
