//! Pages: HTML with one style sheet in it, and the policy that allows just that one.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::order::LinkView;
use super::settings::{Product, Shop};
use super::template::render;

/// The style sheet, which stands in every page.
pub(crate) const STYLE: &str = include_str!("../../templates/pages/style.css");

#[derive(Template)]
#[template(path = "pages/download.html")]
struct DownloadPage<'a> {
    shop: &'a Shop,
    product: &'a Product,
    licensee: &'a str,
    size: Option<String>,
    expires: String,
    token: &'a str,
    begun: bool,
}

/// The page with the button. `begun`: this browser pressed it before.
#[must_use]
pub fn download_page(
    shop: &Shop,
    product: &Product,
    link: &LinkView,
    token: &str,
    size_bytes: Option<u64>,
    begun: bool,
) -> String {
    render(&DownloadPage {
        shop,
        product,
        licensee: link.buyer.licensee(),
        size: size_bytes.map(readable_size),
        expires: link.expires_at.minute(),
        token,
        begun,
    })
}

#[derive(Template)]
#[template(path = "pages/renewed.html")]
struct RenewedPage<'a> {
    shop: &'a Shop,
    to: &'a str,
}

/// The page that says where another link goes.
#[must_use]
pub fn renewed_page(shop: &Shop, to: &str) -> String {
    render(&RenewedPage { shop, to })
}

#[derive(Template)]
#[template(path = "pages/recover.html")]
struct RecoverPage<'a> {
    shop: &'a Shop,
    asked: bool,
}

/// The page with the form for an address; `asked`: it was sent, and this is the answer.
#[must_use]
pub fn recover_page(shop: &Shop, asked: bool) -> String {
    render(&RecoverPage { shop, asked })
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
    use crate::domain::problem::Problem;

    #[test]
    fn the_page_says_whose_copy_of_what_until_when() {
        let html = download_page(
            &fixtures::shop(),
            &fixtures::product(),
            &fixtures::view(),
            "a.b.c",
            Some(12_345_678),
            false,
        );
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
        );
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
        );
        assert!(!html.contains("<b>") && !html.contains("\"><x"), "{html}");
    }

    #[test]
    fn the_policy_allows_the_style_sheet_that_is_in_the_page() {
        let html = Problem::new(404, "c", "t", "d").page(&fixtures::shop(), "r", None);
        let style = html
            .split("<style>")
            .nth(1)
            .and_then(|rest| rest.split("</style>").next())
            .unwrap();
        let digest = STANDARD.encode(Sha256::digest(style.as_bytes()));
        assert!(content_security_policy().contains(&format!("'sha256-{digest}'")));
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
