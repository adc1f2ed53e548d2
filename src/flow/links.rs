//! The operator asks for a link, or takes one back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::http::percent_encode;
use crate::domain::id::{OrderId, RandomId};
use crate::domain::json;
use crate::domain::jwt::JwtError;
use crate::domain::order::{Command, LinkView, Reply};
use crate::domain::purchase::{Buyer, LicenseId, Purchase};
use crate::domain::settings::{ProductId, Settings};
use crate::domain::text;
use crate::domain::time::Timestamp;
use crate::domain::token::LinkClaims;

use super::failure::Failure;
use super::ports::{Orders, Randomness, Tombstones, Unavailable};
use super::webhook::{record, unexpected};

/// The largest body of `POST /links`, in bytes: a few lines of text.
pub const MAX_BODY_BYTES: usize = 16 * 1_024;

/// What the operator gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuedLink {
    /// The link's address.
    pub url: String,
    /// Good before this (RFC 3339, UTC).
    pub expires_at: String,
    /// The link's name.
    pub jti: RandomId,
    /// The licence's number.
    pub license_id: LicenseId,
}

/// Either a session, or a purchase made elsewhere.
#[derive(Default, Deserialize)]
struct Request {
    session_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
    organisation: Option<String>,
    product: Option<String>,
    reference: Option<String>,
}

/// Issues a link: the one that still works, or a new one in its place.
///
/// 1. The admin token is right (401).
/// 2. The body says which order (400, 413).
/// 3. A purchase made elsewhere is stored, if it is new (409 if its reference names another one).
/// 4. The order gives the link (404 if there is no such order).
///
/// # Errors
/// As above, and 503 if the order did not answer.
pub async fn issue(
    settings: &Settings,
    orders: &impl Orders,
    random: &impl Randomness,
    request: IssueRequest<'_>,
    now: Timestamp,
) -> Result<IssuedLink, Failure> {
    // 1. The token.
    authorize(settings, request.authorization)?;
    // 2. The order's name.
    let parsed: Request = parse(request.body)?;
    let (order, product) = match (&parsed.session_id, &parsed.reference) {
        (Some(session), None) => existing(session, parsed.product.as_deref())?,
        (None, Some(_)) => {
            let purchase = elsewhere(settings, &parsed, now)?;
            // 3. The purchase.
            let (order, product) = (purchase.order.clone(), purchase.products.first().cloned());
            let given = purchase.clone();
            let (_, stored) =
                record(settings, orders, random, purchase, request.origin, false).await?;
            if stored.products != given.products || stored.buyer.email != given.buyer.email {
                return Err(Failure::Conflict(
                    "That `reference` names another purchase: its product or e-mail address differs.".to_owned(),
                ));
            }
            (order, product)
        }
        _ => {
            return Err(Failure::BadRequest(
                "Name either a `session_id`, or a `reference` with `email` and `product`."
                    .to_owned(),
            ));
        }
    };
    // 4. The link.
    let jti = RandomId::from_random(&random.draw());
    let command = Command::Issue { product, jti };
    match orders.ask(&order, command).await? {
        Reply::Issued(view) => issued(settings, &view),
        Reply::StillRuns { retry_after_secs } => Err(Failure::StillRuns { retry_after_secs }),
        Reply::Unknown | Reply::NoSuchItem => Err(Failure::NoSuchOrder),
        other => Err(unexpected(&other)),
    }
}

/// Takes links back: one by its `jti`, or all of an order by its `session_id` or `reference`.
///
/// 1. The admin token is right (401).
/// 2. The body says which (400, 413), and there is such a link (404).
/// 3. The order takes them back: from now on they open nothing, and no download goes on by them.
///
/// # Errors
/// As above, and 503 if the order or KV did not answer.
pub async fn revoke(
    settings: &Settings,
    orders: &impl Orders,
    kv: &impl Tombstones,
    request: IssueRequest<'_>,
) -> Result<Revoked, Failure> {
    // 1. The token.
    authorize(settings, request.authorization)?;
    // 2. Which.
    let which: RevokeRequest = parse(request.body)?;
    let (order, jti) = match (&which.session_id, &which.reference, &which.jti) {
        (Some(session), None, _) => (existing(session, None)?.0, which.jti.as_deref()),
        (None, Some(reference), _) => (
            OrderId::from_reference(reference).ok_or(Failure::NoSuchOrder)?,
            which.jti.as_deref(),
        ),
        (None, None, Some(jti)) => {
            let id = RandomId::parse(jti).ok_or(Failure::NoSuchOrder)?;
            (
                kv.order_of(&id).await?.ok_or(Failure::NoSuchOrder)?,
                Some(jti.as_str()),
            )
        }
        _ => {
            return Err(Failure::BadRequest(
                "Name a `jti`, a `session_id` or a `reference`.".to_owned(),
            ));
        }
    };
    let jti = match jti {
        Some(raw) => Some(RandomId::parse(raw).ok_or(Failure::NoSuchOrder)?),
        None => None,
    };
    // 3. The order.
    match orders.ask(&order, Command::Revoke { jti }).await? {
        Reply::Revoked { links } => Ok(Revoked { revoked: links }),
        Reply::Unknown => Err(Failure::NoSuchOrder),
        other => Err(unexpected(&other)),
    }
}

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// How many links, those that had ended before included.
    pub revoked: usize,
}

#[derive(Deserialize)]
struct RevokeRequest {
    jti: Option<String>,
    session_id: Option<String>,
    reference: Option<String>,
}

/// A request for a link as it came in.
#[derive(Clone, Copy, Debug)]
pub struct IssueRequest<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Scheme, host and port that it was posted to.
    pub origin: &'a str,
}

/// The address of a link.
///
/// # Errors
/// The token can't be made, which its claims never cause.
pub fn link_url(settings: &Settings, link: &LinkView) -> Result<String, JwtError> {
    let token = link_token(settings, link)?;
    let origin = link_origin(settings, link);
    Ok(format!(
        "{origin}/download?token={}",
        percent_encode(&token)
    ))
}

/// The token of a link.
///
/// # Errors
/// As [`link_url`].
pub(super) fn link_token(settings: &Settings, link: &LinkView) -> Result<String, JwtError> {
    LinkClaims::new(
        link.order.clone(),
        link.buyer.email.clone(),
        link.product.clone(),
        link.jti.clone(),
        link.issued_at,
        link.expires_at,
    )
    .sign(&settings.link_keys)
}

/// Where a link leads. What is set now leads where the shop is now, also for orders from before.
#[must_use]
pub fn link_origin<'a>(settings: &'a Settings, link: &'a LinkView) -> &'a str {
    settings.public_url.as_deref().unwrap_or(&link.origin)
}

fn issued(settings: &Settings, link: &LinkView) -> Result<IssuedLink, Failure> {
    let url = link_url(settings, link)
        .map_err(|why| Failure::Unavailable(Unavailable(format!("signing: {why:?}"))))?;
    let expires_at = link.expires_at.rfc3339();
    Ok(IssuedLink {
        url,
        expires_at,
        jti: link.jti.clone(),
        license_id: link.license.clone(),
    })
}

/// Lets the operator in, and nobody else.
///
/// # Errors
/// No admin token, or another one (401).
pub fn authorize(settings: &Settings, authorization: Option<&str>) -> Result<(), Failure> {
    let token = authorization
        .and_then(bearer)
        .ok_or(Failure::Unauthorized)?;
    if settings.admin_token.matches(token) {
        Ok(())
    } else {
        Err(Failure::Unauthorized)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Failure::TooLarge);
    }
    json::read_strictly(body).map_err(|error| {
        Failure::BadRequest(format!(
            "The body is not the JSON that this takes: {error}."
        ))
    })
}

/// `Bearer` and a token (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn existing(session: &str, product: Option<&str>) -> Result<(OrderId, Option<ProductId>), Failure> {
    let order = OrderId::from_session(session).ok_or_else(|| {
        Failure::BadRequest("`session_id` takes a Checkout Session's id, `cs_…`.".to_owned())
    })?;
    let product = match product {
        Some(raw) => Some(ProductId::parse(raw).ok_or(Failure::NoSuchOrder)?),
        None => None,
    };
    Ok((order, product))
}

fn elsewhere(settings: &Settings, request: &Request, now: Timestamp) -> Result<Purchase, Failure> {
    let bad = |what: &str| Failure::BadRequest(what.to_owned());
    let order = request
        .reference
        .as_deref()
        .and_then(OrderId::from_reference)
        .ok_or_else(|| bad("`reference` takes 1 to 100 visible ASCII characters."))?;
    let email = request
        .email
        .as_deref()
        .and_then(text::email)
        .ok_or_else(|| bad("`email` takes the buyer's address."))?;
    let product = request
        .product
        .as_deref()
        .and_then(ProductId::parse)
        .filter(|id| settings.product(id).is_some())
        .ok_or_else(|| bad("`product` takes the id of a product in PRODUCTS."))?;
    Ok(Purchase {
        order,
        products: vec![product],
        buyer: Buyer {
            name: text::clean_option(request.name.as_deref()),
            organisation: text::clean_option(request.organisation.as_deref()),
            email,
            country: None,
            tax_ids: Vec::new(),
        },
        purchased_at: now,
        payment_intent: None,
        amount: None,
    })
}
