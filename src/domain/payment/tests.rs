use proptest::prelude::*;

use super::*;
use crate::domain::json;
use crate::domain::time::Timestamp;

const PRICE: i64 = 4_900;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn order() -> OrderId {
    OrderId::from_session("cs_test_1").unwrap()
}

fn register() -> PaymentCommand {
    PaymentCommand::Register {
        order: order(),
        amount: Some(Amount {
            total: PRICE,
            currency: "eur".to_owned(),
        }),
    }
}

fn charge(secs: i64, refunded: i64) -> PaymentCommand {
    PaymentCommand::Learn(Fact::Charge {
        at: at(secs),
        charge: Charge {
            refunded,
            captured: PRICE,
        },
    })
}

fn refund(secs: i64, id: &str, status: RefundStatus, amount: i64) -> PaymentCommand {
    PaymentCommand::Learn(Fact::Refund {
        at: at(secs),
        id: id.to_owned(),
        refund: Refund {
            status,
            amount,
            currency: "eur".to_owned(),
        },
    })
}

fn dispute(secs: i64, id: &str, status: DisputeStatus) -> PaymentCommand {
    PaymentCommand::Learn(Fact::Dispute {
        at: at(secs),
        id: id.to_owned(),
        dispute: Dispute { status },
    })
}

fn after(commands: &[PaymentCommand]) -> Payment {
    let all = commands.iter().cloned();
    all.fold(None, |state, command| decide(state, command).0)
        .unwrap()
}

fn standing(commands: &[PaymentCommand]) -> Standing {
    let mut all = commands.to_vec();
    all.push(register());
    after(&all).standing()
}

#[test]
fn what_the_facts_come_to() {
    use DisputeStatus::{Appealed, Harmless, Lost, Open, Won};
    use RefundStatus::{Given, Undone};
    for (what, facts, expected) in [
        ("nothing", vec![], Standing::Paid),
        (
            "a full refund",
            vec![refund(1, "re_1", Given, PRICE)],
            Standing::Refunded,
        ),
        (
            "the charge alone",
            vec![charge(1, PRICE)],
            Standing::Refunded,
        ),
        ("a part", vec![charge(1, 100)], Standing::PartlyRefunded),
        (
            "two halves",
            vec![
                refund(1, "re_1", Given, 2_450),
                refund(2, "re_2", Given, 2_450),
            ],
            Standing::Refunded,
        ),
        (
            "a refund that failed",
            vec![
                charge(1, PRICE),
                refund(1, "re_1", Given, PRICE),
                refund(9, "re_1", Undone, PRICE),
            ],
            Standing::Paid,
        ),
        (
            "it failed in the same second",
            vec![
                charge(1, PRICE),
                refund(1, "re_1", Given, PRICE),
                refund(1, "re_1", Undone, PRICE),
            ],
            Standing::Paid,
        ),
        (
            "it failed, and another did not",
            vec![
                refund(1, "re_1", Undone, PRICE),
                refund(3, "re_2", Given, PRICE),
                charge(3, PRICE),
            ],
            Standing::Refunded,
        ),
        (
            "an inquiry",
            vec![dispute(1, "du_1", Harmless)],
            Standing::Paid,
        ),
        (
            "a dispute",
            vec![dispute(1, "du_1", Open)],
            Standing::Disputed,
        ),
        (
            "won",
            vec![dispute(1, "du_1", Open), dispute(9, "du_1", Won)],
            Standing::Paid,
        ),
        (
            "lost",
            vec![dispute(1, "du_1", Open), dispute(9, "du_1", Lost)],
            Standing::DisputeLost,
        ),
        (
            "lost, and appealed",
            vec![dispute(9, "du_1", Lost), dispute(10, "du_1", Appealed)],
            Standing::DisputeLost,
        ),
        (
            "won on appeal",
            vec![dispute(9, "du_1", Lost), dispute(20, "du_1", Won)],
            Standing::Paid,
        ),
        (
            "one won, one open",
            vec![dispute(1, "du_1", Won), dispute(2, "du_2", Open)],
            Standing::Disputed,
        ),
        (
            "won, but refunded",
            vec![dispute(9, "du_1", Won), refund(1, "re_1", Given, PRICE)],
            Standing::Refunded,
        ),
    ] {
        assert_eq!(standing(&facts), expected, "{what}");
    }
}

#[test]
fn a_refund_in_another_currency_is_no_full_one_until_the_charge_says_so() {
    let foreign = PaymentCommand::Learn(Fact::Refund {
        at: at(1),
        id: "re_1".to_owned(),
        refund: Refund {
            status: RefundStatus::Given,
            amount: 800_000,
            currency: "jpy".to_owned(),
        },
    });
    assert_eq!(
        standing(std::slice::from_ref(&foreign)),
        Standing::PartlyRefunded
    );
    let PaymentCommand::Learn(Fact::Charge { at, .. }) = charge(1, 0) else {
        panic!("a charge");
    };
    let charge = Charge {
        refunded: 800_000,
        captured: 800_000,
    };
    let told = PaymentCommand::Learn(Fact::Charge { at, charge });
    assert_eq!(standing(&[foreign, told]), Standing::Refunded);
}

#[test]
fn the_order_hears_each_change_once_it_is_known() {
    let mut payment = after(&[refund(1, "re_1", RefundStatus::Given, PRICE)]);
    assert!(!payment.has_tidings(), "nobody to tell");
    payment = decide(Some(payment), register()).0.unwrap();
    let (state, reply) = decide(Some(payment), PaymentCommand::Tidings);
    let PaymentReply::Tidings(Some((to, word))) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!((to, word.standing), (order(), Standing::Refunded));
    let told = PaymentCommand::Told {
        revision: word.revision,
    };
    let (state, _) = decide(state, told.clone());
    assert!(!state.as_ref().unwrap().has_tidings());
    // While one change was told, there was another.
    let failed = refund(2, "re_1", RefundStatus::Undone, PRICE);
    let (state, _) = decide(state, failed);
    let (state, _) = decide(state, told);
    assert!(state.unwrap().has_tidings());
}

#[test]
fn to_ask_leaves_no_trace() {
    assert_eq!(
        decide(None, PaymentCommand::Tidings),
        (None, PaymentReply::Tidings(None))
    );
}

#[test]
fn a_repeated_fact_is_nothing_new() {
    let fact = refund(1, "re_1", RefundStatus::Given, PRICE);
    let (state, first) = decide(None, fact.clone());
    assert_eq!(first, PaymentReply::Learned { new: true });
    let (again, second) = decide(state.clone(), fact);
    assert_eq!(
        (again, second),
        (state, PaymentReply::Learned { new: false })
    );
}

#[test]
fn payment_format_unchanged() {
    let payment = after(&[
        register(),
        charge(1, 100),
        refund(2, "re_1", RefundStatus::Undone, 100),
        dispute(3, "du_1", DisputeStatus::Open),
    ]);
    let json = serde_json::to_string(&payment).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"facts":{"charge":{"at":1700000001,"what":{"refunded":100,"captured":4900}},"#,
            r#""refunds":{"re_1":{"at":1700000002,"what":{"status":"Undone","amount":100,"currency":"eur"}}},"#,
            r#""disputes":{"du_1":{"at":1700000003,"what":{"status":"Open"}}}},"#,
            r#""order":["cs_test_1",{"total":4900,"currency":"eur"}],"revision":3,"told":0,"attempts":0}"#
        )
    );
    assert_eq!(json::read::<Payment>(&json).unwrap(), payment);
}

#[test]
fn names_of_payments() {
    assert_eq!(
        PaymentId::parse("pi_3Abc").unwrap().object_name(),
        "pi:pi_3Abc"
    );
    for bad in ["", "pi_", "ch_1", "pi_é", "pi_1/x", "pi:pi_1"] {
        assert_eq!(PaymentId::parse(bad), None, "{bad:?}");
    }
}

fn any_fact() -> impl Strategy<Value = PaymentCommand> {
    let (secs, which) = (0..4_i64, 0..2_u8);
    (secs, which, 0..8_u8).prop_map(|(secs, which, kind)| {
        let (re, du) = (format!("re_{which}"), format!("du_{which}"));
        match kind {
            0 => charge(secs, 2_450),
            1 => charge(secs, PRICE),
            2 => refund(secs, &re, RefundStatus::Given, 2_450),
            3 => refund(secs, &re, RefundStatus::Undone, 2_450),
            4 => dispute(secs, &du, DisputeStatus::Open),
            5 => dispute(secs, &du, DisputeStatus::Won),
            6 => dispute(secs, &du, DisputeStatus::Lost),
            _ => register(),
        }
    })
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_matters(
        (facts, shuffled) in prop::collection::vec(any_fact(), 1..8).prop_flat_map(|facts| {
            let twice: Vec<_> = facts.iter().chain(&facts).cloned().collect();
            (Just(facts), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(standing(&facts), standing(&shuffled));
    }
}

#[test]
fn an_order_that_can_not_be_told_is_told_of_and_asked_ever_more_rarely() {
    let mut payment = after(&[register(), charge(1, 4_900)]);
    let mut pauses = Vec::new();
    for attempt in 1..=6 {
        payment = decide(Some(payment), PaymentCommand::Tidings).0.unwrap();
        pauses.push(payment.pause_secs());
        assert_eq!(payment.deaf_order().is_some(), attempt >= 5, "{attempt}");
    }
    assert_eq!(pauses, [30, 120, 600, 1_800, 3_600, 3_600]);
    let revision = payment.word().revision;
    let told = decide(Some(payment), PaymentCommand::Told { revision })
        .0
        .unwrap();
    assert_eq!((told.deaf_order(), told.has_tidings()), (None, false));
}
