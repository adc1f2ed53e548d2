//! Which address does what. Each request is logged once, here, and so is each failure.

use std::rc::Rc;

use futures_util::FutureExt as _;
use worker::{Context, Date, Env, Request, Response};

use super::answer::{self, Asked, log_line};
use super::bindings::{self, OrderObjects, SystemRandom};
use super::dev;
use super::download::{self, Adapters};
use super::memory;
use super::operator_object::{self, OperatorAlarm};
use super::renewal;
use super::request::{Address, Call, body, header, only, request_id, runtime, wants_page};
use super::success;
use crate::domain::id::OrderId;
use crate::domain::json::Json;
use crate::domain::settings::{Environment, Settings, SettingsErrors, Shop};
use crate::domain::stripe;
use crate::flow::failure::Failure;
use crate::flow::health::{self, Health};
use crate::flow::links::{self, IssueRequest};
use crate::flow::ports::Operator as _;
use crate::flow::webhook::{self, Received, WebhookRequest};

/// What a route says about itself in the log.
pub(super) struct Outcome {
    pub response: Result<Response, Failure>,
    pub note: Option<&'static str>,
}

/// Answers a request, whatever happens.
pub(super) async fn serve(request: Request, env: &Env, ctx: &Context) -> worker::Result<Response> {
    let started = Date::now().as_millis();
    let (method, url) = (request.method(), Address::of(&request)?);
    let settings = bindings::settings(env);
    let asked = Asked {
        wants_page: wants_page(&request, &url.path),
        environment: Environment::parse(bindings::setting(env, "ENVIRONMENT").as_deref()),
        shop: settings
            .as_ref()
            .map_or_else(|_| unknown_shop(env), |settings| settings.shop.clone()),
        id: request_id(&request),
    };
    let route = Route::of(&url.path, asked.environment);
    let mut call = Call {
        request,
        url,
        env,
        ctx,
        asked: &asked,
    };
    let mut token = call.url.query("token");
    let outcome = route.run(&mut call, settings, &mut token).await;
    let (status, code, detail) = match &outcome.response {
        Ok(response) => (response.status_code(), outcome.note, None),
        Err(failure) => (
            failure.problem().status,
            Some(failure.problem().code),
            failure.log_detail(),
        ),
    };
    log_line(vec![
        ("id", asked.id.as_str().into()),
        ("method", method.to_string().into()),
        ("route", route.name().into()),
        ("status", status.into()),
        ("ms", Date::now().as_millis().saturating_sub(started).into()),
        ("code", code.into()),
        ("detail", detail.into()),
    ]);
    outcome
        .response
        .or_else(|failure| answer::failed(&asked, &failure, token.as_deref()))
}

impl From<Result<Response, Failure>> for Outcome {
    fn from(response: Result<Response, Failure>) -> Self {
        let note = None;
        Self { response, note }
    }
}

#[derive(Clone, Copy)]
enum Route {
    Webhook,
    Links,
    Revoke,
    Page,
    Copy,
    Renew,
    Recover,
    Logo,
    Order,
    Health,
    Dev,
    Nowhere,
}

impl Route {
    fn of(path: &str, environment: Environment) -> Self {
        match path {
            "/webhooks/stripe" => Self::Webhook,
            "/links" => Self::Links,
            "/links/revoke" => Self::Revoke,
            "/download" => Self::Page,
            "/renew" => Self::Renew,
            "/recover" => Self::Recover,
            "/logo" => Self::Logo,
            "/admin/orders" => Self::Order,
            "/healthz" => Self::Health,
            _ if path
                .strip_prefix("/download/")
                .is_some_and(|name| !name.is_empty() && !name.contains('/')) =>
            {
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
            Self::Revoke => "revoke",
            Self::Page => "page",
            Self::Copy => "copy",
            Self::Renew => "renew",
            Self::Recover => "recover",
            Self::Logo => "logo",
            Self::Order => "order",
            Self::Health => "health",
            Self::Dev => "dev",
            Self::Nowhere => "nowhere",
        }
    }

    /// `token` is that of the link that was asked for, as soon as it is known.
    async fn run(
        self,
        call: &mut Call<'_>,
        settings: Result<Rc<Settings>, SettingsErrors>,
        token: &mut Option<String>,
    ) -> Outcome {
        let settings = match (self, settings) {
            (Self::Nowhere, _) => return Err(Failure::NotFound).into(),
            (Self::Health, settings) => return health(call, settings).boxed_local().await.into(),
            (_, Err(errors)) => return Err(Failure::Settings(errors)).into(),
            (_, Ok(settings)) => settings,
        };
        let settings = &*settings;
        // Each in a box: a route that is inlined here makes this function larger for all, and V8 takes hundreds of bytes
        // of memory for each byte of a function that it compiles anew.
        let answered = match self {
            Self::Webhook => return webhook(call, settings).boxed_local().await,
            Self::Links | Self::Revoke => links(call, settings, self).boxed_local(),
            Self::Page => match call.url.query("session_id") {
                Some(session) => {
                    async move { success::page(call, settings, &session).await }.boxed_local()
                }
                None => download::page(call, settings, token).boxed_local(),
            },
            Self::Copy => download::copy(call, settings).boxed_local(),
            Self::Renew => renewal::renew(call, settings, token).boxed_local(),
            Self::Recover => renewal::recover(call, settings).boxed_local(),
            Self::Logo => logo(call, settings).boxed_local(),
            Self::Order => order(call, settings).boxed_local(),
            Self::Dev => dev::serve(call, settings).boxed_local(),
            Self::Health | Self::Nowhere => return Err(Failure::NotFound).into(),
        };
        answered.await.into()
    }
}

/// `POST /webhooks/stripe`: 200 once it is stored, or there is nothing to store; see [`webhook::receive`].
async fn webhook(call: &mut Call<'_>, settings: &Settings) -> Outcome {
    let received = async {
        only(call, "POST")?;
        let body = body(&mut call.request, stripe::MAX_BODY_BYTES).await?;
        let signature = header(&call.request, "Stripe-Signature");
        let origin = call.url.origin.clone();
        let request = WebhookRequest {
            signature: signature.as_deref(),
            body: &body,
            origin: &origin,
        };
        let objects = OrderObjects(call.env);
        let received = webhook::receive(
            settings,
            &objects,
            &objects,
            &SystemRandom,
            request,
            bindings::now(),
        )
        .await;
        let failure = received.as_ref().err();
        if let Some(cause) = failure.and_then(|failure| webhook::cause(failure, &body)) {
            // Stripe sends it again, and then it is raised again.
            let _ = OperatorAlarm(call.env).raise(cause).await;
        }
        received
    };
    match received.await {
        Ok(received) => {
            let (word, note) = match received {
                Received::Recorded => ("recorded", "recorded"),
                Received::Noted => ("noted", "noted"),
                Received::Known => ("known", "known"),
                Received::Ignored(why) => ("ignored", why),
            };
            let response = answer::json_text(
                call.asked,
                200,
                Json::object(vec![("received", word.into())]).to_json(),
            );
            Outcome {
                response: response.map_err(runtime),
                note: Some(note),
            }
        }
        Err(failure) => Outcome {
            response: Err(failure),
            note: None,
        },
    }
}

/// `POST /links` and `POST /links/revoke`: see [`links::issue`] and [`links::revoke`].
async fn links(call: &mut Call<'_>, settings: &Settings, what: Route) -> Result<Response, Failure> {
    only(call, "POST")?;
    let body = body(&mut call.request, links::MAX_BODY_BYTES).await?;
    let authorization = header(&call.request, "Authorization");
    let origin = call.url.origin.clone();
    let request = IssueRequest {
        authorization: authorization.as_deref(),
        body: &body,
        origin: &origin,
    };
    let adapters = Adapters::of(call.env)?;
    let answer = if let Route::Revoke = what {
        let revoked = links::revoke(settings, &adapters.orders, &adapters.kv, request).await?;
        answer::json(call.asked, 200, &revoked)
    } else {
        let issued = links::issue(
            settings,
            &adapters.orders,
            &SystemRandom,
            request,
            bindings::now(),
        );
        answer::json(call.asked, 201, &issued.await?)
    };
    answer.map_err(runtime)
}

/// `GET /healthz`: 200 if everything works, else 503 and what does not.
async fn health(
    call: &Call<'_>,
    settings: Result<Rc<Settings>, SettingsErrors>,
) -> Result<Response, Failure> {
    only(call, "GET, HEAD")?;
    let health = match settings {
        Err(errors) => Health::unconfigured(&errors),
        Ok(settings) => {
            let adapters = Adapters::of(call.env)?;
            let reached = adapters.orders.post("health", "/inspect", "").await;
            let reached = reached.map(|_| ()).map_err(|error| error.to_string());
            let world = adapters.world(&settings);
            let untold = operator_object::untold(call.env).await;
            health::check(&world, reached, untold, bindings::now()).await
        }
    };
    let status = if health.healthy { 200 } else { 503 };
    if !call.asked.wants_page {
        return answer::json(call.asked, status, &health).map_err(runtime);
    }
    let html = health.page(&call.asked.shop);
    answer::html(call.asked, status, &html).map_err(runtime)
}

/// `GET /admin/orders?order=`, a session id or `ref:` and a reference: all that is known of an order, its audit trail included.
async fn order(call: &Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "GET")?;
    links::authorize(settings, header(&call.request, "Authorization").as_deref())?;
    let name = call
        .url
        .query("order")
        .and_then(|name| OrderId::try_from(name).ok());
    let name = name.ok_or(Failure::NoSuchOrder)?;
    let orders = OrderObjects(call.env);
    let stored = orders
        .post(name.as_str(), "/inspect", "")
        .await
        .map_err(runtime)?;
    if stored == "null" {
        return Err(Failure::NoSuchOrder);
    }
    answer::json_text(call.asked, 200, stored).map_err(runtime)
}

/// `GET /logo`: the shop's picture, which stands above every page.
async fn logo(call: &Call<'_>, settings: &Settings) -> Result<Response, Failure> {
    only(call, "GET, HEAD")?;
    let logo = settings.shop.logo.as_ref().ok_or(Failure::NotFound)?;
    let adapters = Adapters::of(call.env)?;
    let bytes = memory::picture(&adapters.archives, &logo.key, bindings::now())
        .await?
        .ok_or(Failure::NotFound)?;
    answer::picture(call.asked, logo.media_type, bytes).map_err(runtime)
}

fn unknown_shop(env: &Env) -> Shop {
    let name = bindings::setting(env, "SHOP_NAME").unwrap_or_else(|| "Bookplate".to_owned());
    Shop {
        name,
        support_email: String::new(),
        logo: None,
    }
}
