//! A model of the one-time rule: several browsers, each as greedy as it can be, a network that breaks anywhere, a
//! clock that jumps, objects that are evicted, and ends that nobody hears of. Ten thousand lives of a purchase.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::fixtures::{PAID_AT, browser, new_item, purchase, trail};
use super::*;
use crate::domain::json;
use crate::domain::mail::Schedule;

const RUNS: u32 = 10_000;

/// A copy in bytes, and how many of them are a delivery.
const TOTAL: u8 = 100;
const COPY: usize = 95;

/// What happens next. The numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(i64),
    Redeem {
        browser: u8,
    },
    Begin {
        lease: usize,
        from: u8,
        to: u8,
        open_ended: bool,
    },
    /// A stream sends so many bytes more, as far as it may.
    Send {
        stream: usize,
        bytes: u8,
    },
    Heartbeat {
        stream: usize,
    },
    /// It ends, or breaks off; whether the order hears of it.
    End {
        stream: usize,
        heard: bool,
    },
    /// The whole way, as most buyers go it: the button, all of the file from the start.
    Download {
        browser: u8,
    },
    /// Storage fails before its first byte.
    NotBegun {
        stream: usize,
    },
    Evict,
    RenewForBuyer,
    Recover,
    Issue,
    Revoke,
    Mail,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop::sample::select(vec![1, 20, 61, 299, 301, 1_799, 1_801, 90_000]).prop_map(Step::Wait),
        5 => (0_u8..4).prop_map(|browser| Step::Redeem { browser }),
        8 => (any::<prop::sample::Index>(), 0_u8..TOTAL, 0_u8..TOTAL, any::<bool>()).prop_map(|(lease, a, b, open_ended)| {
            let (from, to) = if open_ended { (a, TOTAL) } else { (a.min(b), a.max(b) + 1) };
            Step::Begin { lease: lease.index(64), from, to, open_ended }
        }),
        9 => (0_usize..64, 1_u8..=TOTAL).prop_map(|(stream, bytes)| Step::Send { stream, bytes }),
        2 => (0_usize..64).prop_map(|stream| Step::Heartbeat { stream }),
        4 => (0_usize..64, any::<bool>()).prop_map(|(stream, heard)| Step::End { stream, heard }),
        4 => (0_u8..4).prop_map(|browser| Step::Download { browser }),
        1 => (0_usize..64).prop_map(|stream| Step::NotBegun { stream }),
        1 => Just(Step::Evict),
        1 => Just(Step::RenewForBuyer),
        1 => Just(Step::Recover),
        1 => prop::sample::select(vec![Step::Issue, Step::Issue, Step::Revoke]),
        1 => Just(Step::Mail),
    ];
    prop::collection::vec(step, 1..60)
}

struct Stream {
    key: LeaseKey,
    name: RandomId,
    left: Range<u8>,
    delivers_at: Option<u64>,
    sent: bool,
}

/// The world around one order.
struct Life {
    limits: Limits,
    order: Option<Order>,
    now: Timestamp,
    drawn: u64,
    leases: Vec<LeaseKey>,
    streams: Vec<Stream>,
    /// Which bytes each browser has, by which link.
    has: BTreeMap<(String, String), [bool; TOTAL as usize]>,
    /// How many deliveries there may be.
    allowed: u32,
    /// Leases that begun, by link: what can exhaust it.
    begun: BTreeMap<String, Vec<RandomId>>,
    /// Which bytes each browser may have at most, by each link: all that its streams were allowed to send.
    may: BTreeMap<(String, String), [bool; TOTAL as usize]>,
    /// Links that delivered something, and those that were taken back.
    delivered: BTreeSet<RandomId>,
    revoked: BTreeSet<RandomId>,
    /// New links that the buyer asked for.
    asked: u32,
}

impl Life {
    fn new(max_deliveries: u32, lease_idle_secs: i64) -> Self {
        let limits = Limits {
            max_deliveries,
            lease_idle_secs,
            ..Limits::default()
        };
        let record = Command::Record {
            purchase: purchase(),
            origin: "https://shop.example".to_owned(),
            items: vec![new_item()],
            mail: true,
        };
        let recorded = decide(None, record, &limits, PAID_AT).0;
        let registered = Command::Stripe(StripeCommand::Registered);
        Self {
            limits,
            order: decide(recorded, registered, &limits, PAID_AT).0,
            now: PAID_AT,
            drawn: 0,
            leases: Vec::new(),
            streams: Vec::new(),
            has: BTreeMap::new(),
            allowed: max_deliveries,
            begun: BTreeMap::new(),
            may: BTreeMap::new(),
            delivered: BTreeSet::new(),
            revoked: BTreeSet::new(),
            asked: 0,
        }
    }

    fn ask(&mut self, command: Command) -> Reply {
        let (order, reply) = decide(self.order.take(), command, &self.limits, self.now);
        self.order = order;
        reply
    }

    fn draw(&mut self) -> RandomId {
        self.drawn += 1;
        RandomId::from_random(&u128::from(self.drawn).to_le_bytes())
    }

    fn item(&self) -> &Item {
        &self.order.as_ref().unwrap().items[0]
    }

    fn link(&self) -> &Link {
        self.item().links.last().unwrap()
    }

    fn step(&mut self, step: Step) {
        let links = self.item().links.len();
        let old = self.link().jti.clone();
        let jti = old.clone();
        match step {
            Step::Wait(secs) => self.now = self.now.plus_secs(secs),
            Step::Redeem { browser: who } => {
                let lease = self.draw();
                if let Reply::Leased { lease, .. } = self.ask(Command::Redeem {
                    jti: jti.clone(),
                    browser: browser(who),
                    lease,
                }) {
                    let key = LeaseKey {
                        jti,
                        lease,
                        browser: browser(who),
                    };
                    if !self.leases.contains(&key) {
                        self.leases.push(key);
                    }
                }
            }
            Step::Begin {
                lease,
                from,
                to,
                open_ended,
            } => self.begin(lease, from..to, open_ended),
            Step::Send { stream, bytes } => self.send(stream, bytes),
            Step::Heartbeat { stream } => {
                if let Some((key, stream)) = self.named(stream) {
                    self.ask(Command::Heartbeat { key, stream });
                }
            }
            Step::End { stream, heard } => {
                if let Some((key, name)) = self.named(stream) {
                    let at = stream % self.streams.len();
                    let ended = self.streams.swap_remove(at);
                    let ending = if ended.left.is_empty() {
                        Ending::Whole
                    } else {
                        Ending::Broken
                    };
                    if heard {
                        self.ask(Command::Finish {
                            key,
                            stream: name,
                            ending,
                        });
                    }
                }
            }
            Step::Download { browser } => self.download(browser),
            Step::NotBegun { stream } => self.give_back(stream),
            Step::Evict => {
                let stored = json::write(&self.order).unwrap();
                self.order = json::read(&stored).unwrap();
            }
            Step::RenewForBuyer => {
                let fresh = self.draw();
                self.ask(Command::Renew { jti, fresh });
            }
            Step::Recover => {
                let fresh = self.draw();
                self.ask(Command::Recover { fresh });
            }
            Step::Issue => {
                let jti = self.draw();
                self.ask(Command::Issue { product: None, jti });
            }
            Step::Revoke => {
                self.ask(Command::Revoke { jti: None });
                let links = self
                    .item()
                    .links
                    .iter()
                    .map(|link| link.jti.clone())
                    .collect::<Vec<_>>();
                self.revoked.extend(links);
            }
            Step::Mail => {
                let fresh = self.draw();
                let schedule = Schedule::new(1);
                self.ask(Command::StartMail { fresh, schedule });
            }
        }
        if self.item().links.len() > links {
            self.check_new_link(step, &old);
        }
    }

    /// A new link took the place of `old`: only where that is right, and only what is asked for adds a delivery.
    fn check_new_link(&mut self, step: Step, old: &RandomId) {
        let link = self
            .item()
            .links
            .iter()
            .find(|link| link.jti == *old)
            .unwrap();
        let (delivered, revoked) = (self.delivered.contains(old), self.revoked.contains(old));
        let expired = link.issued_at.plus_secs(self.limits.link_ttl_secs) <= self.now;
        let gave_up = self
            .begun
            .get(old.as_str())
            .is_some_and(|begun| begun.len() >= 5);
        match step {
            Step::RenewForBuyer => {
                assert!(
                    !revoked && (delivered || expired || gave_up),
                    "renewed without a reason"
                );
                self.asked += 1;
                assert!(self.asked <= self.limits.max_renewals + self.limits.max_replacements);
                self.allowed = self.allowed.max(self.item().deliveries + 1);
            }
            Step::Issue => self.allowed = self.allowed.max(self.item().deliveries + 1),
            Step::Recover => assert!(!revoked && (expired || gave_up), "a stranger killed a link"),
            Step::Mail => assert!(!revoked, "a mail brought back what was taken back"),
            other => panic!("{other:?} made a link"),
        }
    }

    fn named(&self, stream: usize) -> Option<(LeaseKey, RandomId)> {
        let at = stream.checked_rem(self.streams.len())?;
        self.streams
            .get(at)
            .map(|stream| (stream.key.clone(), stream.name.clone()))
    }

    fn begin(&mut self, lease: usize, range: Range<u8>, open_ended: bool) {
        let Some(at) = lease.checked_rem(self.leases.len()) else {
            return;
        };
        let (key, stream) = (self.leases[at].clone(), self.draw());
        let request = Request {
            range: u64::from(range.start)..u64::from(range.end),
            open_ended,
            total: u64::from(TOTAL),
            etag: "v1".to_owned(),
        };
        let begin = Command::Begin {
            key: key.clone(),
            stream: stream.clone(),
            request,
            trail: trail(),
        };
        if let Reply::Holds { delivers_at, .. } = self.ask(begin) {
            let known = self.begun.entry(key.jti.as_str().to_owned()).or_default();
            if !known.contains(&key.lease) {
                known.push(key.lease.clone());
            }
            // All that it is allowed to send before it tells the order.
            let until = delivers_at.map_or(range.end, |at| u8::try_from(at).unwrap());
            let may = self
                .may
                .entry(whose(&key))
                .or_insert([false; TOTAL as usize]);
            (range.start..until).for_each(|byte| may[usize::from(byte)] = true);
            self.streams.push(Stream {
                key,
                name: stream,
                left: range,
                delivers_at,
                sent: false,
            });
        }
    }

    fn download(&mut self, who: u8) {
        self.step(Step::Redeem { browser: who });
        let (jti, browser) = (self.link().jti.clone(), browser(who));
        let own = |key: &LeaseKey| key.jti == jti && key.browser == browser;
        if let Some(lease) = self.leases.iter().rposition(own) {
            let streams = self.streams.len();
            self.begin(lease, 0..TOTAL, true);
            if self.streams.len() > streams {
                self.send(streams, TOTAL);
                self.step(Step::End {
                    stream: streams,
                    heard: true,
                });
            }
        }
    }

    /// As the pump does: before the byte that delivers it tells the order, and stops if that says no.
    fn send(&mut self, stream: usize, bytes: u8) {
        for _ in 0..bytes {
            let Some(at) = stream.checked_rem(self.streams.len()) else {
                return;
            };
            let Some(byte) = self.streams[at].left.clone().next() else {
                return;
            };
            let (key, name) = self.named(at).unwrap();
            if self.streams[at].delivers_at == Some(u64::from(byte)) {
                let reply = self.ask(Command::HandOver {
                    key: key.clone(),
                    stream: name,
                });
                if !matches!(reply, Reply::Holds { .. }) {
                    self.streams.swap_remove(at);
                    return;
                }
                let may = self
                    .may
                    .entry(whose(&key))
                    .or_insert([false; TOTAL as usize]);
                may[usize::from(byte)] = true;
                let bytes = may.iter().filter(|byte| **byte).count();
                assert!(bytes >= COPY, "used up by {bytes} bytes");
                self.delivered.insert(key.jti.clone());
            }
            self.streams[at].left.start += 1;
            self.streams[at].sent = true;
            self.has
                .entry(whose(&key))
                .or_insert([false; TOTAL as usize])[usize::from(byte)] = true;
        }
    }

    /// Only a stream that has sent nothing can say that it never began.
    fn give_back(&mut self, stream: usize) {
        let Some((key, name)) = self.named(stream) else {
            return;
        };
        let at = stream % self.streams.len();
        if !self.streams[at].sent {
            self.streams.swap_remove(at);
            let ending = Ending::NotBegun;
            self.ask(Command::Finish {
                key,
                stream: name,
                ending,
            });
        }
    }

    fn check(&self) {
        let copies = self
            .has
            .values()
            .filter(|has| has.iter().filter(|byte| **byte).count() >= COPY)
            .count();
        let deliveries = self.item().deliveries;
        assert!(
            copies <= usize::try_from(deliveries).unwrap(),
            "{copies} copies, {deliveries} counted"
        );
        assert!(
            deliveries <= self.allowed,
            "{deliveries} of {}",
            self.allowed
        );
        // Once nothing is heard for a while, somebody new gets the file, or there is a reason that can be named.
        let link = self.link();
        let quiet = self.now.plus_secs(
            self.limits
                .stream_grace_secs
                .max(self.limits.abandoned_after_secs),
        );
        match self.item().standing(link, &self.limits, quiet) {
            Standing::Ready => {}
            Standing::Used { .. } => assert!(self.delivered.contains(&link.jti)),
            Standing::Expired { .. } => {
                let expires_at = link.issued_at.plus_secs(self.limits.link_ttl_secs);
                assert!(expires_at <= quiet);
            }
            Standing::Revoked => assert!(self.revoked.contains(&link.jti)),
            Standing::Exhausted { .. } => {
                let begun = self.begun.get(link.jti.as_str()).map_or(0, Vec::len);
                assert!(begun >= 5, "{begun} leases sent something");
            }
            dead => panic!("{dead:?} without a reason"),
        }
    }
}

/// A browser, by one link.
fn whose(key: &LeaseKey) -> (String, String) {
    (format!("{:?}", key.browser), key.jti.as_str().to_owned())
}

proptest! {
    #![proptest_config(Config { cases: RUNS, ..Config::default() })]

    /// Never do more browsers have a copy than deliveries are counted, nor are more counted than allowed; and
    /// never is a link dead that nobody got the file by, unless it expired, was taken back, or too many gave up.
    #[test]
    fn a_purchase_whatever_happens(steps in steps(), shop in prop::sample::select(vec![(1, 1_800), (1, 60), (2, 1_800)])) {
        let (max_deliveries, lease_idle_secs) = shop;
        let mut life = Life::new(max_deliveries, lease_idle_secs);
        for step in steps {
            life.step(step);
            life.check();
        }
    }
}

/// One browser, by a lease that it has or gets: all of a range, to its end.
fn fetch(life: &mut Life, range: Range<u8>, open_ended: bool) {
    life.step(Step::Redeem { browser: 0 });
    life.begin(life.leases.len() - 1, range, open_ended);
    life.send(0, TOTAL);
    life.step(Step::End {
        stream: 0,
        heard: true,
    });
}

#[test]
fn two_half_copies_of_one_browser_are_one_copy() {
    let mut life = Life::new(1, 1_800);
    for range in [0..94, 94..TOTAL] {
        fetch(&mut life, range, false);
        life.step(Step::Wait(1_801));
        life.check();
    }
    assert_eq!(life.item().deliveries, 1);
}

/// A browser that lets a lease go by unused has as many bytes as before.
#[test]
fn a_lease_that_sent_nothing_hands_on_what_came_before_it() {
    let mut life = Life::new(1, 1_800);
    for range in [0..6, 6..TOTAL] {
        fetch(&mut life, range, true);
        // Twice over: the lease between is never used.
        for _ in 0..2 {
            life.step(Step::Wait(1_801));
            life.step(Step::Redeem { browser: 0 });
        }
        life.check();
    }
    assert_eq!(life.item().deliveries, 1);
}

/// A stream that storage failed to begin shows nothing of what its client has.
#[test]
fn a_request_that_never_began_makes_no_bytes_forgotten() {
    let mut life = Life::new(1, 1_800);
    life.step(Step::Redeem { browser: 0 });
    let begin = |from, to, open_ended| Step::Begin {
        lease: 0,
        from,
        to,
        open_ended,
    };
    let all = Step::Send {
        stream: 0,
        bytes: TOTAL,
    };
    let end = Step::End {
        stream: 0,
        heard: true,
    };
    let failed = Step::NotBegun { stream: 0 };
    for step in [
        begin(0, 50, false),
        all,
        end,
        begin(50, 60, false),
        all,
        Step::End {
            stream: 0,
            heard: false,
        },
        begin(50, TOTAL, true),
        failed,
        begin(60, TOTAL, false),
        all,
        end,
    ] {
        life.step(step);
        life.check();
    }
    assert_eq!(life.item().deliveries, 1);
}
