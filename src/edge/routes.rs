//! Which address does what. Each request is logged once, here, and so is each failure.

use futures_util::StreamExt as _;
use worker::{Context, Date, Env, FormEntry, Method, Request, Response, Url};

use super::answer::{self, Asked, log_line};
use super::bindings::{self, ArchiveBucket, IsolateMemory, LinkTombstones, OrderObjects, SystemRandom, unavailable};
use super::{dev, stream};
use crate::domain::http::{attachment, browser_cookie, set_browser_cookie};
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::jwt::JwtError;
use crate::domain::page;
use crate::domain::range::{Wanted, wanted};
use crate::domain::settings::{Environment, Settings, SettingsErrors, Shop};
use crate::domain::stripe;
use crate::flow::download::{Freshness, Opened, World};
use crate::flow::failure::Failure;
use crate::flow::health::{self, Health};
use crate::flow::links::{self, IssueRequest};
use crate::flow::ports::{Randomness as _, Unavailable};
use crate::flow::webhook::{self, Received, WebhookRequest};

type EdgeWorld<'a> = World<'a, OrderObjects<'a>, ArchiveBucket, LinkTombstones, IsolateMemory>;

/// The largest form that is read, in bytes: a token has 2 KiB at most.
const MAX_FORM_BYTES: usize = 16 * 1_024;

/// What a route says about itself in the log.
pub(super) struct Outcome {
    pub response: Result<Response, Failure>,
    pub note: Option<&'static str>,
}

/// A request on its way through.
pub(super) struct Call<'a> {
    pub request: Request,
    pub url: Url,
    pub env: &'a Env,
    pub ctx: &'a Context,
    pub asked: &'a Asked,
}

/// Answers a request, whatever happens.
pub(super) async fn serve(request: Request, env: &Env, ctx: &Context) -> worker::Result<Response> {
    let started = Date::now().as_millis();
    let (method, url) = (request.method(), request.url()?);
    let settings = bindings::settings(env);
    let asked = Asked {
        wants_page: wants_page(&request, url.path()),
        environment: Environment::parse(bindings::setting(env, "ENVIRONMENT").as_deref()),
        shop: settings.as_ref().map_or_else(|_| unknown_shop(env), |settings| settings.shop.clone()),
        id: request_id(&request),
    };
    let route = Route::of(url.path(), asked.environment);
    let call = Call { request, url, env, ctx, asked: &asked };
    let outcome = route.run(call, settings).await;
    let (status, code, detail) = match &outcome.response {
        Ok(response) => (response.status_code(), outcome.note, None),
        Err(failure) => (failure.problem().status, Some(failure.problem().code), failure.log_detail()),
    };
    log_line(&serde_json::json!({
        "id": asked.id, "method": method.to_string(), "route": route.name(), "status": status,
        "ms": Date::now().as_millis().saturating_sub(started), "code": code, "detail": detail,
    }));
    outcome.response.or_else(|failure| answer::failed(&asked, &failure))
}

#[derive(Clone, Copy)]
enum Route {
    Webhook,
    Links,
    Page,
    Copy,
    Health,
    Dev,
    Nowhere,
}

impl Route {
    fn of(path: &str, environment: Environment) -> Self {
        match path {
            "/webhooks/stripe" => Self::Webhook,
            "/links" => Self::Links,
            "/download" => Self::Page,
            "/healthz" => Self::Health,
            _ if path.strip_prefix("/download/").is_some_and(|name| !name.is_empty() && !name.contains('/')) => {
                Self::Copy
            }
            _ if path == "/dev" || path.starts_with("/dev/") => match environment {
                Environment::Development => Self::Dev,
                Environment::Production => Self::Nowhere,
            },
            _ => Self::Nowhere,
        }
    }

    /// For the log: the address itself may hold a token, or a buyer's product.
    fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Links => "links",
            Self::Page => "page",
            Self::Copy => "copy",
            Self::Health => "health",
            Self::Dev => "dev",
            Self::Nowhere => "nowhere",
        }
    }

    async fn run(self, call: Call<'_>, settings: Result<Settings, SettingsErrors>) -> Outcome {
        let settings = match (self, settings) {
            (Self::Nowhere, _) => return Outcome { response: Err(Failure::NotFound), note: None },
            (Self::Health, settings) => return Outcome { response: health(&call, settings).await, note: None },
            (_, Err(errors)) => return Outcome { response: Err(Failure::Settings(errors)), note: None },
            (_, Ok(settings)) => settings,
        };
        let response = match self {
            Self::Webhook => return webhook(call, &settings).await,
            Self::Links => links(call, &settings).await,
            Self::Page => page(call, &settings).await,
            Self::Copy => copy(call, &settings).await,
            Self::Dev => dev::serve(call, &settings).await,
            Self::Health | Self::Nowhere => Err(Failure::NotFound),
        };
        Outcome { response, note: None }
    }
}

/// `POST /webhooks/stripe`: 200 once it is stored, or there is nothing to store; see [`webhook::receive`].
async fn webhook(mut call: Call<'_>, settings: &Settings) -> Outcome {
    let received = async {
        only(&call, &[Method::Post], "POST")?;
        let body = body(&mut call.request, stripe::MAX_BODY_BYTES).await?;
        let signature = header(&call.request, "Stripe-Signature");
        let origin = call.url.origin().ascii_serialization();
        let request = WebhookRequest { signature: signature.as_deref(), body: &body, origin: &origin };
        webhook::receive(settings, &OrderObjects(call.env), &SystemRandom, request, bindings::now()).await
    };
    match received.await {
        Ok(received) => {
            let (word, note) = match received {
                Received::Recorded => ("recorded", "recorded"),
                Received::Known => ("known", "known"),
                Received::Ignored(why) => ("ignored", why),
            };
            let response = answer::json(call.asked, 200, &serde_json::json!({ "received": word }));
            Outcome { response: response.map_err(runtime), note: Some(note) }
        }
        Err(failure) => Outcome { response: Err(failure), note: None },
    }
}

/// `POST /links`: see [`links::issue`].
async fn links(mut call: Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(&call, &[Method::Post], "POST")?;
    let body = body(&mut call.request, links::MAX_BODY_BYTES).await?;
    let authorization = header(&call.request, "Authorization");
    let origin = call.url.origin().ascii_serialization();
    let request = IssueRequest { authorization: authorization.as_deref(), body: &body, origin: &origin };
    let issued = links::issue(settings, &OrderObjects(call.env), &SystemRandom, request, bindings::now()).await?;
    answer::json(call.asked, 201, &issued).map_err(runtime)
}

/// `GET /download?token=` shows the page, `POST /download` redeems. Both know the browser by its cookie,
/// and set it if it is missing.
async fn page(mut call: Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(&call, &[Method::Get, Method::Head, Method::Post], "GET, HEAD, POST")?;
    let cookie = browser_cookie(header(&call.request, "Cookie").as_deref())
        .unwrap_or_else(|| RandomId::from_random(&SystemRandom.draw()));
    let browser = BrowserId::from_cookie(&cookie);
    let (archives, tombstones, orders) = adapters(call.env)?;
    let world = World { settings, orders: &orders, archives: &archives, tombstones: &tombstones, memory: &IsolateMemory };
    let response = if call.request.method() == Method::Post {
        let token = form_field(&mut call.request, "token").await?.ok_or(Failure::Link(JwtError::Malformed))?;
        let location = world.redeem(&token, browser, &SystemRandom, bindings::now()).await?;
        answer::see_other(call.asked, &location)
    } else {
        let token = query(&call.url, "token").ok_or(Failure::Link(JwtError::Malformed))?;
        let html = world.look(&token, Some(&browser), bindings::now()).await?;
        answer::html(call.asked, 200, &html)
    };
    let response = response.map_err(runtime)?;
    let secure = call.url.scheme() == "https";
    response.headers().set("Set-Cookie", &set_browser_cookie(&cookie, secure)).map_err(runtime)?;
    Ok(response)
}

/// `GET /download/<name>.zip?lease=` streams the copy, or the part of it that is asked for; HEAD tells what
/// it would be, and counts for nothing.
async fn copy(call: Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(&call, &[Method::Get, Method::Head], "GET, HEAD")?;
    let lease = query(&call.url, "lease").ok_or(Failure::Lease(JwtError::Malformed))?;
    let browser = browser_cookie(header(&call.request, "Cookie").as_deref());
    let browser = browser.as_ref().map(BrowserId::from_cookie);
    let (archives, tombstones, orders) = adapters(call.env)?;
    let world = World { settings, orders: &orders, archives: &archives, tombstones: &tombstones, memory: &IsolateMemory };
    if call.request.method() == Method::Head {
        let opened = world.open(&lease, browser, Freshness::Now, bindings::now()).await?;
        let headers = copy_headers(&call, &opened).map_err(runtime)?;
        headers.set("Content-Length", &opened.copy.plan.len().to_string()).map_err(runtime)?;
        return Ok(worker::ResponseBuilder::new().with_headers(headers).empty());
    }
    // What is remembered saves a read. Only if it turns out to be out of date is storage asked.
    let opened = world.open(&lease, browser.clone(), Freshness::Remembered, bindings::now()).await?;
    match send(&call, &world, opened).await {
        Err(Failure::ArchiveChanged(_)) => {
            let opened = world.open(&lease, browser, Freshness::Now, bindings::now()).await?;
            send(&call, &world, opened).await
        }
        sent => sent,
    }
}

/// Sends the copy, or the part of it that is asked for.
async fn send(call: &Call<'_>, world: &EdgeWorld<'_>, opened: Opened) -> Result<Response, Failure> {
    let total = opened.copy.plan.len();
    let headers = copy_headers(call, &opened).map_err(runtime)?;
    let (asked_range, if_range) = (header(&call.request, "Range"), header(&call.request, "If-Range"));
    let (range, open_ended, status) =
        match wanted(asked_range.as_deref(), if_range.as_deref(), opened.copy.plan.etag(), total) {
            Wanted::Whole => (0..total, true, 200),
            Wanted::Part { range, open_ended } => (range, open_ended, 206),
            Wanted::Unsatisfiable => {
                headers.set("Content-Range", &format!("bytes */{total}")).map_err(runtime)?;
                return Ok(worker::ResponseBuilder::new().with_status(416).with_headers(headers).empty());
            }
        };
    if status == 206 {
        let content_range = format!("bytes {}-{}/{total}", range.start, range.end.saturating_sub(1));
        headers.set("Content-Range", &content_range).map_err(runtime)?;
    }
    let begun = world.begin(&opened, range.clone(), open_ended, &SystemRandom).await?;
    stream::respond(call.env, call.ctx, opened, begun, range, stream::Head { status, headers }).await
}

fn copy_headers(call: &Call<'_>, opened: &Opened) -> worker::Result<worker::Headers> {
    let headers = answer::headers(call.asked)?;
    headers.set("Content-Type", "application/zip")?;
    headers.set("Content-Disposition", &attachment(&opened.copy.filename))?;
    headers.set("Cache-Control", "private, no-store, no-transform")?;
    headers.set("ETag", &format!("\"{}\"", opened.copy.plan.etag()))?;
    headers.set("Accept-Ranges", "bytes")?;
    Ok(headers)
}

/// `GET /healthz`: 200 if everything works, else 503 and what does not.
async fn health(call: &Call<'_>, settings: Result<Settings, SettingsErrors>) -> Result<Response, Failure> {
    only(call, &[Method::Get, Method::Head], "GET, HEAD")?;
    let health = match settings {
        Err(errors) => Health::unconfigured(&errors),
        Ok(settings) => {
            let (archives, tombstones, orders) = adapters(call.env)?;
            let reached = orders.post("health", "/inspect", "").await.map(|_| ()).map_err(|error| error.to_string());
            let (settings, memory) = (&settings, &IsolateMemory);
            let world = World { settings, orders: &orders, archives: &archives, tombstones: &tombstones, memory };
            health::check(&world, reached, bindings::now()).await
        }
    };
    let status = if health.healthy { 200 } else { 503 };
    if !call.asked.wants_page {
        return answer::json(call.asked, status, &health).map_err(runtime);
    }
    let html = page::page("pages/health.html", &call.asked.shop, &health)?;
    answer::html(call.asked, status, &html).map_err(runtime)
}

fn adapters(env: &Env) -> Result<(ArchiveBucket, LinkTombstones, OrderObjects<'_>), Failure> {
    let archives = env.bucket("ARCHIVES").map_err(|error| unavailable("ARCHIVES", &error))?;
    let links = env.kv("LINKS").map_err(|error| unavailable("LINKS", &error))?;
    Ok((ArchiveBucket(archives), LinkTombstones(links), OrderObjects(env)))
}

/// People open links and pages; programs post. A program says that it reads JSON, a browser that it reads HTML.
fn wants_page(request: &Request, path: &str) -> bool {
    let accept = header(request, "Accept").unwrap_or_default();
    let for_people = ["/download", "/dev", "/recover", "/healthz"];
    let read_by_people = for_people.iter().any(|prefix| path.starts_with(prefix));
    accept.contains("text/html") || (read_by_people && !accept.contains("json"))
}

fn unknown_shop(env: &Env) -> Shop {
    let name = bindings::setting(env, "SHOP_NAME").unwrap_or_else(|| "Bookplate".to_owned());
    Shop { name, support_email: String::new() }
}

/// Cloudflare's name for the request, or one of ours where it gives none.
fn request_id(request: &Request) -> String {
    let ray = header(request, "CF-Ray").filter(|ray| ray.len() <= 64 && ray.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    ray.unwrap_or_else(|| RandomId::from_random(&SystemRandom.draw()).as_str().to_owned())
}

pub(super) fn only(call: &Call<'_>, methods: &[Method], allowed: &'static str) -> Result<(), Failure> {
    if methods.contains(&call.request.method()) { Ok(()) } else { Err(Failure::Method(allowed)) }
}

pub(super) fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

pub(super) fn runtime(error: worker::Error) -> Failure {
    Failure::Unavailable(Unavailable(error.to_string()))
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The whole body, if it is no longer than `max_bytes`: what is longer is not read to its end.
pub(super) async fn body(request: &mut Request, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // A request without a body has no stream either.
    let Ok(mut chunks) = request.stream() else { return Ok(bytes) };
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(runtime)?);
        if bytes.len() > max_bytes {
            return Err(Failure::TooLarge);
        }
    }
    Ok(bytes)
}

/// A field of a posted form, in either encoding of HTML forms.
async fn form_field(request: &mut Request, name: &str) -> Result<Option<String>, Failure> {
    let length = header(request, "Content-Length").and_then(|length| length.parse::<usize>().ok());
    // Browsers say how long a form is. What does not say so could have any length.
    if length.is_none_or(|length| length > MAX_FORM_BYTES) {
        return Err(Failure::TooLarge);
    }
    let form = request.form_data().await;
    let form = form.map_err(|_| Failure::BadRequest("The body is not a form.".to_owned()))?;
    Ok(match form.get(name) {
        Some(FormEntry::Field(value)) => Some(value),
        _ => None,
    })
}
