//! A Checkout Session, from an event or from the API: who bought, whether it is paid, and how it names its products.
//!
//! Shapes: `Checkout.Session`, `Charge` and `LineItem` of the npm package `stripe` 23.1.0, API version 2026-10-28.endive.
//! What is nullable or optional there may be null or missing here; so may what we could do without.

use serde::Deserialize;

use crate::domain::id::OrderId;
use crate::domain::json::{self, Json};
use crate::domain::payment::{Amount, PaymentId, Standing};
use crate::domain::purchase::{Buyer, Purchase, TaxId};
use crate::domain::settings::{Mode, Product, ProductId, Settings, StripeSettings};
use crate::domain::text;
use crate::domain::time::Timestamp;

use super::EventError;

/// The most tax ids that are kept: Stripe collects one per checkout, and a customer has five at most.
const MAX_TAX_IDS: usize = 5;

/// A Checkout Session, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its order.
    pub order: OrderId,
    /// Stripe's world that it is of, if it says so.
    pub mode: Option<Mode>,
    /// How far it is.
    pub progress: Progress,
    /// The payment; a free purchase has none.
    pub payment: Option<PaymentId>,
    /// When the money was taken, or else when the checkout began.
    pub paid_at: Timestamp,
    /// What became of the money since, as the API tells it with the expanded charge. A free purchase has none, nor has
    /// an event's session.
    pub charge: Option<ChargeState>,
    buyer: Option<Buyer>,
    amount: Option<Amount>,
    metadata_product: Option<String>,
    payment_link: Option<String>,
    line_items: Option<LineItems>,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not a one-off purchase.
    OtherKind,
    /// The buyer is at it.
    Open,
    /// The buyer never finished it.
    Expired,
    /// Finished, and the money is under way.
    Pending,
    /// Paid, or free.
    Paid,
}

/// What became of the money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChargeState {
    /// Of refunds.
    pub standing: Standing,
    /// Whether a bank ever questioned it. It stays so when the shop has won.
    pub disputed: bool,
}

/// What a session was about, in Stripe's words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LineItems {
    prices: Vec<String>,
    has_more: bool,
}

/// What a session sells of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// These, each once. One that `metadata` names may not be configured (yet).
    Products(Vec<ProductId>),
    /// Nothing.
    Nothing,
    /// Only its line items tell, and they are not here.
    Unknown,
}

impl Session {
    /// Parses a session's object.
    ///
    /// # Errors
    /// [`EventError::Malformed`] or [`EventError::SessionId`].
    pub fn parse(object: &Json<'_>, settings: &StripeSettings) -> Result<Self, EventError> {
        let raw: RawSession = json::take(object).map_err(|_| EventError::Malformed)?;
        raw.parse(object, settings)
    }

    /// Whether it is of the other world than the key is.
    #[must_use]
    pub fn is_of_another_mode(&self, mode: Mode) -> bool {
        self.mode.is_some_and(|own| own != mode)
    }

    /// What it sells: `metadata.product` tells first, or else the payment link and the prices together.
    #[must_use]
    pub fn names(&self, settings: &Settings) -> Named {
        if let Some(products) = self.metadata_product.as_deref().and_then(parse_list) {
            return Named::Products(products);
        }
        // Without any price there is nothing that Stripe could tell.
        let mut products = settings.products.iter();
        let asks = products.any(|product| !product.prices.is_empty());
        let items = match &self.line_items {
            Some(items) if !(items.has_more && asks) => items.prices.as_slice(),
            None if !asks => &[],
            _ => return Named::Unknown,
        };
        // A link may sell more than the product that it is configured for.
        let sold = |product: &&Product| {
            let prices = &product.prices;
            self.is_by_link(product) || prices.iter().any(|price| items.contains(price))
        };
        let products = settings.products.iter().filter(sold);
        let products: Vec<_> = products.map(|product| product.id.clone()).collect();
        if products.is_empty() {
            Named::Nothing
        } else {
            Named::Products(products)
        }
    }

    /// What was paid for along with products of ours, and is none that we know: these prices. The price of a product
    /// that is sold by its link alone is not known, and is not meant.
    #[must_use]
    pub fn unknown_prices(&self, settings: &Settings) -> Vec<&str> {
        let named = self.metadata_product.as_deref().and_then(parse_list);
        let Some(items) = self.line_items.as_ref().filter(|_| named.is_none()) else {
            return Vec::new();
        };
        let known = |price: &String| {
            let mut products = settings.products.iter();
            products.any(|product| product.prices.contains(price))
        };
        let unknown = items.prices.iter().filter(|price| !known(price));
        let by_link_alone = |product: &&Product| {
            let mut prices = product.prices.iter();
            self.is_by_link(product) && !prices.any(|price| items.prices.contains(price))
        };
        let expected = settings.products.iter().filter(by_link_alone).count();
        unknown.map(String::as_str).skip(expected).collect()
    }

    fn is_by_link(&self, product: &Product) -> bool {
        let link = self.payment_link.as_ref();
        link.is_some_and(|link| product.payment_links.contains(link))
    }

    /// The same session with all its line items, of which the session itself holds only the first.
    #[must_use]
    pub fn with_line_items(mut self, prices: Vec<String>) -> Self {
        self.line_items = Some(LineItems {
            prices,
            has_more: false,
        });
        self
    }

    /// Whether the session was read with its line items, but not with all of them.
    #[must_use]
    pub fn lacks_line_items(&self) -> bool {
        self.line_items.as_ref().is_some_and(|items| items.has_more)
    }

    /// The purchase of these products.
    ///
    /// # Errors
    /// [`EventError::NoEmail`].
    pub fn purchase(self, products: Vec<ProductId>, at: Timestamp) -> Result<Purchase, EventError> {
        Ok(Purchase {
            order: self.order,
            products,
            buyer: self.buyer.ok_or(EventError::NoEmail)?,
            purchased_at: at,
            payment_intent: self.payment,
            amount: self.amount,
        })
    }
}

/// The prices of a list of line items, and the id of the last one if there are more.
///
/// # Errors
/// [`EventError::Malformed`].
pub fn parse_line_items(body: &[u8]) -> Result<(Vec<String>, Option<String>), EventError> {
    let tree = Json::parse_bytes(body).map_err(|_| EventError::Malformed)?;
    let list: RawList = json::take(&tree).map_err(|_| EventError::Malformed)?;
    let after = list.data.last().filter(|_| list.has_more);
    let after = after.and_then(|item| item.id.clone());
    Ok((prices(&tree), after))
}

#[derive(Deserialize)]
struct RawSession {
    id: String,
    livemode: Option<bool>,
    mode: Option<String>,
    status: Option<String>,
    payment_status: Option<String>,
    created: Option<i64>,
    amount_total: Option<i64>,
    currency: Option<String>,
    customer_email: Option<String>,
    customer_details: Option<RawCustomer>,
    collected_information: Option<RawCollected>,
    custom_fields: Option<Vec<RawField>>,
    line_items: Option<RawList>,
}

#[derive(Default, Deserialize)]
struct RawCustomer {
    email: Option<String>,
    name: Option<String>,
    individual_name: Option<String>,
    business_name: Option<String>,
    address: Option<RawAddress>,
    tax_ids: Option<Vec<RawTaxId>>,
}

#[derive(Deserialize)]
struct RawAddress {
    country: Option<String>,
}

#[derive(Deserialize)]
struct RawTaxId {
    r#type: Option<String>,
    value: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawCollected {
    business_name: Option<String>,
    individual_name: Option<String>,
}

/// A custom field has a value under the name of its type.
#[derive(Deserialize)]
struct RawField {
    key: String,
    text: Option<RawFieldValue>,
    numeric: Option<RawFieldValue>,
    dropdown: Option<RawDropdown>,
}

#[derive(Deserialize)]
struct RawFieldValue {
    value: Option<String>,
}

#[derive(Deserialize)]
struct RawDropdown {
    value: Option<String>,
    options: Option<Vec<RawOption>>,
}

#[derive(Deserialize)]
struct RawOption {
    label: String,
    value: String,
}

#[derive(Deserialize)]
struct RawList {
    data: Vec<RawLineItem>,
    has_more: bool,
}

#[derive(Deserialize)]
struct RawLineItem {
    id: Option<String>,
}

#[derive(Deserialize)]
struct RawCharge {
    amount_captured: i64,
    amount_refunded: i64,
    created: i64,
    disputed: bool,
}

impl RawSession {
    /// The rest is in `object`: what may be an id or the whole thing, and what the shop named itself.
    fn parse(self, object: &Json<'_>, settings: &StripeSettings) -> Result<Session, EventError> {
        let order = OrderId::from_session(&self.id).ok_or(EventError::SessionId)?;
        let intent = object.get("payment_intent");
        let charge = intent.and_then(expanded_charge);
        let created = self.created.unwrap_or_default();
        let paid_at = charge.as_ref().map_or(created, |charge| charge.created);
        let buyer = self.buyer(settings);
        let amount = self.amount_total.zip(self.currency.clone());
        let metadata = object.get("metadata");
        let product = metadata.and_then(|metadata| metadata.get("product"));
        Ok(Session {
            order,
            mode: self.livemode.map(Mode::from_livemode),
            progress: self.progress(),
            payment: intent.and_then(id_of).and_then(|id| PaymentId::parse(&id)),
            paid_at: Timestamp::from_secs(paid_at),
            charge: charge.map(ChargeState::from),
            buyer,
            amount: amount.map(|(total, currency)| Amount { total, currency }),
            metadata_product: product.and_then(Json::as_str).map(str::to_owned),
            payment_link: object.get("payment_link").and_then(id_of),
            line_items: self.line_items.map(|list| LineItems {
                has_more: list.has_more,
                prices: object.get("line_items").map(prices).unwrap_or_default(),
            }),
        })
    }

    fn progress(&self) -> Progress {
        let word = |word: &Option<String>| word.as_deref().unwrap_or_default().to_owned();
        let (mode, status, payment) = (
            word(&self.mode),
            word(&self.status),
            word(&self.payment_status),
        );
        match (mode.as_str(), payment.as_str(), status.as_str()) {
            ("payment", "paid" | "no_payment_required", _) => Progress::Paid,
            ("payment", _, "expired") => Progress::Expired,
            ("payment", _, "open") => Progress::Open,
            ("payment", _, _) => Progress::Pending,
            _ => Progress::OtherKind,
        }
    }

    fn buyer(&self, settings: &StripeSettings) -> Option<Buyer> {
        let (no_customer, nothing_collected) = (RawCustomer::default(), RawCollected::default());
        let customer = self.customer_details.as_ref().unwrap_or(&no_customer);
        let collected = self
            .collected_information
            .as_ref()
            .unwrap_or(&nothing_collected);
        let email = customer.email.as_deref().or(self.customer_email.as_deref());
        let asked = settings.organisation_field.as_deref();
        let answered = asked.and_then(|key| {
            let mut fields = self.custom_fields.iter().flatten();
            fields.find(|field| field.key == key)?.answer()
        });
        let country = customer
            .address
            .as_ref()
            .and_then(|address| address.country.as_deref())
            .filter(|country| {
                country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic())
            });
        Some(Buyer {
            name: first_readable([
                customer.individual_name.as_deref(),
                customer.name.as_deref(),
                collected.individual_name.as_deref(),
            ]),
            organisation: first_readable([
                customer.business_name.as_deref(),
                collected.business_name.as_deref(),
                answered.as_deref(),
            ]),
            email: email.and_then(text::email)?,
            country: country.map(str::to_ascii_uppercase),
            tax_ids: customer
                .tax_ids
                .iter()
                .flatten()
                .filter_map(RawTaxId::parse)
                .take(MAX_TAX_IDS)
                .collect(),
        })
    }
}

impl RawTaxId {
    fn parse(&self) -> Option<TaxId> {
        Some(TaxId {
            kind: text::clean_option(self.r#type.as_deref())?,
            value: text::clean_option(self.value.as_deref())?,
        })
    }
}

impl RawField {
    /// What the buyer answered: of a drop-down, what they read.
    fn answer(&self) -> Option<String> {
        let typed = self.text.as_ref().or(self.numeric.as_ref());
        if let Some(typed) = typed {
            return typed.value.clone();
        }
        let dropdown = self.dropdown.as_ref()?;
        let chosen = dropdown.value.as_ref()?;
        let mut options = dropdown.options.iter().flatten();
        let option = options.find(|option| option.value == *chosen);
        Some(option.map_or(chosen, |option| &option.label).clone())
    }
}

/// The prices of a list of line items.
fn prices(list: &Json<'_>) -> Vec<String> {
    let Some(Json::Array(items)) = list.get("data") else {
        return Vec::new();
    };
    let prices = items.iter().filter_map(|item| item.get("price"));
    prices.filter_map(id_of).collect()
}

/// The charge of a payment intent, if both are expanded; an id alone tells nothing.
fn expanded_charge(intent: &Json<'_>) -> Option<RawCharge> {
    json::take(intent.get("latest_charge")?).ok()
}

impl From<RawCharge> for ChargeState {
    fn from(charge: RawCharge) -> Self {
        let standing = if charge.amount_refunded <= 0 {
            Standing::Paid
        } else if charge.amount_refunded >= charge.amount_captured {
            Standing::Refunded
        } else {
            Standing::PartlyRefunded
        };
        Self {
            standing,
            disputed: charge.disputed,
        }
    }
}

/// `atlas, field-guide`: ids with commas between, each once. A list with anything else in it is not meant for us.
fn parse_list(raw: &str) -> Option<Vec<ProductId>> {
    let mut products = Vec::new();
    for part in raw
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let product = ProductId::parse(part)?;
        if !products.contains(&product) {
            products.push(product);
        }
    }
    (!products.is_empty()).then_some(products)
}

fn first_readable<const N: usize>(candidates: [Option<&str>; N]) -> Option<String> {
    candidates.into_iter().find_map(text::clean_option)
}

/// An expandable field: an id, or the whole object (<https://docs.stripe.com/api/expanding_objects>).
pub(super) fn id_of(field: &Json<'_>) -> Option<String> {
    field
        .as_str()
        .or_else(|| field.get("id")?.as_str())
        .map(str::to_owned)
}
