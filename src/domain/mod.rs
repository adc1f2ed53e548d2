//! The rules of the trade: pure and synchronous.
//!
//! Nothing here knows a clock, a source of randomness, a network or a runtime. Time and randomness are
//! arguments, so every rule is tested natively, in tables.

pub mod address;
pub mod alarm;
pub mod copy;
pub mod http;
pub mod id;
pub mod json;
pub mod jwt;
pub mod keys;
pub mod mail;
pub mod order;
pub mod page;
pub mod payment;
pub mod problem;
pub mod purchase;
pub mod range;
pub mod settings;
pub mod stripe;
pub mod template;
pub mod text;
pub mod time;
pub mod token;
pub mod zip;
