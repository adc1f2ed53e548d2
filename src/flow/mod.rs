//! The use cases: what happens when Stripe posts, a buyer clicks, the operator asks, an alarm rings.
//!
//! Async over the small traits in [`ports`], each named by what it guarantees. Natively they are tested
//! with fakes that fail; in the runtime `edge` implements them.

pub mod alarm;
pub mod download;
pub mod errands;
pub mod events;
pub mod failure;
pub mod health;
pub mod links;
pub mod outbox;
pub mod ports;
pub mod renewal;
pub mod ringing;
pub mod success;
pub mod watchdog;
pub mod webhook;

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod tests;
