//! What Stripe says about a payment, merged so that neither order of arrival nor repetition matters.
//!
//! Every event is a snapshot of one object. Of each object the newest snapshot is kept, by the event's `created`. That has
//! whole seconds; of two snapshots of the same second the one further along its object's life is the newer. So
//! the merge is a maximum, and a maximum does not care in which order it is taken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Amount, Standing};
use crate::domain::time::Timestamp;

/// One event's word on a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// From `charge.refunded`.
    Charge {
        /// The event's time.
        at: Timestamp,
        /// The charge, then.
        charge: Charge,
    },
    /// From `refund.*`.
    Refund {
        /// The event's time.
        at: Timestamp,
        /// `re_…`.
        id: String,
        /// The refund, then.
        refund: Refund,
    },
    /// From `charge.dispute.*`.
    Dispute {
        /// The event's time.
        at: Timestamp,
        /// `du_…`.
        id: String,
        /// The dispute, then.
        dispute: Dispute,
    },
}

/// <https://docs.stripe.com/api/charges/object>: its totals, in the currency's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Charge {
    /// Given back so far, in all.
    pub refunded: i64,
    /// Taken from the buyer.
    pub captured: i64,
}

/// <https://docs.stripe.com/api/refunds/object>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refund {
    /// How far it is.
    pub status: RefundStatus,
    /// How much, in the currency's smallest unit.
    pub amount: i64,
    /// Its currency.
    pub currency: String,
}

/// In the order of a refund's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RefundStatus {
    /// On its way, or done: the money is the buyer's.
    Given,
    /// Canceled or failed: the money is the shop's again.
    Undone,
}

/// <https://docs.stripe.com/api/disputes/object>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dispute {
    /// How it stands.
    pub status: DisputeStatus,
}

/// In the order of a dispute's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DisputeStatus {
    /// An inquiry (`warning_*`), or one that ended otherwise (`prevented`): no money was taken by it.
    Harmless,
    /// To be decided; the money is held back.
    Open,
    /// The shop won.
    Won,
    /// The buyer won.
    Lost,
    /// Lost, and the shop appeals: decided again.
    Appealed,
}

/// A snapshot and its time. The derived order is by time first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Seen<T> {
    at: Timestamp,
    what: T,
}

/// All that is known of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    charge: Option<Seen<Charge>>,
    refunds: BTreeMap<String, Seen<Refund>>,
    disputes: BTreeMap<String, Seen<Dispute>>,
}

impl Facts {
    /// Merges a fact; whether it said anything new.
    pub fn learn(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Charge { at, charge } => {
                let seen = Some(Seen { at, what: charge });
                let newer = seen > self.charge;
                if newer {
                    self.charge = seen;
                }
                newer
            }
            Fact::Refund { at, id, refund } => {
                merge(&mut self.refunds, id, Seen { at, what: refund })
            }
            Fact::Dispute { at, id, dispute } => {
                merge(&mut self.disputes, id, Seen { at, what: dispute })
            }
        }
    }

    /// What the facts come to, for a payment of `amount`.
    #[must_use]
    pub fn standing(&self, amount: Option<&Amount>) -> Standing {
        let disputed = |wanted: &[DisputeStatus]| {
            let mut statuses = self.disputes.values().map(|seen| seen.what.status);
            statuses.any(|status| wanted.contains(&status))
        };
        if disputed(&[DisputeStatus::Lost, DisputeStatus::Appealed]) {
            return Standing::DisputeLost;
        }
        let refunded = self.refunded();
        if self.paid(amount).is_some_and(|paid| refunded >= paid) && refunded > 0 {
            return Standing::Refunded;
        }
        if disputed(&[DisputeStatus::Open]) {
            return Standing::Disputed;
        }
        if refunded > 0 {
            Standing::PartlyRefunded
        } else {
            Standing::Paid
        }
    }

    /// Whether there were disputes, and none of them holds money or took it.
    #[must_use]
    pub fn disputes_are_over(&self) -> bool {
        let over = |status| matches!(status, DisputeStatus::Harmless | DisputeStatus::Won);
        !self.disputes.is_empty() && self.disputes.values().all(|seen| over(seen.what.status))
    }

    /// What was given back, in the currency's smallest unit.
    ///
    /// Either kind of event may be missing, or late: the charge's total counts refunds that we were not told of, and the
    /// refunds count what came after that total. So the larger of both. What failed since the total was taken is still in
    /// it, and is taken off.
    fn refunded(&self) -> i64 {
        let given = |undone: bool, since: Option<Timestamp>| -> i64 {
            let refunds = self.refunds.values();
            refunds
                .filter(|seen| (seen.what.status == RefundStatus::Undone) == undone)
                .filter(|seen| since.is_none_or(|since| seen.at >= since))
                .fold(0, |sum, seen| seen.what.amount.saturating_add(sum))
        };
        let total = self.charge.as_ref().map_or(0, |seen| {
            seen.what
                .refunded
                .saturating_sub(given(true, Some(seen.at)))
        });
        given(false, None).max(total)
    }

    /// What was paid. The charge knows best; the session's total counts if it is in the refunds' currency.
    fn paid(&self, amount: Option<&Amount>) -> Option<i64> {
        let charged = self.charge.as_ref().map(|seen| seen.what.captured);
        charged.or_else(|| {
            let amount = amount?;
            let mut refunds = self.refunds.values();
            let comparable = refunds.all(|seen| seen.what.currency == amount.currency);
            comparable.then_some(amount.total)
        })
    }
}

fn merge<T: Ord>(known: &mut BTreeMap<String, Seen<T>>, id: String, seen: Seen<T>) -> bool {
    let newer = known.get(&id).is_none_or(|old| *old < seen);
    if newer {
        known.insert(id, seen);
    }
    newer
}
