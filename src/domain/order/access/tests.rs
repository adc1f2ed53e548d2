use super::*;
use crate::domain::mail::{Outcome, Schedule};
use crate::domain::order::fixtures::{PAID_AT, browser, id, new_item, purchase};
use crate::domain::order::{Command, Reply};

fn decide(state: Option<Order>, command: Command, now: Timestamp) -> (Option<Order>, Reply) {
    crate::domain::order::decide(state, command, &Limits::default(), now)
}

fn record(named: bool) -> Command {
    let mut purchase = purchase();
    let mut items = vec![new_item()];
    if !named {
        purchase.products.clear();
        items.clear();
    }
    Command::Record {
        purchase,
        origin: "https://shop.example".to_owned(),
        items,
        mail: true,
    }
}

fn hear(revision: u64, withdrawal: Option<Withdrawal>) -> Command {
    Command::Stripe(StripeCommand::Hear {
        withdrawal,
        revision,
        fresh: id(9),
    })
}

/// The order after these commands, an hour apart.
fn after(commands: &[Command]) -> Option<Order> {
    let mut now = PAID_AT;
    commands.iter().cloned().fold(None, |state, command| {
        now = now.plus_secs(3_600);
        decide(state, command, now).0
    })
}

fn standings(order: &Order) -> Vec<Standing> {
    let now = PAID_AT.plus_secs(20_000);
    let standings = order.items.iter().filter_map(|item| {
        let link = item.links.last()?;
        Some(item.standing(link, &Limits::default(), now))
    });
    standings.collect()
}

/// The first mail was taken.
fn sent() -> Command {
    Command::MailTried {
        edition: 0,
        outcome: Outcome::Sent,
        schedule: Schedule::new(1),
    }
}

#[test]
fn the_money_goes_and_so_does_the_link() {
    let order = after(&[record(true), sent(), hear(1, Some(Withdrawal::Refunded))]).unwrap();
    assert_eq!(standings(&order), [Standing::Revoked]);
    assert!(order.stripe.is_withdrawn());
    assert!(
        !order
            .ended_links(&Limits::default(), PAID_AT.plus_secs(20_000))
            .is_empty(),
        "KV is told"
    );
}

#[test]
fn a_mail_that_was_not_sent_yet_is_cancelled() {
    let order = after(&[record(true), hear(1, Some(Withdrawal::Refunded))]).unwrap();
    assert_eq!(order.mail_due_at(), None);
}

#[test]
fn the_money_comes_back_and_a_new_link_is_mailed() {
    let before = after(&[record(true), sent()]).unwrap();
    let order = after(&[
        record(true),
        sent(),
        hear(1, Some(Withdrawal::Disputed)),
        hear(2, None),
    ])
    .unwrap();
    assert_eq!(standings(&order), [Standing::Ready]);
    let (old, new) = (&before.items[0].links[0].jti, &order.items[0].links[1].jti);
    assert_ne!(old, new);
    assert!(order.mail_due_at().is_some());
    assert!(!order.stripe.is_withdrawn());
}

#[test]
fn a_restored_mail_has_a_key_of_its_own() {
    let mut keys = Vec::new();
    let registered = Command::Stripe(StripeCommand::Registered);
    let mut state = after(&[record(true), registered]);
    let mut now = PAID_AT.plus_secs(2 * 3_600);
    for words in [
        vec![],
        vec![hear(1, Some(Withdrawal::Disputed)), hear(2, None)],
    ] {
        for word in words {
            state = decide(state, word, now).0;
        }
        let start = Command::StartMail {
            fresh: id(7),
            schedule: Schedule::new(1),
        };
        let (after, reply) = decide(state, start, now);
        let Reply::MailJob(Some(job)) = reply else {
            panic!("{reply:?}");
        };
        keys.push(job.idempotency_key);
        let taken = Command::MailTried {
            edition: job.edition,
            outcome: Outcome::Sent,
            schedule: Schedule::new(1),
        };
        state = decide(after, taken, now).0;
        now = now.plus_secs(3_600);
    }
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn an_older_word_changes_nothing() {
    let words = [
        record(true),
        hear(2, Some(Withdrawal::Refunded)),
        hear(1, None),
    ];
    assert!(after(&words).unwrap().stripe.is_withdrawn());
    let repeated = [
        record(true),
        hear(1, Some(Withdrawal::Refunded)),
        hear(1, None),
    ];
    assert!(after(&repeated).unwrap().stripe.is_withdrawn());
}

#[test]
fn what_the_operator_took_back_no_dispute_brings_again() {
    let revoke = Command::Revoke { jti: None };
    let (went, came) = (hear(1, Some(Withdrawal::Disputed)), hear(2, None));
    for commands in [
        [record(true), revoke.clone(), went.clone(), came.clone()],
        [record(true), went.clone(), revoke.clone(), came.clone()],
    ] {
        let order = after(&commands).unwrap();
        assert_eq!(standings(&order), [Standing::Revoked]);
        assert_eq!(order.mail_due_at(), None);
    }
}

#[test]
fn what_the_operator_gives_in_spite_of_a_dispute_ends_when_it_is_lost() {
    let issue = Command::Issue {
        product: None,
        jti: id(8),
    };
    let mut commands = vec![
        record(true),
        sent(),
        hear(1, Some(Withdrawal::Disputed)),
        issue,
    ];
    assert_eq!(standings(&after(&commands).unwrap()), [Standing::Ready]);
    commands.push(hear(2, Some(Withdrawal::DisputeLost)));
    assert_eq!(standings(&after(&commands).unwrap()), [Standing::Revoked]);
}

fn errands(state: Option<Order>, now: Timestamp) -> (Option<Order>, Errands) {
    match decide(state, Command::Stripe(StripeCommand::StartErrands), now) {
        (state, Reply::Stripe(StripeReply::Errands(errands))) => (state, errands),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_payment_is_told_until_it_knows() {
    let state = decide(None, record(true), PAID_AT).0;
    let (state, first) = errands(state, PAID_AT);
    assert_eq!(first.register.unwrap().0.as_str(), "pi_1");
    // The attempt failed, and nobody said so: it is due again, a little later.
    let (state, none) = errands(state, PAID_AT);
    assert_eq!(none.register, None);
    let due_at = state.as_ref().unwrap().stripe.due_at().unwrap();
    assert_eq!(due_at.secs_since(PAID_AT), PAUSES_SECS[0]);
    let (state, again) = errands(state, due_at);
    assert!(again.register.is_some());
    let registered = Command::Stripe(StripeCommand::Registered);
    let state = decide(state, registered, due_at).0.unwrap();
    assert_eq!(state.stripe.due_at(), None);
}

#[test]
fn what_fails_for_an_hour_is_stuck() {
    let mut state = decide(None, record(true), PAID_AT).0;
    while let Some(order) = state.as_ref().filter(|order| !order.stripe.is_stuck()) {
        let due_at = order.stripe.due_at().unwrap();
        assert!(due_at.secs_since(PAID_AT) < 2 * 3_600, "{order:?}");
        state = errands(state, due_at).0;
    }
    let due_at = state.unwrap().stripe.due_at().unwrap();
    assert!(due_at.secs_since(PAID_AT) > 3_600);
}

#[test]
fn a_free_purchase_and_one_from_elsewhere_have_no_errands() {
    let Command::Record { purchase, .. } = record(true) else {
        panic!("a record");
    };
    let free = Purchase {
        payment_intent: None,
        ..purchase
    };
    assert_eq!(StripeSide::of(&free, PAID_AT), StripeSide::default());
}

#[test]
fn products_are_asked_for_first_and_mailed_when_they_are_known() {
    let state = decide(None, record(false), PAID_AT).0;
    assert_eq!(state.as_ref().unwrap().mail_due_at(), None);
    let (state, first) = errands(state, PAID_AT);
    assert!(first.name && first.register.is_none());
    let (state, reply) = decide(state, record(true), PAID_AT);
    assert!(matches!(reply, Reply::Recorded { new: false, .. }));
    assert_eq!(state.as_ref().unwrap().purchase.products.len(), 1);
    assert!(state.as_ref().unwrap().mail_due_at().is_some());
    let (_, then) = errands(state.clone(), PAID_AT);
    assert!(!then.name && then.register.is_some());
    let (again, reply) = decide(state.clone(), record(true), PAID_AT);
    assert!(matches!(reply, Reply::Recorded { new: false, .. }));
    assert_eq!(again, state);
}

#[test]
fn what_is_refunded_before_it_is_named_gets_no_link_that_works() {
    let order = after(&[
        record(false),
        hear(1, Some(Withdrawal::Refunded)),
        record(true),
    ])
    .unwrap();
    assert_eq!(standings(&order), [Standing::Revoked]);
    assert_eq!(order.mail_due_at(), None);
}

#[test]
fn an_order_is_forgotten_only_while_it_is_about_nothing() {
    let forget = Command::Stripe(StripeCommand::Forget);
    assert_eq!(after(&[record(false), forget.clone()]), None);
    assert!(after(&[record(true), forget]).is_some());
}

#[test]
fn links_are_told_as_they_stand_for_who_asks() {
    let redeem = Command::Redeem {
        jti: id(1),
        browser: browser(1),
        lease: id(2),
    };
    let state = decide(None, record(true), PAID_AT).0;
    let state = decide(state, redeem, PAID_AT).0;
    for (who, expected) in [
        (1, Standing::Yours),
        (
            2,
            Standing::InProgress {
                retry_after_secs: 60,
            },
        ),
    ] {
        let ask = Command::Stripe(StripeCommand::Links {
            browser: browser(who),
        });
        let (after, reply) = decide(state.clone(), ask, PAID_AT);
        let Reply::Stripe(StripeReply::Links(report)) = reply else {
            panic!("{reply:?}");
        };
        assert_eq!((report.links.len(), report.links[0].0), (1, expected));
        assert_eq!(after, state);
    }
}

#[test]
fn stripe_side_format_unchanged() {
    let order = after(&[record(false), hear(3, Some(Withdrawal::Disputed))]).unwrap();
    assert_eq!(
        serde_json::to_string(&order.stripe).unwrap(),
        concat!(
            r#"{"register":{"due_at":1700003600,"attempts":0},"name":{"due_at":1700003600,"attempts":0},"#,
            r#""revision":3,"withdrawn":{"why":"Disputed","since":1700007200,"links":[]}}"#
        )
    );
}
