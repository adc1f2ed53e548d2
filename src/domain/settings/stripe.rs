//! The settings that are about Stripe.

use super::Environment;
use super::errors::Errors;
use crate::domain::keys::Secret;
use crate::domain::payment::PartialRefunds;

/// Where Stripe's API is.
const API_URL: &str = "https://api.stripe.com";

/// What the operator set about Stripe.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// `STRIPE_API_KEY`.
    pub api_key: Secret,
    /// Which of Stripe's two worlds that key opens.
    pub mode: Mode,
    /// Where Stripe's API is, without a slash at its end: `STRIPE_API_URL` replaces it in development alone.
    pub api_url: String,
    /// `ORGANISATION_FIELD`: the key of the checkout's custom field that asks for the organisation.
    pub organisation_field: Option<String>,
    /// `PARTIAL_REFUNDS`.
    pub partial_refunds: PartialRefunds,
}

/// Stripe's two worlds, which never mix (<https://docs.stripe.com/keys#test-live-modes>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody pays.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// The mode of an object that says `livemode`.
    #[must_use]
    pub const fn from_livemode(livemode: bool) -> Self {
        if livemode { Self::Live } else { Self::Test }
    }

    /// How ids of Checkout Sessions begin in it.
    #[must_use]
    pub const fn session_prefix(self) -> &'static str {
        match self {
            Self::Test => "cs_test_",
            Self::Live => "cs_live_",
        }
    }
}

impl Errors {
    pub(super) fn stripe(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Option<StripeSettings> {
        let key = self.required(read, "STRIPE_API_KEY", parse_api_key);
        let api_url = self.optional(read, "STRIPE_API_URL", |raw| {
            parse_api_url(raw, environment)
        });
        let organisation_field = self.optional(read, "ORGANISATION_FIELD", parse_field_key);
        let partial_refunds = self.optional(read, "PARTIAL_REFUNDS", parse_partial_refunds);
        let (api_key, mode) = key?;
        Some(StripeSettings {
            api_key,
            mode,
            api_url: api_url.unwrap_or_else(|| API_URL.to_owned()),
            organisation_field,
            partial_refunds: partial_refunds.unwrap_or_default(),
        })
    }
}

fn parse_api_key(raw: &str) -> Result<(Secret, Mode), String> {
    let rest = raw.strip_prefix("sk_").or_else(|| raw.strip_prefix("rk_"));
    let mode = rest.and_then(|rest| match rest.split_once('_')? {
        ("test", secret) if secret.len() >= 4 => Some(Mode::Test),
        ("live", secret) if secret.len() >= 4 => Some(Mode::Live),
        _ => None,
    });
    mode.map(|mode| (Secret::new(raw), mode)).ok_or_else(|| {
        "takes a secret or restricted key of Stripe: `sk_live_…`, `rk_live_…`, or `_test_` for tests"
            .to_owned()
    })
}

fn parse_api_url(raw: &str, environment: Environment) -> Result<String, String> {
    let url = raw.strip_suffix('/').unwrap_or(raw);
    let host = url.split_once("://").map(|(_, host)| host);
    match (environment, host) {
        (Environment::Production, _) => {
            Err("works in development alone; remove it, or this is no production".to_owned())
        }
        (Environment::Development, Some(host)) if !host.is_empty() && !host.contains('/') => {
            Ok(url.to_owned())
        }
        _ => Err("takes an origin such as `http://127.0.0.1:12111`".to_owned()),
    }
}

/// <https://docs.stripe.com/api/checkout/sessions/create>: `custom_fields.key` is alphanumeric, 200 characters at most.
fn parse_field_key(raw: &str) -> Result<String, String> {
    let fits = raw.len() <= 200 && raw.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits {
        Ok(raw.to_owned())
    } else {
        Err("takes the key of a checkout's custom field: letters and digits".to_owned())
    }
}

fn parse_partial_refunds(raw: &str) -> Result<PartialRefunds, String> {
    match raw {
        "keep" => Ok(PartialRefunds::Keep),
        "revoke" => Ok(PartialRefunds::Revoke),
        _ => Err("takes `keep` or `revoke`".to_owned()),
    }
}
