//! From the webhook to the mail, with everything failing that can.

use pollster::block_on;
use serde_json::json;

use crate::domain::alarm::Code;
use crate::domain::id::hex;
use crate::domain::keys::hmac_sha256;
use crate::domain::order::fixtures::PAID_AT;
use crate::domain::settings::ProductId;
use crate::domain::stripe::SignatureError;
use crate::flow::failure::Failure;
use crate::flow::fakes::{Fault, Town};
use crate::flow::webhook::{Received, WebhookRequest, cause, receive};

fn event() -> String {
    json!({
        "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": PAID_AT,
        "data": { "object": {
            "id": "cs_test_1", "mode": "payment", "payment_status": "paid", "payment_intent": "pi_1",
            "customer_details": { "email": "ada@example.com", "name": "Ada Lovelace" },
            "metadata": { "product": "demo" },
        }},
    })
    .to_string()
}

pub(super) fn signed(town: &Town, body: &str) -> String {
    let at = town.now().as_secs();
    let tag = hmac_sha256(b"whsec_0123456789abcdef", format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", hex(&tag))
}

pub(super) fn post(town: &Town, body: &str, signature: Option<&str>) -> Result<Received, Failure> {
    let request = WebhookRequest {
        signature,
        body: body.as_bytes(),
        origin: "https://shop.example",
    };
    block_on(receive(
        &town.settings,
        &town.orders,
        &town.payments,
        &town.random,
        request,
        town.now(),
    ))
}

pub(super) fn buy(town: &Town) -> Result<Received, Failure> {
    post(town, &event(), Some(&signed(town, &event())))
}

/// Rings until nothing is due any more, as the platform would.
pub(super) fn ring_on(town: &Town) {
    for _ in 0..100 {
        let Some(at) = town.orders.only().next_alarm(&town.settings.limits) else {
            return;
        };
        town.wait(at.secs_since(town.now()).max(1));
        let _ = town.ring(None);
    }
    panic!("still due after a hundred alarms");
}

#[test]
fn a_purchase_ends_in_one_mail() {
    let town = Town::new();
    assert_eq!(buy(&town).unwrap(), Received::Recorded);
    assert_eq!(buy(&town).unwrap(), Received::Known);
    ring_on(&town);
    assert_eq!(town.mailer.calls.get(), 1);
    let mail = town.mailer.sent.borrow().values().next().unwrap().clone();
    assert_eq!(mail.to, "ada@example.com");
    assert!(mail.links[0].starts_with("https://shop.example/download?token="));
}

#[test]
fn real_money_that_meets_a_test_key_is_kept_by_stripe_and_told() {
    let town = Town::new();
    let live = event().replace(r#""created""#, r#""livemode":true,"created""#);
    let failure = post(&town, &live, Some(&signed(&town, &live))).unwrap_err();
    assert_eq!(failure.problem().status, 503);
    let cause = cause(&failure, live.as_bytes()).unwrap();
    assert_eq!(cause.code.as_str(), "mode-mismatch");
    assert_eq!(town.orders.asked.get(), 0);
}

#[test]
fn a_purchase_without_an_address_is_told_by_its_name() {
    let town = Town::new();
    let mut told = Vec::new();
    for name in ["cs_test_1", "cs_test_2"] {
        let nobody = event()
            .replace("ada@example.com", "")
            .replace("cs_test_1", name);
        let failure = post(&town, &nobody, Some(&signed(&town, &nobody))).unwrap_err();
        let cause = cause(&failure, nobody.as_bytes()).unwrap();
        assert_eq!(cause.code, Code::EventUnfit);
        assert!(cause.detail.contains("evt_1"), "{cause:?}");
        told.push(cause.subject);
    }
    assert_eq!(told, ["cs_test_1", "cs_test_2"]);
    let failure = post(&town, &event(), None).unwrap_err();
    assert_eq!(
        cause(&failure, event().as_bytes()),
        None,
        "anybody may post"
    );
}

#[test]
fn what_is_not_signed_is_not_looked_at() {
    let town = Town::new();
    let good = signed(&town, &event());
    for (body, signature) in [
        (event(), None),
        (event(), Some("t=1,v1=00".to_owned())),
        (event().replace("ada@", "eve@"), Some(good.clone())),
        ("not json".to_owned(), Some(good.clone())),
    ] {
        assert!(
            matches!(
                post(&town, &body, signature.as_deref()),
                Err(Failure::Signature(_))
            ),
            "{body}"
        );
    }
    town.wait(301);
    assert!(matches!(
        post(&town, &event(), Some(&good)),
        Err(Failure::Signature(SignatureError::Stale))
    ));
    assert_eq!(town.orders.asked.get(), 0);
}

#[test]
fn too_large_a_body_is_not_hashed() {
    let town = Town::new();
    let body = " ".repeat(512 * 1_024 + 1);
    assert!(matches!(
        post(&town, &body, Some(&signed(&town, &body))),
        Err(Failure::TooLarge)
    ));
}

#[test]
fn what_is_none_of_ours_leaves_no_trace() {
    let town = Town::new();
    let body = event().replace("checkout.session.completed", "invoice.paid");
    assert!(matches!(
        post(&town, &body, Some(&signed(&town, &body))),
        Ok(Received::Ignored(_))
    ));
    assert_eq!(town.orders.asked.get(), 0);
}

#[test]
fn what_could_not_be_stored_is_sent_again_by_stripe() {
    for (fault, then) in [
        (Fault::NotDone, Received::Recorded),
        (Fault::DoneButFailed, Received::Known),
    ] {
        let town = Town::new();
        town.orders.faults.borrow_mut().push_back(fault);
        assert_eq!(buy(&town).unwrap_err().problem().status, 503);
        assert_eq!(buy(&town).unwrap(), then);
        ring_on(&town);
        assert_eq!(town.mailer.sent.borrow().len(), 1, "{fault:?}");
    }
}

#[test]
fn a_provider_that_fails_is_tried_until_it_does_not() {
    let town = Town::new();
    buy(&town).unwrap();
    let faults = [
        Fault::NotDone,
        Fault::DoneButFailed,
        Fault::NotDone,
        Fault::DoneButFailed,
        Fault::NotDone,
    ];
    town.mailer.faults.borrow_mut().extend(faults);
    ring_on(&town);
    // The provider saw the same key and the same body each time: its user got one mail.
    assert_eq!(
        (town.mailer.calls.get(), town.mailer.sent.borrow().len()),
        (6, 1)
    );
}

#[test]
fn an_object_that_dies_at_any_step_loses_and_doubles_nothing() {
    for dies_at in 0..6 {
        let town = Town::new();
        buy(&town).unwrap();
        assert!(town.ring(Some(dies_at)).is_err());
        ring_on(&town);
        assert_eq!(town.mailer.sent.borrow().len(), 1, "dies at {dies_at}");
    }
}

#[test]
fn a_product_that_is_not_configured_waits_until_it_is() {
    let mut town = Town::new();
    buy(&town).unwrap();
    let products = std::mem::take(&mut town.settings.products);
    // For longer than a mail is tried that a provider does not take.
    while town.now().secs_since(PAID_AT) < 5 * 24 * 3_600 {
        let at = town
            .orders
            .only()
            .next_alarm(&town.settings.limits)
            .unwrap();
        town.wait(at.secs_since(town.now()));
        assert!(matches!(town.ring(None), Err(Failure::ProductMissing(_))));
    }
    town.settings.products = products;
    // And once it could be sent, the provider has its own time.
    town.mailer.faults.borrow_mut().push_back(Fault::NotDone);
    ring_on(&town);
    assert_eq!(town.mailer.sent.borrow().len(), 1);
}

#[test]
fn a_mail_that_is_late_carries_a_link_that_is_good() {
    let town = Town::new();
    buy(&town).unwrap();
    // For two days, the provider is down.
    let mut attempts = 0;
    while town.now().secs_since(PAID_AT) < 2 * 24 * 3_600 {
        town.mailer.faults.borrow_mut().push_back(Fault::NotDone);
        let at = town
            .orders
            .only()
            .next_alarm(&town.settings.limits)
            .unwrap();
        town.wait(at.secs_since(town.now()).max(1));
        let _ = town.ring(None);
        attempts += 1;
    }
    assert!(attempts < 30, "{attempts} attempts");
    town.mailer.faults.borrow_mut().clear();
    ring_on(&town);
    let mails: Vec<_> = town.mailer.sent.borrow().values().cloned().collect();
    assert_eq!(mails.len(), 1);
    let token = mails[0].links[0].split_once("token=").unwrap().1.to_owned();
    assert!(block_on(town.world().look(&token, None, town.now())).is_ok());
}

/// Two products are bought, and one of them is not configured.
fn buy_a_bundle(town: &Town) {
    let bundle = event().replace(r#""product":"demo""#, r#""product":"demo, atlas""#);
    post(town, &bundle, Some(&signed(town, &bundle))).unwrap();
}

#[test]
fn what_is_configured_is_mailed_and_the_rest_by_a_mail_of_its_own_once_it_is() {
    let mut town = Town::new();
    buy_a_bundle(&town);
    ring_for(&town, 3_600);
    let links = |town: &Town| -> Vec<usize> {
        let sent = town.mailer.sent.borrow();
        sent.values().map(|mail| mail.links.len()).collect()
    };
    assert_eq!(links(&town), [1]);
    assert_eq!(town.operator.codes(), ["unknown-product"]);
    ring_for(&town, 24 * 3_600);
    let mut atlas = town.settings.products[0].clone();
    atlas.id = ProductId::parse("atlas").unwrap();
    atlas.name = "An Atlas".to_owned();
    town.settings.products.push(atlas);
    ring_for(&town, 3_601);
    assert_eq!(links(&town), [1, 1]);
    let sent = town.mailer.sent.borrow();
    assert!(sent.values().any(|mail| mail.text.contains("An Atlas")));
    drop(sent);
    ring_on(&town);
    assert_eq!(town.mailer.calls.get(), 2);
}

#[test]
fn what_was_given_back_is_not_mailed_once_it_is_configured() {
    let mut town = Town::new();
    buy_a_bundle(&town);
    ring_for(&town, 600);
    let refund = json!({
        "id": "evt_2", "object": "event", "type": "charge.refunded", "created": PAID_AT,
        "data": { "object": { "payment_intent": "pi_1", "amount_captured": 1, "amount_refunded": 1 } },
    })
    .to_string();
    post(&town, &refund, Some(&signed(&town, &refund))).unwrap();
    town.ring_payments().unwrap();
    let mut atlas = town.settings.products[0].clone();
    atlas.id = ProductId::parse("atlas").unwrap();
    town.settings.products.push(atlas);
    ring_on(&town);
    assert_eq!(town.mailer.calls.get(), 1);
}

/// Rings whenever something is due, for so many seconds.
fn ring_for(town: &Town, secs: i64) {
    let end = town.now().plus_secs(secs);
    while let Some(at) = town.orders.only().next_alarm(&town.settings.limits) {
        let at = at.max(town.now().plus_secs(1));
        if at > end {
            break;
        }
        town.wait(at.secs_since(town.now()));
        let _ = town.ring(None);
    }
    town.wait(end.secs_since(town.now()).max(0));
}
