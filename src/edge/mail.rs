//! The mail providers, as `MAIL_PROVIDER` chooses them.

use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, pin_mut};
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::JsValue;
use worker::{AbortSignal, Delay, Env, Fetch, Response};

use super::bindings;
use super::dev::DevOutbox;
use super::kv::Kv;
use super::request::outgoing;
use crate::domain::json;
use crate::domain::mail::{Answer, Mail, Outcome, Request, cloudflare, postmark, resend};
use crate::domain::settings::{MailProvider, MailSettings};
use crate::domain::time::Timestamp;
use crate::flow::ports::{Mailer, Unavailable};

/// A provider gets so long to answer, in milliseconds; they usually take less than one second.
const TIMEOUT_MS: u32 = 15_000;

/// So much of an answer is read, in bytes. Those that mean something have a few hundred.
const MAX_ANSWER_BYTES: usize = 16 * 1_024;

/// The provider that is set.
pub(super) struct ConfiguredMailer<'a> {
    pub env: &'a Env,
    pub settings: &'a MailSettings,
}

impl Mailer for ConfiguredMailer<'_> {
    async fn send(&self, mail: &Mail, idempotency_key: &str, now: Timestamp) -> Outcome {
        let outcome = self.ask(mail, idempotency_key, now).await;
        // `now` is in whole seconds: the second that has begun counts as well.
        outcome.after(bindings::now().plus_secs(1).secs_since(now))
    }
}

impl ConfiguredMailer<'_> {
    async fn ask(&self, mail: &Mail, idempotency_key: &str, now: Timestamp) -> Outcome {
        match &self.settings.provider {
            MailProvider::Resend { api_key, origin } => {
                let request = resend::request(origin, api_key, mail, idempotency_key);
                posted(&request, |answer| resend::outcome(answer, now)).await
            }
            MailProvider::Postmark {
                token,
                stream,
                origin,
            } => {
                let request = postmark::request(origin, token, stream, mail);
                posted(&request, |answer| postmark::outcome(answer, now)).await
            }
            MailProvider::Cloudflare => by_binding(self.env, mail).await,
            MailProvider::Outbox => match Kv::of(self.env, "LINKS") {
                Ok(kv) => DevOutbox(kv).keep(mail, idempotency_key, now).await,
                Err(Unavailable(why)) => Outcome::no_answer(&why),
            },
        }
    }
}

/// Posts a request, and says what its answer means. Redirects are not followed: they would take the key along.
async fn posted(request: &Request, outcome: impl Fn(&Answer<'_>) -> Outcome) -> Outcome {
    let mut response = match fetched(request).await {
        Ok(response) => response,
        Err(error) => return Outcome::no_answer(&error.to_string()),
    };
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let (retry_after, reset) = (header("Retry-After"), header("RateLimit-Reset"));
    let body = start_of_body(&mut response).await;
    outcome(&Answer {
        status: response.status_code(),
        retry_after: retry_after.as_deref(),
        ratelimit_reset: reset.as_deref(),
        body: &body,
    })
}

async fn fetched(request: &Request) -> worker::Result<Response> {
    let headers = request.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let body = Uint8Array::from(request.body.as_slice());
    let request = outgoing(&request.url, "POST", &headers, Some(&body))?;
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIMEOUT_MS));
    Fetch::Request(request).send_with_signal(&signal).await
}

/// As much of the body as anybody looks at. It may break off: the status has said the most important thing.
async fn start_of_body(response: &mut Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(mut chunks) = response.stream() else {
        return bytes;
    };
    while let Some(Ok(chunk)) = chunks.next().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER_BYTES {
            bytes.truncate(MAX_ANSWER_BYTES);
            break;
        }
    }
    bytes
}

/// Calls `env.EMAIL.send()`. What it is told can't be taken back, so a call that takes too long may yet succeed.
async fn by_binding(env: &Env, mail: &Mail) -> Outcome {
    let call = call(env, mail);
    let timeout = Delay::from(Duration::from_millis(TIMEOUT_MS.into()));
    pin_mut!(call, timeout);
    match select(call, timeout).await {
        Either::Left((Ok(_), _)) => Outcome::Sent,
        Either::Left((Err(error), _)) => refused(&error),
        Either::Right(_) => Outcome::no_answer("Cloudflare: no answer in time"),
    }
}

async fn call(env: &Env, mail: &Mail) -> Result<JsValue, JsValue> {
    let binding = Reflect::get(env, &"EMAIL".into())?;
    let message = json::write(&cloudflare::Message::of(mail)).unwrap_or_default();
    let arguments = Array::of1(&js_sys::JSON::parse(&message)?);
    bindings::call(&binding, "send", &arguments).await
}

fn refused(error: &JsValue) -> Outcome {
    let text = |name: &str| {
        let field = Reflect::get(error, &name.into()).ok();
        field
            .and_then(|field| field.as_string())
            .unwrap_or_default()
    };
    cloudflare::outcome(&text("code"), &text("message"))
}
