//! The page that Stripe sends the buyer to, once they have paid.

use worker::Response;

use super::answer;
use super::bindings::{self, OrderObjects, SystemRandom};
use super::operator_object::OperatorAlarm;
use super::request::{Call, header, only, runtime};
use super::stripe_api::StripeHttp;
use crate::domain::http::{browser_cookie, set_browser_cookie};
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::settings::{Environment, Settings};
use crate::flow::failure::Failure;
use crate::flow::ports::{Operator as _, Randomness as _};
use crate::flow::success::{self, Visit};

/// `GET /download?session_id=`: see [`success::visit`]. It knows the browser by its cookie, as the link's page does.
pub(super) async fn page(
    call: &Call<'_>,
    settings: &Settings,
    session_id: &str,
) -> Result<Response, Failure> {
    only(call, "GET, HEAD")?;
    let session = success::session_in(settings, session_id)?;
    let place = header(&call.request, "CF-Connecting-IP").unwrap_or_default();
    if !bindings::may_ask(call.env, format!("success {place}")).await {
        return Err(Failure::TooManyAsk);
    }
    let cookie = browser_cookie(header(&call.request, "Cookie").as_deref())
        .unwrap_or_else(|| RandomId::from_random(&SystemRandom.draw()));
    let origin = call.url.origin.clone();
    let visit = Visit {
        session,
        browser: BrowserId::from_cookie(&cookie),
        origin: &origin,
    };
    let objects = OrderObjects(call.env);
    let stripe = StripeHttp(&settings.stripe);
    let now = bindings::now();
    let visited = success::visit(
        settings,
        &objects,
        &objects,
        &stripe,
        &SystemRandom,
        visit,
        now,
    )
    .await;
    if let Some(cause) = visited.as_ref().err().and_then(Failure::cause) {
        let _ = OperatorAlarm(call.env).raise(cause).await;
    }
    let visited = visited?;
    let response = answer::html(call.asked, visited.status, &visited.html).map_err(runtime)?;
    let secure = call.url.is_https() || call.asked.environment == Environment::Production;
    response
        .headers()
        .set("Set-Cookie", &set_browser_cookie(&cookie, secure))
        .map_err(runtime)?;
    Ok(response)
}
