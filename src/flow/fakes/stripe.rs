//! What is Stripe's, as the tests have it: the payments' objects, and the API.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use super::{Fault, Town, broken, settings};
use crate::domain::id::OrderId;
use crate::domain::json::{self, Json};
use crate::domain::payment::{self, Payment, PaymentCommand, PaymentId, PaymentReply};
use crate::domain::stripe::Session;
use crate::flow::errands;
use crate::flow::failure::Failure;
use crate::flow::ports::{
    ApiError, EventPage, EventsQuery, Ledger, Notebook, Payments, StripeApi, Unavailable,
};
use crate::flow::watchdog::Watch;

/// The payments' objects.
#[derive(Default)]
pub(in crate::flow) struct FakePayments {
    pub payments: RefCell<BTreeMap<String, Payment>>,
    pub faults: RefCell<VecDeque<Fault>>,
}

impl FakePayments {
    fn decide(&self, name: &str, command: PaymentCommand) -> PaymentReply {
        let mut payments = self.payments.borrow_mut();
        let (after, reply) = payment::decide(payments.remove(name), command);
        payments.extend(after.map(|payment| (name.to_owned(), payment)));
        reply
    }
}

impl Payments for FakePayments {
    async fn tell(
        &self,
        payment: &PaymentId,
        command: PaymentCommand,
    ) -> Result<PaymentReply, Unavailable> {
        // As it goes over the wire.
        let command = json::read(&json::write(&command).unwrap()).unwrap();
        match self.faults.borrow_mut().pop_front() {
            Some(Fault::NotDone) => Err(broken()),
            Some(Fault::DoneButFailed) => {
                self.decide(payment.as_str(), command);
                Err(broken())
            }
            None => {
                let reply = self.decide(payment.as_str(), command);
                Ok(json::read(&json::write(&reply).unwrap()).unwrap())
            }
        }
    }
}

/// The storage of one payment.
struct OnePayment<'a> {
    pub payments: &'a FakePayments,
    pub name: String,
}

impl Ledger for OnePayment<'_> {
    fn decide(&self, command: PaymentCommand) -> Result<PaymentReply, Unavailable> {
        Ok(self.payments.decide(&self.name, command))
    }
}

/// So many events are in a page.
const FAKE_PAGE: usize = 3;

/// Stripe's API: the sessions, as their JSON.
#[derive(Default)]
pub(in crate::flow) struct FakeStripe {
    pub sessions: RefCell<BTreeMap<String, serde_json::Value>>,
    /// Those that it lists.
    pub events: RefCell<Vec<serde_json::Value>>,
    pub asked: Cell<u32>,
    pub errors: RefCell<VecDeque<ApiError>>,
}

impl StripeApi for FakeStripe {
    async fn session(&self, order: &OrderId) -> Result<Option<Session>, ApiError> {
        self.asked.set(self.asked.get() + 1);
        if let Some(error) = self.errors.borrow_mut().pop_front() {
            return Err(error);
        }
        let session = self.sessions.borrow().get(order.as_str()).cloned();
        Ok(session.map(|session| Session::parse(&parsed(&session), &settings().stripe).unwrap()))
    }

    async fn event(&self, id: &str) -> Result<Option<Json<'static>>, ApiError> {
        self.asked.set(self.asked.get() + 1);
        let events = self.events.borrow();
        Ok(events.iter().find(|event| event["id"] == *id).map(parsed))
    }

    async fn events(&self, query: &EventsQuery) -> Result<EventPage, ApiError> {
        self.asked.set(self.asked.get() + 1);
        if let Some(error) = self.errors.borrow_mut().pop_front() {
            return Err(error);
        }
        let within = query.from.as_secs()..query.until.as_secs();
        let created = |event: &serde_json::Value| event["created"].as_i64().unwrap();
        let mut events = self.events.borrow().clone();
        events.retain(|event| within.contains(&created(event)));
        events.sort_by_key(|event| std::cmp::Reverse(created(event)));
        if let Some(after) = &query.after {
            let at = events
                .iter()
                .position(|event| event["id"] == **after)
                .ok_or(ApiError::NoSuchCursor)?;
            events.drain(..=at);
        }
        let more = events.len() > FAKE_PAGE;
        events.truncate(FAKE_PAGE);
        let last = events.last().map(|event| event["id"].as_str().unwrap());
        let next = last.filter(|_| more).map(str::to_owned);
        let events = events.iter().map(parsed).collect();
        Ok(EventPage { events, next })
    }
}

fn parsed(json: &serde_json::Value) -> Json<'static> {
    Json::parse(&json.to_string()).unwrap().into_owned()
}

/// The watchdog's notebook.
#[derive(Default)]
pub(in crate::flow) struct FakeNotebook {
    pub page: RefCell<Option<Watch>>,
}

impl Notebook for FakeNotebook {
    async fn read(&self) -> Result<Option<Watch>, Unavailable> {
        Ok(self.page.borrow().clone())
    }

    async fn write(&self, watch: &Watch) -> Result<(), Unavailable> {
        *self.page.borrow_mut() = Some(watch.clone());
        Ok(())
    }
}

impl Town {
    /// The payments' alarms ring: each tells its order, if there is something to tell.
    pub(in crate::flow) fn ring_payments(&self) -> Result<(), Failure> {
        let names: Vec<String> = self.payments.payments.borrow().keys().cloned().collect();
        for name in names {
            let ledger = OnePayment {
                payments: &self.payments,
                name,
            };
            let tell = errands::tell(&self.settings, &ledger, &self.orders, &self.random);
            pollster::block_on(tell)?;
        }
        Ok(())
    }
}
