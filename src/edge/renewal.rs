//! Another link: by the button on the page of an old one, or by the address.

use std::time::Duration;

use serde::Deserialize;
use worker::{Context, Delay, Response};

use super::answer::{self, log_line};
use super::bindings::{self, LinksKv, OrderObjects, SystemRandom};
use super::kv::Kv;
use super::request::{Call, MAX_FORM_BYTES, body, form_field, header, only, runtime};
use crate::domain::address::AddressId;
use crate::domain::http::{household, percent_encode};
use crate::domain::json::{self, Json};
use crate::domain::jwt::JwtError;
use crate::domain::page;
use crate::domain::settings::Settings;
use crate::flow::failure::Failure;
use crate::flow::renewal::{self, Renewed};

/// An address is looked up so long after it was asked for: by then the answer is out. What is done for an address
/// that we know would delay it else, and that can be measured.
const ANSWER_IS_OUT_AFTER: Duration = Duration::from_millis(250);

/// `POST /renew`, form field `token`: see [`renewal::renew`].
pub(super) async fn renew(
    call: &mut Call<'_>,
    settings: &Settings,
    seen: &mut Option<String>,
) -> Result<Response, Failure> {
    only(call, "POST")?;
    let token = form_field(&mut call.request, "token")
        .await?
        .ok_or(Failure::Link(JwtError::Malformed))?;
    *seen = Some(token.clone());
    let orders = OrderObjects(call.env);
    match renewal::renew(settings, &orders, &SystemRandom, &token, bindings::now()).await? {
        Renewed::StillGood => {
            let location = format!("/download?token={}", percent_encode(&token));
            answer::see_other(call.asked, &location).map_err(runtime)
        }
        Renewed::WillMail { to } => {
            if !call.asked.wants_page {
                return answer::json_text(
                    call.asked,
                    202,
                    Json::object(vec![("mailed_to", to.into())]).to_json(),
                )
                .map_err(runtime);
            }
            let html = page::renewed_page(&settings.shop, &to);
            answer::html(call.asked, 202, &html).map_err(runtime)
        }
    }
}

#[derive(Deserialize)]
struct RecoverRequest {
    email: String,
}

/// `GET /recover` is the form; `POST /recover`, form field or JSON field `email`, has the links of that address mailed again. The
/// answer is the same for every address, and is given before anything is looked up: see [`renewal::recover`].
pub(super) async fn recover(call: &mut Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "GET, HEAD, POST")?;
    let posted = call.request.inner().method() == "POST";
    if posted {
        let raw = typed_address(call).await?;
        let address = renewal::address_in(&raw)?;
        let place = header(&call.request, "CF-Connecting-IP").unwrap_or_default();
        for who in [household(&place), address.as_str().to_owned()] {
            if !bindings::may_ask(call.env, format!("recover {who}")).await {
                return Err(Failure::TooManyAsk);
            }
        }
        later(call.ctx, call.env.clone(), address);
        if !call.asked.wants_page {
            let says =
                "If something was bought with that address, its links are on their way to it.";
            return answer::json_text(
                call.asked,
                202,
                Json::object(vec![("status", says.into())]).to_json(),
            )
            .map_err(runtime);
        }
    }
    let html = page::recover_page(&settings.shop, posted);
    answer::html(call.asked, if posted { 202 } else { 200 }, &html).map_err(runtime)
}

async fn typed_address(call: &mut Call<'_>) -> Result<String, Failure> {
    let json = header(&call.request, "Content-Type").is_some_and(|kind| kind.contains("json"));
    let missing = || {
        Failure::BadRequest("The field `email` takes the address that you bought with.".to_owned())
    };
    if json {
        let body = body(&mut call.request, MAX_FORM_BYTES).await?;
        let request: RecoverRequest = json::read_bytes(&body).map_err(|_| missing())?;
        return Ok(request.email);
    }
    form_field(&mut call.request, "email")
        .await?
        .ok_or_else(missing)
}

/// Looks the address up once the answer is out.
fn later(ctx: &Context, env: worker::Env, address: AddressId) {
    ctx.wait_until(async move {
        Delay::from(ANSWER_IS_OUT_AFTER).await;
        let orders = OrderObjects(&env);
        let recovered = match Kv::of(&env, "LINKS") {
            Ok(kv) => {
                renewal::recover(&orders, &orders, &LinksKv(kv), &SystemRandom, &address).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = recovered {
            log_line(vec![
                ("recover", "failed".into()),
                ("detail", error.0.into()),
            ]);
        }
    });
}
