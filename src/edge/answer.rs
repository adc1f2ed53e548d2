//! Answers: pages for people, problem+json for machines, and the headers of both.

use worker::{Headers, Response, ResponseBuilder, Result};

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
pub(super) fn log_line(line: &serde_json::Value) {
    worker::console_log!("{line}");
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

/// JSON.
pub(super) fn json(asked: &Asked, status: u16, body: &impl serde::Serialize) -> Result<Response> {
    typed(
        headers(asked)?,
        "application/json",
        status,
        serde_json::to_vec(body)?,
    )
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
