//! What an order and its payment have to tell each other, and what an order has to ask Stripe: done by their alarms,
//! until it is done.

use crate::domain::alarm::{Cause, Code};
use crate::domain::id::RandomId;
use crate::domain::order::{Command, Errands, Reply, StripeCommand, StripeReply};
use crate::domain::payment::{PaymentCommand, PaymentReply, Word};
use crate::domain::settings::Settings;
use crate::domain::stripe::{Named, Progress, Session};
use crate::domain::time::Timestamp;

use super::events::odd_payment;
use super::failure::Failure;
use super::ports::{
    Ledger, Operator, Orders, Payments, Randomness, Referee, StripeApi, Unavailable,
};
use super::webhook::{record_command, unexpected};

/// What came of an order's errands, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All that was due.
    All,
    /// The order was about nothing of ours, and is forgotten.
    Forgotten,
}

/// Does an order's errands that are due. Each attempt is stored before it is made, and with it the next one.
///
/// 1. Stripe is asked what the session is about, if its event did not say.
/// 2. The payment is told of the order, and answers how it stands. So a refund that came first is heard of before any
///    mail goes out: until the payment has answered the mail waits, for hours if it must.
///
/// # Errors
/// What failed, for the log: it is due again.
pub async fn run(
    settings: &Settings,
    referee: &impl Referee,
    payments: &impl Payments,
    stripe: &impl StripeApi,
    operator: &impl Operator,
    random: &impl Randomness,
    now: Timestamp,
) -> Result<Done, Failure> {
    // 1. What it is about.
    let Some(mut errands) = start(referee, now)? else {
        return Ok(Done::All);
    };
    if errands.name {
        name(settings, referee, stripe, operator, random, &errands, now).await?;
        match start(referee, now)? {
            Some(next) => errands = next,
            None => return Ok(Done::Forgotten),
        }
    }
    // 2. The payment.
    register(settings, referee, payments, random, &errands, now).await?;
    Ok(Done::All)
}

fn start(referee: &impl Referee, now: Timestamp) -> Result<Option<Errands>, Failure> {
    let start = Command::Stripe(StripeCommand::StartErrands);
    match referee.decide(start, now)? {
        Reply::Stripe(StripeReply::Errands(errands)) => Ok(Some(errands)),
        Reply::Unknown => Ok(None),
        other => Err(unexpected(&other)),
    }
}

async fn register(
    settings: &Settings,
    referee: &impl Referee,
    payments: &impl Payments,
    random: &impl Randomness,
    errands: &Errands,
    now: Timestamp,
) -> Result<(), Failure> {
    let Some((payment, amount)) = errands.register.clone() else {
        return Ok(());
    };
    let command = PaymentCommand::Register {
        order: errands.order.clone(),
        amount,
    };
    let PaymentReply::Stands(word) = payments.tell(&payment, command).await? else {
        return Err(odd_payment());
    };
    referee.decide(hear(settings, random, word), now)?;
    referee.decide(Command::Stripe(StripeCommand::Registered), now)?;
    Ok(())
}

async fn name(
    settings: &Settings,
    referee: &impl Referee,
    stripe: &impl StripeApi,
    operator: &impl Operator,
    random: &impl Randomness,
    errands: &Errands,
    now: Timestamp,
) -> Result<(), Failure> {
    let session = stripe.session(&errands.order).await?;
    let session = session.ok_or(Failure::SessionMissing)?;
    match names(settings, &session) {
        Named::Products(products) => {
            for price in session.unknown_prices(settings) {
                let detail = format!("order {}: a price of no product", errands.order.as_str());
                let cause = Cause::new(Code::UnknownProduct, price, &detail);
                operator.raise(cause).await?;
            }
            let at = session.paid_at;
            let purchase = session.purchase(products, at).map_err(Failure::Event)?;
            let command = record_command(settings, random, purchase, &errands.origin, true);
            referee.decide(command, now)?;
            Ok(())
        }
        Named::Nothing => {
            referee.decide(Command::Stripe(StripeCommand::Forget), now)?;
            Ok(())
        }
        Named::Unknown => Err(Failure::Unavailable(Unavailable(
            "a session came without its line items".to_owned(),
        ))),
    }
}

/// What a session from the API sells of ours; nothing if it is none that we could sell by.
pub(super) fn names(settings: &Settings, session: &Session) -> Named {
    let ours = session.progress != Progress::OtherKind
        && !session.is_of_another_mode(settings.stripe.mode);
    if ours {
        session.names(settings)
    } else {
        Named::Nothing
    }
}

/// A payment's alarm rang: tells its order what it has not heard of yet.
///
/// 1. What there is to tell, and whom.
/// 2. The order hears it. One that is gone has nothing to hear.
/// 3. That it did is stored; what changed in between is told next.
///
/// # Errors
/// What failed, for the log: it is told again.
pub async fn tell(
    settings: &Settings,
    ledger: &impl Ledger,
    orders: &impl Orders,
    random: &impl Randomness,
) -> Result<(), Failure> {
    // 1. What, and whom.
    let (order, word) = match ledger.decide(PaymentCommand::Tidings)? {
        PaymentReply::Tidings(Some(tidings)) => tidings,
        PaymentReply::Tidings(None) => return Ok(()),
        _ => return Err(odd_payment()),
    };
    // 2. The order.
    match orders.ask(&order, hear(settings, random, word)).await? {
        Reply::Stripe(_) | Reply::Unknown => {}
        other => return Err(unexpected(&other)),
    }
    // 3. It heard.
    let revision = word.revision;
    ledger.decide(PaymentCommand::Told { revision })?;
    Ok(())
}

fn hear(settings: &Settings, random: &impl Randomness, word: Word) -> Command {
    Command::Stripe(StripeCommand::Hear {
        withdrawal: word.standing.withdrawal(settings.stripe.partial_refunds),
        revision: word.revision,
        fresh: RandomId::from_random(&random.draw()),
    })
}
