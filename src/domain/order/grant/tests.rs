use std::ops::Range;

use super::super::fixtures::{PAID_AT, TTL_SECS, browser, id};
use super::Ending::{Broken, NotBegun, Whole};
use super::*;

/// What a shop has that says nothing.
fn limits() -> &'static Limits {
    static LIMITS: std::sync::LazyLock<Limits> = std::sync::LazyLock::new(Limits::default);
    &LIMITS
}

/// One delivery, and the buyer may ask for another link.
fn terms(link: &Link) -> Terms<'static> {
    let left = u32::from(link.delivered_at.is_none());
    Terms {
        limits: limits(),
        left,
        renewable: true,
        replaceable: true,
    }
}

/// The rule with these terms.
impl Link {
    fn stands(&self, browser: Option<&BrowserId>, now: Timestamp) -> Standing {
        self.standing(browser, terms(self), now)
    }

    fn take(
        &mut self,
        browser: BrowserId,
        lease: RandomId,
        now: Timestamp,
    ) -> Result<Lease, Standing> {
        let terms = terms(self);
        self.redeem(browser, lease, terms, now)
    }

    fn start(
        &mut self,
        key: &LeaseKey,
        stream: u8,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<u64>, LeaseRefusal> {
        self.begin(key, id(stream), request, limits(), now)
    }

    fn end(
        &mut self,
        key: &LeaseKey,
        stream: u8,
        ending: Ending,
        now: Timestamp,
    ) -> Result<(), LeaseRefusal> {
        self.finish(key, &id(stream), ending, limits(), now)
    }

    fn deliver(
        &mut self,
        key: &LeaseKey,
        stream: u8,
        now: Timestamp,
    ) -> Result<bool, LeaseRefusal> {
        self.hand_over(key, &id(stream), limits(), now)
    }

    fn ends(&self) -> Option<Timestamp> {
        self.ends_at(terms(self))
    }

    fn beat(&mut self, key: &LeaseKey, stream: u8, now: Timestamp) -> Result<(), LeaseRefusal> {
        self.heartbeat(key, &id(stream), limits(), now)
    }
}

fn at(secs: i64) -> Timestamp {
    PAID_AT.plus_secs(secs)
}

/// All of a copy of 1,000 bytes from `first` on.
fn from(first: u64) -> Request {
    Request {
        range: first..1_000,
        open_ended: true,
        total: 1_000,
        etag: "v1_000".to_owned(),
    }
}

/// Exactly this much of it.
fn only(range: Range<u64>) -> Request {
    Request {
        range,
        open_ended: false,
        total: 1_000,
        etag: "v1_000".to_owned(),
    }
}

fn link() -> Link {
    Link::new(id(1), PAID_AT, TTL_SECS)
}

fn key(lease: u8, who: u8) -> LeaseKey {
    LeaseKey {
        jti: id(1),
        lease: id(lease),
        browser: browser(who),
    }
}

/// Browser 1 redeemed at 0 s: lease 11.
fn leased() -> Link {
    let mut link = link();
    link.take(browser(1), id(11), at(0)).unwrap();
    link
}

/// Its stream 21 runs since 10 s.
fn streaming() -> Link {
    let mut link = leased();
    link.start(&key(11, 1), 21, &from(0), at(10)).unwrap();
    link
}

/// It broke off at 20 s.
fn broken() -> Link {
    let mut link = streaming();
    link.end(&key(11, 1), 21, Broken, at(20)).unwrap();
    link
}

/// It was handed over at 20 s, and ended.
fn delivered() -> Link {
    let mut link = streaming();
    link.deliver(&key(11, 1), 21, at(20)).unwrap();
    link.end(&key(11, 1), 21, Whole, at(20)).unwrap();
    link
}

#[test]
fn the_table() {
    let idle = limits().lease_idle_secs;
    let grace = limits().stream_grace_secs;
    let waiting = |secs| Standing::InProgress {
        retry_after_secs: secs,
    };
    // State, when, how it stands for browser 1 and for browser 2.
    for (name, link, secs, same, other) in [
        ("issued", link(), 0, Standing::Ready, Standing::Ready),
        (
            "issued",
            link(),
            TTL_SECS - 1,
            Standing::Ready,
            Standing::Ready,
        ),
        (
            "expired",
            link(),
            TTL_SECS,
            Standing::Expired { renewable: true },
            Standing::Expired { renewable: true },
        ),
        ("leased, no byte", leased(), 0, Standing::Yours, waiting(60)),
        ("leased, no byte", leased(), 59, Standing::Yours, waiting(1)),
        (
            "leased, no byte",
            leased(),
            60,
            Standing::Yours,
            Standing::Ready,
        ),
        (
            "leased, no byte, idle",
            leased(),
            idle,
            Standing::Ready,
            Standing::Ready,
        ),
        (
            "streaming",
            streaming(),
            10,
            Standing::Yours,
            waiting(grace),
        ),
        (
            "streaming",
            streaming(),
            9 + grace,
            Standing::Yours,
            waiting(1),
        ),
        (
            "finish was lost",
            streaming(),
            10 + grace,
            Standing::Yours,
            Standing::Ready,
        ),
        ("broken", broken(), 20, Standing::Yours, Standing::Ready),
        (
            "broken",
            broken(),
            19 + idle,
            Standing::Yours,
            Standing::Ready,
        ),
        (
            "broken, idle",
            broken(),
            20 + idle,
            Standing::Ready,
            Standing::Ready,
        ),
        (
            "delivered",
            delivered(),
            21,
            Standing::Yours,
            Standing::Used {
                at: at(20),
                replaceable: true,
            },
        ),
        (
            "delivered, idle",
            delivered(),
            20 + idle,
            Standing::Used {
                at: at(20),
                replaceable: true,
            },
            Standing::Used {
                at: at(20),
                replaceable: true,
            },
        ),
        (
            "delivered, expired",
            delivered(),
            TTL_SECS,
            Standing::Used {
                at: at(20),
                replaceable: true,
            },
            Standing::Used {
                at: at(20),
                replaceable: true,
            },
        ),
    ] {
        assert_eq!(
            link.stands(Some(&browser(1)), at(secs)),
            same,
            "{name} at {secs}, same browser"
        );
        assert_eq!(
            link.stands(Some(&browser(2)), at(secs)),
            other,
            "{name} at {secs}, another"
        );
        assert_eq!(
            link.stands(None, at(secs)),
            other,
            "{name} at {secs}, unknown"
        );
    }
}

#[test]
fn the_same_browser_gets_its_lease_back() {
    for mut link in [leased(), streaming(), broken(), delivered()] {
        let again = link.take(browser(1), id(12), at(30)).unwrap();
        assert_eq!(again.id, id(11));
    }
}

#[test]
fn a_lease_goes_on_past_the_links_expiry() {
    let mut link = link();
    link.take(browser(1), id(11), at(TTL_SECS - 1)).unwrap();
    assert_eq!(
        link.stands(Some(&browser(1)), at(TTL_SECS + 60)),
        Standing::Yours
    );
    assert!(
        link.start(&key(11, 1), 21, &from(0), at(TTL_SECS + 60))
            .is_ok()
    );
    assert_eq!(
        link.stands(Some(&browser(2)), at(TTL_SECS + 60)),
        Standing::Expired { renewable: true }
    );
}

#[test]
fn a_new_lease_kills_the_old_one() {
    let mut link = broken();
    assert_eq!(link.take(browser(2), id(12), at(30)).unwrap().id, id(12));
    assert_eq!(link.beat(&key(11, 1), 21, at(31)), Err(LeaseRefusal::Over));
    assert_eq!(
        link.deliver(&key(11, 1), 21, at(31)),
        Err(LeaseRefusal::Over)
    );
    assert_eq!(
        link.end(&key(11, 1), 21, Whole, at(31)),
        Err(LeaseRefusal::Over)
    );
    assert_eq!(
        link.start(&key(11, 1), 22, &from(0), at(31)),
        Err(LeaseRefusal::Over)
    );
    assert_eq!(link.delivered_at, None);
}

#[test]
fn a_borrowed_lease_opens_nothing() {
    let mut link = leased();
    assert_eq!(
        link.held(&key(11, 2), limits(), at(1)).err(),
        Some(LeaseRefusal::OtherBrowser)
    );
    assert_eq!(
        link.held(&key(12, 1), limits(), at(1)).err(),
        Some(LeaseRefusal::Over)
    );
    assert!(link.held(&key(11, 1), limits(), at(1)).is_ok());
}

#[test]
fn a_heartbeat_keeps_a_slow_download_alive() {
    let mut link = streaming();
    for minutes in 0..120 {
        link.beat(&key(11, 1), 21, at(minutes * 120)).unwrap();
        assert!(matches!(
            link.stands(None, at(minutes * 120 + 119)),
            Standing::InProgress { .. }
        ));
    }
}

#[test]
fn a_scanner_costs_a_minute_and_not_the_file() {
    let mut link = link();
    for scanner in 0..100_u8 {
        let now = at(i64::from(scanner) * limits().abandoned_after_secs);
        link.take(browser(100 + scanner), id(scanner), now).unwrap();
    }
    assert_eq!(link.sending_leases, 0);
    assert_eq!(
        link.stands(Some(&browser(1)), at(100 * limits().abandoned_after_secs)),
        Standing::Ready
    );
}

#[test]
fn five_downloads_may_break_off_not_six() {
    let mut link = link();
    for who in 0..5_u8 {
        let now = at(i64::from(who) * 10);
        link.take(browser(who), id(who), now).unwrap();
        link.start(&key(who, who), 50 + who, &from(0), now).unwrap();
        link.end(&key(who, who), 50 + who, Broken, now).unwrap();
    }
    assert_eq!(
        link.take(browser(9), id(9), at(50)).err(),
        Some(Standing::Exhausted { renewable: true })
    );
    assert_eq!(link.stands(Some(&browser(4)), at(50)), Standing::Yours);
}

#[test]
fn what_storage_failed_to_begin_costs_nothing() {
    let mut link = leased();
    for _ in 0..limits().max_requests * 2 {
        assert_eq!(link.start(&key(11, 1), 21, &from(0), at(1)), Ok(Some(949)));
        link.end(&key(11, 1), 21, NotBegun, at(1)).unwrap();
    }
    assert_eq!((link.sending_leases, link.is_begun()), (0, false));
    assert_eq!(link.stands(Some(&browser(2)), at(60)), Standing::Ready);
}

#[test]
fn a_shaky_connection_gets_a_new_lease_when_the_old_one_is_spent() {
    let mut link = link();
    let mut pressed = 0;
    'presses: for lease in 0..100 {
        let Ok(held) = link.take(browser(1), id(lease), at(1)) else {
            break;
        };
        pressed += 1;
        let key = LeaseKey {
            jti: id(1),
            lease: held.id,
            browser: browser(1),
        };
        for _ in 0..limits().max_early_requests {
            if link.start(&key, 21, &from(0), at(1)).is_err() {
                break 'presses;
            }
            link.end(&key, 21, Broken, at(1)).unwrap();
        }
    }
    assert_eq!(pressed, limits().max_sending_leases);
    assert_eq!(
        link.stands(Some(&browser(1)), at(1)),
        Standing::Exhausted { renewable: true }
    );
}

#[test]
fn requests_are_bounded() {
    let mut link = leased();
    for n in 0..limits().max_early_requests {
        link.start(
            &key(11, 1),
            21,
            &only(u64::from(n)..u64::from(n) + 1),
            at(1),
        )
        .unwrap();
    }
    assert_eq!(
        link.start(&key(11, 1), 21, &from(499), at(1)),
        Err(LeaseRefusal::TooManyRequests)
    );
    for _ in limits().max_early_requests..limits().max_requests {
        link.start(&key(11, 1), 21, &from(500), at(1)).unwrap();
    }
    assert_eq!(
        link.start(&key(11, 1), 21, &from(999), at(1)),
        Err(LeaseRefusal::TooManyRequests)
    );
}

/// Asks for each of these, to its end or broken off, and tells where each would be a delivery.
fn deliveries(requests: &[(Request, Ending)]) -> Vec<Option<u64>> {
    let mut link = leased();
    requests
        .iter()
        .map(|(request, ending)| {
            let delivers_at = link.start(&key(11, 1), 21, request, at(1)).unwrap();
            link.end(&key(11, 1), 21, *ending, at(1)).unwrap();
            delivers_at
        })
        .collect()
}

#[test]
fn the_byte_that_makes_it_a_delivery() {
    let (whole, broken) = (Whole, Broken);
    for (name, requests, expected) in [
        ("all at once", vec![(from(0), whole)], vec![Some(949)]),
        (
            "all but the first byte",
            vec![(from(1), whole)],
            vec![Some(950)],
        ),
        ("94 %", vec![(only(0..949), whole)], vec![None]),
        ("95 %", vec![(only(0..950), whole)], vec![Some(949)]),
        (
            "halves",
            vec![(only(0..500), whole), (only(500..1_000), whole)],
            vec![None, Some(949)],
        ),
        (
            "halves, the other way",
            vec![(only(500..1_000), whole), (only(0..500), whole)],
            vec![None, Some(449)],
        ),
        (
            "the same half twice",
            vec![(only(0..500), whole), (only(0..500), whole)],
            vec![None, None],
        ),
        (
            "one byte at the end",
            vec![(only(999..1_000), whole)],
            vec![None],
        ),
        (
            "resumed",
            vec![(from(0), broken), (from(100), whole)],
            vec![Some(949), Some(949)],
        ),
        (
            "resumed twice",
            vec![(from(0), broken), (from(100), broken), (from(90), whole)],
            vec![Some(949); 3],
        ),
        (
            "started again",
            vec![(from(0), broken), (from(0), whole)],
            vec![Some(949), Some(949)],
        ),
        // Stopping just before the count, then fetching the rest by ranges, does not help.
        (
            "greedy",
            vec![(from(0), broken), (only(949..1_000), whole)],
            vec![Some(949), Some(949)],
        ),
        (
            "greedy, the other way",
            vec![(only(949..1_000), whole), (from(0), broken)],
            vec![None, Some(898)],
        ),
        (
            "forgetful",
            vec![
                (from(0), broken),
                (only(1..2), whole),
                (only(949..1_000), whole),
            ],
            vec![Some(949), None, Some(949)],
        ),
        (
            "gaps are found",
            vec![(only(100..900), whole), (from(0), whole)],
            vec![None, Some(949)],
        ),
    ] {
        assert_eq!(deliveries(&requests), expected, "{name}");
    }
}

#[test]
fn half_of_two_releases_is_no_copy() {
    let next = Request {
        range: 900..1_100,
        open_ended: true,
        total: 1_100,
        etag: "v1_100".to_owned(),
    };
    let first = Request {
        range: 0..900,
        open_ended: false,
        total: 1_000,
        etag: "v1_000".to_owned(),
    };
    assert_eq!(deliveries(&[(first, Whole), (next, Whole)]), [None, None]);
}

#[test]
fn a_copy_of_one_byte_is_delivered_by_it() {
    let request = Request {
        range: 0..1,
        open_ended: true,
        total: 1,
        etag: "v1".to_owned(),
    };
    assert_eq!(deliveries(&[(request, Whole)]), [Some(0)]);
}

#[test]
fn an_end_is_made_known_once_the_lease_is_over() {
    assert_eq!(link().ends(), None);
    assert_eq!(broken().ends(), None);
    let mut link = delivered();
    assert_eq!(link.ends(), Some(at(20 + limits().lease_idle_secs)));
    link.buried = true;
    assert_eq!(link.ends(), None);
    let mut link = streaming();
    link.supersede(at(30));
    assert_eq!(link.ends(), Some(at(30)));
    assert_eq!(link.stands(Some(&browser(1)), at(30)), Standing::Superseded);
    assert_eq!(link.beat(&key(11, 1), 21, at(31)), Err(LeaseRefusal::Over));
}

proptest::proptest! {
    /// Whatever a browser asks for and wherever its streams stop: it has fewer than 95 % of the bytes, or
    /// the link is used up. A stream is stopped by the client after `stop` bytes, and says `whole` if that is all.
    #[test]
    fn nobody_gets_a_copy_uncounted(
        requests in proptest::collection::vec((0_u64..200, 0_u64..200, proptest::bool::ANY, 0_u64..201), 1..20)
    ) {
        let mut link = leased();
        let mut has = [false; 200];
        for (a, b, open_ended, stop) in requests {
            let range = if open_ended { a..200 } else { a.min(b)..a.max(b) + 1 };
            let request = Request { range: range.clone(), open_ended, total: 200, etag: "v200".to_owned() };
            let Ok(delivers_at) = link.start(&key(11, 1), 21, &request, at(1)) else { break };
            let end = range.end.min(range.start + stop);
            range.clone().filter(|byte| *byte < end).for_each(|byte| has[usize::try_from(byte).unwrap()] = true);
            if delivers_at.is_some_and(|byte| byte < end) {
                link.deliver(&key(11, 1), 21, at(1)).unwrap();
            }
            let ending = if end == range.end { Whole } else { Broken };
            link.end(&key(11, 1), 21, ending, at(1)).unwrap();
            let got = has.iter().filter(|byte| **byte).count();
            proptest::prop_assert!(got < 190 || link.delivered_at.is_some(), "{got} bytes");
        }
    }
}

#[test]
fn a_download_outlives_a_shop_that_is_short_of_patience() {
    let limits = Limits {
        lease_idle_secs: 60,
        ..Limits::default()
    };
    let mut link = leased();
    link.begin(&key(11, 1), id(21), &from(0), &limits, at(1))
        .unwrap();
    for beat in 1..=20 {
        let now = at(1 + beat * limits.heartbeat_secs());
        link.heartbeat(&key(11, 1), &id(21), &limits, now).unwrap();
    }
    assert_eq!(
        link.hand_over(&key(11, 1), &id(21), &limits, at(2_500)),
        Ok(true)
    );
}

#[test]
fn a_browser_that_asks_too_often_after_the_delivery_is_told_so() {
    let mut link = delivered();
    for _ in 0..limits().max_early_requests {
        let _ = link.start(&key(11, 1), 22, &from(0), at(30));
    }
    let used = Standing::Used {
        at: at(20),
        replaceable: true,
    };
    assert_eq!(link.stands(Some(&browser(1)), at(31)), used);
}
