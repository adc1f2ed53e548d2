//! Bookplate: a paid Stripe checkout becomes a link that is good once, and the buyer's own copy of a ZIP.

pub mod domain;
#[cfg(target_arch = "wasm32")]
mod edge;
pub mod flow;
