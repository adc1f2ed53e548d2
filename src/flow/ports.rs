//! What the use cases need of the world outside, and what it promises.

use std::ops::Range;

use super::watchdog::Watch;
use crate::domain::address::{AddressCommand, AddressId, Recovered};
use crate::domain::alarm::{Alarms, Cause};
use crate::domain::copy::Texts;
use crate::domain::id::{OrderId, RandomBytes, RandomId};
use crate::domain::json::Json;
use crate::domain::mail::{Mail, Outcome};
use crate::domain::order::{Command, Ended, Link, LinkView, MailFailure, Order, Reply, Tombstone};
use crate::domain::payment::{PaymentCommand, PaymentId, PaymentReply};
use crate::domain::settings::{Limits, ProductId};
use crate::domain::stripe::Session;
use crate::domain::time::Timestamp;
use crate::domain::zip::ArchiveIndex;

/// Something outside did not answer. The text is for the log, never for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

/// The referees: one order each, one decision after the other, stored before it is answered.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Orders {
    /// Asks an order. After an error the command may have been carried out or not.
    async fn ask(&self, order: &OrderId, command: Command) -> Result<Reply, Unavailable>;
}

/// One order's own storage: loads and stores whole decisions.
pub trait Referee {
    /// Decides and stores, in one go.
    ///
    /// # Errors
    /// Storage failed, and nothing changed.
    fn decide(&self, command: Command, now: Timestamp) -> Result<Reply, Unavailable>;

    /// The order's name, and its links of which KV does not know.
    ///
    /// # Errors
    /// Storage failed.
    fn unindexed_links(&self) -> Result<Option<(OrderId, Vec<Link>)>, Unavailable>;

    /// The links that ended and are to be made known.
    ///
    /// # Errors
    /// Storage failed.
    fn ended_links(&self, now: Timestamp) -> Result<Vec<Ended>, Unavailable>;

    /// What is left to do, if there is an order.
    ///
    /// # Errors
    /// Storage failed.
    fn work(&self) -> Result<Option<Work>, Unavailable>;

    /// The order's name and its buyer's address, if that address does not know of it yet.
    ///
    /// # Errors
    /// Storage failed.
    fn unknown_address(&self) -> Result<Option<(OrderId, AddressId)>, Unavailable>;
}

/// What an order has left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The order.
    pub order: OrderId,
    /// A mail of which the operator is to hear that it failed.
    pub untold_failure: Option<MailFailure>,
    /// Since when others are to be told what the order knows.
    pub known_due_at: Option<Timestamp>,
    /// Whether what it has to ask or tell outside fails and fails.
    pub errands_stuck: bool,
}

impl Work {
    /// That of this order.
    #[must_use]
    pub fn of(order: &Order, limits: &Limits) -> Self {
        let mail = order.mail.as_ref();
        Self {
            order: order.purchase.order.clone(),
            untold_failure: mail.and_then(|mail| mail.untold_failure().cloned()),
            known_due_at: order.kv_due_at(limits),
            errands_stuck: order.stripe.is_stuck(),
        }
    }
}

/// The addresses that orders were made with: one each, one decision after the other, stored before it is answered.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Addresses {
    /// Asks an address.
    async fn ask(
        &self,
        address: &AddressId,
        command: AddressCommand,
    ) -> Result<Recovered, Unavailable>;
}

/// Which addresses are known at all: so that a stranger's guesses cost a read and no more. Eventually consistent.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait KnownAddresses {
    /// Whether an order was made with it.
    async fn is_known(&self, address: &AddressId) -> Result<bool, Unavailable>;

    /// Makes that known.
    async fn make_known(&self, address: &AddressId) -> Result<(), Unavailable>;
}

/// The payments: one place each, where facts are merged and stored before it is answered.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Payments {
    /// Tells a payment something. After an error it may have heard it or not.
    async fn tell(
        &self,
        payment: &PaymentId,
        command: PaymentCommand,
    ) -> Result<PaymentReply, Unavailable>;
}

/// One payment's own storage: loads and stores whole decisions.
pub trait Ledger {
    /// Decides and stores, in one go.
    ///
    /// # Errors
    /// Storage failed, and nothing changed.
    fn decide(&self, command: PaymentCommand) -> Result<PaymentReply, Unavailable>;
}

/// Stripe's API: what it says is as true as a signed event, and newer.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait StripeApi {
    /// This session with all its line items, and its charge; `None` if the key's account has no such session.
    async fn session(&self, order: &OrderId) -> Result<Option<Session>, ApiError>;

    /// The event of this id, as Stripe's JSON; `None` if there is none, or none any more.
    async fn event(&self, id: &str) -> Result<Option<Json<'static>>, ApiError>;

    /// A page of the events that are acted on, newest first.
    async fn events(&self, query: &EventsQuery) -> Result<EventPage, ApiError>;
}

/// Which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsQuery {
    /// From this second on.
    pub from: Timestamp,
    /// Up to, but without, this second.
    pub until: Timestamp,
    /// Those that come after this one in the list.
    pub after: Option<String>,
}

/// Some events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    /// As Stripe's JSON.
    pub events: Vec<Json<'static>>,
    /// The last one's id, if more come after it.
    pub next: Option<String>,
}

/// What the watchdog notes down. An old page may be read for a while after a new one was written.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Notebook {
    /// How far it got, if it ever ran.
    async fn read(&self) -> Result<Option<Watch>, Unavailable>;

    /// Notes that down.
    async fn write(&self, watch: &Watch) -> Result<(), Unavailable>;
}

/// Why Stripe's API gave no answer. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// It does not take the key, or the key may not do this: the operator has to mend that.
    Refused(String),
    /// It does not know the event that a page was to begin after.
    NoSuchCursor,
    /// It did not answer, or not in a way that helps. Later it may.
    Unavailable(String),
}

/// Links that can never work again. Eventually consistent: it may say no, and only no.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Tombstones {
    /// Why this link can never work again, if that is known here.
    async fn find(&self, jti: &RandomId) -> Result<Option<Tombstone>, Unavailable>;

    /// Is over when nobody is to wait for [`Tombstones::find`] any longer.
    async fn patience(&self);

    /// Which order this link belongs to, for the operator.
    async fn order_of(&self, jti: &RandomId) -> Result<Option<OrderId>, Unavailable>;

    /// Makes that known.
    async fn index(
        &self,
        jti: &RandomId,
        order: &OrderId,
        ttl_secs: u64,
    ) -> Result<(), Unavailable>;

    /// Makes known, for `ttl_secs` at least, that it can't.
    async fn bury(
        &self,
        jti: &RandomId,
        tombstone: Tombstone,
        ttl_secs: u64,
    ) -> Result<(), Unavailable>;
}

/// An archive as it lies in storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveInfo {
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its strong tag, unquoted: another release has another one.
    pub etag: String,
}

/// What was found out about an archive, once and for all: another release has another tag.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It can be personalised, by this index.
    Fit(ArchiveIndex),
    /// It can't: what is wrong, where, and what the operator does about it.
    Unfit(String),
}

/// Verdicts, kept where every location reads them. Eventually consistent, and it may forget: what is not
/// here is found out again.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Verdicts {
    /// The verdict on this very archive.
    async fn verdict_on(&self, info: &ArchiveInfo) -> Result<Option<Verdict>, Unavailable>;

    /// Keeps it.
    async fn keep(&self, info: &ArchiveInfo, verdict: &Verdict) -> Result<(), Unavailable>;
}

/// Why an archive can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is another one by now, or none.
    Changed,
    /// Storage did not answer.
    Unavailable(String),
}

/// The base archives: strongly consistent.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Archives {
    /// The archive under this key, if there is one.
    async fn find(&self, key: &str) -> Result<Option<ArchiveInfo>, Unavailable>;

    /// The text under this key, if there is one. A larger text than a product's may be is an error.
    async fn text(&self, key: &str) -> Result<Option<String>, Unavailable>;

    /// Exactly these bytes of exactly this version.
    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Vec<u8>, ReadError>;
}

/// What was found out before, kept for the next download. It may forget, and it may be out of date: what
/// is read by it is read on the condition that it still holds.
pub trait Memory {
    /// The archive that was last seen under this key.
    fn archive(&self, key: &str) -> Option<ArchiveInfo>;

    /// Keeps it; `None` forgets it.
    fn keep_archive(&self, key: &str, info: Option<&ArchiveInfo>);

    /// What is known of the archive with this tag.
    fn verdict(&self, etag: &str) -> Option<Verdict>;

    /// Keeps it.
    fn keep_verdict(&self, etag: &str, verdict: &Verdict);

    /// What an order said of this link a moment ago, as far as that never changes. Whether it still opens anything,
    /// the order is asked.
    fn view(&self, jti: &RandomId) -> Option<LinkView>;

    /// Keeps it.
    fn keep_view(&self, view: &LinkView);

    /// A product's texts, if they were read a moment ago.
    fn texts(&self, product: &ProductId, now: Timestamp) -> Option<Texts>;

    /// Keeps them.
    fn keep_texts(&self, product: &ProductId, texts: &Texts, now: Timestamp);
}

/// Sends mails.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Mailer {
    /// Hands a mail over. The same key is sent once, where the provider knows how to. Unless it was sent or
    /// refused, the provider may have taken it or not.
    async fn send(&self, mail: &Mail, idempotency_key: &str, now: Timestamp) -> Attempt;
}

/// An attempt at a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What became of it.
    pub outcome: Outcome,
    /// When that was known, or later. The pause after it is counted from here on: a provider may take its time to say no.
    pub ended_at: Timestamp,
}

/// The operator: hears of what only a person can mend.
#[expect(
    async_fn_in_trait,
    reason = "nothing here crosses threads: a Worker has one"
)]
pub trait Operator {
    /// Raises the alarm: it is told once per cause and day, however often it is raised. After an error it
    /// may have been heard or not.
    async fn raise(&self, cause: Cause) -> Result<(), Unavailable>;
}

/// The operator's alarms in storage.
pub trait AlarmBook {
    /// Loads, changes and stores, in one go.
    ///
    /// # Errors
    /// Storage failed, and nothing changed.
    fn update<T>(&self, change: impl FnOnce(&mut Alarms) -> T) -> Result<T, Unavailable>;
}

/// Draws bytes that nobody can foresee.
pub trait Randomness {
    /// 16 of them.
    fn draw(&self) -> RandomBytes;
}
