//! The cron trigger.

use worker::Env;

use super::answer::log_line;
use super::bindings::{self, OrderObjects, SystemRandom, unavailable};
use super::kv::Kv;
use super::operator_object::OperatorAlarm;
use super::stripe_api::StripeHttp;
use crate::domain::json;
use crate::flow::failure::Failure;
use crate::flow::ports::{Notebook, Operator as _, Unavailable};
use crate::flow::watchdog::{self, Findings, Watch};

/// Where the watchdog keeps how far it got.
const KEY: &str = "watchdog";

/// One run. It logs what it found, and raises the alarm for what was wrong.
pub(super) async fn run(env: &Env) {
    let causes = match look(env).await {
        Ok(found) => {
            log_line(vec![
                ("cron", "watchdog".into()),
                ("events", found.events.into()),
                ("missing", found.missing.into()),
                ("unfit", found.unfit.into()),
                ("failed", found.failed.into()),
                ("more", found.more.into()),
            ]);
            found.causes
        }
        Err(failure) => {
            let (code, detail) = (failure.problem().code, failure.log_detail());
            log_line(vec![
                ("cron", "watchdog".into()),
                ("code", code.into()),
                ("detail", detail.into()),
            ]);
            failure.cause().into_iter().collect()
        }
    };
    for cause in causes {
        // What is not told now is found again, or logged above.
        let _ = OperatorAlarm(env).raise(cause).await;
    }
}

async fn look(env: &Env) -> Result<Findings, Failure> {
    let settings = bindings::settings(env).map_err(Failure::Settings)?;
    let links = Kv::of(env, "LINKS")?;
    let objects = OrderObjects(env);
    watchdog::run(
        &settings,
        &objects,
        &objects,
        &StripeHttp(&settings.stripe),
        &KvNotebook(links),
        &SystemRandom,
        bindings::now(),
    )
    .await
}

/// The notebook, in `LINKS`. What KV shows late is looked through once more, and changes nothing.
struct KvNotebook(Kv);

impl Notebook for KvNotebook {
    async fn read(&self) -> Result<Option<Watch>, Unavailable> {
        bindings::kept(self.0.text(KEY, None).await?)
    }

    async fn write(&self, watch: &Watch) -> Result<(), Unavailable> {
        let json = json::write(watch).map_err(|error| unavailable("LINKS", &error))?;
        self.0.put(KEY, &json, None).await
    }
}
