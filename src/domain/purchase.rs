//! Who bought what, and the short number that stands for it in the licence.

use serde::{Deserialize, Serialize};

use super::id::OrderId;
use super::keys::SigningKey;
use super::payment::{Amount, PaymentId};
use super::settings::ProductId;
use super::time::Timestamp;

/// A purchase that was paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// Its order.
    pub order: OrderId,
    /// What was bought, each once.
    pub products: Vec<ProductId>,
    /// Who bought it.
    pub buyer: Buyer,
    /// When it was paid.
    pub purchased_at: Timestamp,
    /// Stripe's payment, by which refunds and disputes will name it. A free purchase has none.
    pub payment_intent: Option<PaymentId>,
    /// How much was paid, if Stripe said so. An order from before this was noted has none.
    #[serde(default)]
    pub amount: Option<Amount>,
}

/// Somebody who bought. Every text is clean: one line, nothing hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// The person, if they said.
    pub name: Option<String>,
    /// The organisation, if they bought for one.
    pub organisation: Option<String>,
    /// Where the link goes.
    pub email: String,
    /// Two letters (ISO 3166-1 alpha-2), if Stripe knows. An order from before this was noted has none.
    #[serde(default)]
    pub country: Option<String>,
    /// The numbers that they gave for the tax. An order from before this was noted has none.
    #[serde(default)]
    pub tax_ids: Vec<TaxId>,
}

/// A number that a tax office gave, such as a VAT identification number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxId {
    /// Stripe's name for its kind, such as `eu_vat`.
    pub kind: String,
    /// The number.
    pub value: String,
}

impl Buyer {
    /// Whom the licence is for: the organisation, else the person, else who reads that mailbox.
    #[must_use]
    pub fn licensee(&self) -> &str {
        self.organisation
            .as_deref()
            .or(self.name.as_deref())
            .unwrap_or(&self.email)
    }

    /// How to greet them.
    #[must_use]
    pub fn greeting_name(&self) -> &str {
        self.name
            .as_deref()
            .or(self.organisation.as_deref())
            .unwrap_or(&self.email)
    }
}

/// A licence's number: `BP-7Q2M-K4XD-9WTN`. 60 bits in Crockford's base 32, so that it can be read out on
/// the telephone: <https://www.crockford.com/base32.html>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LicenseId(String);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl LicenseId {
    /// Derives the number of an order's product. Without the key nobody can make one up, nor tell from
    /// it whose it is. The order keeps it, so it outlives the key.
    #[must_use]
    pub fn derive(key: &SigningKey, order: &OrderId, product: &ProductId) -> Self {
        let tag = key.sign(format!("bookplate license\n{}\n{product}", order.as_str()).as_bytes());
        let mut bits = tag
            .iter()
            .take(8)
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut id = "BP".to_owned();
        for at in 0..12 {
            if at % 4 == 0 {
                id.push('-');
            }
            let digit = usize::try_from(bits >> 59)
                .ok()
                .and_then(|digit| CROCKFORD.get(digit));
            id.extend(digit.map(|digit| char::from(*digit)));
            bits <<= 5;
        }
        Self(id)
    }

    /// A number that belongs to nobody, for trying texts out.
    #[must_use]
    pub fn sample() -> Self {
        Self("BP-0000-0000-0000".to_owned())
    }

    /// The number as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keys::KeyRing;

    fn buyer(name: Option<&str>, organisation: Option<&str>) -> Buyer {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Buyer {
            name: owned(name),
            organisation: owned(organisation),
            email: "a@b.example".to_owned(),
            country: None,
            tax_ids: Vec::new(),
        }
    }

    #[test]
    fn the_licensee_is_the_organisation_first() {
        for (name, organisation, licensee, greeted) in [
            (Some("Ada"), Some("Engines"), "Engines", "Ada"),
            (Some("Ada"), None, "Ada", "Ada"),
            (None, Some("Engines"), "Engines", "Engines"),
            (None, None, "a@b.example", "a@b.example"),
        ] {
            let buyer = buyer(name, organisation);
            assert_eq!(
                (buyer.licensee(), buyer.greeting_name()),
                (licensee, greeted)
            );
        }
    }

    #[test]
    fn license_id_format_unchanged() {
        let ring = KeyRing::parse("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
        let id = |session: &str, product: &str| {
            let (order, product) = (
                OrderId::from_session(session).unwrap(),
                ProductId::parse(product).unwrap(),
            );
            LicenseId::derive(ring.signer(), &order, &product)
        };
        let one = id("cs_test_1", "demo");
        assert_eq!(one, id("cs_test_1", "demo"));
        assert_ne!(one, id("cs_test_1", "other"));
        assert_ne!(one, id("cs_test_2", "demo"));
        assert_eq!(one.as_str().len(), "BP-7Q2M-K4XD-9WTN".len());
        assert_eq!(one.as_str(), "BP-ZEDE-BP7P-M8CM");
    }
}
