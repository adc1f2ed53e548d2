//! What went wrong, as we tell it: to machines by RFC 9457, to people by a page.

use askama::Template;
use serde::Serialize;

use super::json;
use super::settings::Shop;
use super::template::render;

/// A problem, in words for whoever met it. Nothing internal is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable name, for machines and logs.
    pub code: &'static str,
    /// A heading.
    pub title: &'static str,
    /// What happened, in a sentence or two.
    pub detail: String,
    /// What to do now.
    pub next: Option<String>,
    /// When to try again, in seconds (`Retry-After`, RFC 9110 §10.2.3).
    pub retry_after_secs: Option<i64>,
    /// What the page has a button for.
    pub offer: Option<Offer>,
}

/// What somebody who met a problem can do about it, by a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Look at the link again.
    LookAgain,
    /// Have a new link mailed in the place of an expired one.
    Renew,
    /// Have another link mailed in the place of a used one.
    Replace,
    /// Have the mail sent again, by the address.
    Recover,
}

#[derive(Template)]
#[template(path = "pages/problem.html")]
struct ProblemPage<'a> {
    shop: &'a Shop,
    problem: &'a Problem,
    reference: &'a str,
    token: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

impl Problem {
    /// A problem without advice.
    #[must_use]
    pub fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
            next: None,
            retry_after_secs: None,
            offer: None,
        }
    }

    /// With what to do now.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// With the time to try again.
    #[must_use]
    pub fn retry_after(mut self, secs: i64) -> Self {
        self.retry_after_secs = Some(secs.max(1));
        self
    }

    /// With a button.
    #[must_use]
    pub fn offer(mut self, offer: Offer) -> Self {
        self.offer = Some(offer);
        self
    }

    /// The page. `reference` is what the log knows it by; `token` is that of the link that was asked for, for the buttons.
    #[must_use]
    pub fn page(&self, shop: &Shop, reference: &str, token: Option<&str>) -> String {
        render(&ProblemPage {
            shop,
            problem: self,
            reference,
            token: token.filter(|token| !token.is_empty()),
        })
    }

    /// The body of an `application/problem+json` answer (RFC 9457 §3). Its type is `about:blank`: the
    /// status says the kind, `code` says the case.
    #[must_use]
    pub fn to_json(&self) -> String {
        let body = Body {
            r#type: "about:blank",
            title: self.title,
            status: self.status,
            detail: &self.detail,
            code: self.code,
            next: self.next.as_deref(),
        };
        json::write(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_format_unchanged() {
        let problem = Problem::new(409, "in-progress", "In progress", "Another browser has it.")
            .retry_after(0);
        assert_eq!(
            problem.to_json(),
            r#"{"type":"about:blank","title":"In progress","status":409,"detail":"Another browser has it.","code":"in-progress"}"#
        );
        assert_eq!(problem.retry_after_secs, Some(1));
    }
}
