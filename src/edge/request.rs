//! What a request says: its headers, its query, its body up to a limit.

use futures_util::StreamExt as _;
use wasm_bindgen::JsValue;
use worker::{Context, Env, FormEntry, Request};

use super::answer::Asked;
use super::bindings::SystemRandom;
use crate::domain::id::RandomId;
use crate::flow::failure::Failure;
use crate::flow::ports::{Randomness as _, Unavailable};

/// The largest form that is read, in bytes: a token has 2 KiB at most.
pub(super) const MAX_FORM_BYTES: usize = 16 * 1_024;

/// A request on its way through.
pub(super) struct Call<'a> {
    pub request: Request,
    pub url: Address,
    pub env: &'a Env,
    pub ctx: &'a Context,
    pub asked: &'a Asked,
}

/// What a request came to.
pub(super) struct Address {
    /// From the slash on, up to the query.
    pub path: String,
    /// Scheme, host and port.
    pub origin: String,
    query: web_sys::UrlSearchParams,
}

impl Address {
    pub(super) fn of(request: &Request) -> worker::Result<Self> {
        let url = web_sys::Url::new(&request.inner().url())?;
        Ok(Self {
            path: url.pathname(),
            origin: url.origin(),
            query: url.search_params(),
        })
    }

    /// Whether nobody read along on the way.
    pub(super) fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// A parameter of the query, decoded.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.query.get(name)
    }
}

/// People open links and pages; programs post. A program says that it reads JSON, a browser that it reads HTML.
pub(super) fn wants_page(request: &Request, path: &str) -> bool {
    let accept = header(request, "Accept").unwrap_or_default();
    let for_people = ["/download", "/dev", "/recover", "/renew", "/healthz"];
    let read_by_people = for_people.iter().any(|prefix| path.starts_with(prefix));
    accept.contains("text/html") || (read_by_people && !accept.contains("json"))
}

/// Cloudflare's name for the request, or one of ours where it gives none.
pub(super) fn request_id(request: &Request) -> String {
    let ray = header(request, "CF-Ray").filter(|ray| {
        ray.len() <= 64 && ray.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    ray.unwrap_or_else(|| {
        RandomId::from_random(&SystemRandom.draw())
            .as_str()
            .to_owned()
    })
}

/// Refuses other methods than these. By name: a method that `worker` does not know, it takes for GET.
pub(super) fn only(call: &Call<'_>, allowed: &'static str) -> Result<(), Failure> {
    let method = call.request.inner().method();
    if allowed.split(", ").any(|one| one == method) {
        Ok(())
    } else {
        Err(Failure::Method(allowed))
    }
}

/// A header's value, if there is one.
pub(super) fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

/// The runtime refused something.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where map_err takes a function"
)]
pub(super) fn runtime(error: worker::Error) -> Failure {
    Failure::Unavailable(Unavailable(error.to_string()))
}

/// The whole body, if it is no longer than `max_bytes`: what is longer is not read to its end.
pub(super) async fn body(request: &mut Request, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // A request without a body has no stream either.
    let Ok(mut chunks) = request.stream() else {
        return Ok(bytes);
    };
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(runtime)?);
        if bytes.len() > max_bytes {
            return Err(Failure::TooLarge);
        }
    }
    Ok(bytes)
}

/// A field of a posted form, in either encoding of HTML forms.
pub(super) async fn form_field(
    request: &mut Request,
    name: &str,
) -> Result<Option<String>, Failure> {
    let bytes = body(request, MAX_FORM_BYTES).await?;
    let content_type = header(request, "Content-Type").unwrap_or_default();
    // The runtime parses forms; it gets one of a length that is known by now.
    let bytes = js_sys::Uint8Array::from(bytes.as_slice());
    let headers = [("Content-Type", content_type.as_str())];
    let bounded = outgoing("https://form/", "POST", &headers, Some(&bytes));
    let mut bounded = bounded.map_err(runtime)?;
    let form = bounded.form_data().await;
    let form = form.map_err(|_| Failure::BadRequest("The body is not a form.".to_owned()))?;
    Ok(match form.get(name) {
        Some(FormEntry::Field(value)) => Some(value),
        _ => None,
    })
}

/// A request of ours. Redirects are not followed: they would take the headers along.
pub(super) fn outgoing(
    url: &str,
    method: &str,
    headers: &[(&str, &str)],
    body: Option<&JsValue>,
) -> worker::Result<Request> {
    let all = web_sys::Headers::new()?;
    for (name, value) in headers {
        all.set(name, value)?;
    }
    let init = web_sys::RequestInit::new();
    init.set_method(method);
    init.set_headers(&all);
    init.set_redirect(web_sys::RequestRedirect::Manual);
    if let Some(body) = body {
        init.set_body(body);
    }
    Ok(web_sys::Request::new_with_str_and_init(url, &init)?.into())
}
