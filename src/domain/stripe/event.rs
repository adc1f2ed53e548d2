//! From a verified body to what happened. Fields that Stripe's API calls nullable may be null.

use serde::Deserialize;

use crate::domain::id::OrderId;
use crate::domain::purchase::{Buyer, Purchase};
use crate::domain::settings::ProductId;
use crate::domain::text;
use crate::domain::time::Timestamp;

/// What a webhook tells us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody paid for something of ours.
    Paid(Box<Purchase>),
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
    data: RawData,
}

#[derive(Deserialize)]
struct RawData {
    object: serde_json::Value,
}

/// <https://docs.stripe.com/api/checkout/sessions/object>
#[derive(Deserialize)]
struct RawSession {
    id: String,
    mode: Option<String>,
    payment_status: Option<String>,
    payment_intent: Option<serde_json::Value>,
    customer_email: Option<String>,
    customer_details: Option<RawCustomer>,
    collected_information: Option<RawCollected>,
    metadata: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct RawCustomer {
    email: Option<String>,
    name: Option<String>,
    individual_name: Option<String>,
    business_name: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawCollected {
    business_name: Option<String>,
    individual_name: Option<String>,
}

/// Parses a body whose signature held.
///
/// # Errors
/// See [`EventError`]. An event of another type is no error, whatever is in it.
pub fn parse_event(body: &[u8]) -> Result<Event, EventError> {
    let event: RawEvent = match serde_json::from_slice(body) {
        Ok(event) => event,
        // A thin event has no `data.object`: an endpoint was set up for both kinds. It is signed, so say so.
        Err(_) => return parse_other(body),
    };
    if event.object != "event" {
        return Ok(Event::Ignored("not a snapshot event"));
    }
    match event.r#type.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let session =
                serde_json::from_value(event.data.object).map_err(|_| EventError::Malformed)?;
            parse_session(session, Timestamp::from_secs(event.created))
        }
        _ => Ok(Event::Ignored("event type")),
    }
}

fn parse_other(body: &[u8]) -> Result<Event, EventError> {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) if value.get("object").is_some_and(|object| object != "event") => {
            Ok(Event::Ignored("not a snapshot event"))
        }
        _ => Err(EventError::Malformed),
    }
}

fn parse_session(session: RawSession, at: Timestamp) -> Result<Event, EventError> {
    if session.mode.as_deref() != Some("payment") {
        return Ok(Event::Ignored("session mode"));
    }
    if !matches!(
        session.payment_status.as_deref(),
        Some("paid" | "no_payment_required")
    ) {
        return Ok(Event::Ignored("not paid yet"));
    }
    let named = session
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.get("product"));
    let Some(named) = named else {
        return Ok(Event::Ignored("metadata names no product"));
    };
    let Some(product) = ProductId::parse(named.trim()) else {
        return Ok(Event::Ignored("metadata.product is no product id"));
    };
    let order = OrderId::from_session(&session.id).ok_or(EventError::SessionId)?;
    let customer = session.customer_details.unwrap_or_default();
    let collected = session.collected_information.unwrap_or_default();
    let email = customer
        .email
        .as_deref()
        .or(session.customer_email.as_deref());
    let buyer = Buyer {
        name: first_readable([
            customer.individual_name.as_deref(),
            customer.name.as_deref(),
            collected.individual_name.as_deref(),
        ]),
        organisation: first_readable([
            customer.business_name.as_deref(),
            collected.business_name.as_deref(),
        ]),
        email: email.and_then(text::email).ok_or(EventError::NoEmail)?,
    };
    Ok(Event::Paid(Box::new(Purchase {
        order,
        products: vec![product],
        buyer,
        purchased_at: at,
        payment_intent: session.payment_intent.as_ref().and_then(id_of),
    })))
}

fn first_readable<const N: usize>(candidates: [Option<&str>; N]) -> Option<String> {
    candidates.into_iter().find_map(text::clean_option)
}

/// An expandable field: an id, or the whole object (<https://docs.stripe.com/api/expanding_objects>).
fn id_of(field: &serde_json::Value) -> Option<String> {
    field
        .as_str()
        .or_else(|| field.get("id")?.as_str())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(change: impl FnOnce(&mut Value)) -> Result<Event, EventError> {
        let mut event = json!({
            "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1_700_000_000,
            "data": { "object": {
                "id": "cs_test_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid",
                "payment_intent": "pi_1", "customer_email": null, "collected_information": null,
                "customer_details": {
                    "email": "ada@example.com", "name": "Ada Lovelace", "business_name": null, "individual_name": null
                },
                "metadata": { "product": "demo" },
            }},
        });
        change(&mut event);
        parse_event(event.to_string().as_bytes())
    }

    fn session(change: impl FnOnce(&mut Value)) -> Result<Event, EventError> {
        event(|event| change(&mut event["data"]["object"]))
    }

    fn purchase(change: impl FnOnce(&mut Value)) -> Purchase {
        match session(change) {
            Ok(Event::Paid(purchase)) => *purchase,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_paid_session_is_a_purchase() {
        let purchase = purchase(|_| {});
        assert_eq!(purchase.order.as_str(), "cs_test_1");
        assert_eq!(purchase.products[0].as_str(), "demo");
        assert_eq!(purchase.buyer.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(purchase.buyer.organisation, None);
        assert_eq!(purchase.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(purchase.purchased_at.as_secs(), 1_700_000_000);
    }

    #[test]
    fn free_and_late_payments_count() {
        assert!(matches!(
            session(|s| s["payment_status"] = json!("no_payment_required")),
            Ok(Event::Paid(_))
        ));
        let late = event(|e| e["type"] = json!("checkout.session.async_payment_succeeded"));
        assert!(matches!(late, Ok(Event::Paid(_))));
    }

    #[test]
    fn what_is_not_ours_to_fulfil_is_ignored() {
        for result in [
            session(|s| s["payment_status"] = json!("unpaid")),
            session(|s| s["mode"] = json!("subscription")),
            session(|s| s["metadata"] = json!({})),
            session(|s| s["metadata"] = Value::Null),
            session(|s| s["metadata"] = json!({ "product": "not an id" })),
            event(|e| e["type"] = json!("invoice.paid")),
            event(|e| e["object"] = json!("v2.core.event")),
            event(|e| {
                e["object"] = json!("v2.core.event");
                e["data"] = Value::Null;
            }),
        ] {
            assert!(matches!(result, Ok(Event::Ignored(_))), "{result:?}");
        }
        // Whatever an event of another type holds.
        assert!(matches!(
            event(|e| {
                e["type"] = json!("x.y");
                e["data"]["object"] = json!([1]);
            }),
            Ok(Event::Ignored(_))
        ));
    }

    #[test]
    fn what_can_not_be_acted_on_is_an_error() {
        assert_eq!(
            session(|s| s["customer_details"] = Value::Null),
            Err(EventError::NoEmail)
        );
        assert_eq!(
            session(|s| s["customer_details"]["email"] = json!("nobody")),
            Err(EventError::NoEmail)
        );
        assert_eq!(
            session(|s| s["id"] = json!("../etc")),
            Err(EventError::SessionId)
        );
        assert_eq!(
            session(|s| s["id"] = Value::Null),
            Err(EventError::Malformed)
        );
        for body in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b"{\"object\":\"event\"}",
        ] {
            assert_eq!(parse_event(body), Err(EventError::Malformed));
        }
    }

    #[test]
    fn the_organisation_is_where_stripe_puts_it() {
        let details = purchase(|s| s["customer_details"]["business_name"] = json!("Engines\nLtd"));
        assert_eq!(details.buyer.organisation.as_deref(), Some("Engines Ltd"));
        let collected =
            purchase(|s| s["collected_information"] = json!({ "business_name": "Engines Ltd" }));
        assert_eq!(collected.buyer.organisation.as_deref(), Some("Engines Ltd"));
    }

    #[test]
    fn an_expanded_payment_intent_is_the_same() {
        let expanded =
            purchase(|s| s["payment_intent"] = json!({ "id": "pi_2", "object": "payment_intent" }));
        assert_eq!(expanded.payment_intent.as_deref(), Some("pi_2"));
        assert_eq!(
            purchase(|s| s["payment_intent"] = Value::Null).payment_intent,
            None
        );
    }

    #[test]
    fn the_address_may_stand_in_either_place() {
        let early = purchase(|s| {
            s["customer_details"] = Value::Null;
            s["customer_email"] = json!("early@example.com");
        });
        assert_eq!(early.buyer.email, "early@example.com");
        assert_eq!(early.buyer.name, None);
    }
}
