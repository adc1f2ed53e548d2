use super::fixtures::{PAID_AT, TTL_SECS, browser, id, new_item, purchase};
use super::*;
use crate::domain::json;
use crate::domain::mail::{Outcome, Schedule};

/// The rule, with the limits that a shop has if it says nothing.
fn decide(state: Option<Order>, command: Command, now: Timestamp) -> (Option<Order>, Reply) {
    super::decide(state, command, &Limits::default(), now)
}

fn record(mail: bool) -> Command {
    Command::Record {
        purchase: purchase(),
        origin: "https://shop.example".to_owned(),
        items: vec![new_item()],
        mail,
    }
}

fn start_mail() -> Command {
    Command::StartMail {
        fresh: id(50),
        schedule: Schedule::new(1),
    }
}

fn mail_tried(outcome: Outcome) -> Command {
    Command::MailTried {
        edition: 0,
        outcome,
        schedule: Schedule::new(1),
    }
}

fn recorded() -> Option<Order> {
    indexed(decide(None, record(true), PAID_AT).0)
}

/// KV knows of its links, and the address and the payment of it.
fn indexed(order: Option<Order>) -> Option<Order> {
    let registered = Command::Stripe(StripeCommand::Registered);
    let order = decide(order, registered, PAID_AT).0;
    let order = decide(order, Command::Indexed { jtis: vec![id(1)] }, PAID_AT).0;
    decide(order, Command::AddressKnows, PAID_AT).0
}

#[test]
fn a_purchase_is_recorded_once() {
    let (first, reply) = decide(None, record(true), PAID_AT);
    assert_eq!(
        reply,
        Reply::Recorded {
            new: true,
            purchase: purchase()
        }
    );
    let mut again = record(true);
    if let Command::Record {
        purchase, items, ..
    } = &mut again
    {
        purchase.buyer.email = "eve@example.com".to_owned();
        items[0].jti = id(99);
    }
    let (second, reply) = decide(first.clone(), again, PAID_AT.plus_secs(5));
    assert_eq!(
        reply,
        Reply::Recorded {
            new: false,
            purchase: purchase()
        }
    );
    assert_eq!(first, second);
}

#[test]
fn nothing_but_a_purchase_makes_an_order() {
    let key = LeaseKey {
        jti: id(1),
        lease: id(2),
        browser: browser(1),
    };
    for command in [
        Command::Look {
            jti: id(1),
            browser: None,
        },
        Command::Redeem {
            jti: id(1),
            browser: browser(1),
            lease: id(2),
        },
        Command::Issue {
            product: None,
            jti: id(1),
        },
        Command::Open(key),
        start_mail(),
        mail_tried(Outcome::Sent),
    ] {
        assert_eq!(decide(None, command, PAID_AT), (None, Reply::Unknown));
    }
}

#[test]
fn looking_changes_nothing() {
    let order = recorded();
    let (after, reply) = decide(
        order.clone(),
        Command::Look {
            jti: id(1),
            browser: Some(browser(1)),
        },
        PAID_AT,
    );
    assert_eq!(after, order);
    assert_eq!(
        reply,
        Reply::Stands {
            standing: Standing::Ready,
            view: fixtures::view()
        }
    );
    let (after, reply) = decide(
        order.clone(),
        Command::Look {
            jti: id(7),
            browser: None,
        },
        PAID_AT,
    );
    assert_eq!((after, reply), (order, Reply::Unknown));
}

#[test]
fn of_fifty_browsers_one_gets_the_lease() {
    let mut order = recorded();
    let mut won = 0;
    for n in 0..50 {
        let redeem = Command::Redeem {
            jti: id(1),
            browser: browser(n),
            lease: id(100 + n),
        };
        let (after, reply) = decide(order, redeem, PAID_AT);
        match reply {
            Reply::Leased { .. } => won += 1,
            Reply::Stands {
                standing: Standing::InProgress { retry_after_secs },
                ..
            } => assert_eq!(retry_after_secs, 60),
            other => panic!("{other:?}"),
        }
        order = after;
    }
    assert_eq!(won, 1);
}

#[test]
fn the_operator_gets_the_link_that_works_or_a_new_one() {
    let issue = |jti| Command::Issue {
        product: None,
        jti: id(jti),
    };
    let jti_of = |reply: Reply| match reply {
        Reply::Issued(view) => view.jti,
        other => panic!("{other:?}"),
    };
    let (order, reply) = decide(recorded(), issue(2), PAID_AT);
    assert_eq!(jti_of(reply), id(1));
    // A link whose time is nearly over is none to give to anybody.
    let later = PAID_AT.plus_secs(TTL_SECS / 2 + 1);
    let (order, reply) = decide(order, issue(3), later);
    assert_eq!(jti_of(reply), id(3));
    let (order, reply) = decide(
        order,
        Command::Look {
            jti: id(1),
            browser: None,
        },
        later,
    );
    assert!(matches!(
        reply,
        Reply::Stands {
            standing: Standing::Superseded,
            ..
        }
    ));
    let (_, reply) = decide(
        order,
        Command::Look {
            jti: id(3),
            browser: None,
        },
        later,
    );
    assert!(matches!(
        reply,
        Reply::Stands {
            standing: Standing::Ready,
            ..
        }
    ));
}

#[test]
fn a_product_that_was_not_bought_has_no_link() {
    let other = ProductId::parse("other").unwrap();
    let issue = Command::Issue {
        product: Some(other),
        jti: id(2),
    };
    assert_eq!(decide(recorded(), issue, PAID_AT).1, Reply::NoSuchItem);
}

#[test]
fn the_mail_is_tried_with_growing_pauses_until_it_is_sent() {
    let mut order = recorded();
    let mut now = PAID_AT;
    for (attempt, pause) in [30, 120, 600, 1_800, 3_600, 14_400, 14_400]
        .iter()
        .enumerate()
    {
        assert_eq!(
            order.as_ref().unwrap().next_alarm(&Limits::default()),
            Some(now)
        );
        let (after, reply) = decide(order, start_mail(), now);
        let Reply::MailJob(Some(job)) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(usize::try_from(job.attempt).unwrap(), attempt + 1);
        assert_eq!(job.idempotency_key, "links/cs_test_1/0");
        // Nothing is due before the pause is over.
        assert_eq!(
            decide(after.clone(), start_mail(), now).1,
            Reply::MailJob(None)
        );
        now = now.plus_secs(*pause);
        order = after;
    }
    let (order, _) = decide(order, mail_tried(Outcome::Sent), now);
    assert_eq!(order.as_ref().unwrap().next_alarm(&Limits::default()), None);
    assert_eq!(
        decide(order, start_mail(), now.plus_secs(99_999)).1,
        Reply::MailJob(None)
    );
}

#[test]
fn a_purchase_made_elsewhere_sends_no_mail() {
    let order = indexed(decide(None, record(false), PAID_AT).0);
    assert_eq!(order.as_ref().unwrap().next_alarm(&Limits::default()), None);
    assert_eq!(decide(order, start_mail(), PAID_AT).1, Reply::MailJob(None));
}

#[test]
fn order_format_unchanged() {
    let order = recorded().unwrap();
    let license = new_item().license;
    let stored = format!(
        concat!(
            r#"{{"purchase":{{"order":"cs_test_1","products":["demo"],"buyer":{{"name":"Ada Lovelace","#,
            r#""organisation":"Engines Ltd","email":"ada@example.com","country":null,"tax_ids":[]}},"#,
            r#""purchased_at":1700000000,"payment_intent":"pi_1","amount":null}},"origin":"https://shop.example","items":[{{"product":"demo","#,
            r#""license":"{}","links":[{{"jti":"AQEBAQEBAQEBAQEBAQEBAQ","issued_at":1700000000,"#,
            r#""expires_at":1700086400,"superseded_at":null,"revoked_at":null,"delivered_at":null,"lease":null,"earlier":[],"#,
            r#""begun_etag":null,"sending_leases":0,"indexed":true,"buried":false}}],"deliveries":0,"renewals":0,"#,
            r#""replacements":0}}],"mail":{{"reason":"purchase","products":["demo"],"stage":"due","asked_at":1700000000,"#,
            r#""due_at":1700000000,"attempts":0,"unclear":0,"mail":null,"text_since":null,"edition":0,"trouble":null,"#,
            r#""refused_at":null,"sent_at":null,"failure":null}},"stripe":{{"register":null,"name":null,"revision":0,"withdrawn":null}},"address_knows":true}}"#
        ),
        license.as_str()
    );
    assert_eq!(serde_json::to_string(&order).unwrap(), stored);
    assert_eq!(json::read::<Order>(&stored).unwrap(), order);
}

/// Somebody redeems the first item's link, and a stream of it begins.
fn begin_first_link(order: &mut Order) {
    let limits = Limits::default();
    let link = &mut order.items[0].links[0];
    let terms = Terms {
        limits: &limits,
        left: 1,
        renewable: true,
        replaceable: true,
    };
    link.redeem(browser(1), id(9), terms, PAID_AT).unwrap();
    let key = LeaseKey {
        jti: id(1),
        lease: id(9),
        browser: browser(1),
    };
    let request = Request {
        range: 0..9,
        open_ended: true,
        total: 9,
        etag: "v1".to_owned(),
    };
    link.begin(&key, id(3), &request, &limits, PAID_AT).unwrap();
}

#[test]
fn a_mail_that_may_be_there_and_whose_link_is_in_use_is_not_composed_anew() {
    let (order, _) = decide(recorded(), start_mail(), PAID_AT);
    let mail = crate::domain::mail::fixtures::mail();
    let mut order = decide(order, Command::KeepMail { mail }, PAID_AT)
        .0
        .unwrap();
    begin_first_link(&mut order);
    let later = PAID_AT.plus_secs(TTL_SECS);
    let (order, reply) = decide(Some(order), start_mail(), later);
    assert_eq!(reply, Reply::MailJob(None));
    assert_eq!(order.unwrap().items[0].links.len(), 1);
}

#[test]
fn what_is_taken_back_opens_nothing() {
    let order = decide(
        recorded(),
        Command::Redeem {
            jti: id(1),
            browser: browser(1),
            lease: id(2),
        },
        PAID_AT,
    )
    .0;
    let (order, reply) = decide(order, Command::Revoke { jti: Some(id(9)) }, PAID_AT);
    assert_eq!(reply, Reply::Unknown);
    let (order, reply) = decide(order, Command::Revoke { jti: None }, PAID_AT);
    assert_eq!(reply, Reply::Revoked { links: 1 });
    let key = LeaseKey {
        jti: id(1),
        lease: id(2),
        browser: browser(1),
    };
    assert_eq!(
        decide(order.clone(), Command::Open(key), PAID_AT).1,
        Reply::Refused(LeaseRefusal::Over)
    );
    let look = Command::Look {
        jti: id(1),
        browser: Some(browser(1)),
    };
    let (order, reply) = decide(order, look, PAID_AT);
    assert!(matches!(
        reply,
        Reply::Stands {
            standing: Standing::Revoked,
            ..
        }
    ));
    // No mail brings it, KV is told at once, and the operator may give another.
    assert_eq!(
        decide(order.clone(), start_mail(), PAID_AT).1,
        Reply::MailJob(None)
    );
    assert_eq!(
        order
            .as_ref()
            .unwrap()
            .ended_links(&Limits::default(), PAID_AT)
            .len(),
        1
    );
    let issue = Command::Issue {
        product: None,
        jti: id(3),
    };
    assert!(matches!(decide(order, issue, PAID_AT).1, Reply::Issued(view) if view.jti == id(3)));
}

/// An order of two products, whose mail was tried, and may or may not have arrived.
fn two_items_tried() -> Option<Order> {
    let mut command = record(true);
    if let Command::Record {
        purchase, items, ..
    } = &mut command
    {
        let other = ProductId::parse("other").unwrap();
        purchase.products.push(other.clone());
        items.push(NewItem {
            product: other,
            jti: id(2),
            ..new_item()
        });
    }
    let mail = crate::domain::mail::Mail {
        to: "a@b".to_owned(),
        subject: "s".to_owned(),
        text: "t".to_owned(),
        html: "h".to_owned(),
        links: Vec::new(),
        ..crate::domain::mail::fixtures::mail()
    };
    let order = indexed(decide(None, command, PAID_AT).0);
    let order = decide(order, start_mail(), PAID_AT).0;
    decide(order, Command::KeepMail { mail }, PAID_AT).0
}

fn next_job(order: Option<Order>) -> MailJob {
    let later = PAID_AT.plus_secs(60);
    match decide(order, start_mail(), later).1 {
        Reply::MailJob(Some(job)) => *job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_link_in_use_does_not_keep_the_other_from_being_mailed() {
    let mut order = two_items_tried().unwrap();
    begin_first_link(&mut order);
    let job = next_job(Some(order));
    assert_eq!(job.idempotency_key, "links/cs_test_1/0");
    assert_eq!(job.links.len(), 2);
}

#[test]
fn a_kept_text_is_not_sent_with_links_that_are_dead() {
    let revoke = Command::Revoke { jti: Some(id(2)) };
    let job = next_job(decide(two_items_tried(), revoke, PAID_AT).0);
    assert_eq!((job.mail, job.links.len()), (None, 1));
    assert_eq!(job.idempotency_key, "links/cs_test_1/1");
    let issue = Command::Issue {
        product: Some(new_item().product),
        jti: id(7),
    };
    let late = PAID_AT.plus_secs(TTL_SECS / 2 + 1);
    let order = decide(two_items_tried(), issue, late).0;
    let job = next_job(order);
    assert_eq!((job.mail, &job.links[0].jti), (None, &id(7)));
}

#[test]
fn kv_is_told_again_what_changed_while_it_was_told() {
    let order = decide(recorded(), Command::Revoke { jti: None }, PAID_AT).0;
    let told = vec![Ended {
        jti: id(1),
        tombstone: Tombstone::Used {
            at: PAID_AT,
            replaceable: true,
        },
        expires_at: PAID_AT.plus_secs(TTL_SECS),
    }];
    let order = decide(order, Command::Buried { links: told }, PAID_AT).0;
    let ended = order
        .as_ref()
        .unwrap()
        .ended_links(&Limits::default(), PAID_AT);
    assert_eq!(ended[0].tombstone, Tombstone::Revoked);
    let order = decide(order, Command::Buried { links: ended }, PAID_AT).0;
    assert!(
        order
            .unwrap()
            .ended_links(&Limits::default(), PAID_AT)
            .is_empty()
    );
}

#[test]
fn the_operator_cuts_no_download_off() {
    let mut order = recorded().unwrap();
    begin_first_link(&mut order);
    let limits = Limits::default();
    let key = LeaseKey {
        jti: id(1),
        lease: id(9),
        browser: browser(1),
    };
    let expired = PAID_AT.plus_secs(TTL_SECS);
    order.items[0].links[0].lease.as_mut().unwrap().seen_at = expired;
    let heartbeat = Command::Heartbeat { key, stream: id(3) };
    let order = decide(Some(order), heartbeat, expired).0;
    let issue = || Command::Issue {
        product: None,
        jti: id(5),
    };
    let (order, reply) = decide(order, issue(), expired);
    let retry_after_secs = limits.stream_grace_secs;
    assert_eq!(reply, Reply::StillRuns { retry_after_secs });
    let later = expired.plus_secs(retry_after_secs);
    assert!(matches!(decide(order, issue(), later).1, Reply::Issued(_)));
}
