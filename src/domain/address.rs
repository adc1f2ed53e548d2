//! An e-mail address, and the orders that were made with it: how a buyer who lost the mail finds them again.
//!
//! An address is only ever named by a digest. That keeps it out of names and keys, which end up in logs and lists; it
//! does not keep it from the operator, whose storage this is, and who could try addresses out.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::id::{OrderId, hex};
use super::settings::Limits;
use super::time::Timestamp;

/// The most orders that one recovery mails: so that nobody can have a reseller's mailbox flooded.
pub const MAX_MAILED_AT_ONCE: usize = 10;

/// The most orders that one recovery asks, the newest first: those that were downloaded have nothing to mail.
const MAX_ASKED_AT_ONCE: usize = 40;

/// An address remembers so many orders, the newest: what is stored has to stay small.
const MAX_ORDERS: usize = 1_000;

const DAY_SECS: i64 = 24 * 3_600;

/// The name of an address' object, and of its key in KV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressId(String);

impl AddressId {
    /// Of this address. Upper and lower case are the same: mailboxes that tell them apart are unknown in practice,
    /// people who type are not.
    #[must_use]
    pub fn of(email: &str) -> Self {
        let digest = Sha256::digest(format!(
            "bookplate address\n{}",
            email.trim().to_lowercase()
        ));
        Self(format!("address:{}", hex(&digest)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// All that is stored of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Oldest first.
    orders: Vec<OrderId>,
    /// The day of the last recovery, counted from the epoch, in UTC.
    day: i64,
    /// Recoveries on that day.
    recoveries: u32,
}

/// What can be asked of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressCommand {
    /// An order was made with it.
    Register(OrderId),
    /// Somebody who names it has lost the mail.
    Recover,
    /// No order could be asked, so that recovery does not count.
    GiveBack,
}

/// The orders that are to mail their links. None, if there are none or the day's budget is spent.
pub type Recovered = Vec<OrderId>;

/// The rule: what becomes of `state` when `command` arrives at `now`, and what to answer. Only an order makes an
/// address known.
#[must_use]
pub fn decide(
    state: Option<Address>,
    command: AddressCommand,
    limits: &Limits,
    now: Timestamp,
) -> (Option<Address>, Recovered) {
    match (state, command) {
        (state, AddressCommand::Register(order)) => {
            let mut address = state.unwrap_or_default();
            if !address.orders.contains(&order) {
                address.orders.push(order);
                let surplus = address.orders.len().saturating_sub(MAX_ORDERS);
                address.orders.drain(..surplus);
            }
            (Some(address), Vec::new())
        }
        (None, AddressCommand::Recover | AddressCommand::GiveBack) => (None, Vec::new()),
        (Some(mut address), AddressCommand::GiveBack) => {
            address.recoveries = address.recoveries.saturating_sub(1);
            (Some(address), Vec::new())
        }
        (Some(mut address), AddressCommand::Recover) => {
            let today = now.as_secs().div_euclid(DAY_SECS);
            if address.day != today {
                (address.day, address.recoveries) = (today, 0);
            }
            if address.recoveries >= limits.recoveries_per_day {
                return (Some(address), Vec::new());
            }
            address.recoveries += 1;
            let newest = address
                .orders
                .iter()
                .rev()
                .take(MAX_ASKED_AT_ONCE)
                .cloned()
                .collect();
            (Some(address), newest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json;
    use crate::domain::order::fixtures::PAID_AT;

    fn order(n: usize) -> OrderId {
        OrderId::from_session(&format!("cs_test_{n}")).unwrap()
    }

    fn registered(orders: usize) -> Option<Address> {
        (0..orders).fold(None, |state, n| {
            decide(
                state,
                AddressCommand::Register(order(n)),
                &Limits::default(),
                PAID_AT,
            )
            .0
        })
    }

    fn recover(state: Option<Address>, now: Timestamp) -> (Option<Address>, Recovered) {
        decide(state, AddressCommand::Recover, &Limits::default(), now)
    }

    #[test]
    fn a_stranger_makes_no_address_known() {
        assert_eq!(recover(None, PAID_AT), (None, Vec::new()));
    }

    #[test]
    fn an_order_is_found_once_however_often_it_registers() {
        let state = decide(
            registered(2),
            AddressCommand::Register(order(0)),
            &Limits::default(),
            PAID_AT,
        )
        .0;
        assert_eq!(recover(state, PAID_AT).1, [order(1), order(0)]);
    }

    #[test]
    fn a_day_has_its_budget_and_the_next_day_another() {
        let mut state = registered(1);
        let found = |state: &mut Option<Address>, now| {
            let (after, orders) = recover(state.take(), now);
            *state = after;
            orders.len()
        };
        let mut day = |now| (0..5).map(|_| found(&mut state, now)).collect::<Vec<_>>();
        assert_eq!(day(PAID_AT), [1, 1, 1, 0, 0]);
        assert_eq!(day(PAID_AT.plus_secs(DAY_SECS)), [1, 1, 1, 0, 0]);
    }

    #[test]
    fn a_resellers_orders_are_asked_newest_first_and_the_oldest_are_forgotten() {
        let (state, orders) = recover(registered(MAX_ORDERS + 5), PAID_AT);
        assert_eq!(
            (orders.len(), &orders[0]),
            (MAX_ASKED_AT_ONCE, &order(MAX_ORDERS + 4))
        );
        let stored = state.unwrap().orders;
        assert_eq!((stored.len(), &stored[0]), (MAX_ORDERS, &order(5)));
    }

    #[test]
    fn what_could_not_be_asked_does_not_count() {
        let mut state = registered(1);
        for _ in 0..10 {
            let (after, orders) = recover(state, PAID_AT);
            assert_eq!(orders.len(), 1);
            state = decide(after, AddressCommand::GiveBack, &Limits::default(), PAID_AT).0;
        }
    }

    #[test]
    fn the_name_holds_no_address_and_knows_it_in_any_case() {
        let id = AddressId::of(" Ada@Example.com");
        assert_eq!(id, AddressId::of("ada@example.com"));
        assert_ne!(id, AddressId::of("ada@example.org"));
        assert_eq!(id.as_str().len(), "address:".len() + 64);
    }

    #[test]
    fn address_format_unchanged() {
        let stored = r#"{"orders":["cs_test_0"],"day":19675,"recoveries":1}"#;
        let state = recover(registered(1), PAID_AT).0.unwrap();
        assert_eq!(serde_json::to_string(&state).unwrap(), stored);
        assert_eq!(json::read::<Address>(stored).unwrap(), state);
        assert_eq!(
            AddressId::of("ada@example.com").as_str(),
            format!(
                "address:{}",
                hex(&Sha256::digest("bookplate address\nada@example.com"))
            )
        );
    }
}
