//! The object `operator`: keeps what the operator is to be told, and its alarm tells it.

use worker::{Env, Response, Result, State};

use super::answer::log_line;
use super::bindings::{self, OrderObjects};
use super::document::{self, Role};
use super::mail::ConfiguredMailer;
use crate::domain::alarm::{Alarms, Cause, Code, Told};
use crate::domain::json;
use crate::domain::mail::Schedule;
use crate::domain::time::Timestamp;
use crate::flow::alarm;
use crate::flow::failure::Failure;
use crate::flow::ports::{AlarmBook, Operator, Unavailable};

/// The object's name. No order and no address is called so: those names have a prefix.
const NAME: &str = "operator";

/// Where causes are posted to within the object.
pub(super) const PATH: &str = "/operator";

/// And where what was not told is asked for.
pub(super) const UNTOLD_PATH: &str = "/operator/untold";

/// What failed is tried again after so many seconds.
const PAUSE_SECS: i64 = 5 * 60;

/// The way to the operator, from anywhere.
pub(super) struct OperatorAlarm<'a>(pub &'a Env);

impl Operator for OperatorAlarm<'_> {
    async fn raise(&self, cause: Cause) -> std::result::Result<(), Unavailable> {
        let body =
            json::write(&cause).map_err(|error| bindings::unavailable("operator", &error))?;
        let posted = OrderObjects(self.0).post(NAME, PATH, &body).await;
        // Whatever becomes of the mail, the log has it; a cause that is known today is there already.
        if !matches!(posted.as_deref(), Ok("known")) {
            log_line(vec![
                ("alarm", "operator".into()),
                ("code", cause.code.as_str().into()),
                ("subject", cause.subject.into()),
                ("detail", cause.detail.into()),
            ]);
        }
        posted
            .map(|_| ())
            .map_err(|error| bindings::unavailable("operator", &error))
    }
}

/// What the operator should know by now and was not told.
pub(super) async fn untold(env: &Env) -> std::result::Result<Vec<(Code, usize)>, String> {
    let answer = OrderObjects(env).post(NAME, UNTOLD_PATH, "").await;
    let answer = answer.map_err(|error| error.to_string())?;
    json::read(&answer).map_err(|error| error.to_string())
}

/// The object, in this role.
pub(super) struct OperatorObject<'a> {
    pub state: &'a State,
    pub env: &'a Env,
}

impl OperatorObject<'_> {
    /// Takes a cause in: `news`, or `known`.
    pub(super) async fn take(&self, body: &str) -> Result<Response> {
        let cause: Cause =
            json::read(body).map_err(|error| worker::Error::RustError(error.to_string()))?;
        let now = bindings::now();
        let settings = bindings::settings(self.env)
            .map_err(|errors| worker::Error::RustError(errors.to_string()))?;
        let news = alarm::take(&settings, self, cause, now)
            .map_err(|error| worker::Error::RustError(error.0))?;
        self.set_alarm(now, 0).await?;
        Response::ok(if news { "news" } else { "known" })
    }

    /// What has waited for hours and was not told: codes, and how often.
    pub(super) fn untold(&self) -> std::result::Result<Vec<(Code, usize)>, Unavailable> {
        let alarms: Option<Alarms> = document::load(self.state, Role::Operator)?;
        let speedup = bindings::settings(self.env).map_or(1, |settings| settings.mail.speedup);
        let untold = alarms.map(|alarms| alarms.untold(Schedule::new(speedup), bindings::now()));
        Ok(untold.unwrap_or_default())
    }

    /// Whether the object has this role.
    pub(super) fn is_one(&self) -> std::result::Result<bool, Unavailable> {
        document::load::<Alarms>(self.state, Role::Operator).map(|alarms| alarms.is_some())
    }

    /// Never fails, as an order's alarm never does.
    pub(super) async fn alarm(&self) -> Result<Response> {
        let pause_secs = match self.run().await {
            Ok(told) => {
                if told == Some(Told::Failed) {
                    log_line(vec![
                        ("alarm", NAME.into()),
                        ("code", "operator-mail-failed".into()),
                    ]);
                }
                0
            }
            Err(failure) => {
                let (code, detail) = (failure.problem().code, failure.log_detail());
                log_line(vec![
                    ("alarm", NAME.into()),
                    ("code", code.into()),
                    ("detail", detail.into()),
                ]);
                PAUSE_SECS
            }
        };
        if let Err(error) = self.set_alarm(bindings::now(), pause_secs).await {
            log_line(vec![
                ("alarm", NAME.into()),
                ("detail", error.to_string().into()),
            ]);
            self.state.storage().set_alarm(PAUSE_SECS * 1_000).await?;
        }
        Response::empty()
    }

    async fn run(&self) -> std::result::Result<Option<Told>, Failure> {
        let settings = bindings::settings(self.env).map_err(Failure::Settings)?;
        let mailer = ConfiguredMailer {
            env: self.env,
            settings: &settings.mail,
        };
        alarm::run(&settings, self, &mailer, bindings::now()).await
    }

    async fn set_alarm(&self, now: Timestamp, pause_secs: i64) -> Result<()> {
        let alarms: Option<Alarms> = document::load(self.state, Role::Operator)
            .map_err(|error| worker::Error::RustError(error.0))?;
        match alarms.and_then(|alarms| alarms.due_at()) {
            Some(at) => {
                let secs = at.secs_since(now).max(pause_secs);
                self.state
                    .storage()
                    .set_alarm(secs.saturating_mul(1_000))
                    .await
            }
            None => self.state.storage().delete_alarm().await,
        }
    }
}

impl AlarmBook for OperatorObject<'_> {
    fn update<T>(
        &self,
        change: impl FnOnce(&mut Alarms) -> T,
    ) -> std::result::Result<T, Unavailable> {
        let before: Option<Alarms> = document::load(self.state, Role::Operator)?;
        let mut alarms = before.clone().unwrap_or_default();
        let answer = change(&mut alarms);
        if before.as_ref() != Some(&alarms) {
            document::store(self.state, Role::Operator, &alarms)?;
        }
        Ok(answer)
    }
}
