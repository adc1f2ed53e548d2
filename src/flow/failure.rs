//! Everything that can go wrong, in words of the trade, and the one map to HTTP.

use crate::domain::alarm::{Cause, Code};
use crate::domain::jwt::JwtError;
use crate::domain::order::{LeaseRefusal, Standing};
use crate::domain::problem::{Offer, Problem};
use crate::domain::settings::{ProductId, SettingsErrors};
use crate::domain::stripe::{EventError, SignatureError};
use crate::domain::template::TemplateError;
use crate::domain::zip::PlanError;

use super::ports::{ApiError, ReadError, Unavailable};
use super::success::{CheckoutRefusal, no_answer};

/// Why a request was not fulfilled.
#[derive(Debug)]
pub enum Failure {
    /// The operator has to set something right first.
    Settings(SettingsErrors),
    /// Not signed by Stripe.
    Signature(SignatureError),
    /// Signed, but it can't be acted on.
    Event(EventError),
    /// Signed, of real money, and our key is for tests.
    LiveWithTestKey,
    /// More bytes than are read.
    TooLarge,
    /// No, or not the, admin token.
    Unauthorized,
    /// The request makes no sense; the text says how it would.
    BadRequest(String),
    /// It contradicts what is stored.
    Conflict(String),
    /// No such order, or it has no such item.
    NoSuchOrder,
    /// Nothing at that address.
    NotFound,
    /// Another method is needed.
    Method(&'static str),
    /// The link is none of ours.
    Link(JwtError),
    /// The link is ours, and does not work (now).
    Standing(Standing),
    /// The link is not replaced while a download by it runs.
    StillRuns {
        /// For so many seconds more at most, if nothing is heard of it.
        retry_after_secs: i64,
    },
    /// Too many requests of one kind from one place.
    TooManyAsk,
    /// The lease is none of ours.
    Lease(JwtError),
    /// The lease is ours, and does not work.
    Refused(LeaseRefusal),
    /// The order that a signed link names is not there.
    OrderMissing,
    /// Stripe does not know a session of which it sent an event.
    SessionMissing,
    /// There is nothing to show to somebody who comes from a checkout.
    Checkout(CheckoutRefusal),
    /// Nobody asked, so nobody said where links lead.
    NoPublicUrl,
    /// For hours the watchdog has not got on. The text is for the log.
    WatchdogStuck(String),
    /// Stripe does not take our key.
    StripeRefused(String),
    /// The product is not for sale any more.
    ProductMissing(ProductId),
    /// There is no archive under the product's key.
    ArchiveMissing(ProductId),
    /// A new release came out while the archive was read.
    ArchiveChanged(ProductId),
    /// The archive can't be personalised.
    Archive(ProductId, String),
    /// Nor can this copy of it.
    Plan(ProductId, PlanError),
    /// A text can't be rendered.
    Template(TemplateError),
    /// The mail provider did not take a mail. When it is tried again, if so, is stored.
    MailNotSent(String),
    /// Something that we depend on did not answer.
    Unavailable(Unavailable),
}

impl Failure {
    /// What is told, to whoever asked.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Settings(_) => Problem::new(503, "not-configured", "Not set up yet", "This service is not set up yet.")
                .next("If you run it: /healthz says what is missing."),
            Self::Signature(why) => Problem::new(400, "bad-signature", "Bad signature", signature_in_words(*why)),
            Self::Event(why) => Problem::new(400, "bad-event", "Bad event", event_in_words(*why)),
            Self::LiveWithTestKey => Problem::new(
                503,
                "mode-mismatch",
                "Another mode",
                "This event is live, but STRIPE_API_KEY is a test key. Set the live one, and send it again.",
            ),
            Self::TooLarge => Problem::new(413, "too-large", "Too large", "The body is larger than what is read."),
            Self::Unauthorized => Problem::new(
                401,
                "unauthorized",
                "Unauthorized",
                "This needs the header `Authorization: Bearer` with the admin token.",
            ),
            Self::BadRequest(what) => Problem::new(400, "bad-request", "Bad request", what.clone()),
            Self::Conflict(what) => Problem::new(409, "conflict", "Conflict", what.clone()),
            Self::NoSuchOrder => {
                Problem::new(404, "no-such-order", "No such order", "No order, or no item of it, has that name. A link that was made this minute is found by its `session_id` or `reference`.")
            }
            Self::NotFound => Problem::new(404, "not-found", "Nothing here", "There is no page at this address.")
                .next("Open the link in your mail again; it should be copied whole."),
            Self::Method(allowed) => {
                Problem::new(405, "method", "Wrong method", format!("This address takes {allowed}."))
            }
            Self::Link(_) | Self::OrderMissing => Problem::new(
                404,
                "unknown-link",
                "This link is not complete",
                "We can't tell which download it is for.",
            )
            .next("Open the link in your mail again, or copy it from there, from https to its very end.")
            .offer(Offer::Recover),
            Self::StillRuns { retry_after_secs } => Problem::new(
                409,
                "still-runs",
                "A download still runs",
                "By this link somebody is downloading right now, so it is left as it is.",
            )
            .next(format!(
                "Go on there. If it stopped, ask for another link in about {}.",
                in_words(*retry_after_secs)
            ))
            .retry_after(*retry_after_secs)
            .offer(Offer::LookAgain),
            Self::TooManyAsk => Problem::new(429, "too-many-requests", "Too many at once", "This was asked for too often in a minute.")
                .next("Wait a minute, then try again.")
                .retry_after(60),
            Self::Standing(standing) => standing_problem(*standing),
            Self::Lease(_) => back_to_the_link(404, "unknown-lease", "That address does not work by itself."),
            Self::Refused(refusal) => lease_problem(*refusal),
            Self::Checkout(refusal) => refusal.problem(),
            Self::StripeRefused(_) => no_answer(),
            Self::ArchiveChanged(_) => not_now("new-version", "A new version came out this minute.").retry_after(5),
            Self::ProductMissing(_)
            | Self::SessionMissing
            | Self::NoPublicUrl
            | Self::WatchdogStuck(_)
            | Self::ArchiveMissing(_)
            | Self::Archive(..)
            | Self::Plan(..)
            | Self::Template(_) => not_now("not-ready", "Your copy can't be made right now; we have to mend something."),
            Self::MailNotSent(_) => not_now("mail-not-sent", "Your mail can't be sent right now.").retry_after(60),
            Self::Unavailable(_) => not_now("unavailable", "We can't look your download up right now.").retry_after(10),
        }
    }

    /// What is logged, for the operator: what the answer does not say, and no buyer's data.
    #[must_use]
    pub fn log_detail(&self) -> Option<String> {
        match self {
            Self::Settings(errors) => Some(errors.to_string()),
            Self::ProductMissing(id) => Some(format!("product {id} is not in PRODUCTS")),
            Self::SessionMissing => Some(
                "Stripe knows no such session: is STRIPE_API_KEY of the account that sends the events?".to_owned(),
            ),
            Self::LiveWithTestKey => Some("a live event, but STRIPE_API_KEY is a test key".to_owned()),
            Self::NoPublicUrl => {
                Some("PUBLIC_URL is not set, so what is missing can't be mailed".to_owned())
            }
            Self::ArchiveMissing(id) => {
                Some(format!("product {id}: nothing under its key in ARCHIVES"))
            }
            Self::ArchiveChanged(id) => Some(format!(
                "product {id}: the archive changed while it was read"
            )),
            Self::Archive(id, why) => Some(format!("product {id}: {why}")),
            Self::Plan(id, error) => Some(format!("product {id}: {error}")),
            Self::Template(error) => Some(error.to_string()),
            Self::Unavailable(Unavailable(text))
            | Self::MailNotSent(text)
            | Self::StripeRefused(text)
            | Self::WatchdogStuck(text)
            | Self::Checkout(CheckoutRefusal::NoAnswer(text)) => Some(text.clone()),
            Self::Link(why) | Self::Lease(why) => Some(format!("{why:?}")),
            Self::Signature(why) => Some(format!("{why:?}")),
            Self::Event(why) => Some(format!("{why:?}")),
            Self::OrderMissing => {
                Some("a signed link names an order, or a link in it, that is not stored".to_owned())
            }
            _ => None,
        }
    }

    /// What the operator has to mend, if it is about Stripe. An order's own troubles its alarm tells.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let (code, subject) = match self {
            Self::StripeRefused(_) | Self::SessionMissing => {
                (Code::StripeRefused, "STRIPE_API_KEY")
            }
            Self::WatchdogStuck(_) => (Code::WatchdogStuck, "/v1/events"),
            Self::LiveWithTestKey => (Code::ModeMismatch, "STRIPE_API_KEY"),
            Self::NoPublicUrl => (Code::WatchdogIdle, "PUBLIC_URL"),
            _ => return None,
        };
        let detail = self.log_detail().unwrap_or_default();
        Some(Cause::new(code, subject, &detail))
    }

    /// An archive's read that failed, as a failure of its product.
    #[must_use]
    pub fn reading(product: &ProductId, error: ReadError) -> Self {
        match error {
            ReadError::Changed => Self::ArchiveChanged(product.clone()),
            ReadError::Unavailable(text) => Self::Unavailable(Unavailable(text)),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(why) => Self::StripeRefused(why),
            ApiError::Unavailable(why) => Self::Unavailable(Unavailable(why)),
            ApiError::NoSuchCursor => {
                Self::Unavailable(Unavailable("Stripe: no such page".to_owned()))
            }
        }
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

/// Our fault, or the network's: the link is as good as before.
fn not_now(code: &'static str, detail: &str) -> Problem {
    Problem::new(503, code, "Not right now", detail)
        .next("Your link is not used up. Please try it again in a little while.")
        .offer(Offer::LookAgain)
}

fn back_to_the_link(status: u16, code: &'static str, detail: &str) -> Problem {
    Problem::new(status, code, "Please open your link again", detail)
        .next("Open the link in your mail, in this browser, and press the button there.")
}

fn standing_problem(standing: Standing) -> Problem {
    match standing {
        Standing::InProgress { retry_after_secs } => Problem::new(
            409,
            "in-progress",
            "Already being downloaded",
            "Another browser has opened this link and its download may still run.",
        )
        .next(format!(
            "Go on in that browser. If it stopped there, this link works here again in about {}.",
            in_words(retry_after_secs)
        ))
        .retry_after(retry_after_secs)
        .offer(Offer::LookAgain),
        Standing::Used { at, replaceable } => {
            let used = Problem::new(
                410,
                "used",
                "This link has been used",
                format!(
                    "The download that it was good for was handed over on {}.",
                    at.minute()
                ),
            );
            if replaceable {
                used.next("Look into your downloads first. If it did not arrive, have another link mailed to the address that you bought with.")
                    .offer(Offer::Replace)
            } else {
                used.next("Look into your downloads. Is the file not there? Write to us, and we send you another link.")
            }
        }
        Standing::Exhausted { renewable } => renewal(
            Problem::new(
                410,
                "exhausted",
                "Too many downloads broke off",
                "This link was started on several devices, and none of them got to the end.",
            ),
            renewable,
        ),
        Standing::Expired { renewable } => renewal(
            Problem::new(
                410,
                "expired",
                "This link has expired",
                "Links are good for a limited time, and that is over. Your purchase is not.",
            ),
            renewable,
        ),
        Standing::Superseded => Problem::new(
            410,
            "superseded",
            "There is a newer link",
            "Another link has taken the place of this one.",
        )
        .next("Use the newest one that we sent you. If you can't find it, have it mailed again.")
        .offer(Offer::Recover),
        Standing::Revoked => Problem::new(
            410,
            "revoked",
            "This link was taken back",
            "The shop has revoked this download.",
        )
        .next("If you think that this is a mistake, write to us."),
        // These are no problems; whoever made one of them is told the truth all the same.
        Standing::Ready | Standing::Yours => not_now("ready", "This link works."),
    }
}

fn renewal(problem: Problem, renewable: bool) -> Problem {
    if renewable {
        problem
            .next("Have a new one mailed. It goes to the address that you bought with.")
            .offer(Offer::Renew)
    } else {
        problem.next("Write to us, and we send you another link.")
    }
}

fn lease_problem(refusal: LeaseRefusal) -> Problem {
    match refusal {
        LeaseRefusal::OtherBrowser => back_to_the_link(
            403,
            "other-browser",
            "This download was started in another browser.",
        ),
        LeaseRefusal::NoCookie => Problem::new(
            403,
            "no-cookie",
            "Your browser sent no cookie",
            "Your link is good for one browser, and a cookie is how we know yours again. It says nothing else.",
        )
        .next("Allow cookies for this site, wait a minute, then open the link in your mail again and press the button there."),
        LeaseRefusal::Over => back_to_the_link(
            410,
            "lease-over",
            "This download is over, or goes on elsewhere.",
        ),
        LeaseRefusal::TooManyRequests => back_to_the_link(
            429,
            "too-many-requests",
            "This download was started more often than a download needs.",
        ),
    }
}

fn signature_in_words(why: SignatureError) -> &'static str {
    match why {
        SignatureError::Malformed => "The header Stripe-Signature is missing or not of its form.",
        SignatureError::Stale => {
            "The signature is of another time: more than five minutes from ours."
        }
        SignatureError::Mismatch => "No signature holds. Is STRIPE_WEBHOOK_SECRET this endpoint's?",
    }
}

pub(super) fn event_in_words(why: EventError) -> &'static str {
    match why {
        EventError::Malformed => "The body is signed, but it is no event in a form that we know.",
        EventError::NoEmail => {
            "The session was paid, but it has no e-mail address to send the link to."
        }
        EventError::SessionId => "The session's id is not of the form that Stripe gives.",
    }
}

fn in_words(secs: i64) -> String {
    match secs {
        ..=1 => "a second".to_owned(),
        2..=99 => format!("{secs} seconds"),
        _ => format!("{} minutes", (secs + 59) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;

    fn all() -> Vec<Failure> {
        let id = fixtures::product_id;
        let standings = [
            Standing::InProgress {
                retry_after_secs: 60,
            },
            Standing::Used {
                at: fixtures::PAID_AT,
                replaceable: true,
            },
            Standing::Used {
                at: fixtures::PAID_AT,
                replaceable: false,
            },
            Standing::Exhausted { renewable: true },
            Standing::Expired { renewable: true },
            Standing::Expired { renewable: false },
            Standing::Superseded,
            Standing::Revoked,
        ];
        let mut all: Vec<Failure> = standings.into_iter().map(Failure::Standing).collect();
        all.extend([
            Failure::Settings(SettingsErrors(vec!["X is missing.".to_owned()])),
            Failure::Signature(SignatureError::Stale),
            Failure::Event(EventError::NoEmail),
            Failure::LiveWithTestKey,
            Failure::TooLarge,
            Failure::TooManyAsk,
            Failure::StillRuns {
                retry_after_secs: 60,
            },
            Failure::Unauthorized,
            Failure::NotFound,
            Failure::Link(JwtError::Signature),
            Failure::Lease(JwtError::Signature),
            Failure::Refused(LeaseRefusal::Over),
            Failure::Refused(LeaseRefusal::OtherBrowser),
            Failure::Refused(LeaseRefusal::TooManyRequests),
            Failure::OrderMissing,
            Failure::ProductMissing(id()),
            Failure::ArchiveMissing(id()),
            Failure::ArchiveChanged(id()),
            Failure::Template(TemplateError("internal".to_owned())),
            Failure::MailNotSent("internal".to_owned()),
            Failure::Unavailable(Unavailable("internal".to_owned())),
        ]);
        all
    }

    #[test]
    fn every_problem_is_told_in_a_sentence_and_none_tells_internals() {
        for failure in all() {
            let problem = failure.problem();
            assert!((400..600).contains(&problem.status), "{failure:?}");
            assert!(problem.detail.ends_with('.'), "{failure:?}");
            assert!(!problem.to_json().contains("internal"), "{failure:?}");
        }
    }

    #[test]
    fn what_is_our_fault_says_that_the_link_is_not_used() {
        for failure in all()
            .into_iter()
            .filter(|failure| failure.problem().status == 503)
        {
            let problem = failure.problem();
            let says = problem.next.unwrap_or_default();
            assert!(
                ["not-configured", "mode-mismatch"].contains(&problem.code)
                    || says.contains("not used up"),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn who_may_have_another_link_is_offered_it_and_who_may_not_is_told_to_write() {
        for failure in all() {
            let (says, offer) = (
                failure.problem().next.unwrap_or_default(),
                failure.problem().offer,
            );
            let mails = matches!(offer, Some(Offer::Renew | Offer::Replace));
            assert!(!(mails && says.contains("Write to us")), "{failure:?}");
        }
        let expired = |renewable| {
            Failure::Standing(Standing::Expired { renewable })
                .problem()
                .offer
        };
        assert_eq!((expired(true), expired(false)), (Some(Offer::Renew), None));
    }

    #[test]
    fn a_stranger_learns_nothing_of_why_a_link_is_not_ours() {
        let forged = Failure::Link(JwtError::Signature).problem();
        assert_eq!(forged, Failure::Link(JwtError::UnknownKey).problem());
        assert_eq!(forged, Failure::OrderMissing.problem());
    }

    #[test]
    fn waiting_is_told_in_words_and_in_a_header() {
        let problem = Failure::Standing(Standing::InProgress {
            retry_after_secs: 299,
        })
        .problem();
        assert_eq!((problem.status, problem.retry_after_secs), (409, Some(299)));
        assert!(problem.next.unwrap().contains("5 minutes"));
    }
}
