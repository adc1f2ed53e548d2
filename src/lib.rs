//! Bookplate: a paid Stripe checkout becomes a link that is good once, and the buyer's own copy of a ZIP.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::too_many_lines,
        reason = "a test that panics is a test that fails"
    )
)]

pub mod domain;
#[cfg(target_arch = "wasm32")]
mod edge;
pub mod flow;
