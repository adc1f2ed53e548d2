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

use askama::Template;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use mailbox::Mailbox;
pub use outcome::{Answer, Outcome, cleaned};
pub use request::Request;
pub use schedule::Schedule;

use super::id::hex;
use super::order::{LinkView, MailReason};
use super::settings::{MailSettings, Product, Shop};
use super::template::{TemplateError, Value, render, render_text};
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
    /// Where its buyer has it sent again.
    pub recover_url: String,
}

/// What both halves of the mail say.
struct Words<'a> {
    reason: MailReason,
    shop: &'a Shop,
    name: &'a str,
    licensee: &'a str,
    order: &'a str,
    recover_url: &'a str,
    items: Vec<ItemWords<'a>>,
}

struct ItemWords<'a> {
    product: &'a str,
    version: &'a str,
    license_id: &'a str,
    url: &'a str,
    expires: String,
}

#[derive(Template)]
#[template(path = "mail/links.txt")]
struct LinksText<'a> {
    mail: &'a Words<'a>,
}

#[derive(Template)]
#[template(path = "mail/links.html")]
struct LinksHtml<'a> {
    mail: &'a Words<'a>,
}

#[derive(Template)]
#[template(path = "mail/subject.txt")]
struct Subject<'a> {
    reason: MailReason,
    products: &'a str,
}

/// Composes the mail: the same items give the same bytes. `None` if there is nothing to send.
///
/// # Errors
/// `MAIL_SUBJECT` asks for what there is not.
pub fn compose(
    shop: &Shop,
    settings: &MailSettings,
    reason: MailReason,
    items: &[MailItem<'_>],
) -> Result<Option<Mail>, TemplateError> {
    let Some(first) = items.first() else {
        return Ok(None);
    };
    let buyer = &first.link.buyer;
    let mail = Words {
        reason,
        shop,
        name: buyer.greeting_name(),
        licensee: buyer.licensee(),
        order: first.link.order.shown(),
        recover_url: &first.recover_url,
        items: items
            .iter()
            .map(|item| ItemWords {
                product: &item.product.name,
                version: &item.product.version,
                license_id: item.link.license.as_str(),
                url: &item.url,
                expires: item.link.expires_at.minute(),
            })
            .collect(),
    };
    Ok(Some(Mail {
        from: settings.from.clone(),
        reply_to: settings.reply_to.clone(),
        to: buyer.email.clone(),
        subject: subject(settings, &mail)?,
        text: render(&LinksText { mail: &mail }),
        html: render(&LinksHtml { mail: &mail }),
        links: items.iter().map(|item| item.url.clone()).collect(),
    }))
}

/// One line, whatever the names in it.
fn subject(settings: &MailSettings, mail: &Words<'_>) -> Result<String, TemplateError> {
    let products: Vec<_> = mail.items.iter().map(|item| item.product).collect();
    let products = &products.join(", ");
    let reason = mail.reason;
    let subject = match &settings.subject {
        Some(template) => own_subject(template, products, &mail.shop.name, mail.order)?,
        None => render(&Subject { reason, products }),
    };
    Ok(text::clean_line(&subject))
}

/// `MAIL_SUBJECT`, and what it may name.
fn own_subject(
    template: &str,
    products: &str,
    shop: &str,
    order: &str,
) -> Result<String, TemplateError> {
    let variables = [
        ("products", Value::Text(products)),
        ("shop", Value::Text(shop)),
        ("order", Value::Text(order)),
    ];
    render_text("MAIL_SUBJECT", template, &variables)
}

/// Whether `template` can be a mail's subject.
///
/// # Errors
/// It is no template, or names what there is not.
pub fn check_subject(template: &str) -> Result<(), TemplateError> {
    own_subject(template, "", "", "").map(|_| ())
}

/// An idempotency key of at most `max_chars` ASCII characters: a longer one is replaced by its digest.
fn short_key(key: &str, max_chars: usize) -> String {
    if key.len() <= max_chars {
        return key.to_owned();
    }
    hex(&Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests;
