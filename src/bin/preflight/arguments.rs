//! What it was asked to check.

use bookplate::domain::json::Json;
use bookplate::domain::settings::{Environment, Offer, Product, Shop};

const USAGE: &str = "usage: preflight <archive.zip> [--settings JSON --product ID [--production] [--license FILE] [--readme FILE]]
  --settings    wrangler.toml's SHOP_NAME, SUPPORT_EMAIL and PRODUCTS, as an object
  --production  refuse what works in development alone
  --license, --readme  the product's own texts; without them the built-in ones are checked";

pub(crate) struct Arguments {
    pub(crate) archive: String,
    pub(crate) sold: Option<Sold>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<String>,
}

/// What the texts are rendered with.
pub(crate) struct Sold {
    pub(crate) shop: Shop,
    pub(crate) product: Product,
}

#[derive(Default)]
struct Raw {
    archive: Option<String>,
    settings: Option<String>,
    product: Option<String>,
    production: bool,
    license: Option<String>,
    readme: Option<String>,
}

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let usage = |error: String| format!("{error}\n{USAGE}");
        let raw = Raw::parse(arguments).map_err(usage)?;
        let sold = match (&raw.settings, &raw.product) {
            (Some(settings), Some(product)) => Some(sold(settings, product, raw.production)?),
            (None, None) if raw.license.is_none() && raw.readme.is_none() => None,
            _ => {
                return Err(usage(
                    "texts are checked with --settings and --product".to_owned(),
                ));
            }
        };
        Ok(Self {
            archive: raw
                .archive
                .ok_or_else(|| usage("no archive is named".to_owned()))?,
            sold,
            license: raw.license,
            readme: raw.readme,
        })
    }
}

impl Raw {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut raw = Self::default();
        while let Some(argument) = arguments.next() {
            let place = match argument.as_str() {
                "--production" => {
                    raw.production = true;
                    continue;
                }
                "--settings" => &mut raw.settings,
                "--product" => &mut raw.product,
                "--license" => &mut raw.license,
                "--readme" => &mut raw.readme,
                option if option.starts_with("--") => {
                    return Err(format!("there is no option {option}"));
                }
                _ if raw.archive.is_some() => {
                    return Err(format!("{argument} is one argument too many"));
                }
                _ => {
                    raw.archive = Some(argument);
                    continue;
                }
            };
            let value = arguments.next();
            *place = Some(value.ok_or_else(|| format!("{argument} takes a value"))?);
        }
        Ok(raw)
    }
}

fn sold(settings: &str, product: &str, production: bool) -> Result<Sold, String> {
    let settings =
        Json::parse(settings).map_err(|error| format!("--settings is no JSON object: {error}"))?;
    if !matches!(settings, Json::Object(_)) {
        return Err("--settings is no JSON object".to_owned());
    }
    let environment = if production {
        Environment::Production
    } else {
        Environment::Development
    };
    // As the Worker reads them: what is no string comes as its JSON.
    let read = |name: &str| match settings.get(name)? {
        Json::Text(text) => Some(text.to_string()),
        other => Some(other.to_json()),
    };
    let offer =
        Offer::parse(environment, read).map_err(|errors| format!("wrangler.toml: {errors}"))?;
    let ids: Vec<&str> = offer
        .products
        .iter()
        .map(|known| known.id.as_str())
        .collect();
    let unknown = format!(
        "no product is called {product}; there are {}",
        ids.join(", ")
    );
    let product = offer
        .products
        .into_iter()
        .find(|known| known.id.as_str() == product)
        .ok_or(unknown)?;
    Ok(Sold {
        shop: offer.shop,
        product,
    })
}
