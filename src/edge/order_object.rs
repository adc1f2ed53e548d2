//! The Durable Object of one order: loads, decides, stores.
//!
//! Nothing is awaited between the load and the store, so each decision is atomic; and the runtime holds
//! the answer back until it is on disk: <https://developers.cloudflare.com/durable-objects/reference/in-memory-state/>.

use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::answer::log_line;
use super::bindings::{self, LinksKv, SystemRandom};
use super::document::{self, Role};
use super::mail::ConfiguredMailer;
use super::operator_object::{self, OperatorObject};
use crate::domain::id::OrderId;
use crate::domain::order::{self, Command, Link, Reply};
use crate::domain::time::Timestamp;
use crate::flow::failure::Failure;
use crate::flow::outbox;
use crate::flow::ports::{Referee, Unavailable};

/// An alarm that failed rings again after so many seconds at the earliest: what fails at once would
/// otherwise ring without end.
const ALARM_PAUSE_SECS: i64 = 30;

/// And so many if it is for the operator to mend.
const SETTINGS_PAUSE_SECS: i64 = 5 * 60;

/// The object. What it knows is in its storage alone.
#[durable_object]
pub struct Order {
    state: State,
    env: Env,
}

impl DurableObject for Order {
    fn new(state: State, env: Env) -> Self {
        Self { state, env }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        if request.path() == operator_object::PATH {
            return self.operator().fetch(request).await;
        }
        if request.path() == "/inspect" {
            let stored = self.load().map_err(in_runtime_words)?;
            return Response::from_json(&stored);
        }
        let command = serde_json::from_str(&request.text().await?);
        let command: Command =
            command.map_err(|error| in_runtime_words(bindings::malformed("command", &error)))?;
        // A purchase that is recorded again sets its alarm again: should one ever be lost, this heals it.
        let heals = matches!(command, Command::Record { .. });
        let (reply, changed) = self
            .decide_and_store(command, bindings::now())
            .map_err(in_runtime_words)?;
        if changed || heals {
            self.set_alarm(0).await?;
        }
        Response::from_json(&reply)
    }

    /// Never fails: the platform would try six times and then give up for good. Whatever went wrong, the
    /// alarm is set again, also if the order can't be read right now.
    async fn alarm(&self) -> Result<Response> {
        match self.operator().is_one() {
            Ok(true) => return self.operator().alarm().await,
            Ok(false) => {}
            // Whichever it is, it can't be read: later.
            Err(error) => {
                log_line(&serde_json::json!({ "alarm": "object", "detail": error.0 }));
                self.state
                    .storage()
                    .set_alarm(SETTINGS_PAUSE_SECS * 1_000)
                    .await?;
                return Response::empty();
            }
        }
        let pause_secs = match self.run_outbox().await {
            Ok(()) => 0,
            Err(failure) => {
                let (code, detail) = (failure.problem().code, failure.log_detail());
                log_line(&serde_json::json!({ "alarm": "order", "code": code, "detail": detail }));
                match failure {
                    Failure::Settings(_) => SETTINGS_PAUSE_SECS,
                    _ => ALARM_PAUSE_SECS,
                }
            }
        };
        if let Err(error) = self.set_alarm(pause_secs).await {
            log_line(&serde_json::json!({ "alarm": "order", "detail": error.to_string() }));
            self.state
                .storage()
                .set_alarm(SETTINGS_PAUSE_SECS * 1_000)
                .await?;
        }
        Response::empty()
    }
}

impl Referee for Order {
    fn decide(&self, command: Command, now: Timestamp) -> std::result::Result<Reply, Unavailable> {
        self.decide_and_store(command, now).map(|(reply, _)| reply)
    }

    fn unindexed_links(&self) -> std::result::Result<Option<(OrderId, Vec<Link>)>, Unavailable> {
        Ok(self
            .load()?
            .map(|order| (order.purchase.order.clone(), order.unindexed_links())))
    }

    fn ended_links(&self, now: Timestamp) -> std::result::Result<Vec<Link>, Unavailable> {
        Ok(self
            .load()?
            .map(|order| order.ended_links(now))
            .unwrap_or_default())
    }
}

impl Order {
    fn operator(&self) -> OperatorObject<'_> {
        OperatorObject {
            state: &self.state,
            env: &self.env,
        }
    }

    async fn run_outbox(&self) -> std::result::Result<(), Failure> {
        let settings = bindings::settings(&self.env).map_err(Failure::Settings)?;
        let links = self
            .env
            .kv("LINKS")
            .map_err(|error| bindings::unavailable("LINKS", &error));
        let mailer = ConfiguredMailer {
            env: &self.env,
            settings: &settings.mail,
        };
        outbox::run(
            &settings,
            self,
            &mailer,
            &LinksKv(links?),
            &SystemRandom,
            bindings::now(),
        )
        .await
    }

    /// The answer, and whether anything changed.
    fn decide_and_store(
        &self,
        command: Command,
        now: Timestamp,
    ) -> std::result::Result<(Reply, bool), Unavailable> {
        let before = self.load()?;
        let (after, reply) = order::decide(before.clone(), command, now);
        let changed = after.filter(|after| before.as_ref() != Some(after));
        if let Some(order) = &changed {
            document::store(&self.state, Role::Order, order)?;
        }
        Ok((reply, changed.is_some()))
    }

    fn load(&self) -> std::result::Result<Option<order::Order>, Unavailable> {
        document::load(&self.state, Role::Order)
    }

    /// Sets the alarm to when the order wants to be woken. After a failure not before `pause_secs` from now for
    /// a mail, and later for KV, which is only told what the order knows. Its first step happens in the same
    /// turn as the store before it, so both are on disk or neither is.
    async fn set_alarm(&self, pause_secs: i64) -> Result<()> {
        let Some(order) = self.load().map_err(in_runtime_words)? else {
            return Ok(());
        };
        let now = bindings::now();
        let kv_pause_secs = if pause_secs > 0 {
            SETTINGS_PAUSE_SECS
        } else {
            0
        };
        let mail = order
            .mail_due_at()
            .map(|at| at.max(now.plus_secs(pause_secs)));
        let kv = order
            .kv_due_at()
            .map(|at| at.max(now.plus_secs(kv_pause_secs)));
        match mail.into_iter().chain(kv).min() {
            Some(at) => {
                let secs = at.secs_since(now).max(0);
                self.state
                    .storage()
                    .set_alarm(secs.saturating_mul(1_000))
                    .await
            }
            None => self.state.storage().delete_alarm().await,
        }
    }
}

fn in_runtime_words(error: Unavailable) -> worker::Error {
    worker::Error::RustError(error.0)
}
