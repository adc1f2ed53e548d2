//! The watchdog makes up for what never arrived.

use pollster::block_on;
use serde_json::{Value, json};

use super::buying::{post, signed};
use crate::domain::alarm::Code;
use crate::domain::order::fixtures::PAID_AT;
use crate::flow::failure::Failure;
use crate::flow::fakes::{FakeNotebook, Fault, Town};
use crate::flow::ports::ApiError;
use crate::flow::watchdog::{Findings, GRACE_SECS, Look, run};

struct Kennel {
    town: Town,
    notebook: FakeNotebook,
}

impl Kennel {
    /// A shop in which the watchdog has been before.
    fn new() -> Self {
        let mut town = Town::new();
        town.settings.public_url = Some("https://downloads.example".to_owned());
        let kennel = Self {
            town,
            notebook: FakeNotebook::default(),
        };
        assert_eq!(kennel.run().unwrap(), Findings::default());
        kennel
    }

    fn run(&self) -> Result<Findings, Failure> {
        let town = &self.town;
        block_on(run(
            &town.settings,
            &town.orders,
            &town.payments,
            &town.stripe,
            &self.notebook,
            &town.random,
            town.now(),
        ))
    }

    /// Something happens `at` seconds after the first run, and Stripe lists it.
    fn lists(&self, at: i64, kind: &str, object: &Value) -> Value {
        let mut events = self.town.stripe.events.borrow_mut();
        let event = json!({
            "id": format!("evt_{}", events.len()), "object": "event", "type": kind, "livemode": false,
            "created": PAID_AT.plus_secs(at), "data": { "object": object },
        });
        events.push(event.clone());
        event
    }

    fn orders(&self) -> usize {
        self.town.orders.orders.borrow().len()
    }
}

fn session(name: &str) -> Value {
    json!({
        "id": format!("cs_test_{name}"), "mode": "payment", "status": "complete", "payment_status": "paid",
        "payment_intent": format!("pi_{name}"), "livemode": false,
        "customer_details": { "email": "ada@example.com" }, "metadata": { "product": "demo" },
    })
}

const COMPLETED: &str = "checkout.session.completed";

#[test]
fn what_never_arrived_is_made_up_for_once() {
    let kennel = Kennel::new();
    kennel.lists(5, COMPLETED, &session("a"));
    kennel.town.wait(GRACE_SECS + 60);
    let found = kennel.run().unwrap();
    assert_eq!((found.events, found.missing), (1, 1));
    assert_eq!(found.causes[0].code, Code::WebhooksMissing);
    assert_eq!(kennel.orders(), 1);
    // Looks overlap, and what is seen again changes nothing and alarms nobody.
    kennel.town.wait(60);
    let found = kennel.run().unwrap();
    assert_eq!((found.events, found.missing, found.causes.len()), (1, 0, 0));
}

#[test]
fn what_arrived_is_nothing_to_report() {
    let kennel = Kennel::new();
    let event = kennel.lists(5, COMPLETED, &session("a")).to_string();
    post(&kennel.town, &event, Some(&signed(&kennel.town, &event))).unwrap();
    kennel.town.wait(GRACE_SECS + 60);
    assert!(kennel.run().unwrap().causes.is_empty());
}

#[test]
fn what_may_still_arrive_by_itself_is_left_alone() {
    let kennel = Kennel::new();
    kennel.town.wait(3_600);
    kennel.lists(3_600 - GRACE_SECS, COMPLETED, &session("a"));
    assert_eq!(kennel.run().unwrap().events, 0);
    kennel.town.wait(60);
    assert_eq!(kennel.run().unwrap().missing, 1);
}

#[test]
fn what_was_sold_before_the_first_run_is_not_mailed_again() {
    let town = Town::new();
    let kennel = Kennel {
        notebook: FakeNotebook::default(),
        town,
    };
    kennel.lists(-40 * 60, COMPLETED, &session("a"));
    assert!(matches!(kennel.run(), Err(Failure::NoPublicUrl)));
    let kennel = Kennel {
        town: {
            let mut town = kennel.town;
            town.settings.public_url = Some("https://downloads.example".to_owned());
            town
        },
        ..kennel
    };
    assert_eq!(kennel.run().unwrap().events, 0);
}

#[test]
fn many_events_are_seen_to_page_by_page_and_run_by_run() {
    let kennel = Kennel::new();
    for at in 0..70 {
        kennel.lists(at, COMPLETED, &session(&format!("n{at}")));
    }
    kennel.town.wait(3_600);
    let mut runs = 0;
    let mut missing = 0;
    loop {
        let found = kennel.run().unwrap();
        (runs, missing) = (runs + 1, missing + found.missing);
        if !found.more {
            break;
        }
        // Meanwhile there is something new, which belongs to the next look.
        kennel.lists(3_600, COMPLETED, &session("late"));
    }
    assert_eq!((runs, missing, kennel.orders()), (3, 70, 70));
}

#[test]
fn a_run_that_fails_goes_on_where_it_was() {
    let kennel = Kennel::new();
    for at in 0..6 {
        kennel.lists(at, COMPLETED, &session(&format!("n{at}")));
    }
    kennel.town.wait(3_600);
    let down = ApiError::Unavailable("down".to_owned());
    kennel.town.stripe.errors.borrow_mut().push_back(down);
    assert!(matches!(kennel.run(), Err(Failure::Unavailable(_))));
    kennel.run().unwrap();
    assert_eq!(kennel.orders(), 6);
}

#[test]
fn an_event_that_fails_keeps_no_other_from_being_seen_to_and_is_tried_again() {
    for fault in [Fault::NotDone, Fault::DoneButFailed] {
        let kennel = Kennel::new();
        for at in 0..6 {
            kennel.lists(at, COMPLETED, &session(&format!("n{at}")));
        }
        kennel.town.wait(3_600);
        kennel.town.orders.faults.borrow_mut().push_back(fault);
        let found = kennel.run().unwrap();
        assert_eq!((found.failed, found.missing, found.more), (1, 5, false));
        // Long after the look it was in, it is made up for.
        kennel.town.wait(3_600);
        assert_eq!(kennel.run().unwrap().failed, 0);
        assert_eq!(kennel.orders(), 6);
        assert!(
            kennel
                .notebook
                .page
                .borrow()
                .as_ref()
                .unwrap()
                .failed
                .is_empty()
        );
    }
}

#[test]
fn an_event_that_fails_for_hours_is_told_by_its_name() {
    let kennel = Kennel::new();
    kennel.lists(5, COMPLETED, &session("a"));
    kennel.town.wait(3_600);
    for hour in 0..7 {
        let faults = &kennel.town.orders.faults;
        faults.borrow_mut().push_back(Fault::NotDone);
        let found = kennel.run().unwrap();
        let told = found
            .causes
            .iter()
            .any(|cause| (cause.code, cause.subject.as_str()) == (Code::WatchdogStuck, "evt_0"));
        assert_eq!(told, hour >= 6, "{hour}");
        kennel.town.wait(3_600);
    }
}

#[test]
fn when_nothing_can_be_stored_the_look_waits() {
    let kennel = Kennel::new();
    for at in 0..70 {
        kennel.lists(at, COMPLETED, &session(&format!("n{at}")));
    }
    kennel.town.wait(3_600);
    let faults = std::iter::repeat_n(Fault::NotDone, 70);
    kennel.town.orders.faults.borrow_mut().extend(faults);
    while kennel.run().is_err() || kennel.orders() < 70 {
        kennel.town.wait(600);
        assert!(kennel.town.now().secs_since(PAID_AT) < 24 * 3_600);
    }
}

#[test]
fn a_place_that_stripe_does_not_know_any_more_is_forgotten() {
    let kennel = Kennel::new();
    kennel.lists(5, COMPLETED, &session("a"));
    kennel.town.wait(3_600);
    // The test key's, for example.
    kennel.notebook.page.borrow_mut().as_mut().unwrap().look = Some(Look {
        from: PAID_AT.plus_secs(-600),
        until: PAID_AT.plus_secs(600),
        after: Some("evt_gone".to_owned()),
    });
    let found = kennel.run().unwrap();
    assert_eq!((found.missing, found.more), (1, false));
}

#[test]
fn stripe_that_does_not_answer_for_hours_is_told() {
    let kennel = Kennel::new();
    for hour in 1..8 {
        kennel.town.wait(3_600);
        let down = ApiError::Unavailable("down".to_owned());
        kennel.town.stripe.errors.borrow_mut().push_back(down);
        let failure = kennel.run().unwrap_err();
        let told = failure.cause().map(|cause| cause.code);
        assert_eq!(told, (hour >= 6).then_some(Code::WatchdogStuck), "{hour}");
    }
    kennel.run().unwrap();
}

#[test]
fn refunds_count_too() {
    let kennel = Kennel::new();
    let refund = json!({ "id": "re_1", "payment_intent": "pi_a", "amount": 1, "currency": "eur", "status": "succeeded" });
    kennel.lists(5, "refund.created", &refund);
    kennel.town.wait(3_600);
    assert_eq!(kennel.run().unwrap().missing, 1);
}

#[test]
fn a_session_about_something_else_is_not_stored_at_each_look() {
    let mut kennel = Kennel::new();
    kennel.town.settings.products[0].prices = vec!["price_demo".to_owned()];
    for (name, price) in [("ours", "price_demo"), ("theirs", "price_x")] {
        let mut listed = session(name);
        listed["metadata"] = json!({});
        kennel.lists(5, COMPLETED, &listed);
        listed["line_items"] = json!({ "data": [{ "price": { "id": price } }], "has_more": false });
        let id = listed["id"].as_str().unwrap().to_owned();
        kennel.town.stripe.sessions.borrow_mut().insert(id, listed);
    }
    kennel.town.wait(3_600);
    assert_eq!(kennel.run().unwrap().missing, 1);
    assert_eq!(kennel.orders(), 1);
}

#[test]
fn an_event_that_can_not_be_acted_on_is_told_and_stops_nothing() {
    let kennel = Kennel::new();
    let mut nobody = session("nobody");
    nobody["customer_details"] = Value::Null;
    kennel.lists(5, COMPLETED, &nobody);
    kennel.lists(4, COMPLETED, &session("a"));
    kennel.town.wait(3_600);
    let found = kennel.run().unwrap();
    assert_eq!((found.unfit, found.missing), (1, 1));
    assert!(
        found
            .causes
            .iter()
            .any(|cause| (cause.code, cause.subject.as_str())
                == (Code::EventUnfit, "cs_test_nobody"))
    );
}
