//! Answers: pages for people, problem+json for machines, and the headers of both.

use worker::{Headers, Response, ResponseBuilder, Result};

use crate::domain::json::{self, Json};
use crate::domain::page::content_security_policy;
use crate::domain::settings::{Environment, Shop};
use crate::flow::failure::Failure;

/// What every answer needs to know.
pub(super) struct Asked {
    /// Whether the one who asks reads pages.
    pub wants_page: bool,
    /// Where we are.
    pub environment: Environment,
    /// Who sells.
    pub shop: Shop,
    /// The request's id, for the log and for whoever writes to the shop.
    pub id: String,
}

/// One line of the log: a JSON object, which Workers Logs indexes by its fields.
pub(super) fn log_line(fields: Vec<(&'static str, Json<'_>)>) {
    worker::console_log!("{}", Json::object(fields).to_json());
}

/// A page.
pub(super) fn html(asked: &Asked, status: u16, body: &str) -> Result<Response> {
    html_with_policy(asked, status, body, &content_security_policy())
}

/// A page with a policy of its own.
pub(super) fn html_with_policy(
    asked: &Asked,
    status: u16,
    body: &str,
    policy: &str,
) -> Result<Response> {
    let headers = headers(asked)?;
    headers.set("Content-Security-Policy", policy)?;
    typed(
        headers,
        "text/html; charset=utf-8",
        status,
        body.as_bytes().to_vec(),
    )
}

/// JSON, of one of our types.
pub(super) fn json(asked: &Asked, status: u16, body: &impl serde::Serialize) -> Result<Response> {
    json_text(asked, status, json_of(body)?)
}

/// JSON that is text already.
pub(super) fn json_text(asked: &Asked, status: u16, body: String) -> Result<Response> {
    let headers = headers(asked)?;
    typed(headers, "application/json", status, body.into_bytes())
}

/// What an object answers to us.
pub(super) fn to_ourselves(body: &impl serde::Serialize) -> Result<Response> {
    Response::ok(json_of(body)?)
}

fn json_of(body: &impl serde::Serialize) -> Result<String> {
    json::write(body).map_err(|error| worker::Error::RustError(error.to_string()))
}

/// A picture. Whoever opens it by itself gets nothing but the picture: an SVG may hold scripts.
pub(super) fn picture(asked: &Asked, media_type: &str, bytes: Vec<u8>) -> Result<Response> {
    let headers = headers(asked)?;
    headers.set("Cache-Control", "public, max-age=3600")?;
    headers.set(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    )?;
    typed(headers, media_type, 200, bytes)
}

/// Another address, to be fetched with GET (RFC 9110 §15.4.4).
pub(super) fn see_other(asked: &Asked, location: &str) -> Result<Response> {
    let headers = headers(asked)?;
    headers.set("Location", location)?;
    Ok(ResponseBuilder::new()
        .with_status(303)
        .with_headers(headers)
        .empty())
}

/// What went wrong, to whoever asked.
/// `token` is that of the link that was asked for, for the buttons.
pub(super) fn failed(asked: &Asked, failure: &Failure, token: Option<&str>) -> Result<Response> {
    let problem = failure.problem();
    let response = if asked.wants_page {
        let page = problem.page(&asked.shop, &asked.id, token);
        html(asked, problem.status, &page)?
    } else {
        typed(
            headers(asked)?,
            "application/problem+json",
            problem.status,
            problem.to_json().into_bytes(),
        )?
    };
    let headers = response.headers();
    if let Some(secs) = problem.retry_after_secs {
        headers.set("Retry-After", &secs.to_string())?;
    }
    match failure {
        Failure::Unauthorized => headers.set("WWW-Authenticate", "Bearer")?,
        Failure::Method(allowed) => headers.set("Allow", allowed)?,
        _ => {}
    }
    Ok(response)
}

/// The headers of every answer. Nothing of ours is to be kept, framed, indexed or referred to.
pub(super) fn headers(asked: &Asked) -> Result<Headers> {
    let headers = Headers::new();
    headers.set("Cache-Control", "private, no-store")?;
    headers.set("Referrer-Policy", "no-referrer")?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    headers.set("X-Robots-Tag", "noindex, nofollow")?;
    if asked.environment == Environment::Production {
        headers.set("Strict-Transport-Security", "max-age=31536000")?;
    }
    Ok(headers)
}

fn typed(headers: Headers, content_type: &str, status: u16, body: Vec<u8>) -> Result<Response> {
    headers.set("Content-Type", content_type)?;
    Ok(ResponseBuilder::new()
        .with_status(status)
        .with_headers(headers)
        .fixed(body))
}
