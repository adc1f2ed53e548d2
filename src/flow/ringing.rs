//! The order's alarm rang: first what is to be told or asked, then the mail and what others are to know.

use crate::domain::alarm::{Cause, Code};
use crate::domain::time::Timestamp;

use super::errands::{self, Done};
use super::failure::Failure;
use super::outbox::Outbox;
use super::ports::{
    Addresses, KnownAddresses, Mailer, Operator, Payments, Randomness, Referee, StripeApi,
    Tombstones, Unavailable,
};

/// Does all that is due.
///
/// 1. The errands: what the session is about, and how its payment stands.
/// 2. Whether or not they succeed, the outbox: a mail that has to wait for an errand waits by itself, and KV is told of
///    links in any case.
/// 3. The operator hears of an errand that fails and fails, at once if it can't succeed.
///
/// # Errors
/// What failed, for the log: it is due again.
pub async fn ring<R, M, K, A, O, N>(
    outbox: &Outbox<'_, R, M, K, A, O, N>,
    payments: &impl Payments,
    stripe: &impl StripeApi,
    now: Timestamp,
) -> Result<Done, Failure>
where
    R: Referee,
    M: Mailer,
    K: Tombstones + KnownAddresses,
    A: Addresses,
    O: Operator,
    N: Randomness,
{
    let Outbox {
        settings,
        referee,
        random,
        ..
    } = outbox;
    // 1. The errands.
    let errands = errands::run(
        settings,
        *referee,
        payments,
        stripe,
        outbox.operator,
        *random,
        now,
    )
    .await;
    if matches!(errands, Ok(Done::Forgotten)) {
        return Ok(Done::Forgotten);
    }
    // 2. The outbox.
    let sent = outbox.run(now).await;
    // 3. The operator.
    if let Err(failure) = &errands {
        raise_if_stuck(*referee, outbox.operator, failure).await;
    }
    let done = errands?;
    sent.map(|()| done)
}

/// Should telling fail, the errand fails again and is told then.
async fn raise_if_stuck(referee: &impl Referee, operator: &impl Operator, failure: &Failure) {
    let Ok(Some(work)) = referee.work() else {
        return;
    };
    let passes = !matches!(failure, Failure::Event(_));
    if failure.cause().is_none() && (work.errands_stuck || !passes) {
        let detail = failure.log_detail().unwrap_or_default();
        let cause = Cause::new(Code::OrderFailing, work.order.as_str(), &detail);
        let _: Result<(), Unavailable> = operator.raise(cause).await;
    }
}
