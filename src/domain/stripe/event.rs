//! From a verified body to what happened. Fields that Stripe's API calls nullable may be null.
//!
//! Shapes and names: `Event` of the npm package `stripe` 23.1.0, API version 2026-10-28.endive.

use serde::Deserialize;

use super::money::{parse_charge, parse_dispute, parse_refund};
use super::session::{Progress, Session};
use crate::domain::json::{self, Json};
use crate::domain::payment::{Fact, PaymentId};
use crate::domain::settings::{Mode, StripeSettings};
use crate::domain::time::Timestamp;

/// The types of event that are acted on, or whose silence is meant: what the endpoint is to be sent, and what the
/// watchdog asks for.
pub const EVENT_TYPES: [&str; 13] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// What an event tells us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody paid, perhaps for something of ours.
    Paid {
        /// For this.
        session: Box<Session>,
        /// Then.
        at: Timestamp,
    },
    /// Money went back, or came again, or is being argued about.
    Money {
        /// Whose.
        payment: PaymentId,
        /// What.
        fact: Fact,
    },
    /// Of real money, while the key is for tests: what is known by it is not what was paid for.
    LiveWithTestKey,
    /// Nothing to do, and why, for the log.
    Ignored(&'static str),
}

/// An event that is about us, but can't be acted on. Stripe sends it again, and shows it to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventError {
    /// Not a snapshot event's JSON (<https://docs.stripe.com/event-destinations#snapshot-events>).
    Malformed,
    /// A paid session without an address: nobody to send the link to.
    NoEmail,
    /// A Checkout Session id that is none.
    SessionId,
}

#[derive(Deserialize)]
struct RawEvent {
    object: String,
    r#type: String,
    created: i64,
    livemode: Option<bool>,
}

/// Parses a body whose signature held.
///
/// # Errors
/// See [`EventError`]. An event of another type, or of another mode than the key's, is no error, whatever is in it.
/// A live one that meets a test key is said to be that, so that it is not lost.
pub fn parse_event(body: &[u8], settings: &StripeSettings) -> Result<Event, EventError> {
    let event = Json::parse_bytes(body).map_err(|_| EventError::Malformed)?;
    // A thin event has no `data.object`: an endpoint was set up for both kinds. It is signed, so say so.
    let kind = event.get("object").map(Json::as_str);
    if kind.is_some_and(|kind| kind != Some("event")) {
        return Ok(Event::Ignored("not a snapshot event"));
    }
    parse_listed_event(&event, settings)
}

/// As [`parse_event`], for an event from a list.
///
/// # Errors
/// See [`EventError`].
pub fn parse_listed_event(
    event: &Json<'_>,
    settings: &StripeSettings,
) -> Result<Event, EventError> {
    let object = event.get("data").and_then(|data| data.get("object"));
    let object = object.ok_or(EventError::Malformed)?;
    let event: RawEvent = json::take(event).map_err(|_| EventError::Malformed)?;
    act(&event, object, settings)
}

fn act(
    event: &RawEvent,
    object: &Json<'_>,
    settings: &StripeSettings,
) -> Result<Event, EventError> {
    if event.object != "event" {
        return Ok(Event::Ignored("not a snapshot event"));
    }
    if !EVENT_TYPES.contains(&event.r#type.as_str()) {
        return Ok(Event::Ignored("event type"));
    }
    if let Some(other) = of_another_mode(event.livemode.map(Mode::from_livemode), settings.mode) {
        return Ok(other);
    }
    let at = Timestamp::from_secs(event.created);
    let fact = match event.r#type.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let session = Session::parse(object, settings)?;
            if let Some(other) = of_another_mode(session.mode, settings.mode) {
                return Ok(other);
            }
            return Ok(match session.progress {
                Progress::Paid => Event::Paid {
                    session: Box::new(session),
                    at,
                },
                Progress::OtherKind => Event::Ignored("session mode"),
                _ => Event::Ignored("not paid yet"),
            });
        }
        "checkout.session.async_payment_failed" => return Ok(Event::Ignored("payment failed")),
        "checkout.session.expired" => return Ok(Event::Ignored("checkout expired")),
        "charge.refunded" => parse_charge(object, at),
        "refund.created" | "refund.updated" | "refund.failed" => parse_refund(object, at),
        kind if kind.starts_with("charge.dispute.") => parse_dispute(object, at),
        _ => return Ok(Event::Ignored("event type")),
    }?;
    Ok(match fact {
        Some((payment, fact)) => Event::Money { payment, fact },
        None => Event::Ignored("no payment intent"),
    })
}

/// What follows from a mode that is not the key's.
fn of_another_mode(mode: Option<Mode>, own: Mode) -> Option<Event> {
    match mode? {
        mode if mode == own => None,
        Mode::Live => Some(Event::LiveWithTestKey),
        Mode::Test => Some(Event::Ignored("event of the other mode")),
    }
}

#[cfg(test)]
mod tests;
