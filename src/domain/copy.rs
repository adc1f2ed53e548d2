//! What makes a copy the buyer's own: LICENSE.txt and README.txt.

use serde::Serialize;

use super::id::{OrderId, RandomId};
use super::order::LinkView;
use super::purchase::{Buyer, LicenseId};
use super::settings::{Product, ProductId, Shop};
use super::template::{TemplateError, render_text};
use super::time::Timestamp;
use super::zip::NewFile;

/// The names of the files that are added, in the order in which they are added.
pub const FILE_NAMES: [&str; 2] = ["LICENSE.txt", "README.txt"];

/// The key in ARCHIVES under which a product may have a text of its own.
#[must_use]
pub fn text_key(product: &ProductId, name: &str) -> String {
    format!("templates/{product}/{name}")
}

/// The texts of one product, as templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// Of LICENSE.txt.
    pub license: String,
    /// Of README.txt.
    pub readme: String,
}

impl Default for Texts {
    /// The texts that come with the service.
    fn default() -> Self {
        Self {
            license: include_str!("../../templates/archive/LICENSE.txt").to_owned(),
            readme: include_str!("../../templates/archive/README.txt").to_owned(),
        }
    }
}

/// The variables that a text may use.
#[derive(Serialize)]
struct Variables<'a> {
    licensee: &'a str,
    name: &'a str,
    organisation: Option<&'a str>,
    email: &'a str,
    product: &'a str,
    version: &'a str,
    filename: &'a str,
    purchased_on: String,
    order: &'a str,
    order_is_stripe: bool,
    license_id: &'a str,
    shop: &'a str,
    support_email: &'a str,
}

/// The personal files of one copy. The same purchase and texts give the same bytes: nothing in them is
/// of the moment of the download.
///
/// # Errors
/// A text asks for a variable that there is none of.
pub fn personal_files(
    texts: &Texts,
    shop: &Shop,
    product: &Product,
    copy: &LinkView,
) -> Result<Vec<NewFile>, TemplateError> {
    let variables = Variables {
        licensee: copy.buyer.licensee(),
        name: copy.buyer.greeting_name(),
        organisation: copy.buyer.organisation.as_deref(),
        email: &copy.buyer.email,
        product: &product.name,
        version: &product.version,
        filename: &product.filename,
        purchased_on: copy.purchased_at.day(),
        order: copy.order.shown(),
        order_is_stripe: copy.order.is_session(),
        license_id: copy.license.as_str(),
        shop: &shop.name,
        support_email: &shop.support_email,
    };
    FILE_NAMES
        .iter()
        .zip([&texts.license, &texts.readme])
        .map(|(name, text)| {
            let contents = render_text(name, text, &variables)?.into_bytes();
            Ok(NewFile {
                name: (*name).to_owned(),
                contents,
            })
        })
        .collect()
}

/// Whether the texts can be rendered for any buyer: a text that fails must not wait for one to find out.
///
/// # Errors
/// As [`personal_files`], for a buyer who said all there is to say, and one who said nothing.
pub fn check_texts(texts: &Texts, shop: &Shop, product: &Product) -> Result<(), TemplateError> {
    let order = OrderId::from_session("cs_test_sample")
        .ok_or_else(|| TemplateError("sample".to_owned()))?;
    for said in [Some("Sample".to_owned()), None] {
        let copy = LinkView {
            order: order.clone(),
            product: product.id.clone(),
            license: LicenseId::sample(),
            buyer: Buyer {
                name: said.clone(),
                organisation: said,
                email: "sample@example.com".to_owned(),
            },
            purchased_at: Timestamp::from_secs(0),
            origin: String::new(),
            jti: RandomId::from_random(&[0; 16]),
            issued_at: Timestamp::from_secs(0),
            expires_at: Timestamp::from_secs(0),
        };
        personal_files(texts, shop, product, &copy)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::fixtures;

    fn texts_of(copy: &LinkView) -> (String, String) {
        let (shop, product) = (fixtures::shop(), fixtures::product());
        let files = personal_files(&Texts::default(), &shop, &product, copy).unwrap();
        let mut texts = files
            .into_iter()
            .map(|file| String::from_utf8(file.contents).unwrap());
        (texts.next().unwrap(), texts.next().unwrap())
    }

    #[test]
    fn the_license_names_everything() {
        let (license, readme) = texts_of(&fixtures::view());
        for part in [
            "Engines Ltd",
            "ada@example.com",
            "Demo Product",
            "1.0.0",
            "14 November 2023",
            "cs_test_1",
            fixtures::view().license.as_str(),
            "not redistribute",
        ] {
            assert!(license.contains(part), "{part} in {license}");
        }
        assert!(
            readme.contains("Ada Lovelace") && readme.contains("help@example.com"),
            "{readme}"
        );
    }

    #[test]
    fn a_person_without_an_organisation_is_the_licensee() {
        let mut copy = fixtures::view();
        copy.buyer.organisation = None;
        let (license, _) = texts_of(&copy);
        assert!(
            license.contains("Ada Lovelace") && !license.contains("none"),
            "{license}"
        );
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        let texts = Texts {
            license: "{{ licencee }}".to_owned(),
            ..Texts::default()
        };
        let error = personal_files(
            &texts,
            &fixtures::shop(),
            &fixtures::product(),
            &fixtures::view(),
        )
        .unwrap_err();
        assert!(error.0.contains("LICENSE.txt"), "{error}");
        assert_eq!(
            check_texts(&texts, &fixtures::shop(), &fixtures::product()),
            Err(error)
        );
        assert_eq!(
            check_texts(&Texts::default(), &fixtures::shop(), &fixtures::product()),
            Ok(())
        );
    }

    #[test]
    fn the_same_purchase_gives_the_same_bytes() {
        assert_eq!(texts_of(&fixtures::view()), texts_of(&fixtures::view()));
    }
}
