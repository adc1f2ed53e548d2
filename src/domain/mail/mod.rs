//! The mail that carries the links, and the providers that take it.

pub mod cloudflare;
#[cfg(test)]
pub(crate) mod fixtures;
mod mailbox;
mod outcome;
pub mod postmark;
mod request;
pub mod resend;
mod schedule;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use mailbox::Mailbox;
pub use outcome::{Answer, Outcome, cleaned};
pub use request::Request;
pub use schedule::Schedule;

use super::id::hex;
use super::order::LinkView;
use super::settings::{MailSettings, Product, Shop};
use super::template::{TemplateError, check_variables, render, render_text};
use super::text;

/// A mail, ready to be sent. It holds all that a provider is told, so that whatever is set meanwhile, another
/// attempt sends the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Who it comes from.
    pub from: Mailbox,
    /// The address that an answer goes to.
    pub reply_to: String,
    /// One address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// For readers without HTML: complete in itself.
    pub text: String,
    /// For all others.
    pub html: String,
    /// The links in it.
    pub links: Vec<String>,
}

/// One product in the mail.
#[derive(Clone, Debug)]
pub struct MailItem<'a> {
    /// The product.
    pub product: &'a Product,
    /// Its link, and whom it is for.
    pub link: &'a LinkView,
    /// The link's address.
    pub url: String,
}

#[derive(Serialize)]
struct Context<'a> {
    shop: &'a Shop,
    name: &'a str,
    licensee: &'a str,
    order: &'a str,
    expires: String,
    items: Vec<ItemContext<'a>>,
}

#[derive(Serialize)]
struct ItemContext<'a> {
    product: &'a str,
    version: &'a str,
    license_id: &'a str,
    url: &'a str,
}

/// Composes the mail: the same items give the same bytes. `None` if there is nothing to send.
///
/// # Errors
/// A template that asks for what there is not.
pub fn compose(
    shop: &Shop,
    settings: &MailSettings,
    items: &[MailItem<'_>],
) -> Result<Option<Mail>, TemplateError> {
    let Some(first) = items.first() else {
        return Ok(None);
    };
    let buyer = &first.link.buyer;
    let context = Context {
        shop,
        name: buyer.greeting_name(),
        licensee: buyer.licensee(),
        order: first.link.order.shown(),
        expires: first.link.expires_at.minute(),
        items: items
            .iter()
            .map(|item| ItemContext {
                product: &item.product.name,
                version: &item.product.version,
                license_id: item.link.license.as_str(),
                url: &item.url,
            })
            .collect(),
    };
    Ok(Some(Mail {
        from: settings.from.clone(),
        reply_to: settings.reply_to.clone(),
        to: buyer.email.clone(),
        subject: subject(settings, &context)?,
        text: render("mail/links.txt", &context)?,
        html: render("mail/links.html", &context)?,
        links: items.iter().map(|item| item.url.clone()).collect(),
    }))
}

/// One line, whatever the names in it.
fn subject(settings: &MailSettings, context: &Context<'_>) -> Result<String, TemplateError> {
    let Some(template) = &settings.subject else {
        return Ok(text::clean_line(&render("mail/subject.txt", context)?));
    };
    let products: Vec<_> = context.items.iter().map(|item| item.product).collect();
    let context = SubjectContext {
        products: &products.join(", "),
        shop: &context.shop.name,
        order: context.order,
    };
    Ok(text::clean_line(&render_text(
        "MAIL_SUBJECT",
        template,
        context,
    )?))
}

/// What `MAIL_SUBJECT` may name.
#[derive(Serialize)]
struct SubjectContext<'a> {
    products: &'a str,
    shop: &'a str,
    order: &'a str,
}

/// Whether `template` can be a mail's subject.
///
/// # Errors
/// It is no template, or names what there is not.
pub fn check_subject(template: &str) -> Result<(), TemplateError> {
    let known = ["products", "shop", "order"].map(str::to_owned);
    check_variables("MAIL_SUBJECT", template, &known)
}

/// An idempotency key of at most `max_chars` ASCII characters: a longer one is replaced by its digest.
fn short_key(key: &str, max_chars: usize) -> String {
    if key.len() <= max_chars {
        return key.to_owned();
    }
    hex(&Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;

    fn mail(change: impl FnOnce(&mut LinkView)) -> Mail {
        let mut link = fixtures::view();
        change(&mut link);
        let url = "https://shop.example/download?token=a.b.c".to_owned();
        let product = fixtures::product();
        let items = [MailItem {
            product: &product,
            link: &link,
            url,
        }];
        compose(&fixtures::shop(), &fixtures::mail_settings(), &items)
            .unwrap()
            .unwrap()
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
        assert!(
            !html.contains("<img") && !html.contains("src=") && html.matches("http").count() == 2,
            "{html}"
        );
    }

    #[test]
    fn nothing_to_send_is_no_mail() {
        let composed = compose(&fixtures::shop(), &fixtures::mail_settings(), &[]);
        assert_eq!(composed, Ok(None));
    }

    #[test]
    fn the_subject_is_the_operators_and_one_line() {
        let mut settings = fixtures::mail_settings();
        settings.subject = Some("{{ products }} from {{ shop }} ({{ order }})".to_owned());
        let link = fixtures::view();
        let mut product = fixtures::product();
        product.name = "Two\r\nBcc: all@example.com".to_owned();
        let items = [MailItem {
            product: &product,
            link: &link,
            url: "https://shop.example/".to_owned(),
        }];
        let mail = compose(&fixtures::shop(), &settings, &items)
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
}
