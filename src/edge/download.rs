//! The buyer's three addresses: the page, the button, and the copy.

use std::time::Duration;

use worker::{Env, Headers, Method, Response, ResponseBuilder};

use super::bindings::{self, ArchiveBucket, LinksKv, OrderObjects, SystemRandom, unavailable};
use super::kv::Kv;
use super::memory::IsolateMemory;
use super::request::{Call, form_field, header, only, runtime};
use super::{answer, stream};
use crate::domain::http::{attachment, browser_cookie, network, set_browser_cookie};
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::jwt::JwtError;
use crate::domain::order::Client;
use crate::domain::range::{Wanted, wanted};
use crate::domain::settings::{Environment, Settings};
use crate::domain::text;
use crate::flow::download::{Freshness, Opened, Reads, World};
use crate::flow::failure::Failure;
use crate::flow::ports::Randomness as _;

/// The world, on Cloudflare's bindings.
pub(super) type EdgeWorld<'a> = World<'a, OrderObjects<'a>, ArchiveBucket, LinksKv, IsolateMemory>;

/// `GET /download?token=` shows the page, `POST /download` redeems. Both know the browser by its cookie,
/// and set it if it is missing.
pub(super) async fn page(
    call: &mut Call<'_>,
    settings: &Settings,
    seen: &mut Option<String>,
) -> Result<Response, Failure> {
    only(call, "GET, HEAD, POST")?;
    let cookie = browser_cookie(header(&call.request, "Cookie").as_deref())
        .unwrap_or_else(|| RandomId::from_random(&SystemRandom.draw()));
    let browser = BrowserId::from_cookie(&cookie);
    let adapters = Adapters::of(call.env)?;
    let world = adapters.world(settings);
    let response = if call.request.method() == Method::Post {
        let token = form_field(&mut call.request, "token")
            .await?
            .ok_or(Failure::Link(JwtError::Malformed))?;
        *seen = Some(token.clone());
        let location = world
            .redeem(&token, browser, &SystemRandom, bindings::now())
            .await?;
        answer::see_other(call.asked, &location)
    } else {
        let token = call
            .url
            .query("token")
            .ok_or(Failure::Link(JwtError::Malformed))?;
        let html = world.look(&token, Some(&browser), bindings::now()).await?;
        answer::html(call.asked, 200, &html)
    };
    let response = response.map_err(runtime)?;
    let secure = call.url.is_https() || call.asked.environment == Environment::Production;
    response
        .headers()
        .set("Set-Cookie", &set_browser_cookie(&cookie, secure))
        .map_err(runtime)?;
    Ok(response)
}

/// `GET /download/<name>.zip?lease=` streams the copy, or the part of it that is asked for; HEAD tells what
/// it would be, and counts for nothing.
pub(super) async fn copy(call: &Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "GET, HEAD")?;
    let lease = call
        .url
        .query("lease")
        .ok_or(Failure::Lease(JwtError::Malformed))?;
    let browser = browser_cookie(header(&call.request, "Cookie").as_deref());
    let browser = browser.as_ref().map(BrowserId::from_cookie);
    let adapters = Adapters::of(call.env)?;
    let world = adapters.world(settings);
    if call.request.method() == Method::Head {
        let opened = world
            .open(
                &lease,
                browser,
                Freshness::Now,
                Reads::Part,
                bindings::now(),
            )
            .await?;
        let headers = copy_headers(call, &opened).map_err(runtime)?;
        headers
            .set("Content-Length", &opened.copy.plan.len().to_string())
            .map_err(runtime)?;
        return Ok(ResponseBuilder::new().with_headers(headers).empty());
    }
    let reads = match header(&call.request, "Range") {
        Some(_) => Reads::Part,
        None => Reads::FromTheStart,
    };
    // What is remembered saves a read. Only if it turns out to be out of date is storage asked.
    let now = bindings::now();
    let sent = match world
        .open(&lease, browser.clone(), Freshness::Remembered, reads, now)
        .await
    {
        Ok(opened) => send(call, &world, opened).await,
        Err(failure) => Err(failure),
    };
    match sent {
        Err(Failure::ArchiveChanged(_)) => {
            let opened = world
                .open(&lease, browser, Freshness::Now, reads, now)
                .await?;
            send(call, &world, opened).await
        }
        sent => sent,
    }
}

/// Sends the copy, or the part of it that is asked for.
async fn send(call: &Call<'_>, world: &EdgeWorld<'_>, opened: Opened) -> Result<Response, Failure> {
    let total = opened.copy.plan.len();
    let headers = copy_headers(call, &opened).map_err(runtime)?;
    let (asked_range, if_range) = (
        header(&call.request, "Range"),
        header(&call.request, "If-Range"),
    );
    let (range, open_ended, status) = match wanted(
        asked_range.as_deref(),
        if_range.as_deref(),
        opened.begun_etag.as_deref(),
        opened.copy.plan.etag(),
        total,
    ) {
        Wanted::Whole => (0..total, true, 200),
        Wanted::Part { range, open_ended } => (range, open_ended, 206),
        Wanted::Unsatisfiable => {
            headers
                .set("Content-Range", &format!("bytes */{total}"))
                .map_err(runtime)?;
            return Ok(ResponseBuilder::new()
                .with_status(416)
                .with_headers(headers)
                .empty());
        }
    };
    if status == 206 {
        let content_range = format!(
            "bytes {}-{}/{total}",
            range.start,
            range.end.saturating_sub(1)
        );
        headers
            .set("Content-Range", &content_range)
            .map_err(runtime)?;
    }
    let begun = world
        .begin(
            &opened,
            range.clone(),
            open_ended,
            client(call),
            &SystemRandom,
        )
        .await?;
    let heartbeat_secs = world.settings.limits.heartbeat_secs();
    let heartbeat = Duration::from_secs(u64::try_from(heartbeat_secs).unwrap_or_default().max(1));
    stream::respond(
        call.env,
        call.ctx,
        opened,
        begun,
        range,
        heartbeat,
        stream::Head { status, headers },
    )
    .await
}

/// Who asks, for the audit trail.
fn client(call: &Call<'_>) -> Client {
    let address = header(&call.request, "CF-Connecting-IP");
    Client {
        country: call.request.cf().and_then(worker::Cf::country),
        network: address.as_deref().and_then(network),
        user_agent: text::clean_option(header(&call.request, "User-Agent").as_deref()),
    }
}

fn copy_headers(call: &Call<'_>, opened: &Opened) -> worker::Result<Headers> {
    let headers = answer::headers(call.asked)?;
    headers.set("Content-Type", "application/zip")?;
    headers.set("Content-Disposition", &attachment(&opened.copy.filename))?;
    headers.set("Cache-Control", "private, no-store, no-transform")?;
    headers.set("ETag", &format!("\"{}\"", opened.copy.plan.etag()))?;
    headers.set("Accept-Ranges", "bytes")?;
    Ok(headers)
}

/// The bindings that a download needs.
pub(super) struct Adapters<'a> {
    pub(super) archives: ArchiveBucket,
    pub(super) kv: LinksKv,
    pub(super) orders: OrderObjects<'a>,
}

impl<'a> Adapters<'a> {
    /// # Errors
    /// A binding is missing in wrangler.toml.
    pub(super) fn of(env: &'a Env) -> Result<Self, Failure> {
        let archives = env
            .bucket("ARCHIVES")
            .map_err(|error| unavailable("ARCHIVES", &error))?;
        Ok(Self {
            archives: ArchiveBucket(archives),
            kv: LinksKv(Kv::of(env, "LINKS")?),
            orders: OrderObjects(env),
        })
    }

    pub(super) fn world(&'a self, settings: &'a Settings) -> EdgeWorld<'a> {
        let (archives, kv, orders) = (&self.archives, &self.kv, &self.orders);
        World {
            settings,
            orders,
            archives,
            kv,
            memory: &IsolateMemory,
        }
    }
}
