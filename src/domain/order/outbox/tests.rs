use proptest::prelude::*;

use super::super::fixtures::{PAID_AT, TTL_SECS, browser, id, new_item, purchase};
use super::super::*;
use super::*;
use crate::domain::mail::fixtures::mail;

const HOUR: i64 = 3_600;

/// An order and its clock.
struct Shop {
    order: Option<Order>,
    limits: Limits,
    now: Timestamp,
    drawn: u8,
}

impl Shop {
    fn with_order(link_ttl_secs: i64) -> Self {
        let mut shop = Self {
            order: None,
            limits: Limits {
                link_ttl_secs,
                ..Limits::default()
            },
            now: PAID_AT,
            drawn: 100,
        };
        shop.ask(Command::Record {
            purchase: purchase(),
            origin: "https://shop.example".to_owned(),
            items: vec![new_item()],
            mail: true,
        });
        shop.ask(Command::Stripe(StripeCommand::Registered));
        shop
    }

    fn ask(&mut self, command: Command) -> Reply {
        let (order, reply) = decide(self.order.take(), command, &self.limits, self.now);
        self.order = order;
        reply
    }

    fn draw(&mut self) -> RandomId {
        self.drawn = self.drawn.wrapping_add(1);
        id(self.drawn)
    }

    fn state(&self) -> &MailState {
        self.order.as_ref().unwrap().mail.as_ref().unwrap()
    }

    fn links(&self) -> usize {
        self.order.as_ref().unwrap().items[0].links.len()
    }

    /// An attempt, when it is due; its text is composed and kept if there is none.
    fn attempt(&mut self) -> Option<MailJob> {
        self.now = self.state().due_at()?.max(self.now);
        let start = Command::StartMail {
            fresh: self.draw(),
            schedule: Schedule::new(1),
        };
        match self.ask(start) {
            Reply::MailJob(Some(job)) => {
                self.ask(Command::KeepMail { mail: mail() });
                Some(*job)
            }
            Reply::MailJob(None) => None,
            other => panic!("{other:?}"),
        }
    }

    fn ends(&mut self, job: &MailJob, outcome: Outcome) {
        self.ask(Command::MailTried {
            edition: job.edition,
            outcome,
            schedule: Schedule::new(1),
        });
    }

    /// Somebody redeems the link and begins to download; it breaks off.
    fn begin_download(&mut self) {
        self.ask(Command::Redeem {
            jti: id(1),
            browser: browser(1),
            lease: id(9),
        });
        self.ask(Command::Begin {
            key: LeaseKey {
                jti: id(1),
                lease: id(9),
                browser: browser(1),
            },
            stream: id(3),
            request: Request {
                range: 0..9,
                open_ended: true,
                total: 9,
                etag: "v1".to_owned(),
            },
            trail: fixtures::trail(),
        });
    }

    /// Attempts that fail, for so long.
    fn fails_for(&mut self, secs: i64, outcome: &Outcome) -> Vec<MailJob> {
        let until = self.now.plus_secs(secs);
        let mut jobs = Vec::new();
        while self.state().due_at().is_some_and(|at| at < until) {
            let Some(job) = self.attempt() else {
                break;
            };
            self.ends(&job, outcome.clone());
            jobs.push(job);
        }
        self.now = until;
        jobs
    }
}

fn later(retry_after_secs: Option<i64>) -> Outcome {
    Outcome::Later {
        why: "Resend 500".to_owned(),
        retry_after_secs,
    }
}

fn refused() -> Outcome {
    Outcome::Refused {
        why: "Resend 401".to_owned(),
        retry_after_secs: None,
    }
}

fn never() -> Outcome {
    Outcome::Never {
        why: "Postmark 422 406".to_owned(),
    }
}

#[test]
fn the_same_text_and_key_for_twenty_hours_and_then_new_ones() {
    let mut shop = Shop::with_order(7 * 24 * HOUR);
    let jobs = shop.fails_for(30 * HOUR, &later(None));
    let (early, late): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| job.waited_secs < 20 * HOUR);
    assert!(early.len() >= 8 && !late.is_empty());
    assert!(
        early
            .iter()
            .all(|job| job.idempotency_key == "links/cs_test_1/0" && job.links[0].jti == id(1))
    );
    assert!(early.iter().skip(1).all(|job| job.mail.is_some()));
    let first_late = late[0];
    assert_eq!((&first_late.mail, first_late.edition), (&None, 1));
    assert_eq!(first_late.idempotency_key, "links/cs_test_1/1");
    assert_ne!(first_late.links[0].jti, id(1));
    let old = &shop.order.as_ref().unwrap().items[0].links[0];
    assert!(old.superseded_at.is_some(), "the old link is dead");
}

#[test]
fn a_short_life_is_not_mailed_to_its_end() {
    let mut shop = Shop::with_order(HOUR);
    for job in shop.fails_for(24 * HOUR, &later(None)) {
        let started = PAID_AT.plus_secs(job.waited_secs);
        assert!(job.links[0].expires_at.secs_since(started) * 100 >= HOUR * LEFT_WHEN_KEPT);
    }
}

#[test]
fn a_link_in_use_is_left_to_who_uses_it() {
    let mut shop = Shop::with_order(7 * 24 * HOUR);
    shop.fails_for(19 * HOUR, &later(None));
    shop.begin_download();
    let jobs = shop.fails_for(40 * HOUR, &later(None));
    assert!(
        jobs.iter()
            .all(|job| job.idempotency_key == "links/cs_test_1/0"),
        "no other text"
    );
    assert_eq!((shop.state().stage(), shop.links()), (Stage::Presumed, 1));
    assert_eq!(shop.state().sent_at, None, "nobody knows");
}

#[test]
fn who_began_by_the_success_page_gets_the_mail_all_the_same() {
    // Nothing was handed over, or it was refused, or it may have been taken: then the same text comes again.
    for (tried, waits_secs, key) in [
        (vec![], 0, "links/cs_test_1/0"),
        (vec![refused()], 0, "links/cs_test_1/0"),
        (vec![later(None)], 0, "links/cs_test_1/0"),
        (vec![refused(); 2], 24 * HOUR, "links/cs_test_1/1"),
    ] {
        let mut shop = Shop::with_order(7 * 24 * HOUR);
        for outcome in tried {
            let job = shop.attempt().unwrap();
            shop.ends(&job, outcome);
        }
        shop.begin_download();
        shop.now = shop.now.plus_secs(waits_secs);
        let job = shop.attempt().expect("the mail is still owed");
        assert_eq!(
            (job.idempotency_key.as_str(), &job.links[0].jti),
            (key, &id(1))
        );
        shop.ends(&job, Outcome::Sent);
        assert_eq!((shop.state().stage(), shop.links()), (Stage::Sent, 1));
    }
}

#[test]
fn what_was_taken_back_is_cancelled_and_not_called_sent() {
    let mut shop = Shop::with_order(TTL_SECS);
    shop.ask(Command::Revoke { jti: Some(id(1)) });
    assert_eq!(shop.attempt(), None);
    assert_eq!(shop.state().stage(), Stage::Cancelled);
    assert_eq!(shop.state().sent_at, None);
}

#[test]
fn what_works_outlives_a_strangers_recovery() {
    let mut shop = Shop::with_order(7 * 24 * HOUR);
    let job = shop.attempt().unwrap();
    shop.ends(&job, Outcome::Sent);
    let fresh = shop.draw();
    shop.ask(Command::Recover { fresh });
    let jobs = shop.fails_for(60 * HOUR, &later(None));
    assert!(
        jobs.iter().all(|job| job.links[0].jti == id(1)),
        "the link stays"
    );
    assert_eq!(jobs[0].idempotency_key, "links/cs_test_1/1");
    assert_eq!(
        jobs.last().unwrap().idempotency_key,
        "links/cs_test_1/3",
        "the keys do not"
    );
}

#[test]
fn who_is_not_to_be_reached_is_not_tried_again() {
    let mut shop = Shop::with_order(TTL_SECS);
    let job = shop.attempt().unwrap();
    shop.ends(&job, never());
    assert_eq!(shop.state().stage(), Stage::Failed);
    assert_eq!(
        shop.state().untold_failure().unwrap().why,
        "Postmark 422 406"
    );
    assert_eq!(shop.attempt(), None);
    assert_eq!(
        shop.state().due_at(),
        Some(PAID_AT),
        "the operator is to be told"
    );
    shop.ask(Command::MailFailureTold);
    assert_eq!(
        (shop.state().due_at(), shop.state().untold_failure()),
        (None, None)
    );
}

#[test]
fn after_a_failure_a_mail_can_be_asked_for_again() {
    let mut shop = Shop::with_order(TTL_SECS);
    let job = shop.attempt().unwrap();
    shop.ends(&job, never());
    shop.now = shop.now.plus_secs(60);
    let fresh = shop.draw();
    shop.ask(Command::Recover { fresh });
    assert!(
        shop.state().untold_failure().is_some(),
        "not forgotten over it"
    );
    let job = shop.attempt().unwrap();
    assert_eq!((job.edition, job.waited_secs), (1, 0));
    shop.ends(&job, Outcome::Sent);
    assert_eq!(shop.state().stage(), Stage::Sent);
}

#[test]
fn a_provider_that_says_when_is_not_asked_before() {
    let mut shop = Shop::with_order(TTL_SECS);
    for (outcome, wait_secs) in [
        (later(None), 30),
        (later(Some(1)), 120),
        (later(Some(900)), 900),
        (refused(), HOUR),
        (later(Some(2 * HOUR)), 2 * HOUR),
    ] {
        let job = shop.attempt().unwrap();
        shop.ends(&job, outcome);
        assert_eq!(shop.state().due_at(), Some(shop.now.plus_secs(wait_secs)));
    }
}

#[test]
fn it_is_given_up_after_three_days_and_after_two_weeks_if_the_operator_has_to_mend_it() {
    for (outcome, days) in [(later(None), 3), (refused(), 14)] {
        let mut shop = Shop::with_order(TTL_SECS);
        let jobs = shop.fails_for(30 * 24 * HOUR, &outcome);
        let last = jobs.last().unwrap().waited_secs;
        assert!(
            (days * 24 * HOUR - 5 * HOUR..days * 24 * HOUR).contains(&last),
            "{last}"
        );
        assert_eq!(shop.state().stage(), Stage::Failed);
        assert!(
            shop.state()
                .untold_failure()
                .unwrap()
                .why
                .starts_with("Resend")
        );
    }
}

#[test]
fn a_provider_that_is_busy_once_it_was_mended_has_its_three_days() {
    let mut shop = Shop::with_order(TTL_SECS);
    shop.fails_for(5 * 24 * HOUR, &refused());
    let job = shop.attempt().unwrap();
    shop.ends(&job, later(None));
    let jobs = shop.fails_for(60 * HOUR, &later(None));
    assert!(!jobs.is_empty());
    let job = shop.attempt().expect("it is tried on");
    shop.ends(&job, Outcome::Sent);
    assert_eq!(shop.state().stage(), Stage::Sent);

    let mut shop = Shop::with_order(TTL_SECS);
    shop.fails_for(5 * 24 * HOUR, &refused());
    shop.fails_for(90 * HOUR, &later(None));
    assert_eq!(shop.state().stage(), Stage::Failed, "but no more");
}

#[test]
fn what_was_asked_for_meanwhile_is_not_taken_for_sent() {
    let mut shop = Shop::with_order(TTL_SECS);
    let job = shop.attempt().unwrap();
    // While the provider is asked, the operator takes the link back and gives another.
    shop.ask(Command::Revoke { jti: None });
    shop.ask(Command::Issue {
        product: None,
        jti: id(7),
    });
    let fresh = shop.draw();
    shop.ask(Command::Recover { fresh });
    shop.ends(&job, Outcome::Sent);
    let next = shop.attempt().unwrap();
    assert_eq!(next.links[0].jti, id(7));
    assert_ne!(next.idempotency_key, job.idempotency_key);
}

#[test]
fn an_attempt_whose_end_nobody_heard_of_is_followed_by_another() {
    let mut shop = Shop::with_order(TTL_SECS);
    let first = shop.attempt().unwrap();
    assert_eq!(shop.state().stage(), Stage::Sending);
    let second = shop.attempt().unwrap();
    assert_eq!(second.idempotency_key, first.idempotency_key);
    assert_eq!(second.mail, Some(mail()));
}

#[test]
fn every_attempt_sends_the_text_of_the_first() {
    let mut shop = Shop::with_order(TTL_SECS);
    shop.attempt().unwrap();
    let mut other = mail();
    other.text = "Another text\n".to_owned();
    shop.ask(Command::KeepMail { mail: other });
    assert_eq!(shop.attempt().unwrap().mail, Some(mail()));
}

#[derive(Clone, Debug)]
enum Step {
    Attempt(Option<Outcome>),
    Wait(i64),
    Recover,
    Renew,
    Issue,
    Revoke,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcomes = vec![
        None,
        Some(Outcome::Sent),
        Some(later(None)),
        Some(later(Some(3 * HOUR))),
        Some(refused()),
        Some(never()),
    ];
    let step = prop_oneof![
        6 => prop::sample::select(outcomes).prop_map(Step::Attempt),
        2 => prop::sample::select(vec![1, HOUR, 9 * HOUR, 25 * HOUR]).prop_map(Step::Wait),
        1 => Just(Step::Recover),
        1 => Just(Step::Renew),
        1 => Just(Step::Issue),
        1 => Just(Step::Revoke),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_mail_carries_a_dead_link_and_no_key_has_two_texts(ttl_hours in 1_i64..=168, steps in steps()) {
        let mut shop = Shop::with_order(ttl_hours * HOUR);
        let mut texts = std::collections::BTreeMap::new();
        let mut first_at = std::collections::BTreeMap::new();
        for step in steps {
            let last = shop.order.as_ref().unwrap().items[0].links.last().unwrap().jti.clone();
            let fresh = shop.draw();
            match step {
                Step::Attempt(outcome) => {
                    let Some(job) = shop.attempt() else { continue };
                    let order = shop.order.as_ref().unwrap();
                    for view in &job.links {
                        let link = order.items[0].links.iter().find(|link| link.jti == view.jti).unwrap();
                        let standing = order.items[0].standing(link, &shop.limits, shop.now);
                        prop_assert_eq!(standing, Standing::Ready);
                    }
                    let jtis: Vec<_> = job.links.iter().map(|link| link.jti.clone()).collect();
                    let known = texts.entry(job.idempotency_key.clone()).or_insert_with(|| jtis.clone());
                    prop_assert_eq!(known, &jtis);
                    let since = *first_at.entry(job.idempotency_key.clone()).or_insert(shop.now);
                    prop_assert!(shop.now.secs_since(since) <= 24 * HOUR);
                    if let Some(outcome) = outcome {
                        shop.ends(&job, outcome);
                    }
                }
                Step::Wait(secs) => shop.now = shop.now.plus_secs(secs),
                Step::Recover => drop(shop.ask(Command::Recover { fresh })),
                Step::Renew => drop(shop.ask(Command::Renew { jti: last, fresh })),
                Step::Issue => drop(shop.ask(Command::Issue { product: None, jti: fresh })),
                Step::Revoke => drop(shop.ask(Command::Revoke { jti: None })),
            }
        }
    }
}
