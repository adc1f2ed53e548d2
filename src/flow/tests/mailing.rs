//! The mail and the operator's alarm, with everything failing that can.

use pollster::block_on;
use proptest::prelude::*;

use super::buying::{buy, ring_on};
use crate::domain::mail::{Mail, Outcome};
use crate::flow::failure::Failure;
use crate::flow::fakes::{Fault, Town};

/// Rings once, when the order wants to.
fn ring(town: &Town, dies_at: Option<u32>) -> Result<(), Failure> {
    let order = town.orders.only();
    let Some(at) = order.next_alarm(&town.orders.limits.get()) else {
        return Ok(());
    };
    town.wait(at.secs_since(town.now()).max(1));
    town.ring(dies_at)
}

fn refused() -> Outcome {
    Outcome::Refused {
        why: "Resend 401 missing_api_key".to_owned(),
        retry_after_secs: None,
    }
}

#[derive(Clone, Copy, Debug)]
struct Misfortune {
    mail: Option<Fault>,
    operator: Option<Fault>,
    kv_is_down: bool,
    dies_at: Option<u32>,
}

fn misfortunes() -> impl Strategy<Value = Vec<Misfortune>> {
    let fault =
        || prop::sample::select(vec![None, Some(Fault::NotDone), Some(Fault::DoneButFailed)]);
    let one = (fault(), fault(), any::<bool>(), prop::option::of(0_u32..6)).prop_map(
        |(mail, operator, kv_is_down, dies_at)| Misfortune {
            mail,
            operator,
            kv_is_down,
            dies_at,
        },
    );
    // Eight attempts stay within the twenty hours for which a text is kept.
    prop::collection::vec(one, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_fails_the_buyer_gets_one_mail_whose_link_works(misfortunes in misfortunes()) {
        let town = Town::new();
        buy(&town).unwrap();
        for misfortune in misfortunes {
            town.mailer.faults.borrow_mut().clear();
            town.mailer.faults.borrow_mut().extend(misfortune.mail);
            town.operator.faults.borrow_mut().clear();
            town.operator.faults.borrow_mut().extend(misfortune.operator);
            town.kv.down.set(misfortune.kv_is_down);
            let _ = ring(&town, misfortune.dies_at);
        }
        town.mailer.faults.borrow_mut().clear();
        town.operator.faults.borrow_mut().clear();
        town.kv.down.set(false);
        ring_on(&town);
        let mails: Vec<_> = town.mailer.sent.borrow().values().cloned().collect();
        prop_assert_eq!(mails.len(), 1);
        let token = mails[0].links[0].split_once("token=").unwrap().1;
        prop_assert!(block_on(town.world().look(token, None, town.now())).is_ok());
    }

    #[test]
    fn whatever_fails_the_operator_hears_of_a_mail_that_never_will_go_out(misfortunes in misfortunes()) {
        let town = Town::new();
        buy(&town).unwrap();
        let never = Outcome::Never { why: "Resend 422".to_owned() };
        *town.mailer.answer.borrow_mut() = Some(never);
        for misfortune in misfortunes {
            town.operator.faults.borrow_mut().clear();
            town.operator.faults.borrow_mut().extend(misfortune.operator);
            town.kv.down.set(misfortune.kv_is_down);
            let _ = ring(&town, misfortune.dies_at);
        }
        town.operator.faults.borrow_mut().clear();
        town.kv.down.set(false);
        ring_on(&town);
        prop_assert_eq!(town.operator.codes(), ["mail-failed"]);
        prop_assert_eq!(&town.operator.heard.borrow()[0].subject, "cs_test_1");
    }
}

/// Beyond the twenty hours for which a text is kept.
fn days_of_misfortune() -> impl Strategy<Value = Vec<Option<Fault>>> {
    let fault = prop::sample::select(vec![Some(Fault::NotDone), Some(Fault::DoneButFailed)]);
    prop::collection::vec(fault, 12..18)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_mail_that_was_taken_unheard_and_composed_anew_leaves_one_link_that_works(faults in days_of_misfortune()) {
        let town = Town::new();
        buy(&town).unwrap();
        for fault in faults {
            town.mailer.faults.borrow_mut().clear();
            town.mailer.faults.borrow_mut().extend(fault);
            let _ = ring(&town, None);
        }
        town.mailer.faults.borrow_mut().clear();
        ring_on(&town);
        let mails: Vec<_> = town.mailer.sent.borrow().values().cloned().collect();
        let works = |mail: &&Mail| {
            let token = mail.links[0].split_once("token=").unwrap().1;
            block_on(town.world().look(token, None, town.now())).is_ok()
        };
        prop_assert_eq!(mails.iter().filter(works).count(), 1, "the last mail's");
        let order = town.orders.only();
        prop_assert!(mails.len() <= order.items[0].links.len(), "one mail per link at most");
        prop_assert!(order.items[0].links.len() > 1, "an edition was crossed");
    }
}

#[test]
fn a_mail_that_was_taken_unheard_is_followed_by_another_after_a_day_and_its_link_dies() {
    let town = Town::new();
    buy(&town).unwrap();
    town.mailer
        .faults
        .borrow_mut()
        .push_back(Fault::DoneButFailed);
    let _ = ring(&town, None);
    let calls = town.mailer.calls.get();
    *town.mailer.answer.borrow_mut() = Some(Outcome::no_answer("down"));
    while town.mailer.calls.get() < calls + 9 {
        let _ = ring(&town, None);
    }
    *town.mailer.answer.borrow_mut() = None;
    ring_on(&town);
    let sent = town.mailer.sent.borrow();
    let links = town.orders.only().items[0].links.len();
    assert_eq!(
        (sent.len(), links),
        (2, 2),
        "nobody used it: the old link dies, and a new mail says so"
    );
}

#[test]
fn a_provider_that_refuses_us_is_told_of_and_the_mail_goes_out_once_that_is_mended() {
    let town = Town::new();
    buy(&town).unwrap();
    *town.mailer.answer.borrow_mut() = Some(refused());
    let bought_at = town.now();
    while town.now().secs_since(bought_at) < 5 * 24 * 3_600 {
        let _ = ring(&town, None);
    }
    let told = town.operator.codes();
    assert_eq!(told, ["mail-refused", "mail-stuck"]);
    assert_eq!(
        town.operator.heard.borrow()[0].subject,
        "outbox",
        "the provider"
    );
    *town.mailer.answer.borrow_mut() = None;
    ring_on(&town);
    assert_eq!(town.mailer.sent.borrow().len(), 1);
}

/// The clock of an attempt is the answer's: a refusal that took a while is followed by no shorter pause.
#[test]
fn pauses_are_counted_from_the_answer_on() {
    let later = |retry_after_secs| Outcome::Later {
        why: "Resend 503".to_owned(),
        retry_after_secs,
    };
    // Without a wish of the provider's, the first pause is half a minute.
    for (outcome, pause_secs) in [
        (refused(), 3_600),
        (later(Some(600)), 600),
        (later(None), 30),
    ] {
        let town = Town::new();
        buy(&town).unwrap();
        town.mailer.takes_secs.set(14);
        *town.mailer.answer.borrow_mut() = Some(outcome);
        let _ = ring(&town, None);
        let due_at = town.orders.only().mail_due_at().unwrap();
        assert_eq!(due_at.secs_since(town.now()), 14 + pause_secs);
    }
}

#[test]
fn a_provider_that_is_down_for_hours_is_told_of_and_in_the_end_given_up() {
    let town = Town::new();
    buy(&town).unwrap();
    *town.mailer.answer.borrow_mut() = Some(Outcome::no_answer("no answer in time"));
    let bought_at = town.now();
    while town.now().secs_since(bought_at) < 5 * 3_600 {
        let _ = ring(&town, None);
    }
    assert_eq!(
        town.operator.codes(),
        [""; 0],
        "nobody is woken for a moment"
    );
    ring_on(&town);
    assert_eq!(town.operator.codes(), ["mail-stuck", "mail-failed"]);
    assert!(town.mailer.sent.borrow().is_empty());
}

#[test]
fn a_product_that_is_missing_is_told_of() {
    let mut town = Town::new();
    buy(&town).unwrap();
    town.settings.products.clear();
    assert!(matches!(ring(&town, None), Err(Failure::ProductMissing(_))));
    assert_eq!(town.operator.codes(), ["unknown-product"]);
    assert_eq!(town.operator.heard.borrow()[0].subject, "demo");
}

#[test]
fn kv_that_is_down_is_told_of_after_hours_alone() {
    let town = Town::new();
    buy(&town).unwrap();
    town.kv.down.set(true);
    assert!(town.ring(None).is_err());
    assert_eq!(town.operator.codes(), [""; 0]);
    town.wait(7 * 3_600);
    assert!(town.ring(None).is_err());
    assert_eq!(town.operator.codes(), ["order-failing"]);
}
