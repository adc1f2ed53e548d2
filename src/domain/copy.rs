//! What makes a copy the buyer's own: LICENSE.txt and README.txt.

use serde::Serialize;

use super::id::{OrderId, RandomId};
use super::order::LinkView;
use super::purchase::{Buyer, LicenseId};
use super::settings::{Product, ProductId, Shop};
use super::template::{TemplateError, check_variables, render_text};
use super::time::Timestamp;
use super::zip::NewFile;

/// The names of the files that are added, in the order in which they are added.
pub const FILE_NAMES: [&str; 2] = ["LICENSE.txt", "README.txt"];

/// The largest text of a product's own, in bytes: an isolate keeps the texts of all products in memory.
pub const MAX_TEXT_BYTES: u64 = 64 * 1_024;

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

/// The variables that a text may use. `templates/README.md` tells operators of each.
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

impl<'a> Variables<'a> {
    fn of(shop: &'a Shop, product: &'a Product, copy: &'a LinkView) -> Self {
        Self {
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
        }
    }

    /// The names of all variables.
    fn names(&self) -> Result<Vec<String>, TemplateError> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => {
                Ok(fields.into_iter().map(|(name, _)| name).collect())
            }
            _ => Err(TemplateError("the variables have no names".to_owned())),
        }
    }
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
    let variables = Variables::of(shop, product, copy);
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
/// A text names a variable that there is none of, even where it is not reached; or it fails, as
/// [`personal_files`], for a buyer who said all there is to say, or one who said nothing.
pub fn check_texts(texts: &Texts, shop: &Shop, product: &Product) -> Result<(), TemplateError> {
    for copy in sample_copies(product)? {
        let known = Variables::of(shop, product, &copy).names()?;
        for (name, text) in FILE_NAMES.iter().zip([&texts.license, &texts.readme]) {
            check_variables(name, text, &known)?;
        }
        personal_files(texts, shop, product, &copy)?;
    }
    Ok(())
}

/// Purchases by Stripe and made elsewhere, by people and by organisations.
fn sample_copies(product: &Product) -> Result<Vec<LinkView>, TemplateError> {
    let orders = [
        OrderId::from_session("cs_test_sample"),
        OrderId::from_reference("sample"),
    ];
    let mut copies = Vec::new();
    for order in orders {
        let order = order.ok_or_else(|| TemplateError("no sample of an order".to_owned()))?;
        for said in [Some("Sample".to_owned()), None] {
            copies.push(LinkView {
                order: order.clone(),
                product: product.id.clone(),
                license: LicenseId::sample(),
                buyer: Buyer {
                    name: said.clone(),
                    organisation: said,
                    email: "sample@example.com".to_owned(),
                    country: None,
                    tax_ids: Vec::new(),
                },
                purchased_at: Timestamp::from_secs(0),
                origin: String::new(),
                jti: RandomId::from_random(&[0; 16]),
                issued_at: Timestamp::from_secs(0),
                expires_at: Timestamp::from_secs(0),
            });
        }
    }
    Ok(copies)
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
        let error = check_texts(&texts, &fixtures::shop(), &fixtures::product()).unwrap_err();
        assert!(
            error.0.contains("LICENSE.txt, line 1") && error.0.contains("`licencee`"),
            "{error}"
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

    #[test]
    fn a_branch_that_no_sample_takes_is_checked_too() {
        let check = |license: &str| {
            let texts = Texts {
                license: license.to_owned(),
                ..Texts::default()
            };
            check_texts(&texts, &fixtures::shop(), &fixtures::product())
        };
        for wrong in [
            "{% if name == 'Nobody' %}{{ licencee }}{% endif %}",
            "{% if not order_is_stripe %}{{ name.first }}{% endif %}",
            "{% if not organisation %}{{ name / 2 }}{% endif %}",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            check("{% if organisation %}{{ organisation }}{% endif %}"),
            Ok(())
        );
    }

    /// `templates/README.md` names every variable, with what it is for the purchase of these tests.
    #[test]
    fn the_documented_variables_are_all_there_are() {
        let manual = include_str!("../../templates/README.md");
        let (_, section) = manual.split_once("## Variables of LICENSE.txt").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let mut documented = Vec::new();
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row
                .split(" | ")
                .map(|cell| cell.trim_matches([' ', '|', '`']))
                .collect();
            let (name, example) = (cells[0], cells[1]);
            let text = format!("{{{{ {name} }}}}");
            let texts = Texts {
                license: text.clone(),
                readme: text,
            };
            let (shop, product) = (fixtures::shop(), fixtures::product());
            assert_eq!(check_texts(&texts, &shop, &product), Ok(()), "{name}");
            let files = personal_files(&texts, &shop, &product, &fixtures::view()).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&files[0].contents),
                example,
                "{name}"
            );
            documented.push(name.to_owned());
        }
        documented.sort();
        let (shop, product, copy) = (fixtures::shop(), fixtures::product(), fixtures::view());
        let mut all = Variables::of(&shop, &product, &copy).names().unwrap();
        all.sort();
        assert_eq!(documented, all);
    }
}
