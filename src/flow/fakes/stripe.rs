//! What is Stripe's, as the tests have it: the payments' objects, and the API.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use super::{Fault, broken, settings};
use crate::domain::id::OrderId;
use crate::domain::payment::{self, Payment, PaymentCommand, PaymentId, PaymentReply};
use crate::domain::stripe::Session;
use crate::flow::ports::{ApiError, Ledger, Payments, StripeApi, Unavailable};

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
        let command = serde_json::from_str(&serde_json::to_string(&command).unwrap()).unwrap();
        match self.faults.borrow_mut().pop_front() {
            Some(Fault::NotDone) => Err(broken()),
            Some(Fault::DoneButFailed) => {
                self.decide(payment.as_str(), command);
                Err(broken())
            }
            None => {
                let reply = self.decide(payment.as_str(), command);
                Ok(serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap())
            }
        }
    }
}

/// The storage of one payment.
pub(in crate::flow) struct OnePayment<'a> {
    pub payments: &'a FakePayments,
    pub name: String,
}

impl Ledger for OnePayment<'_> {
    fn decide(&self, command: PaymentCommand) -> Result<PaymentReply, Unavailable> {
        Ok(self.payments.decide(&self.name, command))
    }
}

/// Stripe's API: the sessions, as their JSON.
#[derive(Default)]
pub(in crate::flow) struct FakeStripe {
    pub sessions: RefCell<BTreeMap<String, serde_json::Value>>,
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
        Ok(session.map(|session| Session::parse(session, &settings().stripe).unwrap()))
    }
}
