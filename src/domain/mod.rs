//! The rules of the trade: pure and synchronous.
//!
//! Nothing here knows a clock, a source of randomness, a network or a runtime. Time and randomness are
//! arguments, so every rule is tested natively, in tables.

pub mod zip;
