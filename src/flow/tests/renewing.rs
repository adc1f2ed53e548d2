//! From a link that is over, or a mail that is lost, to another link.

use pollster::block_on;

use super::buying::buy;
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::order::fixtures::{TTL_SECS, browser};
use crate::domain::order::{Client, Command, Ending, LeaseKey, Reply, Standing};
use crate::domain::token::LinkClaims;
use crate::flow::download::{Freshness, Reads};
use crate::flow::failure::Failure;
use crate::flow::fakes::{Fault, Town};
use crate::flow::ports::Orders as _;
use crate::flow::ports::Unavailable;
use crate::flow::renewal::{Renewed, address_in, recover, renew};

/// A town where somebody bought, and the token of their link, before the mail went out.
fn bought() -> (Town, String) {
    let town = Town::new();
    buy(&town).unwrap();
    let order = town.orders.only();
    let (item, link) = (&order.items[0], &order.items[0].links[0]);
    let claims = LinkClaims::new(
        order.purchase.order.clone(),
        order.purchase.buyer.email.clone(),
        item.product.clone(),
        link.jti.clone(),
        link.issued_at,
        link.expires_at,
    );
    let token = claims.sign(&town.settings.link_keys).unwrap();
    (town, token)
}

const EMAIL: &str = "ada@example.com";

fn asks(town: &Town, token: &str) -> Result<Renewed, Failure> {
    block_on(renew(
        &town.settings,
        &town.orders,
        &town.random,
        token,
        town.now(),
    ))
}

fn refused(town: &Town, token: &str) -> Standing {
    match asks(town, token) {
        Err(Failure::Standing(standing)) => standing,
        other => panic!("{other:?}"),
    }
}

fn will_mail() -> Renewed {
    Renewed::WillMail {
        to: "a•••@example.com".to_owned(),
    }
}

fn loses_the_mail(town: &Town, email: &str) -> Result<(), Unavailable> {
    let address = address_in(email).unwrap();
    block_on(recover(
        &town.orders,
        &town.orders,
        &town.kv,
        &town.random,
        &address,
    ))
}

/// The alarm rings; what was mailed by it last.
fn next_mail(town: &Town) -> String {
    town.ring(None).unwrap();
    let sent = town.mailer.sent.borrow();
    // Their keys end in 0, 1, 2 …
    let (_, last) = sent.last_key_value().unwrap();
    last.links[0].clone()
}

fn token_of(link: &str) -> String {
    link.split("token=").nth(1).unwrap().to_owned()
}

fn look(town: &Town, token: &str) -> Result<String, Failure> {
    block_on(town.world().look(token, None, town.now()))
}

/// Somebody downloads by this link.
fn download(town: &Town, token: &str, who: BrowserId) {
    let location = block_on(
        town.world()
            .redeem(token, who.clone(), &town.random, town.now()),
    )
    .unwrap();
    let lease = location.split("lease=").nth(1).unwrap();
    let opened =
        block_on(
            town.world()
                .open(lease, Some(who), Freshness::Now, Reads::Part, town.now()),
        )
        .unwrap();
    let total = opened.copy.plan.len();
    let begun =
        block_on(
            town.world()
                .begin(&opened, 0..total, true, Client::default(), &town.random),
        )
        .unwrap();
    let tell = |make: fn(LeaseKey, RandomId) -> Command| {
        let command = make(opened.key.clone(), begun.stream.clone());
        let reply = block_on(town.orders.ask(&opened.order, command)).unwrap();
        assert!(matches!(reply, Reply::Holds { .. }), "{reply:?}");
    };
    tell(|key, stream| Command::HandOver { key, stream });
    tell(|key, stream| Command::Finish {
        key,
        stream,
        ending: Ending::Whole,
    });
}

#[test]
fn an_expired_link_is_renewed_three_times_and_no_more() {
    let (town, mut token) = bought();
    for _ in 0..3 {
        town.wait(TTL_SECS);
        assert_eq!(asks(&town, &token).unwrap(), will_mail());
        let renewed = token_of(&next_mail(&town));
        assert_ne!(renewed, token);
        assert!(look(&town, &renewed).is_ok());
        assert_eq!(refused(&town, &token), Standing::Superseded);
        token = renewed;
    }
    town.wait(TTL_SECS);
    assert_eq!(
        refused(&town, &token),
        Standing::Expired { renewable: false }
    );
}

#[test]
fn pressing_twice_mails_once() {
    let (town, token) = bought();
    town.wait(TTL_SECS);
    assert_eq!(asks(&town, &token).unwrap(), will_mail());
    assert_eq!(refused(&town, &token), Standing::Superseded);
    let before = town.mailer.sent.borrow().len();
    next_mail(&town);
    assert_eq!(town.mailer.sent.borrow().len(), before + 1);
}

#[test]
fn a_used_link_is_replaced_once() {
    let (town, token) = bought();
    download(&town, &token, browser(1));
    assert_eq!(asks(&town, &token).unwrap(), will_mail());
    let second = token_of(&next_mail(&town));
    download(&town, &second, browser(2));
    assert_eq!(
        refused(&town, &second),
        Standing::Used {
            at: town.now(),
            replaceable: false
        }
    );
}

#[test]
fn a_link_that_was_taken_back_is_not_renewed_nor_recovered() {
    let (town, token) = bought();
    town.ring(None).unwrap();
    let order = town.orders.only().purchase.order;
    block_on(town.orders.ask(&order, Command::Revoke { jti: None })).unwrap();
    town.wait(TTL_SECS);
    assert_eq!(refused(&town, &token), Standing::Revoked);
    let before = town.mailer.sent.borrow().len();
    loses_the_mail(&town, EMAIL).unwrap();
    town.ring(None).unwrap();
    assert_eq!(town.mailer.sent.borrow().len(), before);
}

#[test]
fn a_link_that_works_needs_no_renewal() {
    let (town, token) = bought();
    assert_eq!(asks(&town, &token).unwrap(), Renewed::StillGood);
}

#[test]
fn a_download_that_runs_is_not_cut_off() {
    let (town, token) = bought();
    town.wait(TTL_SECS - 1);
    let who = browser(1);
    let location = block_on(
        town.world()
            .redeem(&token, who.clone(), &town.random, town.now()),
    )
    .unwrap();
    let lease = location.split("lease=").nth(1).unwrap();
    let opened =
        block_on(
            town.world()
                .open(lease, Some(who), Freshness::Now, Reads::Part, town.now()),
        )
        .unwrap();
    block_on(
        town.world()
            .begin(&opened, 0..1, true, Client::default(), &town.random),
    )
    .unwrap();
    town.wait(2);
    let waits = asks(&town, &token);
    assert!(
        matches!(
            waits,
            Err(Failure::StillRuns {
                retry_after_secs: 298
            })
        ),
        "{waits:?}"
    );
    town.wait(298);
    assert_eq!(asks(&town, &token).unwrap(), will_mail());
}

#[test]
fn a_lost_mail_is_sent_again_unchanged_and_what_expired_is_renewed() {
    let (town, token) = bought();
    town.ring(None).unwrap();
    town.wait(TTL_SECS - 60);
    loses_the_mail(&town, "ADA@example.com").unwrap();
    assert_eq!(
        token_of(&next_mail(&town)),
        token,
        "also in its last minute"
    );
    town.wait(TTL_SECS);
    loses_the_mail(&town, EMAIL).unwrap();
    let renewed = token_of(&next_mail(&town));
    assert_ne!(renewed, token);
    assert!(look(&town, &renewed).is_ok());
    assert_eq!(
        town.orders.only().items[0].renewals,
        0,
        "nobody uses the renewals up by an address"
    );
}

#[test]
fn a_mail_that_is_on_its_way_is_not_doubled() {
    let (town, _) = bought();
    // The provider took it, but we never heard so.
    town.mailer
        .faults
        .borrow_mut()
        .push_back(Fault::DoneButFailed);
    assert!(town.ring(None).is_err());
    loses_the_mail(&town, EMAIL).unwrap();
    town.wait(3_600);
    town.ring(None).unwrap();
    assert_eq!(town.mailer.calls.get(), 2);
    assert_eq!(town.mailer.sent.borrow().len(), 1);
}

#[test]
fn who_never_bought_costs_one_read() {
    let (town, _) = bought();
    town.ring(None).unwrap();
    let asked = town.orders.asked.get();
    loses_the_mail(&town, "eve@example.com").unwrap();
    assert_eq!(town.orders.asked.get(), asked);
    assert_eq!(town.orders.addresses.borrow().len(), 1);
}

#[test]
fn the_address_knows_of_the_order_whatever_failed_first() {
    let (town, _) = bought();
    town.kv.down.set(true);
    assert!(town.ring(None).is_err());
    assert!(!town.orders.only().address_knows);
    town.kv.down.set(false);
    town.ring(None).unwrap();
    assert!(town.orders.only().address_knows);
    assert_eq!(town.orders.only().next_alarm(&town.settings.limits), None);
}

#[test]
fn what_is_no_address_is_said_to_be_none() {
    for typed in ["", "ada", "a@b\r\nBcc: c@d"] {
        assert!(
            matches!(address_in(typed), Err(Failure::BadRequest(_))),
            "{typed:?}"
        );
    }
}
