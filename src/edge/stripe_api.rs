//! Stripe's API over HTTP. What it answers is bounded in size and time; what it says of an error is not repeated, but for
//! its code: the rest may name a key or a buyer.

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use serde::Deserialize;
use worker::{AbortController, Delay, Fetch};

use super::request::outgoing;

use crate::domain::http::percent_encode;
use crate::domain::id::OrderId;
use crate::domain::json::{self, Json};
use crate::domain::settings::StripeSettings;
use crate::domain::stripe::{API_VERSION, EVENT_TYPES, Session, parse_line_items};
use crate::flow::ports::{ApiError, EventPage, EventsQuery, StripeApi};

/// An answer that takes longer is given up, in seconds.
const TIMEOUT_SECS: u64 = 10;

/// The largest answer that is read, in bytes: a page of events has some tens of them, each far below a webhook's limit.
const MAX_ANSWER_BYTES: usize = 4 * 1_024 * 1_024;

/// The most pages of line items: a checkout has 100 at most, and a page holds them all
/// (<https://docs.stripe.com/api/checkout/sessions/create>).
const MAX_PAGES: usize = 3;

/// Events of a page. Each costs a call to an object, and perhaps two to Stripe, and a run on the free plan has 50 calls
/// in all: so a page, and what is noted after it, fits into one run there
/// (<https://developers.cloudflare.com/workers/platform/limits/#subrequests>).
const EVENTS_PER_PAGE: u32 = 12;

/// What is asked for along with a session.
const EXPAND: &str = "expand[]=line_items&expand[]=payment_intent.latest_charge";

/// How an answer reads that does not know the `starting_after` of a list.
const UNKNOWN_CURSOR: &str = "Stripe: 400 resource_missing";

/// Stripe's API.
pub(super) struct StripeHttp<'a>(pub &'a StripeSettings);

impl StripeApi for StripeHttp<'_> {
    async fn session(&self, order: &OrderId) -> Result<Option<Session>, ApiError> {
        let path = format!("/v1/checkout/sessions/{}", percent_encode(order.as_str()));
        let Some(body) = self.get(&format!("{path}?{EXPAND}")).await? else {
            return Ok(None);
        };
        let session = Json::parse_bytes(&body).map_err(|_| odd("no JSON"))?;
        let session = Session::parse(&session, self.0).map_err(|_| odd("no session"))?;
        if session.order != *order {
            return Err(odd("another session"));
        }
        if !session.lacks_line_items() {
            return Ok(Some(session));
        }
        let prices = self.line_items(&path).await?;
        Ok(Some(session.with_line_items(prices)))
    }

    async fn event(&self, id: &str) -> Result<Option<Json<'static>>, ApiError> {
        let body = self
            .get(&format!("/v1/events/{}", percent_encode(id)))
            .await?;
        let event = body.map(|body| Json::parse_bytes(&body).map(Json::into_owned));
        event.transpose().map_err(|_| odd("no event"))
    }

    /// <https://docs.stripe.com/api/events/list>
    async fn events(&self, query: &EventsQuery) -> Result<EventPage, ApiError> {
        let mut path = format!(
            "/v1/events?limit={EVENTS_PER_PAGE}&created[gte]={}&created[lt]={}",
            query.from.as_secs(),
            query.until.as_secs()
        );
        for kind in EVENT_TYPES {
            path.push_str("&types[]=");
            path.push_str(kind);
        }
        if let Some(after) = &query.after {
            path.push_str("&starting_after=");
            path.push_str(&percent_encode(after));
        }
        let body = self.get(&path).await;
        let body = match (body, &query.after) {
            // An unknown cursor is answered with `resource_missing`, which is a 400 or a 404.
            (Ok(None), Some(_)) => return Err(ApiError::NoSuchCursor),
            (Err(ApiError::Unavailable(why)), Some(_)) if why == UNKNOWN_CURSOR => {
                return Err(ApiError::NoSuchCursor);
            }
            (body, _) => body?.ok_or_else(|| odd("no events"))?,
        };
        let list = Json::parse_bytes(&body).map_err(|_| odd("no list"))?;
        let (Some(Json::Array(events)), Some(Json::Bool(has_more))) =
            (list.get("data"), list.get("has_more"))
        else {
            return Err(odd("no list"));
        };
        let next = events.last().filter(|_| *has_more);
        let next = next.and_then(|event| Some(event.get("id")?.as_str()?.to_owned()));
        let events = events.iter().cloned().map(Json::into_owned).collect();
        Ok(EventPage { events, next })
    }
}

impl StripeHttp<'_> {
    /// All prices of a session, of which itself names the first few.
    async fn line_items(&self, session: &str) -> Result<Vec<String>, ApiError> {
        let mut prices = Vec::new();
        let mut query = "limit=100".to_owned();
        for _ in 0..MAX_PAGES {
            let body = self.get(&format!("{session}/line_items?{query}")).await?;
            let body = body.ok_or_else(|| odd("a session without line items"))?;
            let (page, after) = parse_line_items(&body).map_err(|_| odd("no line items"))?;
            prices.extend(page);
            let Some(after) = after else {
                return Ok(prices);
            };
            query = format!("limit=100&starting_after={}", percent_encode(&after));
        }
        Err(odd("line items without end"))
    }

    /// The body of a successful answer; `None` if there is no such thing.
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, ApiError> {
        let controller = AbortController::default();
        let signal = controller.signal();
        let answer = Box::pin(self.exchange(path, &signal));
        let timeout = Delay::from(std::time::Duration::from_secs(TIMEOUT_SECS));
        match select(answer, timeout).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => {
                controller.abort();
                Err(odd("no answer in time"))
            }
        }
    }

    async fn exchange(
        &self,
        path: &str,
        signal: &worker::AbortSignal,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let key = format!("Bearer {}", self.0.api_key.expose());
        let headers = [
            ("Authorization", key.as_str()),
            ("Stripe-Version", API_VERSION),
        ];
        let url = format!("{}{path}", self.0.api_url);
        // What the runtime says of a header it does not take may repeat it.
        let request = outgoing(&url, "GET", &headers, None)
            .map_err(|_| ApiError::Refused("STRIPE_API_KEY fits into no header".to_owned()))?;
        let sent = Fetch::Request(request).send_with_signal(signal).await;
        let mut response = sent.map_err(|error| lost(&error))?;
        let status = response.status_code();
        let mut body = Vec::new();
        let mut chunks = response.stream().map_err(|error| lost(&error))?;
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(|error| lost(&error))?);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(odd("too long an answer"));
            }
        }
        match status {
            200 => Ok(Some(body)),
            404 => Ok(None),
            401 | 403 => Err(ApiError::Refused(format!(
                "Stripe refuses STRIPE_API_KEY: {status} {}",
                code_of(&body)
            ))),
            _ => Err(ApiError::Unavailable(format!(
                "Stripe: {status} {}",
                code_of(&body)
            ))),
        }
    }
}

/// <https://docs.stripe.com/api/errors>
#[derive(Deserialize)]
struct RawFailure {
    error: RawError,
}

#[derive(Deserialize)]
struct RawError {
    code: Option<String>,
    r#type: Option<String>,
}

/// The code of an error, if that is what it looks like.
fn code_of(body: &[u8]) -> String {
    let failure: Option<RawFailure> = json::read_bytes(body).ok();
    let code = failure.and_then(|failure| failure.error.code.or(failure.error.r#type));
    code.filter(|code| {
        code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    })
    .unwrap_or_default()
}

fn odd(what: &str) -> ApiError {
    ApiError::Unavailable(format!("Stripe: {what}"))
}

fn lost(error: &worker::Error) -> ApiError {
    ApiError::Unavailable(format!("Stripe: {error}"))
}
