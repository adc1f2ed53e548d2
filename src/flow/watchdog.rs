//! The watchdog: reads again what Stripe reported, and makes up for what never arrived.
//!
//! A webhook may be lost for good: an endpoint that was switched off, a secret that was rolled, an outage of more than
//! three days. Stripe keeps the events themselves for 30 days, and lists them. They are listed by their own time, so a
//! payment that succeeds days after its session began is seen as well.

use serde::{Deserialize, Serialize};

use crate::domain::alarm::{Cause, Code};
use crate::domain::json::Json;
use crate::domain::settings::Settings;
use crate::domain::stripe::{Event, Named, parse_listed_event};
use crate::domain::time::Timestamp;

use super::errands::names;
use super::events::{NOTHING_OF_OURS, Received, act, unfit};
use super::failure::Failure;
use super::ports::{
    ApiError, EventPage, EventsQuery, Notebook, Orders, Payments, Randomness, StripeApi,
    Unavailable,
};

/// An event is given so long to arrive by itself, in seconds.
pub const GRACE_SECS: i64 = 10 * 60;

/// Each look begins so much before the end of the last one, in seconds: events may be listed a little late.
pub const OVERLAP_SECS: i64 = 10 * 60;

/// The most pages of one run. What is left is for the next run.
const MAX_PAGES: u32 = 10;

/// So many events that failed are remembered. If more fail, it is no single event's fault, and the look waits.
const MAX_FAILED: usize = 8;

/// What has been in the way for so long is told, in seconds.
pub const STUCK_AFTER_SECS: i64 = 6 * 3_600;

/// What is stored between two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// All events before this were seen to, but for those that failed.
    pub seen_until: Timestamp,
    /// A look that is not at its end.
    pub look: Option<Look>,
    /// When a look last got on.
    #[serde(default)]
    pub moved_at: Option<Timestamp>,
    /// Events that failed, to be tried again.
    #[serde(default)]
    pub failed: Vec<Failed>,
}

/// An event that something was in the way of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its id, `evt_…`.
    pub event: String,
    /// The first time.
    pub since: Timestamp,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// So many events were looked at.
    pub events: u32,
    /// So many of them had not arrived, and were made up for.
    pub missing: u32,
    /// So many can't be acted on: no address, or no form that we know.
    pub unfit: u32,
    /// So many failed, and are tried again.
    pub failed: u32,
    /// Whether there is more to look at.
    pub more: bool,
    /// What the operator has to look at.
    pub causes: Vec<Cause>,
    /// The first of those that had not arrived.
    first_missing: Option<String>,
}

impl Findings {
    fn conclude(mut self) -> Self {
        if let Some(first) = &self.first_missing {
            let detail = format!("events: {}, the first is {first}", self.missing);
            let cause = Cause::new(Code::WebhooksMissing, "/webhooks/stripe", &detail);
            self.causes.push(cause);
        }
        self
    }
}

/// Looks through what Stripe reported since the last time.
///
/// 1. Where the last run ended. The first one begins now: what was sold before is not mailed again.
/// 2. The events that failed are tried again.
/// 3. A page of events. Each is acted on as the webhook would, but for its signature: it came from Stripe itself. One
///    that fails is remembered, and keeps no other from being seen to.
/// 4. How far that got is stored, and then comes the next page. A run that dies repeats what it did since, and to act on
///    an event again changes nothing.
///
/// # Errors
/// Stripe, or what is to be stored, did not answer: the next run begins at the same page. If that has gone on for hours,
/// the error says so. Without `PUBLIC_URL` nobody knows where links lead.
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
    let dog = Dog {
        settings,
        orders,
        payments,
        stripe,
        random,
        origin,
        now,
    };
    // 1. Where the last run ended.
    let until = now.plus_secs(-GRACE_SECS);
    let mut watch = notebook.read().await?.unwrap_or(Watch {
        seen_until: until,
        look: None,
        moved_at: None,
        failed: Vec::new(),
    });
    watch.moved_at.get_or_insert(now);
    let mut findings = Findings::default();
    let before = watch.clone();
    let gone = dog.go(&mut watch, notebook, &mut findings).await;
    if watch != before || before.look.is_none() {
        notebook.write(&watch).await?;
    }
    let moved_at = watch.moved_at.unwrap_or(now);
    match gone {
        Ok(()) => Ok(findings.conclude()),
        Err(failure)
            if failure.cause().is_none() && now.secs_since(moved_at) >= STUCK_AFTER_SECS =>
        {
            Err(Failure::WatchdogStuck(
                failure.log_detail().unwrap_or_default(),
            ))
        }
        Err(failure) => Err(failure),
    }
}

/// One run.
struct Dog<'a, O, P, S, N> {
    settings: &'a Settings,
    orders: &'a O,
    payments: &'a P,
    stripe: &'a S,
    random: &'a N,
    origin: &'a str,
    now: Timestamp,
}

impl<O: Orders, P: Payments, S: StripeApi, N: Randomness> Dog<'_, O, P, S, N> {
    async fn go(
        &self,
        watch: &mut Watch,
        notebook: &impl Notebook,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        // 2. What failed.
        self.try_again(watch, findings).await?;
        // 3. Pages.
        let until = self.now.plus_secs(-GRACE_SECS);
        let look = watch.look.take().unwrap_or_else(|| Look {
            from: watch.seen_until.plus_secs(-OVERLAP_SECS),
            until: until.max(watch.seen_until),
            after: None,
        });
        let mut look = watch.look.insert(look).clone();
        for _ in 0..MAX_PAGES {
            let page = self.page(&mut look).await?;
            for event in page.events {
                self.meet(event, watch, findings).await?;
            }
            // 4. How far that got.
            watch.moved_at = Some(self.now);
            findings.more = page.next.is_some();
            look.after = page.next;
            watch.look = findings.more.then(|| look.clone());
            if !findings.more {
                watch.seen_until = look.until;
                break;
            }
            // KV takes one write a second, so this one may fail; the last one counts.
            let _: Result<(), Unavailable> = notebook.write(watch).await;
        }
        Ok(())
    }

    /// The next page. Where the last one ended may be unknown to Stripe by now: after 30 days, or with a key of another
    /// mode or account. Then the look begins anew.
    async fn page(&self, look: &mut Look) -> Result<EventPage, Failure> {
        loop {
            let query = EventsQuery {
                from: look.from,
                until: look.until,
                after: look.after.clone(),
            };
            match self.stripe.events(&query).await {
                Err(ApiError::NoSuchCursor) if look.after.is_some() => look.after = None,
                page => return Ok(page?),
            }
        }
    }

    async fn try_again(&self, watch: &mut Watch, findings: &mut Findings) -> Result<(), Failure> {
        for Failed { event: id, since } in std::mem::take(&mut watch.failed) {
            // Stripe keeps its events for 30 days, and the operator has heard of it.
            let result = match self.stripe.event(&id).await {
                Ok(Some(event)) => self.meet_again(event, findings).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error.into()),
            };
            if let Err(failure) = result {
                findings.failed += 1;
                if self.now.secs_since(since) >= STUCK_AFTER_SECS {
                    let detail = failure.log_detail().unwrap_or_default();
                    let cause = Cause::new(Code::WatchdogStuck, &id, &detail);
                    findings.causes.push(cause);
                }
                watch.failed.push(Failed { event: id, since });
            }
        }
        Ok(())
    }

    /// Sees to an event. If that fails, it is remembered for the next run.
    async fn meet(
        &self,
        event: Json<'static>,
        watch: &mut Watch,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        findings.events += 1;
        let id = id_of(&event);
        if watch.failed.iter().any(|failed| failed.event == id) {
            return Ok(());
        }
        match self.meet_again(event, findings).await {
            Err(failure) if id.is_empty() || watch.failed.len() >= MAX_FAILED => Err(failure),
            Err(_) => {
                findings.failed += 1;
                let since = self.now;
                watch.failed.push(Failed { event: id, since });
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn meet_again(
        &self,
        event: Json<'static>,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let name = id_of(&event);
        match self.see_to(&event).await {
            Ok(Received::Recorded | Received::Noted) => {
                findings.missing += 1;
                findings.first_missing.get_or_insert(name);
            }
            Ok(Received::Known | Received::Ignored(_)) => {}
            Err(Failure::Event(why)) => {
                findings.unfit += 1;
                findings.causes.push(unfit(&event, why));
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Acts on an event. What a session is about that does not say so itself is asked before anything is stored: most
    /// such sessions sell something else, and would be stored and forgotten at each look.
    async fn see_to(&self, event: &Json<'_>) -> Result<Received, Failure> {
        let settings = self.settings;
        let parsed = parse_listed_event(event, &settings.stripe);
        let mut event = parsed.map_err(Failure::Event)?;
        if let Event::Paid { session, .. } = &mut event
            && session.names(settings) == Named::Unknown
        {
            let asked = self.stripe.session(&session.order).await?;
            match asked.filter(|asked| matches!(names(settings, asked), Named::Products(_))) {
                Some(asked) => **session = asked,
                None => return Ok(NOTHING_OF_OURS),
            }
        }
        let (orders, payments) = (self.orders, self.payments);
        act(settings, orders, payments, self.random, event, self.origin).await
    }
}

fn id_of(event: &Json<'_>) -> String {
    let id = event.get("id").and_then(Json::as_str);
    id.unwrap_or_default().to_owned()
}
