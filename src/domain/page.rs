//! Pages: HTML with one style sheet in it, and the policy that allows just that one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::order::LinkView;
use super::settings::{Product, Shop};
use super::template::{TemplateError, render};

const STYLE: &str = include_str!("../../templates/pages/style.css");

#[derive(Serialize)]
struct Context<'a, T> {
    shop: &'a Shop,
    style: &'a str,
    #[serde(flatten)]
    page: T,
}

#[derive(Serialize)]
struct DownloadPage<'a> {
    product: &'a str,
    version: &'a str,
    licensee: &'a str,
    filename: &'a str,
    size: Option<String>,
    expires: String,
    token: &'a str,
    begun: bool,
}

/// Renders a page by the name of its template.
///
/// # Errors
/// The template asks for what `page` does not have.
pub fn page(name: &str, shop: &Shop, page: impl Serialize) -> Result<String, TemplateError> {
    render(
        name,
        Context {
            shop,
            style: STYLE,
            page,
        },
    )
}

/// The page with the button. `begun`: this browser pressed it before.
///
/// # Errors
/// As [`page`].
pub fn download_page(
    shop: &Shop,
    product: &Product,
    link: &LinkView,
    token: &str,
    size_bytes: Option<u64>,
    begun: bool,
) -> Result<String, TemplateError> {
    let context = DownloadPage {
        product: &product.name,
        version: &product.version,
        licensee: link.buyer.licensee(),
        filename: &product.filename,
        size: size_bytes.map(readable_size),
        expires: link.expires_at.minute(),
        token,
        begun,
    };
    page("pages/download.html", shop, context)
}

/// The Content-Security-Policy of every page: its own style sheet, its own forms, the shop's logo, nothing else
/// (<https://www.w3.org/TR/CSP3/>).
#[must_use]
pub fn content_security_policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// `12.3 MB`, in powers of ten, as file managers and browsers show it.
#[must_use]
pub fn readable_size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;

    #[test]
    fn the_page_says_whose_copy_of_what_until_when() {
        let html = download_page(
            &fixtures::shop(),
            &fixtures::product(),
            &fixtures::view(),
            "a.b.c",
            Some(12_345_678),
            false,
        )
        .unwrap();
        for part in [
            "Demo Product",
            "1.0.0",
            "Engines Ltd",
            "12.3 MB",
            "15 November 2023, 22:13 UTC",
            "value=\"a.b.c\"",
            "<form method=\"post\" action=\"/download\">",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.len() < 20_000, "{} bytes", html.len());
    }

    #[test]
    fn nothing_is_fetched_from_anywhere() {
        let html = download_page(
            &fixtures::shop(),
            &fixtures::product(),
            &fixtures::view(),
            "t",
            None,
            true,
        )
        .unwrap();
        for loads in [
            "<script", "src=", "<link", "@import", "url(", "http:", "https:",
        ] {
            assert!(!html.contains(loads), "{loads}");
        }
    }

    #[test]
    fn buyers_and_products_are_escaped() {
        let mut view = fixtures::view();
        view.buyer.organisation = Some("<b>\"A&B\"</b>".to_owned());
        let html = download_page(
            &fixtures::shop(),
            &fixtures::product(),
            &view,
            "\"><x",
            None,
            false,
        )
        .unwrap();
        assert!(!html.contains("<b>") && !html.contains("\"><x"), "{html}");
    }

    #[test]
    fn the_policy_allows_the_style_sheet_that_is_in_the_page() {
        let html = page("pages/problem.html", &fixtures::shop(), Words::default()).unwrap();
        let style = html
            .split("<style>")
            .nth(1)
            .and_then(|rest| rest.split("</style>").next())
            .unwrap();
        let digest = STANDARD.encode(Sha256::digest(style.as_bytes()));
        assert!(content_security_policy().contains(&format!("'sha256-{digest}'")));
    }

    #[derive(Default, Serialize)]
    struct Words {
        title: &'static str,
        detail: &'static str,
        next: Option<&'static str>,
        reference: Option<&'static str>,
        offer: Option<&'static str>,
        token: Option<&'static str>,
    }

    #[test]
    fn sizes_read_as_file_managers_show_them() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_999_999, "1.9 MB"),
            (200_000_000, "200.0 MB"),
            (u64::MAX, "18446744073.7 GB"),
        ] {
            assert_eq!(readable_size(bytes), shown);
        }
    }
}
