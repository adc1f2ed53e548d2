//! The operator asks for links.

use pollster::block_on;
use serde_json::{Value, json};

use crate::domain::order::Standing;
use crate::domain::order::fixtures::TTL_SECS;
use crate::flow::failure::Failure;
use crate::flow::fakes::Town;
use crate::flow::links::{IssueRequest, IssuedLink, Revoked, issue, revoke};

const TOKEN: &str = "Bearer 0123456789abcdef01234567";

fn ask(town: &Town, authorization: Option<&str>, body: &str) -> Result<IssuedLink, Failure> {
    let request = IssueRequest {
        authorization,
        body: body.as_bytes(),
        origin: "https://shop.example",
    };
    block_on(issue(
        &town.settings,
        &town.orders,
        &town.random,
        request,
        town.now(),
    ))
}

fn elsewhere() -> Value {
    json!({
        "reference": "invoice-7", "email": "ada@example.com", "name": "Ada", "organisation": "Engines", "product": "demo",
    })
}

#[test]
fn a_purchase_made_elsewhere_gets_a_link_and_no_mail() {
    let town = Town::new();
    let link = ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap();
    assert!(link.url.starts_with("https://shop.example/download?token="));
    assert!(link.license_id.as_str().starts_with("BP-"));
    assert_eq!(link.expires_at, "2023-11-15T22:13:20Z");
    town.ring(None).unwrap();
    assert_eq!(
        (
            town.orders.only().next_alarm(&town.settings.limits),
            town.mailer.calls.get()
        ),
        (None, 0)
    );
}

#[test]
fn the_same_reference_is_the_same_order() {
    let town = Town::new();
    let first = ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap();
    assert_eq!(
        ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap(),
        first
    );
    town.wait(TTL_SECS);
    let renewed = ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap();
    assert_eq!(renewed.license_id, first.license_id);
    assert_ne!(renewed.jti, first.jti);
    town.orders.only();
}

#[test]
fn the_same_reference_with_another_buyer_is_refused() {
    let town = Town::new();
    ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap();
    let mut other = elsewhere();
    other["email"] = json!("eve@example.com");
    assert!(matches!(
        ask(&town, Some(TOKEN), &other.to_string()),
        Err(Failure::Conflict(_))
    ));
}

#[test]
fn nobody_without_the_token() {
    let town = Town::new();
    for authorization in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer 0123456789abcdef0123456"),
        Some("Basic 0123456789abcdef01234567"),
        Some("0123456789abcdef01234567"),
    ] {
        let refused = ask(&town, authorization, &elsewhere().to_string());
        assert!(
            matches!(refused, Err(Failure::Unauthorized)),
            "{authorization:?}"
        );
    }
    assert_eq!(town.orders.asked.get(), 0);
    assert!(
        ask(
            &town,
            Some("bearer  0123456789abcdef01234567"),
            &elsewhere().to_string()
        )
        .is_ok()
    );
}

#[test]
fn bad_requests_say_what_would_be_right() {
    let town = Town::new();
    let without = |field: &str| {
        let mut body = elsewhere();
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let with = |field: &str, value: &str| {
        let mut body = elsewhere();
        body[field] = json!(value);
        body.to_string()
    };
    for (body, says) in [
        ("{".to_owned(), "JSON"),
        ("{}".to_owned(), "session_id"),
        (with("session_id", "cs_test_1"), "either"),
        (json!({ "session_id": "pi_1" }).to_string(), "cs_"),
        (without("reference"), "reference"),
        (without("email"), "`email`"),
        (without("product"), "`product`"),
        (with("email", "nobody"), "`email`"),
        (with("product", "other"), "`product`"),
        (with("reference", "has space"), "`reference`"),
        (with("emial", "x"), "emial"),
    ] {
        match ask(&town, Some(TOKEN), &body) {
            Err(Failure::BadRequest(what)) => assert!(what.contains(says), "{body}: {what}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert_eq!(town.orders.asked.get(), 0);
}

#[test]
fn an_order_that_is_not_there_has_no_link() {
    let town = Town::new();
    let body = json!({ "session_id": "cs_test_404" }).to_string();
    assert!(matches!(
        ask(&town, Some(TOKEN), &body),
        Err(Failure::NoSuchOrder)
    ));
    let long = format!("{{\"session_id\":\"{}\"}}", "x".repeat(20_000));
    assert!(matches!(
        ask(&town, Some(TOKEN), &long),
        Err(Failure::TooLarge)
    ));
}

fn take_back(town: &Town, authorization: Option<&str>, body: &Value) -> Result<Revoked, Failure> {
    let body = body.to_string();
    let request = IssueRequest {
        authorization,
        body: body.as_bytes(),
        origin: "https://shop.example",
    };
    block_on(revoke(&town.settings, &town.orders, &town.kv, request))
}

#[test]
fn a_link_is_taken_back_by_its_name_or_its_orders() {
    for by_name in [true, false] {
        let town = Town::new();
        let link = ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap();
        // The alarm tells KV whose link it is.
        town.ring(None).unwrap();
        let body = if by_name {
            json!({ "jti": link.jti })
        } else {
            json!({ "reference": "invoice-7" })
        };
        assert!(matches!(
            take_back(&town, None, &body),
            Err(Failure::Unauthorized)
        ));
        assert_eq!(
            take_back(&town, Some(TOKEN), &body).unwrap(),
            Revoked { revoked: 1 }
        );
        let token = link.url.split_once("token=").unwrap().1;
        let looked = block_on(town.world().look(token, None, town.now()));
        assert!(matches!(looked, Err(Failure::Standing(Standing::Revoked))));
        town.ring(None).unwrap();
        let asked = town.orders.asked.get();
        assert!(block_on(town.world().look(token, None, town.now())).is_err());
        assert_eq!(town.orders.asked.get(), asked, "KV knows");
        let renewed = ask(&town, Some(TOKEN), &elsewhere().to_string()).unwrap();
        assert_ne!(renewed.jti, link.jti);
        assert_eq!(renewed.license_id, link.license_id);
    }
}

#[test]
fn what_is_not_there_can_not_be_taken_back() {
    let town = Town::new();
    for body in [
        json!({ "jti": "AQEBAQEBAQEBAQEBAQEBAQ" }),
        json!({ "jti": "x" }),
        json!({ "session_id": "cs_test_404" }),
    ] {
        assert!(
            matches!(
                take_back(&town, Some(TOKEN), &body),
                Err(Failure::NoSuchOrder)
            ),
            "{body}"
        );
    }
    for body in [
        json!({}),
        json!({ "session_id": "cs_1", "reference": "r" }),
        json!({ "jit": "x" }),
    ] {
        assert!(
            matches!(
                take_back(&town, Some(TOKEN), &body),
                Err(Failure::BadRequest(_))
            ),
            "{body}"
        );
    }
}
