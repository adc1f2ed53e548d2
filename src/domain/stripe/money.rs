//! What an event says about money that went back, or may.
//!
//! Shapes: `Charge`, `Refund` and `Dispute` of the npm package `stripe` 23.1.0, API version 2026-10-28.endive.

use serde::Deserialize;
use serde_json::Value;

use super::EventError;
use super::session::id_of;
use crate::domain::payment::{
    Charge, Dispute, DisputeStatus, Fact, PaymentId, Refund, RefundStatus,
};
use crate::domain::time::Timestamp;

#[derive(Deserialize)]
struct RawCharge {
    payment_intent: Option<Value>,
    amount_captured: i64,
    amount_refunded: i64,
}

#[derive(Deserialize)]
struct RawRefund {
    id: String,
    payment_intent: Option<Value>,
    amount: i64,
    currency: String,
    status: Option<String>,
}

#[derive(Deserialize)]
struct RawDispute {
    id: String,
    payment_intent: Option<Value>,
    status: String,
}

/// A fact and whose it is; `None` if it names no payment, as charges from before there were Payment Intents do.
pub(super) type Parsed = Result<Option<(PaymentId, Fact)>, EventError>;

pub(super) fn parse_charge(object: Value, at: Timestamp) -> Parsed {
    let raw: RawCharge = parse(object)?;
    let charge = Charge {
        refunded: raw.amount_refunded,
        captured: raw.amount_captured,
    };
    Ok(payment_of(raw.payment_intent.as_ref())
        .map(|payment| (payment, Fact::Charge { at, charge })))
}

pub(super) fn parse_refund(object: Value, at: Timestamp) -> Parsed {
    let raw: RawRefund = parse(object)?;
    let status = match raw.status.as_deref() {
        Some("failed" | "canceled") => RefundStatus::Undone,
        // `pending`, `requires_action`, `succeeded`, and what there may be one day: it is on its way.
        _ => RefundStatus::Given,
    };
    let refund = Refund {
        status,
        amount: raw.amount,
        currency: raw.currency,
    };
    let id = raw.id;
    Ok(payment_of(raw.payment_intent.as_ref())
        .map(|payment| (payment, Fact::Refund { at, id, refund })))
}

pub(super) fn parse_dispute(object: Value, at: Timestamp) -> Parsed {
    let raw: RawDispute = parse(object)?;
    let status = match raw.status.as_str() {
        "won" => DisputeStatus::Won,
        "lost" => DisputeStatus::Lost,
        "appeal_needs_response" | "appeal_under_review" => DisputeStatus::Appealed,
        // What was prevented was given back, and the refund says so itself.
        "prevented" | "charge_refunded" => DisputeStatus::Harmless,
        status if status.starts_with("warning_") => DisputeStatus::Harmless,
        // `needs_response`, `under_review`, and what there may be one day: not decided.
        _ => DisputeStatus::Open,
    };
    let (id, dispute) = (raw.id, Dispute { status });
    Ok(payment_of(raw.payment_intent.as_ref())
        .map(|payment| (payment, Fact::Dispute { at, id, dispute })))
}

fn parse<T: serde::de::DeserializeOwned>(object: Value) -> Result<T, EventError> {
    serde_json::from_value(object).map_err(|_| EventError::Malformed)
}

fn payment_of(field: Option<&Value>) -> Option<PaymentId> {
    PaymentId::parse(&id_of(field?)?)
}
