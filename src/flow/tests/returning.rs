//! The buyer comes back from the checkout.

use pollster::block_on;
use serde_json::{Value, json};

use super::buying::ring_on;
use crate::domain::id::BrowserId;
use crate::domain::mail::Outcome;
use crate::domain::order::fixtures::{PAID_AT, browser};
use crate::domain::settings::Mode;
use crate::flow::failure::Failure;
use crate::flow::fakes::Town;
use crate::flow::ports::ApiError;
use crate::flow::success::{OFFERED_SECS, Visit, Visited, session_in, visit};

const SESSION: &str = "cs_test_1";

fn session(change: impl FnOnce(&mut Value)) -> Value {
    let mut session = json!({
        "id": SESSION, "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
        "livemode": false, "created": PAID_AT.plus_secs(-90), "amount_total": 4_900, "currency": "eur",
        "payment_intent": { "id": "pi_1", "latest_charge": {
            "id": "ch_1", "created": PAID_AT, "amount_captured": 4_900, "amount_refunded": 0, "disputed": false } },
        "customer_details": { "email": "ada@example.com", "name": "Ada Lovelace" },
        "metadata": { "product": "demo" },
        "line_items": { "data": [], "has_more": false },
    });
    change(&mut session);
    session
}

fn town(change: impl FnOnce(&mut Value)) -> Town {
    let town = Town::new();
    let sessions = &town.stripe.sessions;
    sessions
        .borrow_mut()
        .insert(SESSION.to_owned(), session(change));
    town
}

fn come(town: &Town, browser: BrowserId) -> Result<Visited, Failure> {
    let visitor = Visit {
        session: session_in(&town.settings, SESSION)?,
        browser,
        origin: "https://shop.example",
    };
    let (settings, orders) = (&town.settings, &town.orders);
    block_on(visit(
        settings,
        orders,
        &town.payments,
        &town.stripe,
        &town.random,
        visitor,
        town.now(),
    ))
}

fn token_in(html: &str) -> Option<&str> {
    let value = html.split_once(r#"name="token" value=""#)?.1;
    value.split_once('"').map(|(token, _)| token)
}

#[test]
fn a_paid_session_is_recorded_and_offers_the_very_link_of_the_mail() {
    let town = town(|_| {});
    let page = come(&town, browser(1)).unwrap();
    assert_eq!(page.status, 200);
    assert!(
        page.html.contains("a•••@example.com") && !page.html.contains("ada@"),
        "{}",
        page.html
    );
    ring_on(&town);
    let sent = town.mailer.sent.borrow();
    let mailed = sent.values().next().unwrap().links[0].clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        token_in(&page.html),
        mailed.split_once("token=").map(|(_, token)| token)
    );
}

#[test]
fn it_is_one_download_for_the_page_and_the_mail() {
    let town = town(|_| {});
    let html = come(&town, browser(1)).unwrap().html;
    let token = token_in(&html).unwrap();
    let redeem = |who| {
        block_on(
            town.world()
                .redeem(token, browser(who), &town.random, town.now()),
        )
    };
    assert!(redeem(1).is_ok());
    assert!(matches!(redeem(2), Err(Failure::Standing(_))));
    assert!(
        come(&town, browser(1))
            .unwrap()
            .html
            .contains("Go on downloading")
    );
}

#[test]
fn half_an_hour_later_the_address_opens_nothing() {
    let town = town(|_| {});
    come(&town, browser(1)).unwrap();
    town.wait(OFFERED_SECS - 1);
    assert!(token_in(&come(&town, browser(1)).unwrap().html).is_some());
    town.wait(1);
    let page = come(&town, browser(1)).unwrap();
    assert_eq!((page.status, token_in(&page.html)), (200, None));
}

#[test]
fn many_visits_are_one_order_and_one_mail() {
    let town = town(|_| {});
    for who in 0..25 {
        come(&town, browser(who)).unwrap();
    }
    ring_on(&town);
    assert_eq!(town.mailer.calls.get(), 1);
}

#[test]
fn what_is_not_paid_for_good_is_told_and_touches_no_order() {
    type Change = fn(&mut Value);
    let cases: [(&str, u16, &str, Change); 9] = [
        ("open", 409, "checkout-open", |s| {
            s["status"] = json!("open");
            s["payment_status"] = json!("unpaid");
        }),
        ("expired", 410, "checkout-expired", |s| {
            s["status"] = json!("expired");
            s["payment_status"] = json!("unpaid");
        }),
        ("refunded", 410, "money-back", |s| {
            s["payment_intent"]["latest_charge"]["amount_refunded"] = json!(4_900);
        }),
        ("disputed", 410, "money-back", |s| {
            s["payment_intent"]["latest_charge"]["disputed"] = json!(true);
        }),
        ("a subscription", 404, "unknown-checkout", |s| {
            s["mode"] = json!("subscription");
        }),
        ("nothing of ours", 404, "unknown-checkout", |s| {
            s["metadata"] = json!({});
        }),
        ("the other mode", 404, "unknown-checkout", |s| {
            s["livemode"] = json!(true);
        }),
        ("another price", 404, "unknown-checkout", |s| {
            s["metadata"] = Value::Null;
            s["line_items"] =
                json!({ "data": [{ "price": { "id": "price_x" } }], "has_more": false });
        }),
        ("no address", 400, "bad-event", |s| {
            s["customer_details"] = Value::Null;
        }),
    ];
    for (what, status, code, change) in cases {
        let town = town(change);
        let problem = come(&town, browser(1)).unwrap_err().problem();
        assert_eq!((problem.status, problem.code), (status, code), "{what}");
        assert_eq!(town.orders.asked.get(), 0, "{what}");
    }
}

#[test]
fn a_payment_under_way_is_told_with_a_way_to_look_again() {
    let town = town(|s| s["payment_status"] = json!("unpaid"));
    let page = come(&town, browser(1)).unwrap();
    assert_eq!(page.status, 202);
    assert!(
        page.html.contains(r#"name="session_id" value="cs_test_1""#),
        "{}",
        page.html
    );
    assert_eq!(town.orders.asked.get(), 0);
}

fn dispute(town: &Town, status: &str, at: i64) {
    let dispute = json!({
        "id": "evt_3", "object": "event", "type": "charge.dispute.closed", "created": PAID_AT.plus_secs(at),
        "livemode": false,
        "data": { "object": { "id": "du_1", "payment_intent": "pi_1", "status": status } },
    })
    .to_string();
    let signature = super::buying::signed(town, &dispute);
    super::buying::post(town, &dispute, Some(&signature)).unwrap();
}

#[test]
fn a_dispute_that_was_won_or_was_none_is_no_longer_held_against_the_buyer() {
    let disputed = |s: &mut Value| s["payment_intent"]["latest_charge"]["disputed"] = json!(true);
    for (status, welcome) in [
        ("won", true),
        ("warning_needs_response", true),
        ("needs_response", false),
        ("lost", false),
    ] {
        let town = town(disputed);
        dispute(&town, status, 1);
        assert_eq!(come(&town, browser(1)).is_ok(), welcome, "{status}");
    }
}

#[test]
fn a_charge_that_can_not_be_read_is_not_taken_for_a_good_one() {
    let town = town(|s| s["payment_intent"] = json!("pi_1"));
    let problem = come(&town, browser(1)).unwrap_err().problem();
    assert_eq!((problem.status, problem.code), (503, "stripe-unavailable"));
    assert_eq!(town.orders.asked.get(), 0);
}

#[test]
fn what_the_operator_took_back_is_not_called_money_back() {
    let town = town(|_| {});
    come(&town, browser(1)).unwrap();
    let order = town.orders.only().purchase.order;
    block_on(crate::flow::ports::Orders::ask(
        &town.orders,
        &order,
        crate::domain::order::Command::Revoke { jti: None },
    ))
    .unwrap();
    let problem = come(&town, browser(1)).unwrap_err().problem();
    assert_eq!((problem.status, problem.code), (410, "revoked"));
}

#[test]
fn a_mail_that_will_never_arrive_is_not_promised() {
    let town = town(|_| {});
    come(&town, browser(1)).unwrap();
    let never = Outcome::Never {
        why: "unknown".to_owned(),
    };
    *town.mailer.answer.borrow_mut() = Some(never);
    let _ = town.ring(None);
    let html = come(&town, browser(1)).unwrap().html;
    assert!(html.contains("could not be delivered"), "{html}");
    assert!(!html.contains("goes to <strong>") && token_in(&html).is_some());
}

#[test]
fn a_free_checkout_that_took_an_hour_still_offers_the_download() {
    let town = town(|s| {
        s["payment_status"] = json!("no_payment_required");
        s["payment_intent"] = Value::Null;
    });
    town.wait(3_600);
    assert!(token_in(&come(&town, browser(1)).unwrap().html).is_some());
    town.wait(OFFERED_SECS);
    assert!(token_in(&come(&town, browser(1)).unwrap().html).is_none());
}

#[test]
fn a_part_that_was_given_back_leaves_the_rest() {
    let town = town(|s| s["payment_intent"]["latest_charge"]["amount_refunded"] = json!(1));
    assert!(come(&town, browser(1)).is_ok());
}

#[test]
fn a_made_up_id_costs_nothing() {
    let mut town = Town::new();
    for bad in [
        "",
        "cs_",
        "cs_test_",
        "{CHECKOUT_SESSION_ID}",
        "cs_live_1",
        "pi_1",
        "cs_test_../x",
    ] {
        assert_eq!(
            session_in(&town.settings, bad)
                .unwrap_err()
                .problem()
                .status,
            404,
            "{bad}"
        );
    }
    town.settings.stripe.mode = Mode::Live;
    assert!(session_in(&town.settings, "cs_live_1").is_ok());
    assert!(session_in(&town.settings, "cs_test_1").is_err());
    // One of the right form that Stripe does not know.
    town.settings.stripe.mode = Mode::Test;
    assert_eq!(come(&town, browser(1)).unwrap_err().problem().status, 404);
    assert_eq!((town.stripe.asked.get(), town.orders.asked.get()), (1, 0));
}

#[test]
fn while_stripe_does_not_answer_the_buyer_is_told_that_nothing_is_lost() {
    for (error, for_the_operator) in [
        (ApiError::Unavailable("internal".to_owned()), false),
        (ApiError::Refused("internal".to_owned()), true),
    ] {
        let town = town(|_| {});
        town.stripe.errors.borrow_mut().push_back(error);
        let failure = come(&town, browser(1)).unwrap_err();
        let problem = failure.problem();
        assert_eq!((problem.status, problem.code), (503, "stripe-unavailable"));
        assert!(
            problem.detail.contains("Nothing is lost") && !problem.to_json().contains("internal")
        );
        assert_eq!(failure.cause().is_some(), for_the_operator);
        assert_eq!(failure.log_detail().as_deref(), Some("internal"));
    }
}

#[test]
fn a_product_that_is_not_configured_yet_is_on_its_way() {
    let town = town(|s| s["metadata"]["product"] = json!("atlas"));
    let page = come(&town, browser(1)).unwrap();
    assert!(
        page.html.contains("still preparing") && token_in(&page.html).is_none(),
        "{}",
        page.html
    );
}

#[test]
fn what_was_taken_back_meanwhile_is_not_offered() {
    let town = town(|_| {});
    come(&town, browser(1)).unwrap();
    let refund = json!({
        "id": "evt_2", "object": "event", "type": "refund.created", "created": PAID_AT, "livemode": false,
        "data": { "object": {
            "id": "re_1", "payment_intent": "pi_1", "amount": 4_900, "currency": "eur", "status": "succeeded" } },
    })
    .to_string();
    let signature = super::buying::signed(&town, &refund);
    super::buying::post(&town, &refund, Some(&signature)).unwrap();
    ring_on(&town);
    town.ring_payments().unwrap();
    // Stripe's answer is a moment older than its event.
    assert_eq!(
        come(&town, browser(1)).unwrap_err().problem().code,
        "money-back"
    );
}
