//! What the operator set, parsed once. All that is wrong is said at once, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::keys::{KeyRing, Secret};
use super::text;

/// The fewest characters of an `ADMIN_TOKEN`.
const MIN_ADMIN_TOKEN_CHARS: usize = 24;

/// The hours that a link may live: a week at most, since a link in a mailbox is a key under the mat.
const LINK_TTL_HOURS: std::ops::RangeInclusive<i64> = 1..=168;
const DEFAULT_LINK_TTL_HOURS: i64 = 24;

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
    /// `STRIPE_API_KEY`.
    pub stripe_api_key: Secret,
    /// `LINK_KEYS`.
    pub link_keys: KeyRing,
    /// `ADMIN_TOKEN`.
    pub admin_token: Secret,
    /// `LINK_TTL_HOURS`, in seconds.
    pub link_ttl_secs: i64,
    /// `MAIL_PROVIDER`.
    pub mail_provider: MailProvider,
    /// `PUBLIC_URL` without a slash at its end; without it, links lead to where the purchase came in.
    pub public_url: Option<String>,
    /// `SHOP_NAME`, `SUPPORT_EMAIL`.
    pub shop: Shop,
    /// `PRODUCTS`.
    pub products: Vec<Product>,
}

/// Who sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shop {
    /// As buyers know it.
    pub name: String,
    /// Where buyers write to.
    pub support_email: String,
}

/// Who sends the mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailProvider {
    /// Nobody: they are kept for `/dev/outbox`.
    Outbox,
}

/// A product's name in tokens, metadata and addresses: 1 to 64 of `a-z`, `A-Z`, `0-9`, `-`, `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProductId(String);

/// One thing for sale: an archive and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// What Stripe's `metadata.product` says.
    pub id: ProductId,
    /// As buyers know it.
    pub name: String,
    /// The archive's version, as buyers know it.
    pub version: String,
    /// The archive's key in the bucket `ARCHIVES`.
    pub archive: String,
    /// What the download is called: a file name that ends in `.zip`.
    pub filename: String,
}

/// Who sells, and what: the settings that are no secret, and all that an archive is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `SHOP_NAME`, `SUPPORT_EMAIL`.
    pub shop: Shop,
    /// `PRODUCTS`.
    pub products: Vec<Product>,
}

/// Everything that is wrong with the settings, a sentence each, by name. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors(pub Vec<String>);

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
        let stripe_api_key = errors.required(&read, "STRIPE_API_KEY", parse_api_key);
        let link_keys = errors.required(&read, "LINK_KEYS", KeyRing::parse);
        let admin_token = errors.required(&read, "ADMIN_TOKEN", parse_admin_token);
        let link_ttl = errors.optional(&read, "LINK_TTL_HOURS", parse_ttl_hours);
        let mail_provider = errors.required(&read, "MAIL_PROVIDER", |raw| {
            parse_mail_provider(raw, environment)
        });
        let public_url = errors.optional(&read, "PUBLIC_URL", |raw| {
            parse_public_url(raw, environment)
        });
        let shop = errors.shop(&read, environment);
        let products = errors.for_sale(&read);
        match (
            webhook_secrets,
            stripe_api_key,
            link_keys,
            admin_token,
            mail_provider,
            shop,
        ) {
            (
                Some(webhook_secrets),
                Some(stripe_api_key),
                Some(link_keys),
                Some(admin_token),
                Some(mail_provider),
                Some(shop),
            ) if errors.0.is_empty() => Ok(Self {
                environment,
                webhook_secrets,
                stripe_api_key,
                link_keys,
                admin_token,
                link_ttl_secs: link_ttl.unwrap_or(DEFAULT_LINK_TTL_HOURS) * 3_600,
                mail_provider,
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

impl ProductId {
    /// A product's id, if it is of its form.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let fits = (1..=64).contains(&raw.len())
            && raw
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        fits.then(|| Self(raw.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProductId {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        Self::parse(&raw).ok_or("not a product id")
    }
}

impl From<ProductId> for String {
    fn from(id: ProductId) -> Self {
        id.0
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn say(&mut self, name: &str, what: &str) {
        self.0.push(format!("{name} {what}."));
    }

    fn required<T>(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if read(name).is_none() {
            self.say(name, "is missing");
            return None;
        }
        self.optional(read, name, parse)
    }

    fn optional<T>(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&read(name)?) {
            Ok(value) => Some(value),
            Err(what) => {
                self.say(name, &what);
                None
            }
        }
    }

    fn shop(
        &mut self,
        read: &impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Option<Shop> {
        let name = self.required(read, "SHOP_NAME", parse_line);
        let support_email =
            self.required(read, "SUPPORT_EMAIL", |raw| parse_support(raw, environment));
        Some(Shop {
            name: name?,
            support_email: support_email?,
        })
    }

    fn for_sale(&mut self, read: &impl Fn(&str) -> Option<String>) -> Vec<Product> {
        let Some(raw) = read("PRODUCTS") else {
            self.say(
                "PRODUCTS",
                "is missing; name one product at least in wrangler.toml",
            );
            return Vec::new();
        };
        self.products(&raw)
    }

    fn products(&mut self, raw: &str) -> Vec<Product> {
        let tables: Vec<serde_json::Value> = match serde_json::from_str(raw) {
            Ok(serde_json::Value::Array(tables)) => tables,
            _ => {
                self.say("PRODUCTS", "is not an array of tables; see wrangler.toml");
                return Vec::new();
            }
        };
        if tables.is_empty() {
            self.say("PRODUCTS", "is empty; name one product at least");
        }
        let mut products: Vec<Product> = Vec::new();
        for (at, table) in tables.iter().enumerate() {
            let place = format!("PRODUCTS[{at}]");
            let Some(product) = self.product(&place, table) else {
                continue;
            };
            if products.iter().any(|known| known.id == product.id) {
                self.say(&place, "has an `id` that another product has");
            }
            products.push(product);
        }
        products
    }

    fn product(&mut self, place: &str, table: &serde_json::Value) -> Option<Product> {
        let Some(fields) = table.as_object() else {
            self.say(place, "is not a table");
            return None;
        };
        for key in fields.keys() {
            if !["id", "name", "version", "archive", "filename"].contains(&key.as_str()) {
                self.say(
                    place,
                    &format!("has an unknown field `{}`", text::clean_line(key)),
                );
            }
        }
        let mut field = |name: &str, rule: &str, fits: fn(&str) -> bool| {
            let value = fields
                .get(name)
                .and_then(serde_json::Value::as_str)
                .map(str::trim);
            match value {
                Some(value) if fits(value) => Some(value.to_owned()),
                _ => {
                    self.say(place, &format!("needs `{name}`: {rule}"));
                    None
                }
            }
        };
        let id = field("id", "1 to 64 letters, digits, `-` or `_`", |raw| {
            ProductId::parse(raw).is_some()
        });
        let name = field("name", "one line, as buyers know it", is_line);
        let version = field("version", "one line, such as `1.0.0`", is_line);
        let archive = field("archive", "the key in the bucket ARCHIVES", |raw| {
            (1..=1_024).contains(&raw.len())
                && !raw.starts_with("templates/")
                && is_line_of_any_length(raw)
        });
        let filename = field("filename", "a file name that ends in `.zip`", is_zip_name);
        Some(Product {
            id: ProductId::parse(&id?)?,
            name: name?,
            version: version?,
            archive: archive?,
            filename: filename?,
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

fn parse_webhook_secrets(raw: &str) -> Result<Vec<Secret>, String> {
    let secrets: Vec<&str> = raw
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    let strong = |secret: &&str| secret.starts_with("whsec_") && secret.len() >= 16;
    if secrets.is_empty() || !secrets.iter().all(strong) {
        return Err(
            "takes the endpoint's signing secret, `whsec_…`, or several with commas between"
                .to_owned(),
        );
    }
    Ok(secrets.into_iter().map(Secret::new).collect())
}

fn parse_api_key(raw: &str) -> Result<Secret, String> {
    if (raw.starts_with("sk_") || raw.starts_with("rk_")) && raw.len() >= 12 {
        return Ok(Secret::new(raw));
    }
    Err("takes a secret or restricted key of Stripe, `sk_…` or `rk_…`".to_owned())
}

fn parse_admin_token(raw: &str) -> Result<Secret, String> {
    if raw.chars().count() >= MIN_ADMIN_TOKEN_CHARS {
        return Ok(Secret::new(raw));
    }
    Err(format!(
        "is too short; it takes {MIN_ADMIN_TOKEN_CHARS} characters at least, drawn at random"
    ))
}

fn parse_ttl_hours(raw: &str) -> Result<i64, String> {
    raw.parse()
        .ok()
        .filter(|hours| LINK_TTL_HOURS.contains(hours))
        .ok_or_else(|| {
            format!(
                "takes whole hours from {} to {}",
                LINK_TTL_HOURS.start(),
                LINK_TTL_HOURS.end()
            )
        })
}

fn parse_mail_provider(raw: &str, environment: Environment) -> Result<MailProvider, String> {
    match (raw, environment) {
        ("outbox", Environment::Development) => Ok(MailProvider::Outbox),
        ("outbox", Environment::Production) => {
            Err("is `outbox`, which sends nothing and works in development alone".to_owned())
        }
        _ => Err("takes `outbox`".to_owned()),
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

fn is_line(raw: &str) -> bool {
    !raw.is_empty() && text::clean_line(raw) == raw
}

fn is_line_of_any_length(raw: &str) -> bool {
    !raw.chars().any(char::is_control)
}

fn is_zip_name(raw: &str) -> bool {
    let stem = raw.strip_suffix(".zip").unwrap_or_default();
    // What no file system takes, or what a path would be made of.
    let safe = |c: char| {
        !matches!(
            c,
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%'
        )
    };
    !stem.is_empty()
        && !stem.starts_with('.')
        && raw.len() <= 200
        && is_line(raw)
        && raw.chars().all(safe)
}

#[cfg(test)]
mod tests;
