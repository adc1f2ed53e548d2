//! Refunds and disputes, in every order, repeated, and with everything failing that can.

use pollster::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::buying::{post, ring_on, signed};
use crate::domain::alarm::Code;
use crate::domain::order::fixtures::PAID_AT;
use crate::domain::order::{Order, Standing};
use crate::domain::payment::PartialRefunds;
use crate::flow::failure::Failure;
use crate::flow::fakes::{Fault, Town};
use crate::flow::ports::ApiError;
use crate::flow::webhook::Received;

const PRICE: i64 = 4_900;

/// What may happen to a purchase, in the order in which Stripe dates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    Completed,
    Unpaid,
    LatePayment,
    RefundCreated,
    ChargeRefunded,
    RefundFailed,
    Inquiry,
    Disputed,
    UnderReview,
    Won,
    Lost,
}

use Happening::{
    ChargeRefunded, Completed, Disputed, Inquiry, LatePayment, Lost, RefundCreated, RefundFailed,
    UnderReview, Unpaid, Won,
};

impl Happening {
    /// The event that Stripe posts, dated `at` seconds after the purchase.
    fn event(self, at: i64) -> String {
        let session = |status: &str| {
            json!({
                "id": "cs_test_1", "mode": "payment", "status": "complete", "payment_status": status,
                "payment_intent": "pi_1", "amount_total": PRICE, "currency": "eur", "livemode": false,
                "customer_details": { "email": "ada@example.com", "name": "Ada Lovelace" },
                "metadata": { "product": "demo" },
            })
        };
        let refund = |status: &str| json!({ "id": "re_1", "payment_intent": "pi_1", "amount": PRICE, "currency": "eur", "status": status });
        let dispute = |id: &str, status: &str| json!({ "id": id, "payment_intent": "pi_1", "status": status });
        let (kind, object) = match self {
            Completed => ("checkout.session.completed", session("paid")),
            Unpaid => ("checkout.session.completed", session("unpaid")),
            LatePayment => ("checkout.session.async_payment_succeeded", session("paid")),
            RefundCreated => ("refund.created", refund("pending")),
            ChargeRefunded => (
                "charge.refunded",
                json!({ "payment_intent": "pi_1", "amount_captured": PRICE, "amount_refunded": PRICE }),
            ),
            RefundFailed => ("refund.failed", refund("failed")),
            Inquiry => (
                "charge.dispute.created",
                dispute("du_0", "warning_needs_response"),
            ),
            Disputed => ("charge.dispute.created", dispute("du_1", "needs_response")),
            UnderReview => ("charge.dispute.updated", dispute("du_1", "under_review")),
            Won => ("charge.dispute.closed", dispute("du_1", "won")),
            Lost => ("charge.dispute.closed", dispute("du_1", "lost")),
        };
        json!({
            "id": format!("evt_{at}"), "object": "event", "type": kind, "livemode": false,
            "created": PAID_AT.plus_secs(at), "data": { "object": object },
        })
        .to_string()
    }
}

fn deliver(town: &Town, event: &str) -> Result<Received, Failure> {
    post(town, event, Some(&signed(town, event)))
}

/// Posts it until it is taken, as Stripe does.
fn tell(town: &Town, happening: Happening, at: i64) -> Received {
    let event = happening.event(at);
    // A fault waits for whoever asks next, so several may have gathered.
    for _ in 0..50 {
        if let Ok(received) = deliver(town, &event) {
            return received;
        }
    }
    panic!("{happening:?} was not taken");
}

/// Rings all alarms until nothing is due any more.
fn settle(town: &Town) {
    for _ in 0..3 {
        town.ring_payments().unwrap();
        ring_on(town);
    }
}

fn link(order: &Order, town: &Town) -> Standing {
    let link = order.items[0].links.last().unwrap();
    order.items[0].standing(link, &town.settings.limits, town.now())
}

/// The links in the mails, in the order of their sending.
fn mailed(town: &Town) -> Vec<String> {
    let sent = town.mailer.sent.borrow();
    sent.values().flat_map(|mail| mail.links.clone()).collect()
}

fn opens(town: &Town, url: &str) -> bool {
    let token = url.split_once("token=").unwrap().1;
    block_on(town.world().look(token, None, town.now())).is_ok()
}

#[test]
fn a_refund_ends_access_whichever_comes_first() {
    for events in [
        [Completed, RefundCreated],
        [RefundCreated, Completed],
        [ChargeRefunded, Completed],
        [Completed, Lost],
        [Lost, Completed],
    ] {
        let town = Town::new();
        for (at, happening) in (0_i64..).zip(events) {
            tell(&town, happening, at);
        }
        settle(&town);
        assert_eq!(
            link(&town.orders.only(), &town),
            Standing::Revoked,
            "{events:?}"
        );
        assert!(
            mailed(&town).is_empty(),
            "{events:?}: no mail for what was given back"
        );
    }
}

#[test]
fn a_refund_that_fails_gives_a_new_link_by_mail() {
    let town = Town::new();
    tell(&town, Completed, 0);
    settle(&town);
    let first = mailed(&town);
    tell(&town, RefundCreated, 10);
    settle(&town);
    assert!(!opens(&town, &first[0]));
    tell(&town, RefundFailed, 20);
    settle(&town);
    let all = mailed(&town);
    assert_eq!(all.len(), 2);
    assert!(!opens(&town, &first[0]));
    assert!(opens(
        &town,
        all.iter().find(|url| **url != first[0]).unwrap()
    ));
}

#[test]
fn an_inquiry_changes_nothing() {
    let town = Town::new();
    tell(&town, Completed, 0);
    assert_eq!(tell(&town, Inquiry, 1), Received::Noted);
    settle(&town);
    assert!(opens(&town, &mailed(&town)[0]));
}

#[test]
fn a_repeated_event_is_known() {
    let town = Town::new();
    assert_eq!(tell(&town, RefundCreated, 1), Received::Noted);
    assert_eq!(tell(&town, RefundCreated, 1), Received::Known);
}

#[test]
fn partial_refunds_do_as_the_setting_says() {
    for (setting, expected) in [
        (PartialRefunds::Keep, Standing::Ready),
        (PartialRefunds::Revoke, Standing::Revoked),
    ] {
        let mut town = Town::new();
        town.settings.stripe.partial_refunds = setting;
        tell(&town, Completed, 0);
        settle(&town);
        let part = ChargeRefunded
            .event(1)
            .replace(r#""amount_refunded":4900"#, r#""amount_refunded":4899"#);
        assert_eq!(deliver(&town, &part).unwrap(), Received::Noted);
        settle(&town);
        assert_eq!(link(&town.orders.only(), &town), expected, "{setting:?}");
    }
}

#[test]
fn what_waits_for_its_purchase_is_there_when_it_comes_late() {
    let town = Town::new();
    tell(&town, Unpaid, 0);
    tell(&town, Disputed, 5);
    assert!(town.orders.orders.borrow().is_empty());
    town.wait(3 * 24 * 3_600);
    tell(&town, LatePayment, 4);
    settle(&town);
    assert_eq!(link(&town.orders.only(), &town), Standing::Revoked);
}

/// A session whose event says nothing of what it is about.
fn nameless(town: &Town) -> String {
    town.stripe
        .sessions
        .borrow_mut()
        .insert("cs_test_1".to_owned(), session_with_prices(&["price_demo"]));
    Completed
        .event(0)
        .replace(r#""metadata":{"product":"demo"}"#, r#""metadata":{}"#)
}

fn session_with_prices(prices: &[&str]) -> Value {
    let event: Value = serde_json::from_str(&Completed.event(0)).unwrap();
    let mut session = event["data"]["object"].clone();
    session["metadata"] = json!({});
    let data: Vec<Value> = prices
        .iter()
        .map(|price| json!({ "id": "li_1", "price": { "id": price } }))
        .collect();
    session["line_items"] = json!({ "data": data, "has_more": false });
    session
}

fn town_with_prices() -> Town {
    let mut town = Town::new();
    town.settings.products[0].prices = vec!["price_demo".to_owned()];
    town
}

#[test]
fn stripe_is_asked_what_a_session_is_about_until_it_answers() {
    let town = town_with_prices();
    let event = nameless(&town);
    let down = || ApiError::Unavailable("down".to_owned());
    town.stripe.errors.borrow_mut().extend([down(), down()]);
    assert_eq!(deliver(&town, &event).unwrap(), Received::Recorded);
    assert_eq!(
        town.stripe.asked.get(),
        0,
        "the webhook does not wait for Stripe"
    );
    assert!(town.ring(None).is_err());
    settle(&town);
    assert_eq!((town.stripe.asked.get(), mailed(&town).len()), (3, 1));
    assert!(opens(&town, &mailed(&town)[0]));
}

#[test]
fn a_session_about_nothing_of_ours_is_forgotten() {
    let town = town_with_prices();
    let event = nameless(&town);
    let other = session_with_prices(&["price_other"]);
    town.stripe
        .sessions
        .borrow_mut()
        .insert("cs_test_1".to_owned(), other);
    deliver(&town, &event).unwrap();
    town.ring(None).unwrap();
    assert!(town.orders.orders.borrow().is_empty());
    assert!(town.payments.payments.borrow().is_empty());
}

#[test]
fn a_refund_before_a_session_is_named_ends_in_no_mail() {
    let town = town_with_prices();
    let event = nameless(&town);
    tell(&town, RefundCreated, 9);
    deliver(&town, &event).unwrap();
    settle(&town);
    assert_eq!(link(&town.orders.only(), &town), Standing::Revoked);
    assert!(mailed(&town).is_empty());
}

/// What can go wrong at a step.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    order: Option<Fault>,
    payment: Option<Fault>,
    mail: Option<Fault>,
    /// The order's object dies at this decision.
    dies_at: Option<u32>,
    /// Which alarms ring after the event.
    rings: (bool, bool),
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::NotDone)),
        1 => Just(Some(Fault::DoneButFailed)),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let dies_at = prop_oneof![2 => Just(None), 1 => (0..7_u32).prop_map(Some)];
    (fault(), fault(), fault(), dies_at, any::<(bool, bool)>()).prop_map(
        |(order, payment, mail, dies_at, rings)| Trouble {
            order,
            payment,
            mail,
            dies_at,
            rings,
        },
    )
}

/// A purchase's story, and whether its money is the shop's at its end.
fn story() -> impl Strategy<Value = (Vec<Happening>, bool)> {
    prop::sample::select(vec![
        (vec![Completed], true),
        (vec![Unpaid, LatePayment], true),
        (vec![Completed, RefundCreated, ChargeRefunded], false),
        (
            vec![Completed, RefundCreated, ChargeRefunded, RefundFailed],
            true,
        ),
        (vec![Completed, Inquiry, Disputed], false),
        (vec![Completed, Disputed, UnderReview, Won], true),
        (vec![Unpaid, LatePayment, Disputed, Lost], false),
        (vec![Completed, Disputed, Won, RefundCreated], false),
        (
            vec![Completed, RefundCreated, RefundFailed, Disputed, Won],
            true,
        ),
        (
            vec![Completed, RefundCreated, RefundFailed, Disputed, Lost],
            false,
        ),
    ])
}

/// All of a story's events, some twice, in any order of arrival; with the trouble at each.
fn arrivals() -> impl Strategy<Value = (bool, Vec<(i64, Happening, Trouble)>)> {
    story().prop_flat_map(|(story, paid)| {
        let dated: Vec<(i64, Happening)> = (0_i64..).zip(story).collect();
        let again = prop::sample::subsequence(dated.clone(), 0..=dated.len());
        let all = again.prop_flat_map(move |again| {
            let all: Vec<_> = dated.iter().copied().chain(again).collect();
            Just(all).prop_shuffle()
        });
        let troubled = all.prop_flat_map(|all| {
            let troubles = prop::collection::vec(trouble(), all.len());
            troubles.prop_map(move |troubles| {
                let pairs = all.iter().zip(troubles);
                pairs
                    .map(|((at, what), trouble)| (*at, *what, trouble))
                    .collect()
            })
        });
        (Just(paid), troubled)
    })
}

proptest! {
    #[test]
    fn any_order_and_any_trouble_end_in_the_same_state((paid, arrivals) in arrivals()) {
        let town = Town::new();
        for (at, happening, trouble) in &arrivals {
            town.orders.faults.borrow_mut().extend(trouble.order);
            town.payments.faults.borrow_mut().extend(trouble.payment);
            town.mailer.faults.borrow_mut().extend(trouble.mail);
            tell(&town, *happening, *at);
            if trouble.rings.0 && !town.orders.orders.borrow().is_empty() {
                let _ = town.ring(trouble.dies_at);
            }
            if trouble.rings.1 {
                let _ = town.ring_payments();
            }
            town.wait(40);
        }
        town.orders.faults.borrow_mut().clear();
        town.payments.faults.borrow_mut().clear();
        settle(&town);

        let order = town.orders.only();
        prop_assert_eq!(order.stripe.is_withdrawn(), !paid);
        let current = link(&order, &town);
        prop_assert_eq!(current, if paid { Standing::Ready } else { Standing::Revoked });
        let mails = mailed(&town);
        let live: Vec<_> = mails.iter().filter(|url| opens(&town, url)).collect();
        // Exactly one mail carries a link that works; one mail per purchase and restoration is all that is sent.
        prop_assert_eq!(live.len(), usize::from(paid));
        prop_assert!(mails.len() <= order.items[0].links.len(), "{} mails", mails.len());
    }
}

#[test]
fn no_mail_goes_out_for_what_was_given_back_while_its_payment_does_not_answer() {
    let town = Town::new();
    tell(&town, RefundCreated, 0);
    tell(&town, Completed, 1);
    let faults = [Fault::NotDone, Fault::NotDone, Fault::NotDone];
    town.payments.faults.borrow_mut().extend(faults);
    settle(&town);
    assert_eq!(town.mailer.calls.get(), 0);
    assert_eq!(link(&town.orders.only(), &town), Standing::Revoked);
}

#[test]
fn a_payment_that_does_not_answer_for_hours_is_told_and_keeps_no_mail_for_longer() {
    let town = Town::new();
    tell(&town, Completed, 0);
    let faults = std::iter::repeat_n(Fault::NotDone, 12);
    town.payments.faults.borrow_mut().extend(faults);
    let mut mailed_after = None;
    for _ in 0..40 {
        let order = town.orders.only();
        let Some(at) = order.next_alarm(&town.settings.limits) else {
            break;
        };
        town.wait(at.secs_since(town.now()).max(1));
        let _ = town.ring(None);
        if town.mailer.calls.get() > 0 {
            mailed_after.get_or_insert(town.now().secs_since(PAID_AT));
        }
    }
    let hours = mailed_after.unwrap() / 3_600;
    assert_eq!((hours, town.mailer.calls.get()), (6, 1));
    let told = town.operator.heard.borrow();
    assert!(told.iter().any(|cause| cause.code == Code::OrderFailing));
    assert!(town.orders.only().stripe.due_at().is_none(), "it goes on");
}

#[test]
fn what_stripe_does_not_tell_for_hours_is_told() {
    let town = town_with_prices();
    let event = nameless(&town);
    deliver(&town, &event).unwrap();
    for _ in 0..6 {
        let down = ApiError::Unavailable("down".to_owned());
        town.stripe.errors.borrow_mut().push_back(down);
        let due_at = town.orders.only().next_alarm(&town.settings.limits);
        town.wait(due_at.unwrap().secs_since(town.now()).max(1));
        assert!(town.ring(None).is_err());
    }
    let told = town.operator.heard.borrow();
    assert_eq!(told[0].code, Code::OrderFailing);
    assert_eq!(told[0].subject, "cs_test_1");
}

#[test]
fn a_price_of_no_product_beside_one_of_ours_is_told() {
    let town = town_with_prices();
    let event = nameless(&town);
    let session = session_with_prices(&["price_demo", "price_new"]);
    let sessions = &town.stripe.sessions;
    sessions
        .borrow_mut()
        .insert("cs_test_1".to_owned(), session);
    deliver(&town, &event).unwrap();
    settle(&town);
    assert_eq!(mailed(&town).len(), 1, "what is known is mailed");
    let told = town.operator.heard.borrow();
    assert_eq!(
        (told[0].code, told[0].subject.as_str()),
        (Code::UnknownProduct, "price_new")
    );
}
