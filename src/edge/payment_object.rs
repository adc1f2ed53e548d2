//! The Durable Object of one payment: where refunds, disputes and the order meet. The same class as the orders', under
//! a name that no order has.

use worker::{Env, Response, Result, State};

use super::answer;
use super::bindings::{self, OrderObjects, SystemRandom};
use super::document::{self, Role};
use crate::domain::json;
use crate::domain::payment::{self, Payment, PaymentCommand, PaymentId, PaymentReply};
use crate::flow::errands;
use crate::flow::failure::Failure;
use crate::flow::ports::{Ledger, Payments, Unavailable};

/// Where the object takes a payment's commands.
pub(super) const PATH: &str = "/payment";

/// What is said of a payment without an order is kept for so long, in seconds: Stripe keeps its events for 30 days
/// (<https://docs.stripe.com/api/events>), so no purchase comes later. Most are of what is sold elsewhere.
const KEPT_WITHOUT_ORDER_SECS: i64 = 30 * 24 * 3_600;

impl Payments for OrderObjects<'_> {
    async fn tell(
        &self,
        payment: &PaymentId,
        command: PaymentCommand,
    ) -> std::result::Result<PaymentReply, Unavailable> {
        let body =
            json::write(&command).map_err(|error| bindings::unavailable("ORDERS", &error))?;
        let reply = self
            .post(&payment.object_name(), PATH, &body)
            .await
            .map_err(|error| bindings::unavailable("ORDERS", &error))?;
        json::read(&reply).map_err(|error| bindings::malformed("ORDERS", &error))
    }
}

/// A payment's storage.
pub(super) struct PaymentStorage<'a>(pub &'a State);

impl Ledger for PaymentStorage<'_> {
    fn decide(&self, command: PaymentCommand) -> std::result::Result<PaymentReply, Unavailable> {
        let before = self.load()?;
        let (after, reply) = payment::decide(before.clone(), command);
        if let Some(payment) = after.filter(|after| before.as_ref() != Some(after)) {
            document::store(self.0, Role::Payment, &payment)?;
        }
        Ok(reply)
    }
}

impl PaymentStorage<'_> {
    /// Obeys a command, and sets the alarm: at once if there is something to tell.
    pub(super) async fn answer(&self, command: &str) -> Result<Response> {
        let command = json::read(command);
        let command: PaymentCommand =
            command.map_err(|error| in_runtime_words(bindings::malformed("payment", &error)))?;
        // A question leaves an object that nobody has told anything as empty as it was.
        let asks = matches!(command, PaymentCommand::Disputes);
        let reply = self.decide(command).map_err(in_runtime_words)?;
        if !asks {
            self.set_alarm(0).await?;
        }
        answer::to_ourselves(&reply)
    }

    /// Whether this object is a payment.
    pub(super) fn load(&self) -> std::result::Result<Option<Payment>, Unavailable> {
        document::load(self.0, Role::Payment)
    }

    /// The alarm rang: the order is told, or what never had one is forgotten.
    pub(super) async fn ring(
        &self,
        env: &Env,
        payment: &Payment,
    ) -> std::result::Result<(), Failure> {
        if !payment.has_order() {
            return Ok(document::remove(self.0, Role::Payment)?);
        }
        let settings = bindings::settings(env).map_err(Failure::Settings)?;
        errands::tell(&settings, self, &OrderObjects(env), &SystemRandom).await
    }

    /// Sets the alarm, after a failure not before `pause_secs` from now.
    pub(super) async fn set_alarm(&self, pause_secs: i64) -> Result<()> {
        let secs = match self.load().map_err(in_runtime_words)? {
            Some(payment) if payment.has_tidings() && pause_secs > 0 => payment.pause_secs(),
            Some(payment) if payment.has_tidings() => 0,
            Some(payment) if !payment.has_order() => KEPT_WITHOUT_ORDER_SECS,
            _ => return self.0.storage().delete_alarm().await,
        };
        self.0.storage().set_alarm(secs.saturating_mul(1_000)).await
    }
}

fn in_runtime_words(error: Unavailable) -> worker::Error {
    worker::Error::RustError(error.0)
}
