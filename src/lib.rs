//! Bookplate: a paid Stripe checkout becomes a link that is good once, and the buyer's own copy of a ZIP.
//!
//! A bookplate is the slip inside a book that says whose copy it is. This Worker pastes one into every
//! archive that a shop sells, while it streams from storage to the buyer.
//!
//! # The map
//!
//! | where | what | knows of |
//! | --- | --- | --- |
//! | [`domain`] | the rules: signatures, tokens, the one-time rule, the splice, texts | nothing but itself |
//! | [`flow`] | the use cases, over the traits in [`flow::ports`] | `domain` |
//! | `edge` | Cloudflare: routes, the Durable Object, R2, KV | both |
//!
//! The compiler holds the direction: `worker` is a dependency of the wasm32 target alone, and `edge` is
//! compiled for that target alone. So `cargo test` runs all rules and use cases natively, in seconds.
//!
//! # The life of a purchase
//!
//! 1. Stripe posts an event. [`flow::webhook::receive`] verifies the signature over the raw body
//!    ([`domain::stripe::verify`]), parses it, and records the purchase in its **order**. Then, and only then,
//!    Stripe gets its 200.
//! 2. The order is a Durable Object, one per Checkout Session, and the referee over it. [`domain::order::decide`]
//!    is all that it knows: state and command in, state and reply out. The object loads, decides and stores
//!    without an `await` between, so each decision is atomic.
//!    What only Stripe can say, which products a session is about, its alarm asks ([`flow::errands`]).
//! 3. Its alarm rings. First it tells its payment that it is here ([`domain::payment`]): there refunds and disputes
//!    wait, or come later, and the order hears of each. Money that goes back takes the links along, and brings new ones if it comes again
//!    ([`domain::order::StripeSide`]). What never arrived, [`flow::watchdog`] makes up for; and a buyer who is
//!    back before the webhook is recorded by [`flow::success`].
//! 4. Then the mail. [`flow::outbox::Outbox::run`] composes the mail, keeps its bytes, hands it to the provider under
//!    a stable key, and tries again until that worked.
//! 5. The buyer opens the link, a signed token ([`domain::token`]). [`flow::download::World::look`] shows the page
//!    and changes nothing. KV is asked first: it may say no, but only the order may say yes.
//! 6. The button redeems: [`domain::order::Link::redeem`] gives this browser, known by a random cookie, a
//!    **lease**: a signed address of the copy.
//! 7. The lease is opened: the base archive's index is read, or remembered; LICENSE.txt and README.txt are
//!    rendered ([`domain::copy`]); [`domain::zip::Plan`] says where each byte of the copy comes from. If any of it fails, there
//!    is an error page, and the link is as good as before.
//! 8. The copy is streamed: ranges of the base natively from R2, our few hundred bytes between them. Before
//!    the bytes go out that make it a delivery, the order is told, and the link is used up. A stream that
//!    breaks off before frees it ([`domain::order::Link::begin`] says how that is counted).
//! 9. Half an hour after the last sign of life the lease is over, and the order's alarm tells KV.
//! 10. Whoever comes too late, or got nothing, has another link mailed: [`flow::renewal`]. It goes to the address
//!     on file. [`domain::address`] finds a buyer's orders again, and bounds what a stranger can have mailed.
//!
//! # What holds, and where it is tested
//!
//! - Nothing unsigned is believed: `domain::token`, `domain::stripe`, `flow::tests::downloading`.
//! - A link is good once, and only for a delivery: `domain::order::grant`, by its table, and `domain::order::model`, by
//!   ten thousand lives of a purchase.
//! - One purchase, one mail, whatever dies in between: `flow::tests::buying`.
//! - Money back, access gone, in any order of events and with anything failing: `domain::payment`, `flow::tests::money`.
//! - Every reader of ZIPs accepts the copy: `tests/zip_*.rs`.
//! - All of it in the real runtime: `tests/e2e`, a story for each thing that somebody does.

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
