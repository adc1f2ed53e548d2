//! Stripe posted something.

use crate::domain::alarm::Cause;
use crate::domain::id::RandomId;
use crate::domain::json::Json;
use crate::domain::order::{Command, NewItem, Reply};
use crate::domain::purchase::{LicenseId, Purchase};
use crate::domain::settings::{Environment, Settings};
use crate::domain::stripe::{self, MAX_BODY_BYTES};
use crate::domain::time::Timestamp;

pub use super::events::Received;
use super::events::{act, unfit};
use super::failure::Failure;
use super::ports::{Orders, Payments, Randomness, Unavailable};

/// Receives a webhook. `origin` is where it came in: links lead there, unless the settings say otherwise.
///
/// 1. The body is not too large (413).
/// 2. Stripe signed it, just now (400).
/// 3. It is about us (200 and nothing else if not), and can be acted on (400).
/// 4. The order, or what is said about its payment, is stored (503 if not, so that Stripe sends it again). An alarm
///    does the rest.
///
/// # Errors
/// As above.
pub async fn receive(
    settings: &Settings,
    orders: &impl Orders,
    payments: &impl Payments,
    random: &impl Randomness,
    request: WebhookRequest<'_>,
    now: Timestamp,
) -> Result<Received, Failure> {
    // 1. The body's size.
    if request.body.len() > MAX_BODY_BYTES {
        return Err(Failure::TooLarge);
    }
    // 2. The signature, over the bytes as they came.
    stripe::verify(
        request.signature,
        request.body,
        &settings.webhook_secrets,
        now,
    )
    .map_err(Failure::Signature)?;
    // 3. What it says.
    let event = stripe::parse_event(request.body, &settings.stripe).map_err(Failure::Event)?;
    // 4. The order.
    act(settings, orders, payments, random, event, request.origin).await
}

/// What the operator has to hear of a webhook that failed: one that can't be acted on is signed, or it would not be known.
#[must_use]
pub fn cause(failure: &Failure, body: &[u8]) -> Option<Cause> {
    match failure {
        Failure::Event(why) => {
            let event = Json::parse_bytes(body).unwrap_or_default();
            Some(unfit(&event, *why))
        }
        _ => failure.cause(),
    }
}

/// A webhook as it came in.
#[derive(Clone, Copy, Debug)]
pub struct WebhookRequest<'a> {
    /// The header `Stripe-Signature`.
    pub signature: Option<&'a str>,
    /// The raw body.
    pub body: &'a [u8],
    /// Scheme, host and port that it was posted to.
    pub origin: &'a str,
}

/// Stores a purchase, if it is not stored: whether it was new, and what is stored.
pub(super) async fn record(
    settings: &Settings,
    orders: &impl Orders,
    random: &impl Randomness,
    purchase: Purchase,
    origin: &str,
    mail: bool,
) -> Result<(bool, Purchase), Failure> {
    let order = purchase.order.clone();
    let command = record_command(settings, random, purchase, origin, mail);
    match orders.ask(&order, command).await? {
        Reply::Recorded { new, purchase } => Ok((new, purchase)),
        other => Err(unexpected(&other)),
    }
}

/// The command that stores a purchase.
pub(super) fn record_command(
    settings: &Settings,
    random: &impl Randomness,
    purchase: Purchase,
    origin: &str,
    mail: bool,
) -> Command {
    let items = purchase
        .products
        .iter()
        .map(|product| NewItem {
            product: product.clone(),
            license: LicenseId::derive(settings.link_keys.signer(), &purchase.order, product),
            jti: RandomId::from_random(&random.draw()),
        })
        .collect();
    let origin = match settings.environment {
        // A webhook may come in by http, behind a proxy; a link must not go out by it.
        Environment::Production => origin.replacen("http://", "https://", 1),
        Environment::Development => origin.to_owned(),
    };
    Command::Record {
        purchase,
        origin,
        items,
        mail,
    }
}

/// An answer that the order does not give to that command.
pub(super) fn unexpected(reply: &Reply) -> Failure {
    // The variant's name alone: what is in it may be about a buyer.
    let name = format!("{reply:?}");
    let name = name
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    Failure::Unavailable(Unavailable(format!("the order answered {name}")))
}
