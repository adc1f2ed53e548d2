use super::*;
use crate::domain::order::fixtures;

const URL: &str = "https://shop.example/download?token=a.b.c";

fn item<'a>(product: &'a Product, link: &'a LinkView) -> MailItem<'a> {
    MailItem {
        product,
        link,
        url: URL.to_owned(),
        recover_url: "https://shop.example/recover".to_owned(),
    }
}

fn composed(reason: MailReason, items: &[MailItem<'_>]) -> Option<Mail> {
    compose(&fixtures::shop(), &fixtures::mail_settings(), reason, items).unwrap()
}

fn mail(change: impl FnOnce(&mut LinkView)) -> Mail {
    let mut link = fixtures::view();
    change(&mut link);
    composed(MailReason::Purchase, &[item(&fixtures::product(), &link)]).unwrap()
}

#[test]
fn it_says_what_for_whom_and_until_when() {
    let mail = mail(|_| {});
    assert_eq!(mail.to, "ada@example.com");
    assert_eq!(mail.subject, "Your download: Demo Product");
    for body in [&mail.text, &mail.html] {
        for part in [
            "Ada Lovelace",
            "Engines Ltd",
            "Demo Product",
            "1.0.0",
            "15 November 2023, 22:13 UTC",
            "once",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
    }
    assert!(
        mail.text
            .contains("https://shop.example/download?token=a.b.c")
    );
}

#[test]
fn the_link_stands_in_the_html_as_text_too() {
    assert!(
        mail(|_| {})
            .html
            .matches("https://shop.example/download?token=a.b.c")
            .count()
            >= 2
    );
}

#[test]
fn names_are_text_not_markup() {
    let mail = mail(|link| link.buyer.name = Some("<script>alert(1)</script>".to_owned()));
    assert!(!mail.html.contains("<script>"));
    assert!(mail.text.contains("<script>alert(1)</script>"));
}

#[test]
fn no_picture_and_no_tracking() {
    let html = mail(|_| {}).html;
    assert!(!html.contains("<img") && !html.contains("src="), "{html}");
    let elsewhere = html
        .split("http")
        .skip(1)
        .filter(|rest| !rest.starts_with("s://shop.example/"));
    assert_eq!(elsewhere.count(), 0, "{html}");
}

#[test]
fn it_says_how_to_get_another() {
    let mail = mail(|_| {});
    for body in [&mail.text, &mail.html] {
        for part in [
            "https://shop.example/recover",
            "help@example.com",
            "cs_test_1",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
    }
}

#[test]
fn it_says_why_it_comes() {
    let (product, link) = (fixtures::product(), fixtures::view());
    for (reason, subject, says) in [
        (
            MailReason::Purchase,
            "Your download: Demo Product",
            "thank you",
        ),
        (
            MailReason::Renewal,
            "Your new link: Demo Product",
            "works no more",
        ),
        (
            MailReason::Recovery,
            "Your links: Demo Product",
            "most likely you",
        ),
    ] {
        let mail = composed(reason, &[item(&product, &link)]).unwrap();
        assert_eq!(mail.subject, subject);
        assert!(
            mail.text.contains(says) && mail.html.contains(says),
            "{}",
            mail.text
        );
    }
}

#[test]
fn several_products_are_one_mail_with_a_link_each() {
    let (first, link) = (fixtures::product(), fixtures::view());
    let second = Product {
        name: "Second Product".to_owned(),
        ..fixtures::product()
    };
    let mut later = fixtures::view();
    later.expires_at = later.expires_at.plus_secs(3_600);
    let mut items = [item(&first, &link), item(&second, &later)];
    items[1].url = "https://shop.example/download?token=d.e.f".to_owned();
    let mail = composed(MailReason::Purchase, &items).unwrap();
    assert_eq!(mail.subject, "Your download: Demo Product, Second Product");
    assert_eq!(
        mail.links,
        [URL, "https://shop.example/download?token=d.e.f"]
    );
    for body in [&mail.text, &mail.html] {
        for part in [
            "22:13 UTC",
            "23:13 UTC",
            "Each link works once",
            "token=a.b.c",
            "token=d.e.f",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
    }
}

#[test]
fn the_plain_text_reads_well_by_itself() {
    assert_eq!(
        mail(|_| {}).text,
        "\
Hello Ada Lovelace,

thank you for your purchase from Demo Shop.

Demo Product, version 1.0.0
Licensed to Engines Ltd (licence number BP-ZEDE-BP7P-M8CM)

Open this page and press the button to download your copy:

https://shop.example/download?token=a.b.c

Good for one download, until 15 November 2023, 22:13 UTC.

The link works once. It is used up when the file was delivered: opening
the page does not use it up, and a download that broke off can go on
where it stopped, in the same browser.

Is the time over, or did the file not arrive? Open the link again: the
page behind it mails you a new one. To have these links sent again, or
if that does not help:

https://shop.example/recover
help@example.com, with your order's name:
cs_test_1

Demo Shop
"
    );
}

#[test]
fn names_in_any_script_stand_apart_from_what_is_around_them() {
    let mail = mail(|link| {
        link.buyer.name = Some("עדה לאבלייס".to_owned());
        link.buyer.organisation = Some("O'Brien & \"Söhne\"".to_owned());
    });
    assert!(
        mail.html.contains("<bdi>עדה לאבלייס</bdi>"),
        "{}",
        mail.html
    );
    assert!(
        mail.text.contains("Licensed to O'Brien & \"Söhne\""),
        "{}",
        mail.text
    );
}

#[test]
fn nothing_to_send_is_no_mail() {
    assert_eq!(composed(MailReason::Purchase, &[]), None);
}

#[test]
fn the_subject_is_the_operators_and_one_line() {
    let mut settings = fixtures::mail_settings();
    settings.subject = Some("{{ products }} from {{ shop }} ({{ order }})".to_owned());
    let link = fixtures::view();
    let mut product = fixtures::product();
    product.name = "Two\r\nBcc: all@example.com".to_owned();
    let mail = compose(
        &fixtures::shop(),
        &settings,
        MailReason::Purchase,
        &[item(&product, &link)],
    )
    .unwrap()
    .unwrap();
    assert_eq!(
        mail.subject,
        "Two Bcc: all@example.com from Demo Shop (cs_test_1)"
    );
    assert_eq!(mail.from.quoted(), "\"Demo Shop\" <shop@example.com>");
    assert_eq!(mail.reply_to, "help@example.com");
}

#[test]
fn a_subject_names_what_there_is() {
    assert_eq!(check_subject("Your {{ products }}"), Ok(()));
    assert!(check_subject("Hello {{ email }}").is_err());
    assert!(check_subject("{{ products").is_err());
}
