//! The mail provider and the operator, as the tests have them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use super::{Fault, broken};
use crate::domain::alarm::{Alarms, Cause};
use crate::domain::mail::{Mail, Outcome};
use crate::domain::time::Timestamp;
use crate::flow::ports::{AlarmBook, Attempt, Mailer, Operator, Unavailable};

/// A provider that takes a mail of the same key once, as Resend does.
#[derive(Default)]
pub(in crate::flow) struct FakeMailer {
    pub(in crate::flow) sent: RefCell<BTreeMap<String, Mail>>,
    pub(in crate::flow) calls: Cell<u32>,
    pub(in crate::flow) faults: RefCell<VecDeque<Fault>>,
    /// How long it thinks before it answers.
    pub(in crate::flow) takes_secs: Cell<i64>,
    /// What it says to everything, sending nothing.
    pub(in crate::flow) answer: RefCell<Option<Outcome>>,
}

impl Mailer for FakeMailer {
    async fn send(&self, mail: &Mail, idempotency_key: &str, now: Timestamp) -> Attempt {
        Attempt {
            outcome: self.outcome(mail, idempotency_key),
            ended_at: now.plus_secs(self.takes_secs.get()),
        }
    }
}

impl FakeMailer {
    fn outcome(&self, mail: &Mail, idempotency_key: &str) -> Outcome {
        self.calls.set(self.calls.get() + 1);
        if let Some(outcome) = &*self.answer.borrow() {
            return outcome.clone();
        }
        let fault = self.faults.borrow_mut().pop_front();
        if fault == Some(Fault::NotDone) {
            return Outcome::no_answer("broken on purpose");
        }
        let mut sent = self.sent.borrow_mut();
        let known = sent
            .entry(idempotency_key.to_owned())
            .or_insert_with(|| mail.clone());
        assert_eq!(known, mail, "the same key with another body");
        if fault.is_some() {
            Outcome::no_answer("broken on purpose")
        } else {
            Outcome::Sent
        }
    }
}

/// The operator, who hears everything unless told not to.
#[derive(Default)]
pub(in crate::flow) struct FakeOperator {
    pub(in crate::flow) heard: RefCell<Vec<Cause>>,
    pub(in crate::flow) faults: RefCell<VecDeque<Fault>>,
}

impl FakeOperator {
    pub(in crate::flow) fn codes(&self) -> Vec<&'static str> {
        self.heard
            .borrow()
            .iter()
            .map(|cause| cause.code.as_str())
            .collect()
    }
}

impl Operator for FakeOperator {
    async fn raise(&self, cause: Cause) -> Result<(), Unavailable> {
        let fault = self.faults.borrow_mut().pop_front();
        let mut heard = self.heard.borrow_mut();
        if fault != Some(Fault::NotDone) && !heard.contains(&cause) {
            heard.push(cause);
        }
        fault.map_or(Ok(()), |_| Err(broken()))
    }
}

/// The operator's alarms.
#[derive(Default)]
pub(in crate::flow) struct FakeAlarmBook {
    alarms: RefCell<Alarms>,
    not_before: Cell<Option<Timestamp>>,
    pub(in crate::flow) updates: Cell<u32>,
    /// Storage fails at this update, counted from 0: the object died.
    pub(in crate::flow) dies_at: Cell<Option<u32>>,
}

impl FakeAlarmBook {
    pub(in crate::flow) fn due_at(&self) -> Option<Timestamp> {
        let due_at = self.alarms.borrow().due_at();
        due_at.map(|at| {
            self.not_before
                .get()
                .map_or(at, |earliest| earliest.max(at))
        })
    }

    pub(in crate::flow) fn wait_until(&self, at: Timestamp) {
        self.not_before.set(Some(at));
    }
}

impl AlarmBook for FakeAlarmBook {
    fn update<T>(&self, change: impl FnOnce(&mut Alarms) -> T) -> Result<T, Unavailable> {
        let at = self.updates.replace(self.updates.get() + 1);
        if self.dies_at.get() == Some(at) {
            return Err(broken());
        }
        Ok(change(&mut self.alarms.borrow_mut()))
    }
}
