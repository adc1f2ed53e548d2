//! The Durable Object: loads, decides, stores. By its name it is an order, or the address of a buyer.
//!
//! Nothing is awaited between the load and the store, so each decision is atomic; and the runtime holds
//! the answer back until it is on disk: <https://developers.cloudflare.com/durable-objects/reference/in-memory-state/>.

use std::cell::{Cell, Ref, RefCell};

use futures_util::FutureExt as _;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::answer::{self, log_line};
use super::bindings::{self, LinksKv, OrderObjects, SystemRandom};
use super::document::{self, Role};
use super::kv::Kv;
use super::mail::ConfiguredMailer;
use super::operator_object::{self, OperatorAlarm, OperatorObject};
use super::payment_object::{self, PaymentStorage};
use super::stripe_api::StripeHttp;
use crate::domain::address::{self, Address, AddressCommand, AddressId, Recovered};
use crate::domain::alarm::{Cause, Code};
use crate::domain::id::OrderId;
use crate::domain::json;
use crate::domain::mail::Schedule;
use crate::domain::order::{self, Command, Ended, Link, Note, Reply, Waking};
use crate::domain::payment::Payment;
use crate::domain::settings::{Limits, SettingsErrors};
use crate::domain::time::Timestamp;
use crate::flow::errands::Done;
use crate::flow::failure::Failure;
use crate::flow::outbox::Outbox;
use crate::flow::ports::{Operator as _, Referee, Unavailable, Work};
use crate::flow::ringing;

/// An alarm that failed rings again after so many seconds at the earliest: what fails at once would
/// otherwise ring without end.
const ALARM_PAUSE_SECS: i64 = 30;

/// And so many if it is for the operator to mend.
const SETTINGS_PAUSE_SECS: i64 = 5 * 60;

/// The object. By its name it is an order, or an address.
#[durable_object]
pub struct Order {
    state: State,
    env: Env,
    limits: std::result::Result<Limits, SettingsErrors>,
    /// The order that is stored, once it `is_read`: nobody else writes it, and an instance whose write fails on its way
    /// to disk is ended by the runtime.
    stored: RefCell<Option<order::Order>>,
    is_read: Cell<bool>,
    /// As far as this instance knows.
    alarm: Cell<Waking>,
}

impl DurableObject for Order {
    fn new(state: State, env: Env) -> Self {
        let limits = Limits::parse(|name| bindings::setting(&env, name));
        let alarm = Cell::new(Waking::Unknown);
        Self {
            state,
            env,
            limits,
            stored: RefCell::new(None),
            is_read: Cell::new(false),
            alarm,
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let body = request.text().await?;
        match request.path().as_str() {
            "/inspect" => Response::ok(self.inspect().map_err(in_runtime_words)?),
            payment_object::PATH => {
                let payment = PaymentStorage(&self.state);
                payment.answer(&body).boxed_local().await
            }
            "/address" => answer::to_ourselves(&self.ask_address(&body).map_err(in_runtime_words)?),
            operator_object::UNTOLD_PATH => {
                answer::to_ourselves(&self.operator().untold().map_err(in_runtime_words)?)
            }
            operator_object::PATH => self.operator().take(&body).boxed_local().await,
            _ => {
                let command: Command = parse(&body)?;
                // Whoever asks again sets the alarm again: should one ever be lost, this heals it.
                let heals = matches!(
                    command,
                    Command::Record { .. }
                        | Command::Issue { .. }
                        | Command::Renew { .. }
                        | Command::Recover { .. }
                );
                let (reply, changed) = self
                    .decide_and_store(&command, bindings::now())
                    .map_err(in_runtime_words)?;
                if changed || heals {
                    self.set_alarm(0).await?;
                }
                answer::to_ourselves(&reply)
            }
        }
    }

    /// Never fails: the platform would try six times and then give up for good. Whatever went wrong, the
    /// alarm is set again, also if the order can't be read right now; and it is set before anything is done, since
    /// the object may die on the way.
    async fn alarm(&self) -> Result<Response> {
        self.alarm.set(Waking::Unknown);
        let speedup = bindings::settings(&self.env).map_or(1, |settings| settings.mail.speedup);
        let pause_secs = Schedule::new(speedup).pause_secs(1);
        if let Err(error) = self
            .state
            .storage()
            .set_alarm(pause_secs.saturating_mul(1_000))
            .await
        {
            log_line(vec![
                ("alarm", "object".into()),
                ("detail", error.to_string().into()),
            ]);
        }
        if let Err(error) = self.ring().boxed_local().await {
            log_line(vec![
                ("alarm", "object".into()),
                ("detail", error.to_string().into()),
            ]);
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
        self.decide_and_store(&command, now).map(|(reply, _)| reply)
    }

    fn unindexed_links(&self) -> std::result::Result<Option<(OrderId, Vec<Link>)>, Unavailable> {
        let order = self.known()?;
        Ok(order
            .as_ref()
            .map(|order| (order.purchase.order.clone(), order.unindexed_links())))
    }

    fn ended_links(&self, now: Timestamp) -> std::result::Result<Vec<Ended>, Unavailable> {
        let limits = self.limits()?;
        let order = self.known()?;
        Ok(order
            .as_ref()
            .map(|order| order.ended_links(limits, now))
            .unwrap_or_default())
    }

    fn work(&self) -> std::result::Result<Option<Work>, Unavailable> {
        let limits = self.limits()?;
        Ok(self.known()?.as_ref().map(|order| Work::of(order, limits)))
    }

    fn unknown_address(&self) -> std::result::Result<Option<(OrderId, AddressId)>, Unavailable> {
        let order = self.known()?;
        let order = order.as_ref().filter(|order| !order.address_knows);
        Ok(order.map(|order| {
            let address = AddressId::of(&order.purchase.buyer.email);
            (order.purchase.order.clone(), address)
        }))
    }
}

impl Order {
    fn operator(&self) -> OperatorObject<'_> {
        OperatorObject {
            state: &self.state,
            env: &self.env,
        }
    }

    /// Does what is due, as the order, the payment, or the operator's book that this object is, and sets the alarm again.
    async fn ring(&self) -> Result<()> {
        if self.operator().is_one().map_err(in_runtime_words)? {
            return self.operator().alarm().await.map(|_| ());
        }
        if self.known().map_err(in_runtime_words)?.is_none() {
            let payment = PaymentStorage(&self.state);
            if let Some(known) = payment.load().map_err(in_runtime_words)? {
                let rung = payment.ring(&self.env, &known).await;
                let pause_secs = self.pause_after("payment", rung).await;
                let known = payment.load().map_err(in_runtime_words)?;
                if let Some(order) = known.as_ref().and_then(Payment::deaf_order) {
                    let detail = "its payment could not tell it of a refund or a dispute";
                    let cause = Cause::new(Code::OrderFailing, order.as_str(), detail);
                    // Should that fail, it is raised at the next attempt.
                    let _: std::result::Result<(), Unavailable> =
                        OperatorAlarm(&self.env).raise(cause).await;
                }
                return payment.set_alarm(pause_secs).await;
            }
        }
        let rung = self.run_outbox().await;
        let pause_secs = self.pause_after("order", rung).await;
        self.set_alarm(pause_secs).await
    }

    /// Logs what failed, tells the operator what won't pass by itself, and says how long to wait.
    async fn pause_after(&self, what: &str, rung: std::result::Result<(), Failure>) -> i64 {
        let Err(failure) = rung else {
            return 0;
        };
        let (code, detail) = (failure.problem().code, failure.log_detail());
        log_line(vec![
            ("alarm", what.into()),
            ("code", code.into()),
            ("detail", detail.into()),
        ]);
        if let Some(cause) = failure.cause() {
            // Should that fail, the cause will be there again at the next attempt.
            let _ = OperatorAlarm(&self.env).raise(cause).await;
        }
        match failure {
            Failure::Settings(_) => SETTINGS_PAUSE_SECS,
            // The order knows itself when to try again.
            Failure::MailNotSent(_) => 0,
            _ => ALARM_PAUSE_SECS,
        }
    }

    async fn run_outbox(&self) -> std::result::Result<(), Failure> {
        let settings = bindings::settings(&self.env).map_err(Failure::Settings)?;
        let objects = OrderObjects(&self.env);
        let stripe = StripeHttp(&settings.stripe);
        let mailer = ConfiguredMailer {
            env: &self.env,
            settings: &settings.mail,
        };
        let outbox = Outbox {
            settings: &settings,
            referee: self,
            mailer: &mailer,
            kv: &LinksKv(Kv::of(&self.env, "LINKS")?),
            addresses: &objects,
            operator: &OperatorAlarm(&self.env),
            random: &SystemRandom,
        };
        let done = ringing::ring(&outbox, &objects, &stripe, bindings::now()).await?;
        if done == Done::Forgotten {
            log_line(vec![
                ("alarm", "order".into()),
                ("code", "nothing of ours".into()),
            ]);
        }
        Ok(())
    }

    /// The answer, and whether anything changed.
    fn decide_and_store(
        &self,
        command: &Command,
        now: Timestamp,
    ) -> std::result::Result<(Reply, bool), Unavailable> {
        // Should anything fail, storage is asked again what it has.
        self.known()?;
        self.is_read.set(false);
        let before = self.stored.take();
        let (after, reply) = decided(before.clone(), command.clone(), self.limits()?, now);
        if before.is_some() && after.is_none() {
            document::remove(&self.state, Role::Order)?;
            return Ok((reply, true));
        }
        let note = after
            .as_ref()
            .and_then(|order| Note::of(command, order, &reply, now));
        let changed = after != before;
        if let Some(order) = after.as_ref().filter(|_| changed) {
            document::store(&self.state, Role::Order, order)?;
        }
        self.stored.replace(after);
        self.is_read.set(true);
        // The decision is stored, and must be answered: a stream that nobody knows to have begun would never end.
        if let Some(Err(Unavailable(detail))) =
            note.map(|note| document::add_to_trail(&self.state, note))
        {
            log_line(vec![
                ("trail", "not written".into()),
                ("detail", detail.into()),
            ]);
        }
        Ok((reply, changed))
    }

    fn limits(&self) -> std::result::Result<&Limits, Unavailable> {
        let limits = self.limits.as_ref();
        limits.map_err(|errors| Unavailable(errors.to_string()))
    }

    fn ask_address(&self, body: &str) -> std::result::Result<Recovered, Unavailable> {
        let command: AddressCommand =
            json::read(body).map_err(|error| bindings::malformed("command", &error))?;
        let before: Option<Address> = document::load(&self.state, Role::Address)?;
        let (after, recovered) =
            address::decide(before.clone(), command, self.limits()?, bindings::now());
        if let Some(address) = after.filter(|after| before.as_ref() != Some(after)) {
            document::store(&self.state, Role::Address, &address)?;
        }
        Ok(recovered)
    }

    /// All that is known of the order, its audit trail included, or `null`: JSON.
    fn inspect(&self) -> std::result::Result<String, Unavailable> {
        let known = document::text(&self.state, Role::Order)?;
        let Some(fields) = known.as_deref().and_then(|text| text.strip_suffix('}')) else {
            return Ok("null".to_owned());
        };
        let deliveries = document::trail(&self.state)?.join(",");
        Ok(format!("{fields},\"deliveries\":[{deliveries}]}}"))
    }

    /// The order that is stored.
    fn known(&self) -> std::result::Result<Ref<'_, Option<order::Order>>, Unavailable> {
        if !self.is_read.get() {
            self.stored
                .replace(document::load(&self.state, Role::Order)?);
            self.is_read.set(true);
        }
        Ok(self.stored.borrow())
    }

    /// Sets the alarm to when the order wants to be woken. After a failure not before `pause_secs` from now for
    /// a mail, and later for KV, which is only told what the order knows. Its first step happens in the same
    /// turn as the store before it, so both are on disk or neither is.
    async fn set_alarm(&self, pause_secs: i64) -> Result<()> {
        let now = bindings::now();
        let due_at = match &*self.known().map_err(in_runtime_words)? {
            Some(order) => Some(self.due_at(order, pause_secs, now)?),
            None => None,
        };
        let storage = self.state.storage();
        let Some(due_at) = due_at else {
            self.alarm.set(Waking::Never);
            return storage.delete_alarm().await;
        };
        let Some(change) = self.alarm.get().change(due_at, now) else {
            return Ok(());
        };
        self.alarm.set(change);
        let told = match change {
            Waking::At(at) => {
                let secs = at.secs_since(now).max(0);
                storage.set_alarm(secs.saturating_mul(1_000)).await
            }
            Waking::Never | Waking::Unknown => storage.delete_alarm().await,
        };
        if told.is_err() {
            self.alarm.set(Waking::Unknown);
        }
        told
    }

    /// When the order wants to be woken, after a failure not before `pause_secs` from now.
    fn due_at(
        &self,
        order: &order::Order,
        pause_secs: i64,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let kv_pause_secs = if pause_secs > 0 {
            SETTINGS_PAUSE_SECS
        } else {
            0
        };
        let limits = self.limits().map_err(in_runtime_words)?;
        let paused = |at: Timestamp| at.max(now.plus_secs(pause_secs));
        let mail = order.mail_due_at().map(paused);
        let errand = order.stripe.due_at().map(paused);
        let kv = order.kv_due_at(limits);
        let kv = kv.map(|at| at.max(now.plus_secs(kv_pause_secs)));
        Ok(errand.into_iter().chain(mail).chain(kv).min())
    }
}

/// The rule, in a function of its own: see [`super::routes`] on what large ones cost.
#[inline(never)]
fn decided(
    before: Option<order::Order>,
    command: Command,
    limits: &Limits,
    now: Timestamp,
) -> (Option<order::Order>, Reply) {
    order::decide(before, command, limits, now)
}

fn parse<T: serde::de::DeserializeOwned>(body: &str) -> Result<T> {
    json::read(body).map_err(|error| in_runtime_words(bindings::malformed("command", &error)))
}

fn in_runtime_words(error: Unavailable) -> worker::Error {
    worker::Error::RustError(error.0)
}
