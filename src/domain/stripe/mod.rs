//! What Stripe posts: first the signature, then the event, and only what we act on.

mod event;
mod signature;

pub use event::{Event, EventError, parse_event};
pub use signature::{SignatureError, TOLERANCE_SECS, verify};

/// The largest webhook body that is read, in bytes. Stripe's events are snapshots of one object: a
/// Checkout Session with long texts stays below 64 KiB; this leaves room for a few times that.
pub const MAX_BODY_BYTES: usize = 512 * 1_024;
