//! What an event of Stripe's leads to: the same for one that was posted, and one that was looked up.

use crate::domain::alarm::{Cause, Code};
use crate::domain::json::Json;
use crate::domain::payment::{Fact, PaymentCommand, PaymentId, PaymentReply};
use crate::domain::settings::Settings;
use crate::domain::stripe::{Event, EventError, Named, Session};
use crate::domain::time::Timestamp;

use super::failure::{Failure, event_in_words};
use super::ports::{Orders, Payments, Randomness, Unavailable};
use super::webhook::record;

/// What became of an event, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A purchase was stored.
    Recorded,
    /// A refund or a dispute was stored.
    Noted,
    /// It was stored before.
    Known,
    /// Nothing to do, and why.
    Ignored(&'static str),
}

/// Nothing that the session is about is sold here.
pub(super) const NOTHING_OF_OURS: Received = Received::Ignored("nothing of ours");

/// What the operator hears of an event that can't be acted on: which purchase it is, to be looked up.
pub(super) fn unfit(event: &Json<'_>, why: EventError) -> Cause {
    let id = |object: Option<&Json<'_>>| {
        let id = object?.get("id")?.as_str()?;
        let fits = id.len() <= 255 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then(|| id.to_owned())
    };
    let event_id = id(Some(event)).unwrap_or_default();
    let object = event.get("data").and_then(|data| data.get("object"));
    let subject = id(object).unwrap_or_else(|| event_id.clone());
    let detail = format!("{event_id}: {}", event_in_words(why));
    Cause::new(Code::EventUnfit, &subject, &detail)
}

/// Acts on an event. `origin` is where links lead, unless the settings say otherwise.
///
/// - A paid session is stored as an order. If only Stripe can tell what it is about, it is stored without products, and
///   the order's alarm asks.
/// - A fact about a payment is stored with that payment, whether its order is known or not.
///
/// # Errors
/// A purchase that can't be acted on, or what it was to be stored in did not answer.
pub(super) async fn act(
    settings: &Settings,
    orders: &impl Orders,
    payments: &impl Payments,
    random: &impl Randomness,
    event: Event,
    origin: &str,
) -> Result<Received, Failure> {
    match event {
        Event::Paid { session, at } => paid(settings, orders, random, *session, at, origin).await,
        Event::Money { payment, fact } => note(payments, &payment, fact).await,
        Event::LiveWithTestKey => Err(Failure::LiveWithTestKey),
        Event::Ignored(why) => Ok(Received::Ignored(why)),
    }
}

async fn paid(
    settings: &Settings,
    orders: &impl Orders,
    random: &impl Randomness,
    session: Session,
    at: Timestamp,
    origin: &str,
) -> Result<Received, Failure> {
    let products = match session.names(settings) {
        Named::Products(products) => products,
        Named::Unknown => Vec::new(),
        Named::Nothing => return Ok(NOTHING_OF_OURS),
    };
    let purchase = session.purchase(products, at).map_err(Failure::Event)?;
    let (new, _) = record(settings, orders, random, purchase, origin, true).await?;
    Ok(if new {
        Received::Recorded
    } else {
        Received::Known
    })
}

async fn note(
    payments: &impl Payments,
    payment: &PaymentId,
    fact: Fact,
) -> Result<Received, Failure> {
    match payments.tell(payment, PaymentCommand::Learn(fact)).await? {
        PaymentReply::Learned { new: true } => Ok(Received::Noted),
        PaymentReply::Learned { new: false } => Ok(Received::Known),
        _ => Err(odd_payment()),
    }
}

/// An answer that a payment does not give to that command.
pub(super) fn odd_payment() -> Failure {
    Failure::Unavailable(Unavailable("the payment gave an odd answer".to_owned()))
}
