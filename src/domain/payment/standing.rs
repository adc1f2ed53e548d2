//! What a payment's facts come to, and what follows for access.

use serde::{Deserialize, Serialize};

/// How a payment stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// The shop has the money.
    #[default]
    Paid,
    /// The shop gave a part of it back.
    PartlyRefunded,
    /// The buyer has all of it back.
    Refunded,
    /// The buyer's bank holds it until a dispute is decided.
    Disputed,
    /// The buyer's bank took it back.
    DisputeLost,
}

/// `PARTIAL_REFUNDS`: what a refund of a part means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartialRefunds {
    /// A discount: access stays.
    #[default]
    Keep,
    /// Money back: access ends.
    Revoke,
}

/// Why access is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Withdrawal {
    /// The money was given back.
    Refunded,
    /// A dispute is open. While it is, nobody has paid: the bank holds the money. Access comes back with it.
    Disputed,
    /// The dispute was lost.
    DisputeLost,
}

impl Standing {
    /// Why access is withdrawn, if it is.
    #[must_use]
    pub fn withdrawal(self, partial: PartialRefunds) -> Option<Withdrawal> {
        match (self, partial) {
            (Self::Paid, _) | (Self::PartlyRefunded, PartialRefunds::Keep) => None,
            (Self::Refunded, _) | (Self::PartlyRefunded, PartialRefunds::Revoke) => {
                Some(Withdrawal::Refunded)
            }
            (Self::Disputed, _) => Some(Withdrawal::Disputed),
            (Self::DisputeLost, _) => Some(Withdrawal::DisputeLost),
        }
    }
}
