//! The mail that carries the links.

use serde::{Deserialize, Serialize};

use super::order::LinkView;
use super::settings::{Product, Shop};
use super::template::{TemplateError, render};

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
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
pub fn compose(shop: &Shop, items: &[MailItem<'_>]) -> Result<Option<Mail>, TemplateError> {
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
        to: buyer.email.clone(),
        subject: render("mail/subject.txt", &context)?.trim().to_owned(),
        text: render("mail/links.txt", &context)?,
        html: render("mail/links.html", &context)?,
        links: items.iter().map(|item| item.url.clone()).collect(),
    }))
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
        compose(&fixtures::shop(), &items).unwrap().unwrap()
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
        assert_eq!(compose(&fixtures::shop(), &[]), Ok(None));
    }
}
