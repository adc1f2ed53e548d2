use super::*;
use crate::domain::json;
use crate::domain::order::fixtures;

const NOW: Timestamp = fixtures::PAID_AT;
const ORDER: &str = "cs_test_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";

fn stuck(order: &str) -> Cause {
    Cause::new(Code::MailStuck, order, "Resend 500: for ada@example.com")
}

fn schedule() -> Schedule {
    Schedule::new(1)
}

fn start(alarms: &mut Alarms, now: Timestamp) -> Option<AlarmJob> {
    alarms.start(&fixtures::shop(), &fixtures::mail_settings(), now)
}

fn down() -> Outcome {
    Outcome::no_answer("down")
}

#[test]
fn one_mail_tells_all_that_arose_within_minutes() {
    let mut alarms = Alarms::default();
    assert!(alarms.raise(stuck(ORDER), schedule(), NOW));
    let refused = Cause::new(Code::MailRefused, "resend", "Resend 401");
    assert!(alarms.raise(refused, schedule(), NOW.plus_secs(60)));
    assert_eq!(start(&mut alarms, NOW.plus_secs(179)), None);
    let job = start(&mut alarms, NOW.plus_secs(180)).unwrap();
    assert_eq!(job.mail.to, "operator@example.com");
    assert_eq!(
        job.mail.subject,
        "Demo Shop needs you: mail-stuck and 1 more"
    );
    for body in [&job.mail.text, &job.mail.html] {
        for part in [
            ORDER,
            "mail-stuck",
            "mail-refused",
            "14 November 2023, 22:13 UTC",
            "[address]",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
        assert!(!body.contains("ada@"), "{body}");
    }
    assert_eq!(alarms.heard(&Outcome::Sent, schedule(), NOW), Told::Yes);
    assert_eq!(alarms.due_at(), None);
}

#[test]
fn an_order_that_is_called_by_an_address_goes_by_its_digest() {
    let subject = |name: &str| Cause::new(Code::MailStuck, name, "").subject;
    let ada = subject("ref:ada@example.com");
    assert!(!ada.contains("ada") && !ada.contains("example"), "{ada}");
    assert_ne!(ada, subject("ref:bob@example.com"), "they are told apart");
    assert_eq!(subject("ref:A-1"), "ref:A-1");
    assert_eq!(subject(ORDER), ORDER);
}

#[test]
fn once_per_cause_and_day() {
    let mut alarms = Alarms::default();
    assert!(alarms.raise(stuck(ORDER), schedule(), NOW));
    assert!(!alarms.raise(stuck(ORDER), schedule(), NOW.plus_secs(1)));
    assert!(alarms.raise(stuck("cs_test_2"), schedule(), NOW));
    assert!(alarms.raise(Cause::new(Code::MailFailed, ORDER, ""), schedule(), NOW));
    // PAID_AT is 22:13 UTC: midnight makes it no news.
    assert!(!alarms.raise(stuck(ORDER), schedule(), NOW.plus_secs(2 * 3_600)));
    assert!(alarms.raise(stuck(ORDER), schedule(), NOW.plus_secs(DAY_SECS)));
    let job = start(&mut alarms, NOW.plus_secs(DAY_SECS)).unwrap();
    let lines = |text: &str| text.matches(&format!("mail-stuck: {ORDER}")).count();
    assert_eq!(lines(&job.mail.text), 1, "though it was raised twice");
}

#[test]
fn what_arises_meanwhile_is_told_next() {
    let mut alarms = Alarms::default();
    alarms.raise(stuck(ORDER), schedule(), NOW);
    let at = NOW.plus_secs(180);
    let first = start(&mut alarms, at).unwrap();
    alarms.raise(stuck("cs_test_2"), schedule(), at);
    alarms.heard(&down(), schedule(), at);
    assert_eq!(start(&mut alarms, at.plus_secs(29)), None);
    let again = start(&mut alarms, at.plus_secs(30)).unwrap();
    assert_eq!(again, first, "the same bytes, the same key");
    alarms.heard(&Outcome::SentBefore, schedule(), at.plus_secs(30));
    let next = start(&mut alarms, at.plus_secs(210)).unwrap();
    assert_ne!(next.idempotency_key, first.idempotency_key);
    assert!(next.mail.text.contains("cs_test_2") && !next.mail.text.contains(ORDER));
}

#[test]
fn it_is_tried_until_it_was_told_and_no_key_is_older_than_the_provider_remembers() {
    let mut alarms = Alarms::default();
    alarms.raise(stuck(ORDER), schedule(), NOW);
    assert_eq!(alarms.untold(schedule(), NOW.plus_secs(3_600)), []);
    let mut first_at = std::collections::BTreeMap::new();
    let mut attempts = 0;
    while let Some(at) = alarms
        .due_at()
        .filter(|at| at.secs_since(NOW) < 5 * DAY_SECS)
    {
        let job = start(&mut alarms, at).unwrap();
        assert!(job.mail.text.contains(ORDER));
        let since = *first_at.entry(job.idempotency_key).or_insert(at);
        assert!(at.secs_since(since) < DAY_SECS);
        assert_eq!(alarms.heard(&down(), schedule(), at), Told::NotYet);
        attempts += 1;
    }
    assert!((25..50).contains(&attempts), "{attempts}");
    let at = alarms.due_at().unwrap();
    assert_eq!(alarms.untold(schedule(), at), [(Code::MailStuck, 1)]);
    start(&mut alarms, at).unwrap();
    assert_eq!(alarms.heard(&Outcome::Sent, schedule(), at), Told::Yes);
    assert_eq!(
        (alarms.due_at(), alarms.untold(schedule(), at)),
        (None, vec![])
    );
}

#[test]
fn an_operator_who_cannot_be_reached_is_tried_daily() {
    let mut alarms = Alarms::default();
    alarms.raise(stuck(ORDER), schedule(), NOW);
    let at = NOW.plus_secs(180);
    let first = start(&mut alarms, at).unwrap();
    let never = Outcome::Never { why: String::new() };
    assert_eq!(alarms.heard(&never, schedule(), at), Told::Failed);
    let at = at.plus_secs(DAY_SECS);
    assert_eq!(alarms.due_at(), Some(at));
    let next = start(&mut alarms, at).unwrap();
    assert!(next.mail.text.contains(ORDER));
    assert_ne!(next.idempotency_key, first.idempotency_key);
}

#[test]
fn no_address_is_no_mail() {
    let mut alarms = Alarms::default();
    alarms.raise(stuck(ORDER), schedule(), NOW);
    let mut settings = fixtures::mail_settings();
    settings.operator = None;
    let job = alarms.start(&fixtures::shop(), &settings, NOW.plus_secs(180));
    assert_eq!((job, alarms.due_at()), (None, None));
}

#[test]
fn a_flood_is_one_mail_of_bounded_size() {
    let mut alarms = Alarms::default();
    for n in 0..3_000 {
        assert!(alarms.raise(stuck(&format!("cs_test_{n}")), schedule(), NOW));
    }
    assert!(serde_json::to_string(&alarms).unwrap().len() < 200_000);
    let job = start(&mut alarms, NOW.plus_secs(180)).unwrap();
    assert!(job.mail.text.contains("2950 more") && job.mail.text.len() < 50_000);
    alarms.heard(&Outcome::Sent, schedule(), NOW);
    assert_eq!(alarms.due_at(), None);
}

#[test]
fn stored_format_unchanged() {
    let mut alarms = Alarms::default();
    alarms.raise(
        Cause::new(Code::MailStuck, "cs_test_1", "down"),
        schedule(),
        NOW,
    );
    let stored = r#"{"known":[["mail-stuck","cs_test_1",1700000000]],"waiting":[{"cause":{"code":"mail-stuck","subject":"cs_test_1","detail":"down"},"since":1700000000}],"unnamed":0,"due_at":1700000180,"mail":null,"mails":0}"#;
    assert_eq!(serde_json::to_string(&alarms).unwrap(), stored);
    assert_eq!(json::read::<Alarms>(stored).unwrap(), alarms);
}
