use serde_json::{Value, json};

use super::*;
use crate::domain::order::fixtures;
use crate::domain::payment::{Dispute, DisputeStatus, Refund, RefundStatus};
use crate::domain::purchase::{Purchase, TaxId};
use crate::domain::settings::Settings;
use crate::domain::stripe::Named;

fn settings(change: impl Fn(&str) -> Option<&'static str>) -> Settings {
    Settings::parse(|name| {
        change(name)
            .map(str::to_owned)
            .or_else(|| fixtures::setting(name))
    })
    .unwrap()
}

fn parsed(body: &[u8]) -> Result<Event, EventError> {
    parse_event(body, &settings(|_| None).stripe)
}

fn event(change: impl FnOnce(&mut Value)) -> Result<Event, EventError> {
    let mut event = json!({
        "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1_700_000_000,
        "data": { "object": {
            "id": "cs_test_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid",
            "payment_intent": "pi_1", "customer_email": null, "collected_information": null,
            "customer_details": {
                "email": "ada@example.com", "name": "Ada Lovelace", "business_name": null, "individual_name": null
            },
            "metadata": { "product": "demo" },
        }},
    });
    change(&mut event);
    parsed(event.to_string().as_bytes())
}

fn session(change: impl FnOnce(&mut Value)) -> Result<Event, EventError> {
    event(|event| change(&mut event["data"]["object"]))
}

fn purchase(change: impl FnOnce(&mut Value)) -> Purchase {
    match session(change) {
        Ok(Event::Paid { session, at }) => {
            let Named::Products(products) = session.names(&settings(|_| None)) else {
                panic!("nothing of ours");
            };
            session.purchase(products, at).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_paid_session_is_a_purchase() {
    let purchase = purchase(|_| {});
    assert_eq!(purchase.order.as_str(), "cs_test_1");
    assert_eq!(purchase.products[0].as_str(), "demo");
    assert_eq!(purchase.buyer.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(purchase.buyer.organisation, None);
    assert_eq!(purchase.payment_intent.unwrap().as_str(), "pi_1");
    assert_eq!(purchase.purchased_at.as_secs(), 1_700_000_000);
}

#[test]
fn free_and_late_payments_count() {
    assert!(matches!(
        session(|s| s["payment_status"] = json!("no_payment_required")),
        Ok(Event::Paid { .. })
    ));
    let late = event(|e| e["type"] = json!("checkout.session.async_payment_succeeded"));
    assert!(matches!(late, Ok(Event::Paid { .. })));
}

#[test]
fn what_is_not_ours_to_fulfil_is_ignored() {
    for result in [
        session(|s| s["payment_status"] = json!("unpaid")),
        session(|s| s["mode"] = json!("subscription")),
        event(|e| e["type"] = json!("checkout.session.async_payment_failed")),
        event(|e| e["type"] = json!("checkout.session.expired")),
        event(|e| e["type"] = json!("invoice.paid")),
        event(|e| e["object"] = json!("v2.core.event")),
        event(|e| {
            e["object"] = json!("v2.core.event");
            e["data"] = Value::Null;
        }),
    ] {
        assert!(matches!(result, Ok(Event::Ignored(_))), "{result:?}");
    }
    // Whatever an event of another type holds.
    assert!(matches!(
        event(|e| {
            e["type"] = json!("x.y");
            e["data"]["object"] = json!([1]);
        }),
        Ok(Event::Ignored(_))
    ));
}

#[test]
fn what_can_not_be_acted_on_is_an_error() {
    let nobody: [fn(&mut Value); 2] = [
        |s| s["customer_details"] = Value::Null,
        |s| s["customer_details"]["email"] = json!("nobody"),
    ];
    for change in nobody {
        let Ok(Event::Paid { session, at }) = session(change) else {
            panic!("a payment");
        };
        assert_eq!(session.purchase(Vec::new(), at), Err(EventError::NoEmail));
    }
    assert_eq!(
        session(|s| s["id"] = json!("../etc")),
        Err(EventError::SessionId)
    );
    assert_eq!(
        session(|s| s["id"] = Value::Null),
        Err(EventError::Malformed)
    );
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{\"object\":\"event\"}",
    ] {
        assert_eq!(parsed(body), Err(EventError::Malformed));
    }
}

#[test]
fn the_organisation_is_where_stripe_puts_it() {
    let details = purchase(|s| s["customer_details"]["business_name"] = json!("Engines\nLtd"));
    assert_eq!(details.buyer.organisation.as_deref(), Some("Engines Ltd"));
    let collected =
        purchase(|s| s["collected_information"] = json!({ "business_name": "Engines Ltd" }));
    assert_eq!(collected.buyer.organisation.as_deref(), Some("Engines Ltd"));
}

#[test]
fn an_expanded_payment_intent_is_the_same() {
    let expanded =
        purchase(|s| s["payment_intent"] = json!({ "id": "pi_2", "object": "payment_intent" }));
    assert_eq!(expanded.payment_intent.unwrap().as_str(), "pi_2");
    assert_eq!(
        purchase(|s| s["payment_intent"] = Value::Null).payment_intent,
        None
    );
}

#[test]
fn the_address_may_stand_in_either_place() {
    let early = purchase(|s| {
        s["customer_details"] = Value::Null;
        s["customer_email"] = json!("early@example.com");
    });
    assert_eq!(early.buyer.email, "early@example.com");
    assert_eq!(early.buyer.name, None);
}

#[test]
fn the_organisation_may_be_a_field_of_the_shops_own() {
    let with_field = |field: Value| {
        let settings = settings(|name| (name == "ORGANISATION_FIELD").then_some("company"));
        let body = json!({
            "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1,
            "data": { "object": {
                "id": "cs_test_1", "mode": "payment", "payment_status": "paid",
                "customer_details": { "email": "ada@example.com" }, "custom_fields": [field],
            }},
        });
        match parse_event(body.to_string().as_bytes(), &settings.stripe) {
            Ok(Event::Paid { session, at }) => {
                session.purchase(Vec::new(), at).unwrap().buyer.organisation
            }
            other => panic!("{other:?}"),
        }
    };
    for (field, organisation) in [
        (
            json!({ "key": "company", "type": "text", "text": { "value": " Engines\nLtd" } }),
            Some("Engines Ltd"),
        ),
        (
            json!({ "key": "company", "type": "text", "text": { "value": null } }),
            None,
        ),
        (json!({ "key": "company", "type": "text" }), None),
        (
            json!({ "key": "colour", "type": "text", "text": { "value": "red" } }),
            None,
        ),
        (
            json!({ "key": "company", "type": "dropdown", "dropdown": {
                "value": "eng", "options": [{ "label": "Engines Ltd", "value": "eng" }] } }),
            Some("Engines Ltd"),
        ),
    ] {
        assert_eq!(
            with_field(field.clone()).as_deref(),
            organisation,
            "{field}"
        );
    }
}

#[test]
fn the_buyer_is_noted_as_stripe_knows_them() {
    let buyer = purchase(|s| {
        s["customer_details"]["address"] = json!({ "country": "nl", "city": null });
        s["customer_details"]["tax_ids"] = json!([
            { "type": "eu_vat", "value": "NL123456789B01" }, { "type": "unknown", "value": null },
        ]);
        s["customer_details"]["name"] =
            json!("\u{202e}Ada \"the first\"\r\n".to_owned() + &"x".repeat(300));
    })
    .buyer;
    assert_eq!(buyer.country.as_deref(), Some("NL"));
    let tax_id = TaxId {
        kind: "eu_vat".to_owned(),
        value: "NL123456789B01".to_owned(),
    };
    assert_eq!(buyer.tax_ids, [tax_id]);
    let name = buyer.name.unwrap();
    assert!(
        name.starts_with("Ada \"the first\" xxx") && name.ends_with('…'),
        "{name}"
    );
}

#[test]
fn everything_nullable_may_be_null_or_missing() {
    let bare = purchase(|s| {
        *s = json!({
            "id": "cs_test_1", "mode": "payment", "payment_status": "no_payment_required",
            "customer_email": "ada@example.com", "metadata": { "product": "demo" },
        });
    });
    assert_eq!(bare.buyer.name, None);
    let nulls = purchase(|s| {
        for field in [
            "custom_fields",
            "currency",
            "amount_total",
            "payment_link",
            "status",
            "payment_intent",
        ] {
            s[field] = Value::Null;
        }
        for field in [
            "address",
            "tax_ids",
            "name",
            "individual_name",
            "business_name",
        ] {
            s["customer_details"][field] = Value::Null;
        }
        s["collected_information"] =
            json!({ "business_name": null, "individual_name": null, "shipping_details": null });
    });
    assert_eq!((nulls.amount, nulls.payment_intent), (None, None));
}

#[test]
fn a_session_names_its_products_by_metadata_or_by_link_and_prices() {
    let settings = settings(|name| {
        (name == "PRODUCTS").then_some(
            r#"[{"id":"a","name":"A","version":"1","archive":"a.zip","filename":"a.zip","prices":["price_a"],"payment_links":["plink_a"]},
                {"id":"b","name":"B","version":"1","archive":"b.zip","filename":"b.zip","prices":["price_b","price_c"]}]"#,
        )
    });
    let named = |change: &dyn Fn(&mut Value)| match session(|s| {
        s["metadata"] = json!({});
        change(s);
    }) {
        Ok(Event::Paid { session, .. }) => match session.names(&settings) {
            Named::Products(products) => products
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("+"),
            Named::Nothing => "nothing".to_owned(),
            Named::Unknown => "ask".to_owned(),
        },
        other => panic!("{other:?}"),
    };
    let items = |prices: &[&str], has_more: bool| {
        let data: Vec<Value> = prices
            .iter()
            .map(|id| json!({ "id": "li_1", "price": { "id": id } }))
            .collect();
        json!({ "object": "list", "data": data, "has_more": has_more })
    };
    for (what, expected, change) in [
        (
            "metadata",
            "a",
            &(|s: &mut Value| s["metadata"] = json!({ "product": "a" })) as &dyn Fn(&mut Value),
        ),
        ("several", "b+a", &|s| {
            s["metadata"] = json!({ "product": " b, a,b ," });
        }),
        ("not configured yet", "c", &|s| {
            s["metadata"] = json!({ "product": "c" });
        }),
        ("metadata before the link", "b", &|s| {
            s["metadata"] = json!({ "product": "b" });
            s["payment_link"] = json!("plink_a");
        }),
        ("the link, and who knows what else", "ask", &|s| {
            s["payment_link"] = json!({ "id": "plink_a" });
        }),
        ("the link", "a", &|s| {
            s["payment_link"] = json!({ "id": "plink_a" });
            s["line_items"] = items(&["price_z"], false);
        }),
        ("the link and a price", "a+b", &|s| {
            s["payment_link"] = json!("plink_a");
            s["line_items"] = items(&["price_z", "price_b"], false);
        }),
        ("another link", "ask", &|s| {
            s["payment_link"] = json!("plink_x");
        }),
        ("no name at all", "ask", &|_| {}),
        ("no id", "ask", &|s| {
            s["metadata"] = json!({ "product": "a T-shirt" });
        }),
        ("no text", "ask", &|s| {
            s["metadata"] = json!({ "product": 7 });
        }),
        ("prices", "a+b", &|s| {
            s["line_items"] = items(&["price_c", "price_a", "price_z", "price_b"], false);
        }),
        ("other prices", "nothing", &|s| {
            s["line_items"] = items(&["price_z"], false);
        }),
        ("no price", "nothing", &|s| {
            s["line_items"] = json!({ "data": [{ "price": null }], "has_more": false });
        }),
        ("more than came along", "ask", &|s| {
            s["line_items"] = items(&["price_a"], true);
        }),
    ] {
        assert_eq!(named(change), expected, "{what}");
    }
}

#[test]
fn a_shop_without_prices_has_nothing_to_ask() {
    let Ok(Event::Paid { session, .. }) = session(|s| s["metadata"] = json!({})) else {
        panic!("a payment");
    };
    assert_eq!(session.names(&settings(|_| None)), Named::Nothing);
}

fn money(kind: &str, object: Value) -> Result<Event, EventError> {
    event(|e| {
        e["type"] = json!(kind);
        e["data"]["object"] = object;
    })
}

fn fact(kind: &str, object: Value) -> Fact {
    match money(kind, object) {
        Ok(Event::Money { payment, fact }) => {
            assert_eq!(payment.as_str(), "pi_1");
            fact
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn refunds_and_disputes_are_facts_about_a_payment() {
    let refund = |status: &str| {
        let object = json!({ "id": "re_1", "payment_intent": "pi_1", "amount": 100, "currency": "eur", "status": status });
        match fact("refund.updated", object) {
            Fact::Refund {
                refund: Refund { status, .. },
                ..
            } => status,
            other => panic!("{other:?}"),
        }
    };
    for status in ["pending", "requires_action", "succeeded", "teleported"] {
        assert_eq!(refund(status), RefundStatus::Given, "{status}");
    }
    for status in ["failed", "canceled"] {
        assert_eq!(refund(status), RefundStatus::Undone, "{status}");
    }
    let dispute = |status: &str| {
        let object = json!({ "id": "du_1", "payment_intent": { "id": "pi_1" }, "status": status });
        match fact("charge.dispute.created", object) {
            Fact::Dispute {
                dispute: Dispute { status },
                ..
            } => status,
            other => panic!("{other:?}"),
        }
    };
    for (said, meant) in [
        ("warning_needs_response", DisputeStatus::Harmless),
        ("warning_under_review", DisputeStatus::Harmless),
        ("warning_closed", DisputeStatus::Harmless),
        ("prevented", DisputeStatus::Harmless),
        ("needs_response", DisputeStatus::Open),
        ("under_review", DisputeStatus::Open),
        ("teleported", DisputeStatus::Open),
        ("won", DisputeStatus::Won),
        ("lost", DisputeStatus::Lost),
        ("appeal_under_review", DisputeStatus::Appealed),
    ] {
        assert_eq!(dispute(said), meant, "{said}");
    }
    let charge = json!({ "id": "ch_1", "payment_intent": "pi_1", "amount_captured": 100, "amount_refunded": 30 });
    assert!(
        matches!(fact("charge.refunded", charge), Fact::Charge { charge, .. } if charge.refunded == 30)
    );
}

#[test]
fn money_without_a_payment_intent_is_none_of_ours() {
    let legacy = json!({ "id": "du_1", "payment_intent": null, "status": "lost" });
    assert!(matches!(
        money("charge.dispute.closed", legacy),
        Ok(Event::Ignored(_))
    ));
    assert_eq!(
        money("refund.created", json!({ "id": 1 })),
        Err(EventError::Malformed)
    );
}

#[test]
fn every_type_that_the_endpoint_is_to_be_sent_is_known() {
    for kind in EVENT_TYPES {
        let result = money(kind, json!({}));
        assert_ne!(result, Ok(Event::Ignored("event type")), "{kind}");
    }
}

#[test]
fn real_money_is_not_ignored_by_a_test_key_but_a_test_is_by_a_live_one() {
    for live in [
        session(|s| s["livemode"] = json!(true)),
        event(|e| e["livemode"] = json!(true)),
        event(|e| {
            e["livemode"] = json!(true);
            e["type"] = json!("refund.created");
        }),
    ] {
        assert_eq!(live, Ok(Event::LiveWithTestKey));
    }
    let elsewhere = event(|e| {
        e["livemode"] = json!(true);
        e["type"] = json!("invoice.paid");
    });
    assert!(matches!(elsewhere, Ok(Event::Ignored(_))), "not for us");
    let live = settings(|name| (name == "STRIPE_API_KEY").then_some("rk_live_0123456789"));
    let test = json!({ "object": "event", "type": "refund.created", "created": 1, "livemode": false, "data": { "object": {} } });
    let parsed = parse_event(test.to_string().as_bytes(), &live.stripe);
    assert!(matches!(parsed, Ok(Event::Ignored(_))), "{parsed:?}");
}
