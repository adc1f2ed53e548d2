//! What Stripe says: first the signature, then the event, and only what we act on.

mod event;
mod money;
mod session;
mod signature;

pub use event::{EVENT_TYPES, Event, EventError, parse_event, parse_listed_event};
pub use session::{ChargeState, Named, Progress, Session, parse_line_items};
pub use signature::{SignatureError, TOLERANCE_SECS, verify};

/// The largest webhook body that is read, in bytes. Stripe's events are snapshots of one object: a
/// Checkout Session with long texts stays below 64 KiB; this leaves room for a few times that.
pub const MAX_BODY_BYTES: usize = 512 * 1_024;

/// The API version that we read, of which the shapes here are: <https://docs.stripe.com/api/versioning>.
pub const API_VERSION: &str = "2026-10-28.endive";
