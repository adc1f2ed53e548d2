//! The buyer comes back from the checkout: the page that Stripe sends them to.

use askama::Template;

use crate::domain::id::{BrowserId, OrderId};
use crate::domain::order::{Command, LinksReport, Reply, Standing, StripeCommand, StripeReply};
use crate::domain::payment::{PartialRefunds, PaymentCommand, PaymentReply};
use crate::domain::problem::{Offer, Problem};
use crate::domain::purchase::Purchase;
use crate::domain::settings::{Settings, Shop};
use crate::domain::stripe::{Named, Progress, Session};
use crate::domain::template::render;
use crate::domain::text;
use crate::domain::time::Timestamp;

use super::errands::names;
use super::failure::Failure;
use super::links::link_token;
use super::ports::{ApiError, Orders, Payments, Randomness, StripeApi};
use super::webhook::{record, unexpected};

/// For so long after the payment the page itself offers the download, in seconds. Afterwards its address, which
/// stays in the browser's history, opens nothing.
pub const OFFERED_SECS: i64 = 30 * 60;

/// Who comes, and from where.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    /// The session that the address names.
    pub session: OrderId,
    /// Whose browser it is.
    pub browser: BrowserId,
    /// Scheme, host and port that were asked: links lead there, unless the settings say otherwise.
    pub origin: &'a str,
}

/// The page, and its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visited {
    /// 200, or 202 while the payment is under way.
    pub status: u16,
    /// The page.
    pub html: String,
}

/// Why there is nothing to show to somebody who comes from a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckoutRefusal {
    /// No session of ours has that id.
    Unknown,
    /// The buyer has not finished.
    Unfinished,
    /// Nor will they.
    Expired,
    /// The money is back, or a bank holds it.
    MoneyBack,
    /// Stripe does not answer. The text is for the log.
    NoAnswer(String),
}

#[derive(Template)]
#[template(path = "pages/pending.html")]
struct PendingPage<'a> {
    shop: &'a Shop,
    session: &'a OrderId,
}

#[derive(Template)]
#[template(path = "pages/success.html")]
struct SuccessPage<'a> {
    shop: &'a Shop,
    to: String,
    order: &'a str,
    /// The mail will never arrive.
    undeliverable: bool,
    items: Vec<SuccessItem<'a>>,
}

struct SuccessItem<'a> {
    product: &'a str,
    version: &'a str,
    filename: &'a str,
    /// What the button posts; without it there is no button.
    token: Option<String>,
    begun: bool,
    used: bool,
    /// It is for sale, and can be downloaded.
    ready: bool,
}

impl SuccessPage<'_> {
    /// Whether there is a button.
    fn offers(&self) -> bool {
        self.items.iter().any(|item| item.token.is_some())
    }
}

/// Shows the buyer where their link went, and for a while offers the download itself.
///
/// 1. Stripe knows the session, and it sells something of ours (404; 503 if Stripe does not answer).
/// 2. It is paid (202 while the money is under way, 409 if the checkout is open, 410 if it expired), and the money is
///    neither back nor held back (410).
/// 3. The order is stored as the webhook would store it, should that not have come.
/// 4. The page says where the link went. Until [`OFFERED_SECS`] after the payment it has the button of that very link.
///
/// Before the third step no object is touched: a made-up id leaves no trace.
///
/// # Errors
/// As above.
pub async fn visit(
    settings: &Settings,
    orders: &impl Orders,
    payments: &impl Payments,
    stripe: &impl StripeApi,
    random: &impl Randomness,
    visit: Visit<'_>,
    now: Timestamp,
) -> Result<Visited, Failure> {
    // 1. The session.
    let session = ask(stripe, &visit.session).await?;
    let Named::Products(products) = names(settings, &session) else {
        return Err(Failure::Checkout(CheckoutRefusal::Unknown));
    };
    // 2. The money.
    if session.progress == Progress::Pending {
        let html = render(&PendingPage {
            shop: &settings.shop,
            session: &visit.session,
        });
        return Ok(Visited { status: 202, html });
    }
    check(payments, &session, settings.stripe.partial_refunds).await?;
    // 3. The order.
    let at = session.paid_at;
    let purchase = session.purchase(products, at).map_err(Failure::Event)?;
    let (_, purchase) = record(settings, orders, random, purchase, visit.origin, true).await?;
    // 4. The page.
    let ask = Command::Stripe(StripeCommand::Links {
        browser: visit.browser,
    });
    let report = match orders.ask(&purchase.order, ask).await? {
        Reply::Stripe(StripeReply::Links(report)) => report,
        other => return Err(unexpected(&other)),
    };
    let mut standings = report.links.iter().map(|(standing, _)| *standing);
    if standings.all(|standing| standing == Standing::Revoked) {
        return Err(if report.withdrawn || report.links.is_empty() {
            Failure::Checkout(CheckoutRefusal::MoneyBack)
        } else {
            Failure::Standing(Standing::Revoked)
        });
    }
    let html = show(settings, &purchase, &report, now)?;
    Ok(Visited { status: 200, html })
}

/// The session that an address names, if it has a session's form, and is of the key's mode. This costs nothing, so it is
/// checked first.
///
/// # Errors
/// It has not (404).
pub fn session_in(settings: &Settings, raw: &str) -> Result<OrderId, Failure> {
    let named = raw.strip_prefix(settings.stripe.mode.session_prefix());
    OrderId::from_session(raw)
        .filter(|_| named.is_some_and(|name| !name.is_empty()))
        .ok_or(Failure::Checkout(CheckoutRefusal::Unknown))
}

async fn ask(stripe: &impl StripeApi, id: &OrderId) -> Result<Session, Failure> {
    match stripe.session(id).await {
        Ok(Some(session)) => Ok(session),
        Ok(None) => Err(Failure::Checkout(CheckoutRefusal::Unknown)),
        Err(ApiError::Refused(why)) => Err(Failure::StripeRefused(why)),
        Err(ApiError::Unavailable(why)) => Err(Failure::Checkout(CheckoutRefusal::NoAnswer(why))),
        Err(error @ ApiError::NoSuchCursor) => Err(error.into()),
    }
}

/// Whether the money is the shop's. The charge says whether it was ever disputed, and stays so; what became of that the
/// payment's object knows, if it was told.
async fn check(
    payments: &impl Payments,
    session: &Session,
    partial: PartialRefunds,
) -> Result<(), Failure> {
    let refused = match session.progress {
        Progress::Paid => None,
        Progress::Expired => Some(CheckoutRefusal::Expired),
        _ => Some(CheckoutRefusal::Unfinished),
    };
    if let Some(refusal) = refused {
        return Err(Failure::Checkout(refusal));
    }
    let (payment, charge) = match (&session.payment, session.charge) {
        (None, _) => return Ok(()),
        (Some(payment), Some(charge)) => (payment, charge),
        (Some(_), None) => {
            let why = "Stripe: a session without its charge".to_owned();
            return Err(Failure::Checkout(CheckoutRefusal::NoAnswer(why)));
        }
    };
    let back = charge.standing.withdrawal(partial).is_some();
    let held = !back && charge.disputed && {
        let reply = payments.tell(payment, PaymentCommand::Disputes).await?;
        reply != PaymentReply::Disputes { over: true }
    };
    if back || held {
        return Err(Failure::Checkout(CheckoutRefusal::MoneyBack));
    }
    Ok(())
}

fn show(
    settings: &Settings,
    purchase: &Purchase,
    report: &LinksReport,
    now: Timestamp,
) -> Result<String, Failure> {
    // Of a free purchase nothing tells when it was finished, but that it was stored then.
    let paid_at = match purchase.payment_intent {
        Some(_) => purchase.purchased_at,
        None => report.recorded_at,
    };
    let fresh = now.secs_since(paid_at) < OFFERED_SECS;
    let mut items = Vec::new();
    for (standing, view) in &report.links {
        let product = settings.product(&view.product);
        let opens = matches!(
            standing,
            Standing::Ready | Standing::Yours | Standing::InProgress { .. }
        );
        let token = (fresh && opens && product.is_some())
            .then(|| link_token(settings, view))
            .transpose()
            .map_err(Failure::Link)?;
        items.push(SuccessItem {
            product: product.map_or(view.product.as_str(), |product| &product.name),
            version: product.map_or("", |product| &product.version),
            filename: product.map_or("", |product| &product.filename),
            token,
            begun: *standing == Standing::Yours,
            used: matches!(standing, Standing::Used { .. }),
            ready: product.is_some(),
        });
    }
    Ok(render(&SuccessPage {
        shop: &settings.shop,
        to: text::masked(&purchase.buyer.email),
        order: purchase.order.shown(),
        undeliverable: report.undeliverable,
        items,
    }))
}

impl CheckoutRefusal {
    /// What is told.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Unknown => Problem::new(
                404,
                "unknown-checkout",
                "We know of no such purchase",
                "This address does not belong to a purchase of ours.",
            )
            .next("If you have bought something, its link is in your mailbox, or will be in a few minutes.")
            .offer(Offer::Recover),
            Self::Unfinished => Problem::new(
                409,
                "checkout-open",
                "Your purchase is not finished",
                "The checkout is still open, and nothing was paid.",
            )
            .next("Go back to the checkout and finish it. Your link comes by mail then."),
            Self::Expired => Problem::new(
                410,
                "checkout-expired",
                "This checkout has expired",
                "It was not finished in time, and nothing was paid.",
            )
            .next("Start again in the shop."),
            Self::MoneyBack => Problem::new(
                410,
                "money-back",
                "This purchase was taken back",
                "Its payment was refunded, or is disputed, so there is nothing to download.",
            )
            .next("If you think that this is a mistake, write to us."),
            Self::NoAnswer(_) => Problem::new(
                503,
                "stripe-unavailable",
                "We can't look your payment up right now",
                "Nothing is lost: once you have paid, your link comes by mail in any case.",
            )
            .next("Look into your mailbox, or reload this page in a minute.")
            .retry_after(30),
        }
    }
}

/// The same words for a key that Stripe refuses: to the buyer it makes no difference.
pub(super) fn no_answer() -> Problem {
    CheckoutRefusal::NoAnswer(String::new()).problem()
}
