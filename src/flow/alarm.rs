//! The operator's alarm: causes are taken in, and told by mail. This is the one place that does so.

use crate::domain::alarm::{Cause, Told};
use crate::domain::mail::Schedule;
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;

use super::failure::Failure;
use super::ports::{AlarmBook, Mailer, Unavailable};

/// Takes a cause in. `true` if it is news: then it is logged, and told with the next mail.
///
/// # Errors
/// Storage failed, and the cause was not taken in.
pub fn take(
    settings: &Settings,
    book: &impl AlarmBook,
    cause: Cause,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let schedule = Schedule::new(settings.mail.speedup);
    book.update(|alarms| alarms.raise(cause, schedule, now))
}

/// Sends the operator's mail, if one is due.
///
/// 1. The attempt is stored, and with it the next one and the mail's bytes.
/// 2. The provider gets it, under the same key each time.
/// 3. What became of it is stored.
///
/// `None` if nothing was due.
///
/// # Errors
/// Storage failed.
pub async fn run(
    settings: &Settings,
    book: &impl AlarmBook,
    mailer: &impl Mailer,
    now: Timestamp,
) -> Result<Option<Told>, Failure> {
    // 1. The attempt.
    let started = book.update(|alarms| alarms.start(&settings.shop, &settings.mail, now))?;
    let Some(job) = started else {
        return Ok(None);
    };
    // 2. The provider.
    let outcome = mailer.send(&job.mail, &job.idempotency_key, now).await;
    // 3. The end of it.
    let schedule = Schedule::new(settings.mail.speedup);
    let told = book.update(|alarms| alarms.heard(&outcome, schedule, now))?;
    Ok(Some(told))
}
