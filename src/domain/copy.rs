//! What makes a copy the buyer's own: LICENSE.txt and README.txt.

use super::id::{OrderId, RandomId};
use super::order::LinkView;
use super::purchase::{Buyer, LicenseId};
use super::settings::{Product, ProductId, Shop};
use super::template::{TemplateError, Value, render_text};
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
fn variables<'a>(
    shop: &'a Shop,
    product: &'a Product,
    copy: &'a LinkView,
    purchased_on: &'a str,
) -> [(&'static str, Value<'a>); 13] {
    let organisation = copy.buyer.organisation.as_deref().unwrap_or_default();
    [
        ("licensee", Value::Text(copy.buyer.licensee())),
        ("name", Value::Text(copy.buyer.greeting_name())),
        ("organisation", Value::Text(organisation)),
        ("email", Value::Text(&copy.buyer.email)),
        ("product", Value::Text(&product.name)),
        ("version", Value::Text(&product.version)),
        ("filename", Value::Text(&product.filename)),
        ("purchased_on", Value::Text(purchased_on)),
        ("order", Value::Text(copy.order.shown())),
        ("order_is_stripe", Value::Flag(copy.order.is_session())),
        ("license_id", Value::Text(copy.license.as_str())),
        ("shop", Value::Text(&shop.name)),
        ("support_email", Value::Text(&shop.support_email)),
    ]
}

/// The personal files of one copy. The same purchase and texts give the same bytes: nothing in them is
/// of the moment of the download.
///
/// # Errors
/// A text is none, or names a variable that there is none of.
pub fn personal_files(
    texts: &Texts,
    shop: &Shop,
    product: &Product,
    copy: &LinkView,
) -> Result<Vec<NewFile>, TemplateError> {
    let purchased_on = copy.purchased_at.day();
    let variables = variables(shop, product, copy, &purchased_on);
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
/// As [`personal_files`], which fails for all buyers alike: so one tells.
pub fn check_texts(texts: &Texts, shop: &Shop, product: &Product) -> Result<(), TemplateError> {
    personal_files(texts, shop, product, &sample_copy(product)?).map(|_| ())
}

fn sample_copy(product: &Product) -> Result<LinkView, TemplateError> {
    let order = OrderId::from_reference("sample");
    Ok(LinkView {
        order: order.ok_or_else(|| TemplateError("no sample of an order".to_owned()))?,
        product: product.id.clone(),
        license: LicenseId::sample(),
        buyer: Buyer {
            name: None,
            organisation: None,
            email: "sample@example.com".to_owned(),
            country: None,
            tax_ids: Vec::new(),
        },
        purchased_at: Timestamp::from_secs(0),
        origin: String::new(),
        jti: RandomId::from_random(&[0; 16]),
        issued_at: Timestamp::from_secs(0),
        expires_at: Timestamp::from_secs(0),
    })
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
            "{% if organisation %}{{ licencee }}{% endif %}",
            "{% if order_is_stripe %}{{ licencee }}{% endif %}",
            "{% if not organisation %}{{ licencee }}{% endif %}",
            "{% if not order_is_stripe %}{{ licencee }}{% endif %}",
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
        let mut all = variables(&shop, &product, &copy, "").map(|(name, _)| name);
        all.sort_unstable();
        assert_eq!(documented, all);
    }

    #[test]
    fn the_documented_language_is_understood() {
        let manual = include_str!("../../templates/README.md");
        let (_, section) = manual.split_once("## Their language").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let mut rows = 0;
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let written = row.split(" | ").next().unwrap();
            let written = written.trim_matches([' ', '|', '`']);
            let texts = Texts {
                license: written.to_owned(),
                ..Texts::default()
            };
            let checked = check_texts(&texts, &fixtures::shop(), &fixtures::product());
            assert_eq!(checked, Ok(()), "{written}");
            rows += 1;
        }
        assert_eq!(rows, 5);
    }
}
