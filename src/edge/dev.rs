//! What a developer needs and nobody else may have: a storefront that sells for free, and the outbox.
//! The routes lead here in development alone.

use askama::Template;
use serde::{Deserialize, Serialize};
use worker::{Date, Delay, FormEntry, Response};

use super::answer;
use super::bindings::{self, OrderObjects, SystemRandom, malformed, unavailable};
use super::kv::Kv;
use super::request::{Call, only, runtime};
use crate::domain::id::hex;
use crate::domain::json::{self, Json, JsonError};
use crate::domain::keys::{Secret, hmac_sha256};
use crate::domain::mail::{Mail, Outcome};
use crate::domain::settings::{Product, Settings, Shop};
use crate::domain::template::render;
use crate::domain::time::Timestamp;
use crate::flow::failure::Failure;
use crate::flow::ports::{Randomness as _, Unavailable};
use crate::flow::webhook::{self, WebhookRequest};

/// The outbox's pages show mails as they would look: they bring inline styles, and stand in frames.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

const PREFIX: &str = "outbox:";

/// A page of WASM memory, in bytes (WebAssembly Core Specification §4.2.8).
const WASM_PAGE_BYTES: usize = 65_536;

/// Mails are kept for a week, in seconds.
const KEPT_SECS: u64 = 7 * 24 * 3_600;

/// The page after a purchase waits for its mail this long at most, in steps of 100 ms.
const MAIL_WAIT_STEPS: u32 = 30;

/// The mail provider of a development machine: keeps the mails in `LINKS`. As a provider does, it takes a
/// mail of the same key once.
pub(super) struct DevOutbox(pub Kv);

#[derive(Serialize)]
struct Kept {
    #[serde(flatten)]
    mail: Mail,
    sent_at: String,
    sent_at_ms: u64,
}

/// What is kept beside a mail's own fields.
#[derive(Deserialize)]
struct Sent {
    sent_at: String,
    sent_at_ms: u64,
}

impl Kept {
    fn parse(text: &str) -> Result<Self, JsonError> {
        let fields = Json::parse(text)?;
        let Sent {
            sent_at,
            sent_at_ms,
        } = json::take(&fields)?;
        Ok(Self {
            mail: json::take(&fields)?,
            sent_at,
            sent_at_ms,
        })
    }
}

impl DevOutbox {
    /// Keeps a mail, unless one of the same key is there.
    pub(super) async fn keep(&self, mail: &Mail, idempotency_key: &str, now: Timestamp) -> Outcome {
        match self.put(mail, idempotency_key, now).await {
            Ok(()) => Outcome::Sent,
            Err(Unavailable(why)) => Outcome::no_answer(&why),
        }
    }

    async fn put(
        &self,
        mail: &Mail,
        idempotency_key: &str,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let key = format!("{PREFIX}{idempotency_key}");
        if self.0.text(&key, None).await?.is_some() {
            return Ok(());
        }
        let kept = Kept {
            mail: mail.clone(),
            sent_at: now.rfc3339(),
            sent_at_ms: Date::now().as_millis(),
        };
        let json = json::write(&kept).map_err(|error| unavailable("outbox", &error))?;
        self.0.put(&key, &json, Some(KEPT_SECS)).await
    }

    /// All mails, newest first.
    async fn mails(&self) -> Result<Vec<Kept>, Unavailable> {
        let mut mails: Vec<Kept> = Vec::new();
        for key in self.0.keys(PREFIX).await? {
            let kept = self.0.text(&key, None).await?;
            let kept = kept.map(|text| Kept::parse(&text)).transpose();
            let Some(mail) = kept.map_err(|error| malformed("outbox", &error))? else {
                continue;
            };
            let place = mails.partition_point(|known| known.sent_at_ms >= mail.sent_at_ms);
            mails.insert(place, mail);
        }
        Ok(mails)
    }
}

#[derive(Template)]
#[template(path = "pages/storefront.html")]
struct StorefrontPage<'a> {
    shop: &'a Shop,
    products: &'a [Product],
}

#[derive(Template)]
#[template(path = "pages/outbox.html")]
struct OutboxPage<'a> {
    shop: &'a Shop,
    mails: &'a [Kept],
}

/// Everything under `/dev`.
pub(super) async fn serve(call: &mut Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    let path = call.url.path.clone();
    match path.as_str() {
        "/dev" => storefront(call, settings),
        "/dev/buy" => buy(call, settings).await,
        "/dev/outbox" => outbox(call, settings).await,
        "/dev/memory" => memory(call),
        _ => match path.strip_prefix("/dev/orders/") {
            Some(order) => inspect(call, order).await,
            None => Err(Failure::NotFound),
        },
    }
}

/// `GET /dev`: the storefront.
fn storefront(call: &Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "GET, HEAD")?;
    let html = render(&StorefrontPage {
        shop: &settings.shop,
        products: &settings.products,
    });
    answer::html(call.asked, 200, &html).map_err(runtime)
}

/// `POST /dev/buy`: makes the event that Stripe would post after a payment, signs it, and receives it.
async fn buy(call: &mut Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "POST")?;
    let form = call
        .request
        .form_data()
        .await
        .map_err(|_| Failure::BadRequest("The body is not a form.".to_owned()))?;
    let field = |name: &str| match form.get(name) {
        Some(FormEntry::Field(value)) if !value.trim().is_empty() => Some(value),
        _ => None,
    };
    // Without it, Stripe would have to be asked; and nobody but this page knows of this session.
    let product = field("product").ok_or_else(|| {
        Failure::BadRequest("The field `product` takes the id of a product.".to_owned())
    })?;
    let now = bindings::now();
    let session = format!("cs_test_{}", hex(&SystemRandom.draw()));
    let customer = Json::object(vec![
        ("name", field("name").into()),
        ("business_name", field("organisation").into()),
        ("email", field("email").into()),
    ]);
    let object = Json::object(vec![
        ("id", session.as_str().into()),
        ("object", "checkout.session".into()),
        ("mode", "payment".into()),
        ("status", "complete".into()),
        ("payment_status", "paid".into()),
        (
            "payment_intent",
            format!("pi_{}", hex(&SystemRandom.draw())).into(),
        ),
        ("customer_details", customer),
        ("metadata", Json::object(vec![("product", product.into())])),
    ]);
    let event = Json::object(vec![
        ("id", format!("evt_{}", hex(&SystemRandom.draw())).into()),
        ("object", "event".into()),
        ("type", "checkout.session.completed".into()),
        ("api_version", "2026-10-28.endive".into()),
        ("created", now.as_secs().into()),
        ("livemode", false.into()),
        ("data", Json::object(vec![("object", object)])),
    ])
    .to_json();
    let signature = sign(settings.webhook_secrets.first(), &event, now);
    let origin = call.url.origin.clone();
    let request = WebhookRequest {
        signature: Some(&signature),
        body: event.as_bytes(),
        origin: &origin,
    };
    let objects = OrderObjects(call.env);
    let received =
        webhook::receive(settings, &objects, &objects, &SystemRandom, request, now).await?;
    if let webhook::Received::Ignored(why) = received {
        return Err(Failure::BadRequest(format!("Nothing was bought: {why}.")));
    }
    // The mail is the alarm's work; a moment later it is there.
    for _ in 0..MAIL_WAIT_STEPS {
        let stored = stored(call, &session).await?;
        let order = Json::parse(&stored).unwrap_or_default();
        let sent_at = order.get("mail").and_then(|mail| mail.get("sent_at"));
        if sent_at.is_some_and(|sent_at| *sent_at != Json::Null) {
            break;
        }
        Delay::from(std::time::Duration::from_millis(100)).await;
    }
    answer::see_other(call.asked, "/dev/outbox").map_err(runtime)
}

/// `GET /dev/outbox`: as a page, or as JSON for whoever asks for that.
async fn outbox(call: &Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "GET, HEAD")?;
    let mails = DevOutbox(Kv::of(call.env, "LINKS")?).mails().await?;
    if !call.asked.wants_page {
        return answer::json(call.asked, 200, &mails).map_err(runtime);
    }
    let html = render(&OutboxPage {
        shop: &settings.shop,
        mails: &mails,
    });
    answer::html_with_policy(call.asked, 200, &html, POLICY).map_err(runtime)
}

/// `GET /dev/memory`: how large this isolate's WASM memory is, in bytes. It never shrinks, so this is its peak.
fn memory(call: &Call<'_>) -> Result<Response, Failure> {
    only(call, "GET")?;
    let bytes = core::arch::wasm32::memory_size::<0>() * WASM_PAGE_BYTES;
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let size = Json::object(vec![("wasm_bytes", bytes.into())]);
    answer::json_text(call.asked, 200, size.to_json()).map_err(runtime)
}

/// `GET /dev/orders/<name>`: what an order's object has stored, or `null`.
async fn inspect(call: &Call<'_>, order: &str) -> Result<Response, Failure> {
    only(call, "GET")?;
    let stored = stored(call, order).await?;
    answer::json_text(call.asked, 200, stored).map_err(runtime)
}

async fn stored(call: &Call<'_>, order: &str) -> Result<String, Failure> {
    OrderObjects(call.env)
        .post(order, "/inspect", "")
        .await
        .map_err(runtime)
}

fn sign(secret: Option<&Secret>, body: &str, now: Timestamp) -> String {
    let at = now.as_secs();
    let key = secret.map(Secret::expose).unwrap_or_default();
    format!(
        "t={at},v1={}",
        hex(&hmac_sha256(
            key.as_bytes(),
            format!("{at}.{body}").as_bytes()
        ))
    )
}
