use super::*;
use crate::domain::order::fixtures::{PRODUCTS, setting as good};
use crate::domain::payment::PartialRefunds;

fn with<'a>(name: &'a str, value: &'a str) -> impl Fn(&str) -> Option<String> + 'a {
    move |wanted| {
        if wanted == name {
            Some(value.to_owned())
        } else {
            good(wanted)
        }
    }
}

fn errors(read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    Settings::parse(read).map(|_| ()).unwrap_err().0
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = Settings::parse(good).unwrap();
    assert_eq!(settings.limits.link_ttl_secs, 24 * 3_600);
    assert_eq!(settings.public_url, None);
    assert_eq!(settings.products[0].filename, "demo.zip");
    assert_eq!(
        settings
            .product(&ProductId::parse("demo").unwrap())
            .unwrap()
            .name,
        "Demo Product"
    );
}

#[test]
fn production_unless_it_says_development() {
    for (raw, environment) in [
        (None, Environment::Production),
        (Some(""), Environment::Production),
        (Some("production"), Environment::Production),
        (Some("Development"), Environment::Production),
        (Some("dev"), Environment::Production),
        (Some("development"), Environment::Development),
    ] {
        assert_eq!(Environment::parse(raw), environment, "{raw:?}");
    }
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let said = errors(|_| None).join("\n");
    for name in [
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_API_KEY",
        "LINK_KEYS",
        "ADMIN_TOKEN",
        "MAIL_PROVIDER",
        "SHOP_NAME",
        "SUPPORT_EMAIL",
        "PRODUCTS",
    ] {
        assert!(
            said.contains(&format!("{name} is missing")),
            "{name}: {said}"
        );
    }
}

#[test]
fn each_bad_value_is_named_and_not_shown() {
    for (name, value) in [
        ("STRIPE_WEBHOOK_SECRET", "sk_live_0123456789abcdef"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_0123456789abcdef,whsec_1"),
        ("STRIPE_API_KEY", "pk_live_0123456789"),
        ("LINK_KEYS", "k1:c2hvcnQ"),
        ("ADMIN_TOKEN", "letmein"),
        ("LINK_TTL_HOURS", "0"),
        ("LINK_TTL_HOURS", "169"),
        ("LINK_TTL_HOURS", "1.5"),
        ("MAIL_PROVIDER", "pigeon"),
        ("PUBLIC_URL", "downloads.example.com"),
        ("PUBLIC_URL", "https://example.com/path"),
        ("PUBLIC_URL", "https://user@example.com"),
        ("SUPPORT_EMAIL", "nobody"),
        ("PRODUCTS", "{}"),
        ("PRODUCTS", "[]"),
        ("PRODUCTS", "not json"),
    ] {
        let said = errors(with(name, value));
        assert_eq!(said.len(), 1, "{name}={value}: {said:?}");
        assert!(said[0].starts_with(name), "{said:?}");
        assert!(
            name != "ADMIN_TOKEN" || !said[0].contains(value),
            "{said:?}"
        );
        assert!(!said[0].contains("0123456789"), "{said:?}");
    }
}

#[test]
fn products_name_the_field_and_its_rule() {
    let product = |change: &str, to: &str| PRODUCTS.replace(change, to);
    for (raw, says) in [
        (product(r#""id":"demo","#, ""), "`id`"),
        (product(r#""id":"demo""#, r#""id":"de mo""#), "`id`"),
        (
            product(r#""name":"Demo Product""#, r#""name":"a\nb""#),
            "`name`",
        ),
        (
            product(r#""version":"1.0.0""#, r#""version":1"#),
            "`version`",
        ),
        (
            product(r#""archive":"demo.zip""#, r#""archive":"templates/x""#),
            "`archive`",
        ),
        (
            product(r#""filename":"demo.zip""#, r#""filename":"../demo.zip""#),
            "`filename`",
        ),
        (
            product(r#""filename":"demo.zip""#, r#""filename":"demo.exe""#),
            "`filename`",
        ),
        (
            product(r#""id":"demo""#, r#""id":"demo","prize":1"#),
            "unknown field `prize`",
        ),
        (
            format!("[{0},{0}]", &PRODUCTS[1..PRODUCTS.len() - 1]),
            "another product",
        ),
    ] {
        let said = errors(with("PRODUCTS", &raw));
        assert!(said.len() == 1 && said[0].contains(says), "{raw}: {said:?}");
    }
}

#[test]
fn production_takes_no_example_and_no_outbox() {
    let said = errors(with("ENVIRONMENT", "production")).join("\n");
    assert!(
        said.contains("MAIL_PROVIDER is `outbox`") && said.contains("SUPPORT_EMAIL still"),
        "{said}"
    );
}

#[test]
fn an_unknown_environment_is_said_and_taken_for_production() {
    let said = errors(with("ENVIRONMENT", "staging")).join("\n");
    assert!(
        said.contains("ENVIRONMENT takes") && said.contains("MAIL_PROVIDER is `outbox`"),
        "{said}"
    );
}

#[test]
fn several_webhook_secrets_while_one_is_rolled() {
    let two = "whsec_0123456789abcdef, whsec_fedcba9876543210";
    let settings = Settings::parse(with("STRIPE_WEBHOOK_SECRET", two)).unwrap();
    assert_eq!(
        settings.webhook_secrets[1].expose(),
        "whsec_fedcba9876543210"
    );
}

#[test]
fn the_key_says_which_of_stripes_worlds_this_is() {
    for (key, mode) in [
        ("sk_test_0123456789", Mode::Test),
        ("rk_test_0123456789", Mode::Test),
        ("sk_live_0123456789", Mode::Live),
        ("rk_live_0123456789", Mode::Live),
    ] {
        let settings = Settings::parse(with("STRIPE_API_KEY", key)).unwrap();
        assert_eq!(settings.stripe.mode, mode, "{key}");
    }
    for key in [
        "sk_0123456789abc",
        "sk_demo_0123456789",
        "sk_test_",
        "pk_test_0123456789",
    ] {
        let said = errors(with("STRIPE_API_KEY", key));
        assert!(
            said.len() == 1 && said[0].starts_with("STRIPE_API_KEY takes"),
            "{said:?}"
        );
    }
}

#[test]
fn stripes_other_settings_have_defaults_and_rules() {
    let stripe = Settings::parse(good).unwrap().stripe;
    assert_eq!(stripe.api_url, "https://api.stripe.com");
    assert_eq!(stripe.organisation_field, None);
    assert_eq!(stripe.partial_refunds, PartialRefunds::Keep);
    let elsewhere = Settings::parse(with("STRIPE_API_URL", "http://127.0.0.1:12111/"));
    assert_eq!(elsewhere.unwrap().stripe.api_url, "http://127.0.0.1:12111");
    for (name, value) in [
        ("STRIPE_API_URL", "api.stripe.com"),
        ("STRIPE_API_URL", "http://127.0.0.1/v1"),
        ("ORGANISATION_FIELD", "my company"),
        ("PARTIAL_REFUNDS", "maybe"),
    ] {
        let said = errors(with(name, value));
        assert!(said.len() == 1 && said[0].starts_with(name), "{said:?}");
    }
    // In production nobody else is taken for Stripe.
    let said = errors(|name| match name {
        "ENVIRONMENT" => Some("production".to_owned()),
        "STRIPE_API_URL" => Some("http://127.0.0.1:12111".to_owned()),
        _ => good(name),
    });
    assert!(
        said.iter()
            .any(|what| what.starts_with("STRIPE_API_URL works in development alone")),
        "{said:?}"
    );
}

#[test]
fn prices_and_payment_links_are_stripes_and_may_sell_a_bundle() {
    let table = |id: &str, more: &str| {
        format!(
            r#"{{"id":"{id}","name":"A","version":"1","archive":"a.zip","filename":"a.zip"{more}}}"#
        )
    };
    let two = |a: &str, b: &str| format!("[{},{}]", table("a", a), table("b", b));
    let sold = two(
        r#","prices":["price_1","price_2"]"#,
        r#","payment_links":["plink_1"]"#,
    );
    let products = Settings::parse(with("PRODUCTS", &sold)).unwrap().products;
    assert_eq!(products[0].prices, ["price_1", "price_2"]);
    assert_eq!(products[1].payment_links, ["plink_1"]);
    let bundle = r#","prices":["price_1"],"payment_links":["plink_1"]"#;
    let bundle = Settings::parse(with("PRODUCTS", &two(bundle, bundle)));
    assert_eq!(bundle.unwrap().products.len(), 2, "a bundle has one price");
    for (raw, says) in [
        (two(r#","prices":"price_1""#, ""), "`prices` as an array"),
        (two(r#","prices":["prod_1"]"#, ""), "`prices` as an array"),
        (
            two(r#","payment_links":["https://buy.stripe.com/x"]"#, ""),
            "`payment_links` as an array",
        ),
    ] {
        let said = errors(with("PRODUCTS", &raw));
        assert!(said.len() == 1 && said[0].contains(says), "{raw}: {said:?}");
    }
    // All of it at once.
    let said = errors(with(
        "PRODUCTS",
        &two(r#","prices":[1]"#, r#","payment_links":[2],"prize":3"#),
    ));
    assert_eq!(said.len(), 3, "{said:?}");
}
