//! From the link to the bytes.

use pollster::block_on;

use crate::domain::id::BrowserId;
use crate::domain::order::fixtures::{PAID_AT, TTL_SECS, browser};
use crate::domain::order::{Client, Command, Ending, LeaseRefusal, Standing, Tombstone};
use crate::domain::zip::Segment;
use crate::flow::download::{Freshness, Opened, Reads};
use crate::flow::failure::Failure;
use crate::flow::fakes::{FakeMemory, Town, archive};
use crate::flow::links::{IssueRequest, issue};
use crate::flow::ports::{Orders as _, Verdict};

const USED: Standing = Standing::Used {
    at: PAID_AT,
    replaceable: true,
};

/// A town where somebody bought, and the token of their link.
fn bought() -> (Town, String) {
    let town = Town::new();
    let body = br#"{"reference":"7","email":"ada@example.com","name":"Ada","product":"demo"}"#;
    let authorization = Some("Bearer 0123456789abcdef01234567");
    let request = IssueRequest {
        authorization,
        body,
        origin: "https://shop.example",
    };
    let link = block_on(issue(
        &town.settings,
        &town.orders,
        &town.random,
        request,
        PAID_AT,
    ))
    .unwrap();
    let token = link.url.split_once("token=").unwrap().1.to_owned();
    (town, token)
}

fn look(town: &Town, token: &str, who: u8) -> Result<String, Failure> {
    block_on(town.world().look(token, Some(&browser(who)), town.now()))
}

fn redeem(town: &Town, token: &str, who: u8) -> Result<String, Failure> {
    let location = block_on(
        town.world()
            .redeem(token, browser(who), &town.random, town.now()),
    )?;
    Ok(location.split_once("lease=").unwrap().1.to_owned())
}

fn open(town: &Town, lease: &str, who: Option<BrowserId>) -> Result<Opened, Failure> {
    block_on(
        town.world()
            .open(lease, who, Freshness::Remembered, Reads::Part, town.now()),
    )
}

/// Downloads the whole copy, as the pump would.
fn download(town: &Town, token: &str, who: u8) -> Vec<u8> {
    let lease = redeem(town, token, who).unwrap();
    let opened = open(town, &lease, Some(browser(who))).unwrap();
    let total = opened.copy.plan.len();
    let begun =
        block_on(
            town.world()
                .begin(&opened, 0..total, true, Client::default(), &town.random),
        )
        .unwrap();
    assert!(begun.delivers_at.is_some());
    let (key, stream) = (opened.key.clone(), begun.stream);
    block_on(town.orders.ask(
        &opened.order,
        Command::HandOver {
            key: key.clone(),
            stream: stream.clone(),
        },
    ))
    .unwrap();
    block_on(town.orders.ask(
        &opened.order,
        Command::Finish {
            key,
            stream,
            ending: Ending::Whole,
        },
    ))
    .unwrap();
    bytes(town, &opened)
}

fn bytes(town: &Town, opened: &Opened) -> Vec<u8> {
    let objects = town.archives.objects.borrow();
    let base = &objects["demo.zip"].1;
    let mut bytes = Vec::new();
    for segment in opened.copy.plan.segments() {
        match segment {
            Segment::Base(range) => {
                let range =
                    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                bytes.extend_from_slice(&base[range]);
            }
            Segment::Inline(inline) => bytes.extend_from_slice(inline),
        }
    }
    bytes
}

fn names(zip: Vec<u8>) -> Vec<String> {
    let archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect()
}

fn standing(result: Result<impl std::fmt::Debug, Failure>) -> Standing {
    match result {
        Err(Failure::Standing(standing)) => standing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_click_gives_the_personal_copy() {
    let (town, token) = bought();
    let page = look(&town, &token, 1).unwrap();
    assert!(page.contains("Demo Product") && page.contains("Ada"));
    let zip = download(&town, &token, 1);
    assert_eq!(
        names(zip),
        [
            "demo/a.txt",
            "demo/b.txt",
            "demo/LICENSE.txt",
            "demo/README.txt"
        ]
    );
}

#[test]
fn looking_a_hundred_times_changes_nothing() {
    let (town, token) = bought();
    let before = town.orders.only();
    for who in 0..100 {
        look(&town, &token, who).unwrap();
    }
    assert_eq!(town.orders.only(), before);
}

#[test]
fn the_second_browser_waits_and_then_is_too_late() {
    let (town, token) = bought();
    redeem(&town, &token, 1).unwrap();
    assert_eq!(
        standing(redeem(&town, &token, 2)),
        Standing::InProgress {
            retry_after_secs: 60
        }
    );
    assert_eq!(
        standing(look(&town, &token, 2)),
        Standing::InProgress {
            retry_after_secs: 60
        }
    );
    download(&town, &token, 1);
    assert_eq!(standing(redeem(&town, &token, 2)), USED);
    assert!(redeem(&town, &token, 1).is_ok());
}

#[test]
fn a_forged_link_reaches_nobody() {
    let (town, token) = bought();
    let asked = town.orders.asked.get();
    for forged in [
        "",
        "a.b.c",
        &token[..token.len() - 1],
        &token.replace('e', "f"),
        &"x".repeat(10_000),
    ] {
        assert!(matches!(look(&town, forged, 1), Err(Failure::Link(_))));
        assert!(matches!(redeem(&town, forged, 1), Err(Failure::Link(_))));
        assert!(matches!(
            open(&town, forged, Some(browser(1))),
            Err(Failure::Lease(_))
        ));
    }
    assert_eq!(
        (town.orders.asked.get(), town.archives.reads.get()),
        (asked, 0)
    );
}

#[test]
fn an_expired_link_is_expired() {
    let (town, token) = bought();
    town.wait(TTL_SECS);
    assert_eq!(
        standing(look(&town, &token, 1)),
        Standing::Expired { renewable: true }
    );
    assert_eq!(
        standing(redeem(&town, &token, 1)),
        Standing::Expired { renewable: true }
    );
}

#[test]
fn the_order_is_right_whether_kv_is_slow_failing_or_empty() {
    let troubles: [fn(&Town); 3] = [
        |town: &Town| town.kv.slow.set(true),
        |town| town.kv.down.set(true),
        |_| (),
    ];
    for trouble in troubles {
        let (town, token) = bought();
        trouble(&town);
        assert!(look(&town, &token, 1).is_ok());
        assert!(redeem(&town, &token, 1).is_ok());
        assert!(matches!(
            standing(redeem(&town, &token, 2)),
            Standing::InProgress { .. }
        ));
    }
}

#[test]
fn a_signed_expiry_counts_whatever_the_order_says() {
    let (town, _) = bought();
    let order = town.orders.only();
    let early = crate::domain::token::LinkClaims::new(
        order.purchase.order,
        order.purchase.buyer.email,
        order.items[0].product.clone(),
        order.items[0].links[0].jti.clone(),
        PAID_AT.plus_secs(-20),
        PAID_AT.plus_secs(-10),
    );
    let token = early.sign(&town.settings.link_keys).unwrap();
    assert_eq!(
        standing(look(&town, &token, 1)),
        Standing::Expired { renewable: true }
    );
    assert_eq!(
        standing(redeem(&town, &token, 1)),
        Standing::Expired { renewable: true }
    );
}

#[test]
fn a_lease_is_its_browsers_alone() {
    let (town, token) = bought();
    let lease = redeem(&town, &token, 1).unwrap();
    for (who, why) in [
        (None, LeaseRefusal::NoCookie),
        (Some(browser(2)), LeaseRefusal::OtherBrowser),
    ] {
        assert!(
            matches!(open(&town, &lease, who), Err(Failure::Refused(refusal)) if refusal == why)
        );
    }
    assert!(
        matches!(
            open(&town, &token, Some(browser(1))),
            Err(Failure::Lease(_))
        ),
        "a link is no lease"
    );
    assert!(
        matches!(look(&town, &lease, 1), Err(Failure::Link(_))),
        "a lease is no link"
    );
}

#[test]
fn what_kv_knows_is_not_asked_of_the_order() {
    let (town, token) = bought();
    let jti = town.orders.only().items[0].links[0].jti.as_str().to_owned();
    town.kv.buried.borrow_mut().insert(
        jti,
        (
            Tombstone::Used {
                at: PAID_AT,
                replaceable: true,
            },
            60,
        ),
    );
    let asked = town.orders.asked.get();
    assert_eq!(standing(look(&town, &token, 1)), USED);
    assert_eq!(standing(redeem(&town, &token, 1)), USED);
    assert_eq!(town.orders.asked.get(), asked);
}

#[test]
fn without_kv_the_order_decides() {
    let (town, token) = bought();
    town.kv.down.set(true);
    download(&town, &token, 1);
    assert_eq!(standing(redeem(&town, &token, 2)), USED);
}

#[test]
fn an_order_that_does_not_answer_costs_no_link() {
    use crate::flow::fakes::Fault;
    for fault in [Fault::NotDone, Fault::DoneButFailed] {
        let (town, token) = bought();
        look(&town, &token, 1).unwrap();
        town.orders.faults.borrow_mut().extend([fault, fault]);
        assert_eq!(redeem(&town, &token, 1).unwrap_err().problem().status, 503);
        town.orders.faults.borrow_mut().clear();
        assert!(redeem(&town, &token, 1).is_ok(), "{fault:?}");
    }
}

/// Something is broken in one way, fails for look and redeem, and is repaired.
fn broken_and_repaired(name: &str, break_it: impl Fn(&Town), repair: impl Fn(&Town)) {
    let (town, token) = bought();
    break_it(&town);
    let before = town.orders.only();
    for failed in [look(&town, &token, 1), redeem(&town, &token, 1)] {
        let problem = failed.unwrap_err().problem();
        assert_eq!(problem.status, 503, "{name}");
        assert!(problem.next.unwrap().contains("not used up"), "{name}");
    }
    assert_eq!(town.orders.only(), before, "{name}: the link is as it was");
    repair(&town);
    assert!(
        names(download(&town, &token, 1)).contains(&"demo/LICENSE.txt".to_owned()),
        "{name}"
    );
}

#[test]
fn there_is_no_copy_without_its_licence() {
    let good = || archive(&[("demo/a.txt", "alpha")]);
    let mend = |town: &Town| town.archives.put("demo.zip", "v2", good());
    broken_and_repaired(
        "missing",
        |town| drop(town.archives.objects.borrow_mut().remove("demo.zip")),
        mend,
    );
    broken_and_repaired(
        "no ZIP",
        |town| town.archives.put("demo.zip", "x", b"Hello, world".to_vec()),
        mend,
    );
    broken_and_repaired(
        "empty",
        |town| town.archives.put("demo.zip", "x", Vec::new()),
        mend,
    );
    broken_and_repaired(
        "cut",
        |town| town.archives.put("demo.zip", "x", good()[..50].to_vec()),
        mend,
    );
    let key = "templates/demo/LICENSE.txt";
    broken_and_repaired(
        "text",
        |town| town.archives.put(key, "t", b"{{ licencee }}".to_vec()),
        |town| town.archives.put(key, "t", b"For {{ licensee }}".to_vec()),
    );
    broken_and_repaired(
        "storage down",
        |town| town.archives.down.set(true),
        |town| town.archives.down.set(false),
    );
}

#[test]
fn a_products_own_text_is_used() {
    let (town, token) = bought();
    town.archives.put(
        "templates/demo/LICENSE.txt",
        "t",
        b"Only for {{ licensee }}".to_vec(),
    );
    let zip = download(&town, &token, 1);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let text = std::io::read_to_string(zip.by_name("demo/LICENSE.txt").unwrap()).unwrap();
    assert_eq!(text, "Only for Ada");
}

#[test]
fn a_verdict_is_reached_once_for_all_locations() {
    let (mut town, token) = bought();
    look(&town, &token, 1).unwrap();
    // Another location: it remembers nothing, but KV does. What it reads is two texts and the archive's tag.
    town.memory = FakeMemory::default();
    let reads = town.archives.reads.get();
    look(&town, &token, 1).unwrap();
    assert_eq!(town.archives.reads.get() - reads, 3);
    town.archives.put("demo.zip", "bad", b"no ZIP".to_vec());
    assert_eq!(look(&town, &token, 1).unwrap_err().problem().status, 503);
    assert!(
        matches!(&town.kv.verdicts.borrow()["bad"], Verdict::Unfit(why) if why.contains("ZIP"))
    );
}

#[test]
fn a_warm_download_reads_nothing_but_its_bytes() {
    let (town, token) = bought();
    let lease = redeem(&town, &token, 1).unwrap();
    let reads = town.archives.reads.get();
    open(&town, &lease, Some(browser(1))).unwrap();
    assert_eq!(town.archives.reads.get(), reads);
}

#[test]
fn a_new_release_is_seen_when_it_is_asked_for() {
    let (town, token) = bought();
    let lease = redeem(&town, &token, 1).unwrap();
    let old = open(&town, &lease, Some(browser(1))).unwrap();
    town.archives
        .put("demo.zip", "v2", archive(&[("demo/new.txt", "new")]));
    let still_old = open(&town, &lease, Some(browser(1))).unwrap();
    assert_eq!(still_old.copy.info, old.copy.info);
    let new = block_on(town.world().open(
        &lease,
        Some(browser(1)),
        Freshness::Now,
        Reads::Part,
        town.now(),
    ))
    .unwrap();
    assert_eq!(new.copy.info.etag, "v2");
    assert_ne!(new.copy.plan.etag(), old.copy.plan.etag());
}

#[test]
fn the_end_of_a_link_is_made_known_once_its_lease_is_over() {
    let (town, token) = bought();
    download(&town, &token, 1);
    town.ring(None).unwrap();
    assert!(town.kv.buried.borrow().is_empty());
    let at = town
        .orders
        .only()
        .next_alarm(&town.settings.limits)
        .unwrap();
    town.wait(at.secs_since(town.now()));
    town.kv.down.set(true);
    assert!(town.ring(None).is_err());
    assert!(
        town.orders
            .only()
            .next_alarm(&town.settings.limits)
            .is_some(),
        "tried again"
    );
    town.kv.down.set(false);
    town.ring(None).unwrap();
    assert_eq!(town.orders.only().next_alarm(&town.settings.limits), None);
    let (tombstone, ttl_secs) = *town.kv.buried.borrow().values().next().unwrap();
    assert_eq!(
        tombstone,
        Tombstone::Used {
            at: PAID_AT,
            replaceable: true
        }
    );
    assert!(
        ttl_secs > u64::try_from(TTL_SECS).unwrap() - 1_800,
        "past the link's expiry"
    );
    assert_eq!(standing(look(&town, &token, 1)), USED);
}
