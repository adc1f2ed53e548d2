//! What the operator set, parsed once. All that is wrong is said at once, by name.

mod errors;
mod limits;
mod mail;
mod product;
mod secrets;
mod stripe;

pub use errors::SettingsErrors;
pub use limits::Limits;
pub use mail::{MailProvider, MailSettings};
pub use product::{Product, ProductId};
pub use stripe::{Mode, StripeSettings};

use errors::Errors;
use secrets::{parse_admin_token, parse_webhook_secrets};

use super::keys::{KeyRing, Secret};
use super::text;

/// Where this is running, which decides about `/dev` and plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// On a developer's machine: `/dev` is there, and purchases are free.
    Development,
    /// Anywhere else, and whenever in doubt.
    Production,
}

/// Everything that the operator set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `STRIPE_WEBHOOK_SECRET`: any of them verifies, so that one can be rolled.
    pub webhook_secrets: Vec<Secret>,
    /// What else is about Stripe.
    pub stripe: StripeSettings,
    /// `LINK_KEYS`.
    pub link_keys: KeyRing,
    /// `ADMIN_TOKEN`.
    pub admin_token: Secret,
    /// `LINK_TTL_HOURS`, `MAX_DELIVERIES` and the like.
    pub limits: Limits,
    /// `MAIL_…`, and what the provider needs.
    pub mail: MailSettings,
    /// `PUBLIC_URL` without a slash at its end; without it, links lead to where the purchase came in.
    pub public_url: Option<String>,
    /// `SHOP_NAME`, `SUPPORT_EMAIL`.
    pub shop: Shop,
    /// `PRODUCTS`.
    pub products: Vec<Product>,
}

/// Who sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// As buyers know it.
    pub name: String,
    /// Where buyers write to.
    pub support_email: String,
    /// `SHOP_LOGO`: the key in `ARCHIVES` of a picture that stands above every page, and its type.
    pub logo: Option<Logo>,
}

/// A picture in `ARCHIVES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Its key.
    pub key: String,
    /// Its media type, by the key's ending.
    pub media_type: &'static str,
}

/// Who sells, and what: the settings that are no secret, and all that an archive is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `SHOP_NAME`, `SUPPORT_EMAIL`.
    pub shop: Shop,
    /// `PRODUCTS`.
    pub products: Vec<Product>,
}

impl Environment {
    /// `development` is development; nothing else is.
    #[must_use]
    pub fn parse(raw: Option<&str>) -> Self {
        if raw.map(str::trim) == Some("development") {
            Self::Development
        } else {
            Self::Production
        }
    }
}

impl Settings {
    /// Parses all settings. `read` gives a variable's text; a variable that is not a string (`PRODUCTS`
    /// may be an array of tables) comes as its JSON.
    ///
    /// # Errors
    /// Every setting that is missing, malformed or weak, together.
    pub fn parse(read: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsErrors> {
        let mut errors = Errors::default();
        let read = trimmed(read);
        let raw_environment = read("ENVIRONMENT");
        let environment = Environment::parse(raw_environment.as_deref());
        let known = matches!(
            raw_environment.as_deref(),
            None | Some("development" | "production")
        );
        if !known {
            errors.say("ENVIRONMENT", "takes `production` or `development`");
        }
        let webhook_secrets =
            errors.required(&read, "STRIPE_WEBHOOK_SECRET", parse_webhook_secrets);
        let stripe = errors.stripe(&read, environment);
        let link_keys = errors.required(&read, "LINK_KEYS", KeyRing::parse);
        let admin_token = errors.required(&read, "ADMIN_TOKEN", parse_admin_token);
        let limits = errors.limits(&read);
        let mail = errors.mail(&read, environment);
        let public_url = errors.optional(&read, "PUBLIC_URL", |raw| {
            parse_public_url(raw, environment)
        });
        let shop = errors.shop(&read, environment);
        let products = errors.for_sale(&read);
        match (webhook_secrets, stripe, link_keys, admin_token, mail, shop) {
            (
                Some(webhook_secrets),
                Some(stripe),
                Some(link_keys),
                Some(admin_token),
                Some(mail),
                Some(shop),
            ) if errors.0.is_empty() => Ok(Self {
                environment,
                webhook_secrets,
                stripe,
                link_keys,
                admin_token,
                limits,
                mail,
                public_url,
                shop,
                products,
            }),
            _ => Err(SettingsErrors(errors.0)),
        }
    }

    /// The product of that id, if it is for sale.
    #[must_use]
    pub fn product(&self, id: &ProductId) -> Option<&Product> {
        self.products.iter().find(|product| product.id == *id)
    }
}

impl Offer {
    /// Parses these settings alone, as [`Settings::parse`] does with the others.
    ///
    /// # Errors
    /// Those of them that are missing or malformed, together.
    pub fn parse(
        environment: Environment,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsErrors> {
        let mut errors = Errors::default();
        let read = trimmed(read);
        let shop = errors.shop(&read, environment);
        let products = errors.for_sale(&read);
        match shop {
            Some(shop) if errors.0.is_empty() => Ok(Self { shop, products }),
            _ => Err(SettingsErrors(errors.0)),
        }
    }
}

impl Errors {
    fn shop(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Option<Shop> {
        let name = self.required(read, "SHOP_NAME", parse_line);
        let support_email =
            self.required(read, "SUPPORT_EMAIL", |raw| parse_support(raw, environment));
        let logo = self.optional(read, "SHOP_LOGO", parse_logo);
        Some(Shop {
            name: name?,
            support_email: support_email?,
            logo,
        })
    }
}

/// What is empty is not set.
fn trimmed(read: impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| {
        read(name)
            .map(|raw| raw.trim().to_owned())
            .filter(|raw| !raw.is_empty())
    }
}

fn parse_public_url(raw: &str, environment: Environment) -> Result<String, String> {
    let origin = raw.strip_suffix('/').unwrap_or(raw);
    let ((Some(("https", host)), _) | (Some(("http", host)), Environment::Development)) =
        (origin.split_once("://"), environment)
    else {
        return Err("takes an origin such as `https://downloads.example.com`".to_owned());
    };
    let plain = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    if plain {
        Ok(origin.to_owned())
    } else {
        Err("takes an origin alone: no path, no user".to_owned())
    }
}

fn parse_line(raw: &str) -> Result<String, String> {
    if is_line(raw) {
        Ok(raw.to_owned())
    } else {
        Err("takes one line of up to 200 characters".to_owned())
    }
}

fn parse_support(raw: &str, environment: Environment) -> Result<String, String> {
    let address = text::email(raw).ok_or("takes an e-mail address")?;
    let domain = address.rsplit('@').next().unwrap_or_default();
    // RFC 2606 §3: mail to these goes nowhere, and a buyer in need would write there.
    let example = ["example.com", "example.org", "example.net"].contains(&domain);
    if example && environment == Environment::Production {
        return Err("still is the example; buyers write there for help".to_owned());
    }
    Ok(address)
}

/// A key whose ending says what the picture is.
fn parse_logo(raw: &str) -> Result<Logo, String> {
    let media_type = match raw.rsplit('.').next() {
        Some("svg") => Some("image/svg+xml"),
        Some("png") => Some("image/png"),
        Some("webp") => Some("image/webp"),
        Some("jpg" | "jpeg") => Some("image/jpeg"),
        _ => None,
    };
    let key = raw.to_owned();
    media_type
        .filter(|_| is_line(raw))
        .map(|media_type| Logo { key, media_type })
        .ok_or_else(|| "takes the key in ARCHIVES of an .svg, .png, .webp or .jpg".to_owned())
}

fn is_line(raw: &str) -> bool {
    !raw.is_empty() && text::clean_line(raw) == raw
}

#[cfg(test)]
mod tests;
