//! The operator hears of what only they can mend, whatever fails on the way.

use pollster::block_on;

use crate::domain::alarm::{Cause, Code, Told};
use crate::domain::order::fixtures::PAID_AT;
use crate::domain::time::Timestamp;
use crate::flow::alarm::{run, take};
use crate::flow::fakes::{FakeAlarmBook, FakeMailer, Fault, settings};

fn cause() -> Cause {
    Cause::new(Code::MailFailed, "cs_test_1", "Postmark 422 406")
}

/// Rings whenever something is due, as the platform would.
fn ring_on(book: &FakeAlarmBook, mailer: &FakeMailer) -> Option<Told> {
    let mut last = None;
    while let Some(at) = book.due_at() {
        let at = at.max(PAID_AT);
        match block_on(run(&settings(), book, mailer, at)) {
            Ok(told) => last = told.or(last),
            // The object's alarm is set again, half a minute later.
            Err(_) => book.wait_until(at.plus_secs(30)),
        }
    }
    last
}

fn raised(book: &FakeAlarmBook, now: Timestamp) -> bool {
    take(&settings(), book, cause(), now).unwrap()
}

#[test]
fn a_cause_is_told_in_one_mail() {
    let (book, mailer) = (FakeAlarmBook::default(), FakeMailer::default());
    assert!(raised(&book, PAID_AT));
    assert!(!raised(&book, PAID_AT), "known");
    assert_eq!(ring_on(&book, &mailer), Some(Told::Yes));
    let sent = mailer.sent.borrow();
    let mail = sent.values().next().unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        mail.to, "help@example.com",
        "without an OPERATOR_EMAIL, SUPPORT_EMAIL"
    );
    assert!(
        mail.text.contains("mail-failed: cs_test_1"),
        "{}",
        mail.text
    );
}

/// A provider may take longer to answer than the operator's mail would wait.
#[test]
fn the_next_attempt_is_not_before_the_answer_to_the_last() {
    let (book, mailer) = (FakeAlarmBook::default(), FakeMailer::default());
    assert!(raised(&book, PAID_AT));
    mailer.takes_secs.set(24 * 3_600);
    mailer.faults.borrow_mut().push_back(Fault::NotDone);
    let began_at = book.due_at().unwrap();
    let told = block_on(run(&settings(), &book, &mailer, began_at)).unwrap();
    assert_eq!(told, Some(Told::NotYet));
    assert!(book.due_at().unwrap() >= began_at.plus_secs(24 * 3_600));
}

#[test]
fn whatever_fails_at_any_step_it_is_one_mail() {
    for dies_at in 0..4 {
        for fault in [None, Some(Fault::NotDone), Some(Fault::DoneButFailed)] {
            let (book, mailer) = (FakeAlarmBook::default(), FakeMailer::default());
            assert!(raised(&book, PAID_AT));
            mailer.faults.borrow_mut().extend(fault);
            book.dies_at.set(Some(book.updates.get() + dies_at));
            assert_eq!(
                ring_on(&book, &mailer),
                Some(Told::Yes),
                "{dies_at} {fault:?}"
            );
            assert_eq!(mailer.sent.borrow().len(), 1, "{dies_at} {fault:?}");
        }
    }
}
