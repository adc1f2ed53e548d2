//! A purchase that the tests of several modules share.

use super::{Client, LinkView, NewItem, Trail};
use crate::domain::id::{BrowserId, OrderId, RandomId};
use crate::domain::keys::KeyRing;
use crate::domain::mail::Mailbox;
use crate::domain::payment::PaymentId;
use crate::domain::purchase::{Buyer, LicenseId, Purchase};
use crate::domain::settings::{MailProvider, MailSettings, Product, ProductId, Shop};
use crate::domain::time::Timestamp;

pub(crate) const PAID_AT: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const TTL_SECS: i64 = 24 * 3_600;

pub(crate) fn keys() -> KeyRing {
    KeyRing::parse("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap()
}

pub(crate) fn shop() -> Shop {
    Shop {
        name: "Demo Shop".to_owned(),
        support_email: "help@example.com".to_owned(),
        logo: None,
    }
}

pub(crate) fn mail_settings() -> MailSettings {
    MailSettings {
        provider: MailProvider::Outbox,
        from: Mailbox::new("Demo Shop", "shop@example.com"),
        reply_to: "help@example.com".to_owned(),
        subject: None,
        operator: Some("operator@example.com".to_owned()),
        speedup: 1,
    }
}

pub(crate) fn product() -> Product {
    Product {
        id: product_id(),
        name: "Demo Product".to_owned(),
        version: "1.0.0".to_owned(),
        archive: "demo.zip".to_owned(),
        filename: "demo-product-1.0.0.zip".to_owned(),
        prices: Vec::new(),
        payment_links: Vec::new(),
    }
}

pub(crate) fn product_id() -> ProductId {
    ProductId::parse("demo").unwrap()
}

pub(crate) fn id(seed: u8) -> RandomId {
    RandomId::from_random(&[seed; 16])
}

pub(crate) fn browser(seed: u8) -> BrowserId {
    BrowserId::from_cookie(&id(seed))
}

pub(crate) fn trail() -> Trail {
    Trail {
        version: "1.0.0".to_owned(),
        archive_etag: "base".to_owned(),
        client: Client::default(),
    }
}

pub(crate) fn purchase() -> Purchase {
    Purchase {
        order: OrderId::from_session("cs_test_1").unwrap(),
        products: vec![product_id()],
        buyer: Buyer {
            name: Some("Ada Lovelace".to_owned()),
            organisation: Some("Engines Ltd".to_owned()),
            email: "ada@example.com".to_owned(),
            country: None,
            tax_ids: Vec::new(),
        },
        purchased_at: PAID_AT,
        payment_intent: PaymentId::parse("pi_1"),
        amount: None,
    }
}

pub(crate) fn new_item() -> NewItem {
    let license = LicenseId::derive(keys().signer(), &purchase().order, &product_id());
    NewItem {
        product: product_id(),
        license,
        jti: id(1),
    }
}

pub(crate) fn view() -> LinkView {
    LinkView {
        order: purchase().order,
        product: product_id(),
        license: new_item().license,
        buyer: purchase().buyer,
        purchased_at: PAID_AT,
        origin: "https://shop.example".to_owned(),
        jti: id(1),
        issued_at: PAID_AT,
        expires_at: PAID_AT.plus_secs(TTL_SECS),
    }
}

pub(crate) const PRODUCTS: &str = r#"[{"id":"demo","name":"Demo Product","version":"1.0.0","archive":"demo.zip","filename":"demo.zip"}]"#;

/// A setting of a shop whose settings are all right.
pub(crate) fn setting(name: &str) -> Option<String> {
    let value = match name {
        "ENVIRONMENT" => "development",
        "STRIPE_WEBHOOK_SECRET" => "whsec_0123456789abcdef",
        "STRIPE_API_KEY" => "sk_test_0123456789",
        "LINK_KEYS" => "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "ADMIN_TOKEN" => "0123456789abcdef01234567",
        "MAIL_PROVIDER" => "outbox",
        "SHOP_NAME" => "Demo Shop",
        "SUPPORT_EMAIL" => "help@example.com",
        "PRODUCTS" => PRODUCTS,
        _ => return None,
    };
    Some(value.to_owned())
}
