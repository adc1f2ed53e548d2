//! The watchdog: reads again what Stripe reported, and makes up for what never arrived.
//!
//! A webhook may be lost for good: an endpoint that was switched off, a secret that was rolled, an outage of more than
//! three days. Stripe keeps the events themselves for 30 days, and lists them. They are listed by their own time, so a
//! payment that succeeds days after its session began is seen as well.

use serde::{Deserialize, Serialize};

use crate::domain::alarm::{Cause, Code};
use crate::domain::settings::Settings;
use crate::domain::stripe::{Event, Named, parse_listed_event};
use crate::domain::time::Timestamp;

use super::errands::names;
use super::events::{NOTHING_OF_OURS, Received, act};
use super::failure::Failure;
use super::ports::{EventsQuery, Notebook, Orders, Payments, Randomness, StripeApi};

/// An event is given so long to arrive by itself, in seconds.
pub const GRACE_SECS: i64 = 10 * 60;

/// Each look begins so much before the end of the last one, in seconds: events may be listed a little late.
pub const OVERLAP_SECS: i64 = 10 * 60;

/// The most pages of one run. What is left is for the next run.
const MAX_PAGES: u32 = 10;

/// What is stored between two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// All events before this were seen to.
    pub seen_until: Timestamp,
    /// A look that is not at its end.
    pub look: Option<Look>,
}

/// A look through the events of some time, newest first, as Stripe lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The first second.
    pub from: Timestamp,
    /// The first second that is not in it.
    pub until: Timestamp,
    /// The last event that was seen to.
    pub after: Option<String>,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// So many events were looked at.
    pub events: u32,
    /// So many of them had not arrived, and were made up for.
    pub missing: u32,
    /// So many can't be acted on: no address, or no form that we know.
    pub unfit: u32,
    /// Whether there is more to look at.
    pub more: bool,
}

impl Findings {
    /// What the operator has to look at, if anything was wrong.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let cause = |code, count: u32| {
            let detail = format!("events: {count}");
            (count > 0).then(|| Cause::new(code, "/webhooks/stripe", &detail))
        };
        let missing = cause(Code::WebhooksMissing, self.missing);
        let unfit = cause(Code::EventUnfit, self.unfit);
        missing.into_iter().chain(unfit).collect()
    }
}

/// Looks through what Stripe reported since the last time.
///
/// 1. Where the last run ended. The first one begins now: what was sold before is not mailed again.
/// 2. A page of events. Each is acted on as the webhook would, but for its signature: it came from Stripe itself.
/// 3. How far that got is stored, and then comes the next page. A run that dies repeats one page at most, and to act on
///    an event again changes nothing.
///
/// # Errors
/// Stripe, or what is to be stored, did not answer: the next run begins at the same page. Without `PUBLIC_URL` nobody
/// knows where links lead.
pub async fn run(
    settings: &Settings,
    orders: &impl Orders,
    payments: &impl Payments,
    stripe: &impl StripeApi,
    notebook: &impl Notebook,
    random: &impl Randomness,
    now: Timestamp,
) -> Result<Findings, Failure> {
    let origin = settings.public_url.as_deref().ok_or(Failure::NoPublicUrl)?;
    // 1. Where the last run ended.
    let until = now.plus_secs(-GRACE_SECS);
    let mut watch = notebook.read().await?.unwrap_or(Watch {
        seen_until: until,
        look: None,
    });
    let mut look = watch.look.take().unwrap_or_else(|| Look {
        from: watch.seen_until.plus_secs(-OVERLAP_SECS),
        until: until.max(watch.seen_until),
        after: None,
    });
    let mut findings = Findings::default();
    for _ in 0..MAX_PAGES {
        // 2. A page.
        let query = EventsQuery {
            from: look.from,
            until: look.until,
            after: look.after.clone(),
        };
        let page = stripe.events(&query).await?;
        for event in page.events {
            findings.events += 1;
            match see_to(settings, orders, payments, stripe, random, event, origin).await {
                Ok(Received::Recorded | Received::Noted) => findings.missing += 1,
                Ok(Received::Known | Received::Ignored(_)) => {}
                Err(Failure::Event(_)) => findings.unfit += 1,
                Err(failure) => return Err(failure),
            }
        }
        // 3. How far that got.
        findings.more = page.next.is_some();
        look.after = page.next;
        if !findings.more {
            watch.seen_until = look.until;
        }
        watch.look = findings.more.then(|| look.clone());
        notebook.write(&watch).await?;
        if !findings.more {
            break;
        }
    }
    Ok(findings)
}

/// Acts on an event. What a session is about that does not say so itself is asked before anything is stored: most such
/// sessions sell something else, and would be stored and forgotten at each look.
async fn see_to(
    settings: &Settings,
    orders: &impl Orders,
    payments: &impl Payments,
    stripe: &impl StripeApi,
    random: &impl Randomness,
    event: serde_json::Value,
    origin: &str,
) -> Result<Received, Failure> {
    let mut event = parse_listed_event(event, &settings.stripe).map_err(Failure::Event)?;
    if let Event::Paid { session, .. } = &mut event
        && session.names(settings) == Named::Unknown
    {
        let asked = stripe.session(&session.order).await?;
        match asked.filter(|asked| matches!(names(settings, asked), Named::Products(_))) {
            Some(asked) => **session = asked,
            None => return Ok(NOTHING_OF_OURS),
        }
    }
    act(settings, orders, payments, random, event, origin).await
}
