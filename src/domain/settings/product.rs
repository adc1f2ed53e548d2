//! `PRODUCTS`: what is for sale.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::errors::Errors;
use super::is_line;
use crate::domain::json::Json;
use crate::domain::text;

/// A product's name in tokens, metadata and addresses: 1 to 64 of `a-z`, `A-Z`, `0-9`, `-`, `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProductId(String);

/// One thing for sale: an archive and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// What a checkout's `metadata.product` says.
    pub id: ProductId,
    /// As buyers know it.
    pub name: String,
    /// The archive's version, as buyers know it.
    pub version: String,
    /// The archive's key in the bucket `ARCHIVES`.
    pub archive: String,
    /// What the download is called: a file name that ends in `.zip`.
    pub filename: String,
    /// Stripe's prices that it is sold at, `price_…`.
    pub prices: Vec<String>,
    /// Stripe's payment links that sell it, `plink_…`.
    pub payment_links: Vec<String>,
}

/// The fields of a product's table.
const FIELDS: [&str; 7] = [
    "id",
    "name",
    "version",
    "archive",
    "filename",
    "prices",
    "payment_links",
];

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

impl Errors {
    pub(super) fn for_sale(&mut self, read: &impl Fn(&str) -> Option<String>) -> Vec<Product> {
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
        let Ok(Json::Array(tables)) = Json::parse(raw) else {
            self.say("PRODUCTS", "is not an array of tables; see wrangler.toml");
            return Vec::new();
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

    fn product(&mut self, place: &str, table: &Json<'_>) -> Option<Product> {
        let Json::Object(fields) = table else {
            self.say(place, "is not a table");
            return None;
        };
        for (key, _) in fields {
            if !FIELDS.contains(&&**key) {
                self.say(
                    place,
                    &format!("has an unknown field `{}`", text::clean_line(key)),
                );
            }
        }
        let mut field = |name: &str, rule: &str, fits: fn(&str) -> bool| {
            let value = table.get(name).and_then(Json::as_str).map(str::trim);
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
        let prices = self.stripe_ids(place, table, "prices", "price_");
        let payment_links = self.stripe_ids(place, table, "payment_links", "plink_");
        Some(Product {
            id: ProductId::parse(&id?)?,
            name: name?,
            version: version?,
            archive: archive?,
            filename: filename?,
            prices,
            payment_links,
        })
    }

    /// An array of Stripe's ids; none if the field is not there.
    fn stripe_ids(
        &mut self,
        place: &str,
        table: &Json<'_>,
        name: &str,
        prefix: &str,
    ) -> Vec<String> {
        let fits = |id: &str| {
            id.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())
                && id.len() <= 255
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let ids: Option<Vec<String>> = match table.get(name) {
            None => return Vec::new(),
            Some(Json::Array(ids)) => ids
                .iter()
                .map(|id| {
                    id.as_str()
                        .map(str::trim)
                        .filter(|id| fits(id))
                        .map(str::to_owned)
                })
                .collect(),
            Some(_) => None,
        };
        ids.unwrap_or_else(|| {
            self.say(
                place,
                &format!("takes `{name}` as an array of Stripe's ids, `{prefix}…`"),
            );
            Vec::new()
        })
    }
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
