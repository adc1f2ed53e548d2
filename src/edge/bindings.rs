//! The ports of the use cases, on Cloudflare's bindings.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::{Bucket, Conditional, Date, Env};

use super::kv::{Kv, options};
use super::request::outgoing;
use crate::domain::address::{AddressCommand, AddressId, Recovered};
use crate::domain::copy::MAX_TEXT_BYTES;
use crate::domain::id::{OrderId, RandomBytes, RandomId};
use crate::domain::json::{self, JsonError};
use crate::domain::order::{Command, Reply, Tombstone};
use crate::domain::settings::{Settings, SettingsErrors};
use crate::domain::time::Timestamp;
use crate::flow::ports::{
    Addresses, ArchiveInfo, Archives, KnownAddresses, Orders, Randomness, ReadError, Tombstones,
    Unavailable, Verdict, Verdicts,
};

/// KV's shortest time for which a location may keep what it read, in seconds:
/// <https://developers.cloudflare.com/kv/api/read-key-value-pairs/#cachettl-parameter>. A link's end is
/// to be seen soon.
const KV_CACHE_SECS: u32 = 30;

/// A buyer waits for KV so long: a hot read takes a few milliseconds, a cold one some hundred.
const KV_PATIENCE: std::time::Duration = std::time::Duration::from_millis(800);

/// The largest logo, in bytes: it is loaded by every page.
const MAX_PICTURE_BYTES: u64 = 200 * 1_024;

/// An index is kept in KV for 30 days, in seconds: longer than a release is new, and no litter for ever.
const FIT_KEPT_SECS: u64 = 30 * 24 * 3_600;

/// A rejection is kept for an hour, in seconds: a reader that was mended is to see the same archive again.
const UNFIT_KEPT_SECS: u64 = 3_600;

/// A longer verdict, in bytes of JSON, is not kept in KV: to parse it would cost more than to read the archive's
/// directory again. Only an archive in which entries are replaced has one.
const MAX_VERDICT_BYTES: usize = 256 * 1_024;

thread_local! {
    static SETTINGS: OnceCell<Result<Rc<Settings>, SettingsErrors>> = const { OnceCell::new() };
}

/// The time, in whole seconds.
pub(super) fn now() -> Timestamp {
    Timestamp::from_secs(i64::try_from(Date::now().as_millis() / 1_000).unwrap_or(i64::MAX))
}

/// The settings, from variables and secrets. They are an isolate's for as long as it lives: other settings are another
/// deployment.
pub(super) fn settings(env: &Env) -> Result<Rc<Settings>, SettingsErrors> {
    SETTINGS.with(|known| known.get_or_init(|| parsed(env)).clone())
}

/// Once per isolate, and so not a part of what each request runs.
#[cold]
#[inline(never)]
fn parsed(env: &Env) -> Result<Rc<Settings>, SettingsErrors> {
    Settings::parse(|name| setting(env, name)).map(Rc::new)
}

/// The bindings that a setting depends on.
const BOUND: [&str; 1] = ["EMAIL"];

/// Whether somebody may ask so often. Inexact, and by location: a damper. Where there is no such binding, or it does
/// not answer, whoever decides behind it is the only limit.
pub(super) async fn may_ask(env: &Env, who: String) -> bool {
    let limiter = Reflect::get(env, &"RECOVER_LIMIT".into()).unwrap_or_default();
    let arguments = Array::of1(&options("key", &who.into()));
    let outcome = call(&limiter, "limit", &arguments).await;
    let success = outcome.and_then(|outcome| Reflect::get(&outcome, &"success".into()));
    !success.is_ok_and(|success| success == JsValue::FALSE)
}

/// Calls a method of a binding, and waits for what it promises.
pub(super) async fn call(
    binding: &JsValue,
    method: &str,
    arguments: &Array,
) -> Result<JsValue, JsValue> {
    let method: Function = Reflect::get(binding, &method.into())?.dyn_into()?;
    // Not `method.call(…)`: a binding's method takes any name for one of the other side's, `call` as well.
    let promise = Reflect::apply(&method, binding, arguments)?;
    JsFuture::from(Promise::resolve(&promise)).await
}

/// One variable or secret, as text: what is no string in wrangler.toml comes as its JSON.
pub(super) fn setting(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if value.is_undefined() || value.is_null() {
        return None;
    }
    // A binding to a service answers to every name, that of its JSON included. That it is there is all there is to read.
    if BOUND.contains(&name) {
        return Some("bound".to_owned());
    }
    value
        .as_string()
        .or_else(|| js_sys::JSON::stringify(&value).ok()?.as_string())
}

/// The order objects, behind the binding `ORDERS`.
pub(super) struct OrderObjects<'a>(pub &'a Env);

impl OrderObjects<'_> {
    /// Posts to an order's object, and reads its JSON answer.
    pub(super) async fn post(&self, name: &str, path: &str, body: &str) -> worker::Result<String> {
        let stub = self.0.durable_object("ORDERS")?.get_by_name(name)?;
        let request = outgoing(
            &format!("https://order{path}"),
            "POST",
            &[],
            Some(&body.into()),
        )?;
        let mut response = stub.fetch_with_request(request).await?;
        if response.status_code() != 200 {
            return Err(worker::Error::RustError(format!(
                "the order object answered {}",
                response.status_code()
            )));
        }
        response.text().await
    }
}

impl Orders for OrderObjects<'_> {
    async fn ask(&self, order: &OrderId, command: Command) -> Result<Reply, Unavailable> {
        let body = json::write(&command).map_err(|error| unavailable("ORDERS", &error))?;
        let reply = self
            .post(order.as_str(), "/", &body)
            .await
            .map_err(|error| unavailable("ORDERS", &error))?;
        json::read(&reply).map_err(|error| malformed("ORDERS", &error))
    }
}

impl Addresses for OrderObjects<'_> {
    async fn ask(
        &self,
        address: &AddressId,
        command: AddressCommand,
    ) -> Result<Recovered, Unavailable> {
        let body = json::write(&command).map_err(|error| unavailable("ORDERS", &error))?;
        let reply = self
            .post(address.as_str(), "/address", &body)
            .await
            .map_err(|error| unavailable("ORDERS", &error))?;
        json::read(&reply).map_err(|error| malformed("ORDERS", &error))
    }
}

/// The archives, in the bucket `ARCHIVES`.
pub(super) struct ArchiveBucket(pub Bucket);

impl ArchiveBucket {
    /// Opens exactly these bytes of exactly this version, tried twice: its stream, or that it changed.
    pub(super) async fn open(
        &self,
        key: &str,
        etag: &str,
        range: Range<u64>,
    ) -> Result<web_sys::ReadableStream, ReadError> {
        let object = match self.get(key, etag, &range).await {
            Err(ReadError::Unavailable(_)) => self.get(key, etag, &range).await?,
            other => other?,
        };
        let body = object
            .body()
            .ok_or(ReadError::Changed)?
            .response_body()
            .map_err(|error| unread(&error))?;
        match body {
            worker::ResponseBody::Stream(stream) => Ok(stream),
            _ => Err(ReadError::Unavailable(
                "ARCHIVES: an object without a stream".to_owned(),
            )),
        }
    }

    /// A small picture, if there is one under this key.
    pub(super) async fn picture(&self, key: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        let failed = |error: worker::Error| unavailable("ARCHIVES", &error);
        let Some(object) = self.0.get(key).execute().await.map_err(failed)? else {
            return Ok(None);
        };
        if object.size() > MAX_PICTURE_BYTES {
            return Err(Unavailable(format!(
                "ARCHIVES: {key} is longer than {MAX_PICTURE_BYTES} bytes"
            )));
        }
        match object.body() {
            Some(body) => body.bytes().await.map(Some).map_err(failed),
            None => Ok(None),
        }
    }

    async fn get(
        &self,
        key: &str,
        etag: &str,
        range: &Range<u64>,
    ) -> Result<worker::Object, ReadError> {
        self.0
            .get(key)
            .range(worker::Range::OffsetWithLength {
                offset: range.start,
                length: range.end - range.start,
            })
            .only_if(Conditional {
                etag_matches: Some(etag.to_owned()),
                ..Conditional::default()
            })
            .execute()
            .await
            .map_err(|error| unread(&error))?
            .ok_or(ReadError::Changed)
    }
}

impl Archives for ArchiveBucket {
    async fn find(&self, key: &str) -> Result<Option<ArchiveInfo>, Unavailable> {
        let object = self
            .0
            .head(key)
            .await
            .map_err(|error| unavailable("ARCHIVES", &error))?;
        Ok(object.map(|object| ArchiveInfo {
            size_bytes: object.size(),
            etag: object.etag(),
        }))
    }

    async fn text(&self, key: &str) -> Result<Option<String>, Unavailable> {
        let object = self
            .0
            .get(key)
            .execute()
            .await
            .map_err(|error| unavailable("ARCHIVES", &error))?;
        let Some(object) = object else {
            return Ok(None);
        };
        if object.size() > MAX_TEXT_BYTES {
            return Err(Unavailable(format!(
                "ARCHIVES: {key} is longer than {MAX_TEXT_BYTES} bytes"
            )));
        }
        let Some(body) = object.body() else {
            return Ok(None);
        };
        body.text()
            .await
            .map(Some)
            .map_err(|error| unavailable("ARCHIVES", &error))
    }

    async fn read(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let length = range.end - range.start;
        let object = self.get(key, etag, &range).await?;
        let body = object.body().ok_or(ReadError::Changed)?;
        let bytes = body.bytes().await.map_err(|error| unread(&error))?;
        // A body that broke off may look like one that ended.
        if u64::try_from(bytes.len()).ok() == Some(length) {
            return Ok(bytes);
        }
        Err(ReadError::Unavailable(format!(
            "ARCHIVES: {} bytes of {length}",
            bytes.len()
        )))
    }
}

/// The ended links and the verdicts on archives, in the namespace `LINKS`.
pub(super) struct LinksKv(pub Kv);

impl Tombstones for LinksKv {
    async fn find(&self, jti: &RandomId) -> Result<Option<Tombstone>, Unavailable> {
        kept(self.0.text(&key_of(jti), Some(KV_CACHE_SECS)).await?)
    }

    async fn patience(&self) {
        worker::Delay::from(KV_PATIENCE).await;
    }

    async fn order_of(&self, jti: &RandomId) -> Result<Option<OrderId>, Unavailable> {
        let read = self.0.text(&index_key(jti), None).await?;
        Ok(read.and_then(|name| OrderId::try_from(name).ok()))
    }

    async fn index(
        &self,
        jti: &RandomId,
        order: &OrderId,
        ttl_secs: u64,
    ) -> Result<(), Unavailable> {
        let key = index_key(jti);
        self.0.put(&key, order.as_str(), Some(ttl_secs)).await
    }

    async fn bury(
        &self,
        jti: &RandomId,
        tombstone: Tombstone,
        ttl_secs: u64,
    ) -> Result<(), Unavailable> {
        let json = json::write(&tombstone).map_err(|error| unavailable("LINKS", &error))?;
        self.0.put(&key_of(jti), &json, Some(ttl_secs)).await
    }
}

impl KnownAddresses for LinksKv {
    async fn is_known(&self, address: &AddressId) -> Result<bool, Unavailable> {
        let read = self.0.text(address.as_str(), None).await;
        read.map(|known| known.is_some())
    }

    async fn make_known(&self, address: &AddressId) -> Result<(), Unavailable> {
        self.0.put(address.as_str(), "known", None).await
    }
}

impl Verdicts for LinksKv {
    async fn verdict_on(&self, info: &ArchiveInfo) -> Result<Option<Verdict>, Unavailable> {
        kept(self.0.text(&verdict_key(info), None).await?)
    }

    async fn keep(&self, info: &ArchiveInfo, verdict: &Verdict) -> Result<(), Unavailable> {
        let json = json::write(verdict).map_err(|error| unavailable("LINKS", &error))?;
        let kept_secs = match verdict {
            Verdict::Fit(_) => FIT_KEPT_SECS,
            Verdict::Unfit(_) => UNFIT_KEPT_SECS,
        };
        if json.len() > MAX_VERDICT_BYTES {
            return Ok(());
        }
        self.0.put(&verdict_key(info), &json, Some(kept_secs)).await
    }
}

/// The number is the rules' version: a reader that judges otherwise, or stores another form, gets the next.
fn verdict_key(info: &ArchiveInfo) -> String {
    format!("archive:1:{}:{}", info.etag, info.size_bytes)
}

/// The operator's index: which order a link belongs to.
fn index_key(jti: &RandomId) -> String {
    format!("order-of:{}", jti.as_str())
}

fn key_of(jti: &RandomId) -> String {
    format!("link:{}", jti.as_str())
}

/// The runtime's source of random bytes.
pub(super) struct SystemRandom;

impl Randomness for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "crypto.getRandomValues never fails here; names that can be foreseen would"
    )]
    fn draw(&self) -> RandomBytes {
        let mut bytes = RandomBytes::default();
        getrandom::fill(&mut bytes).expect("crypto.getRandomValues");
        bytes
    }
}

/// What KV keeps under a key, as JSON.
pub(super) fn kept<T: DeserializeOwned>(read: Option<String>) -> Result<Option<T>, Unavailable> {
    let kept = read.map(|text| json::read(&text)).transpose();
    kept.map_err(|error| malformed("LINKS", &error))
}

/// JSON of another form. The error says where, and nothing of what is there.
pub(super) fn malformed(binding: &str, error: &JsonError) -> Unavailable {
    unavailable(binding, error)
}

pub(super) fn unavailable(binding: &str, error: &dyn std::fmt::Display) -> Unavailable {
    Unavailable(format!("{binding}: {error}"))
}

fn unread(error: &worker::Error) -> ReadError {
    ReadError::Unavailable(format!("ARCHIVES: {error}"))
}
