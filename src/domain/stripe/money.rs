//! What an event says about money that went back, or may.
//!
//! Shapes: `Charge`, `Refund` and `Dispute` of the npm package `stripe` 23.1.0, API version 2026-10-28.endive.

use serde::Deserialize;

use super::EventError;
use super::session::id_of;
use crate::domain::json::{self, Json};
use crate::domain::payment::{
    Charge, Dispute, DisputeStatus, Fact, PaymentId, Refund, RefundStatus,
};
use crate::domain::time::Timestamp;

#[derive(Deserialize)]
struct RawCharge {
    amount_captured: i64,
    amount_refunded: i64,
}

#[derive(Deserialize)]
struct RawRefund {
    id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
}

#[derive(Deserialize)]
struct RawDispute {
    id: String,
    status: String,
}

/// A fact and whose it is; `None` if it names no payment, as charges from before there were Payment Intents do.
pub(super) type Parsed = Result<Option<(PaymentId, Fact)>, EventError>;

pub(super) fn parse_charge(object: &Json<'_>, at: Timestamp) -> Parsed {
    let raw: RawCharge = parse(object)?;
    let charge = Charge {
        refunded: raw.amount_refunded,
        captured: raw.amount_captured,
    };
    Ok(payment_of(object).map(|payment| (payment, Fact::Charge { at, charge })))
}

pub(super) fn parse_refund(object: &Json<'_>, at: Timestamp) -> Parsed {
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
    Ok(payment_of(object).map(|payment| (payment, Fact::Refund { at, id, refund })))
}

pub(super) fn parse_dispute(object: &Json<'_>, at: Timestamp) -> Parsed {
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
    Ok(payment_of(object).map(|payment| (payment, Fact::Dispute { at, id, dispute })))
}

fn parse<T: serde::de::DeserializeOwned>(object: &Json<'_>) -> Result<T, EventError> {
    json::take(object).map_err(|_| EventError::Malformed)
}

fn payment_of(object: &Json<'_>) -> Option<PaymentId> {
    PaymentId::parse(&id_of(object.get("payment_intent")?)?)
}
