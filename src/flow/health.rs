//! Does it work? In words, for the operator and for whatever watches.

use askama::Template;
use serde::Serialize;

use super::download::World;
use super::failure::Failure;
use super::ports::{Archives, Memory, Orders, Tombstones, Verdicts};
use crate::domain::alarm::Code;
use crate::domain::copy;
use crate::domain::id::RandomId;
use crate::domain::page::readable_size;
use crate::domain::settings::{Product, SettingsErrors, Shop};
use crate::domain::template::render;
use crate::domain::time::Timestamp;

/// One thing that has to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it does.
    pub ok: bool,
    /// A sentence.
    pub says: String,
}

/// All checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether all of them are fine.
    pub healthy: bool,
    /// Each.
    pub checks: Vec<Check>,
}

#[derive(Template)]
#[template(path = "pages/health.html")]
struct HealthPage<'a> {
    shop: &'a Shop,
    health: &'a Health,
}

impl Health {
    /// The page.
    #[must_use]
    pub fn page(&self, shop: &Shop) -> String {
        render(&HealthPage { shop, health: self })
    }

    fn of(checks: Vec<Check>) -> Self {
        Self {
            healthy: checks.iter().all(|check| check.ok),
            checks,
        }
    }

    /// Nothing can be checked before the settings are right.
    #[must_use]
    pub fn unconfigured(errors: &SettingsErrors) -> Self {
        Self::of(
            errors
                .0
                .iter()
                .map(|error| Check::new("Settings", Err(error.clone())))
                .collect(),
        )
    }
}

impl Check {
    fn new(name: impl Into<String>, outcome: Result<String, String>) -> Self {
        let (ok, says) = match outcome {
            Ok(says) => (true, says),
            Err(says) => (false, says),
        };
        Self {
            name: name.into(),
            ok,
            says,
        }
    }
}

/// Looks at everything that a purchase needs. `orders` says whether the order objects can be reached, `untold` what the
/// operator should know by now: a mail that can't go out tells nobody of itself.
pub async fn check<O: Orders, A: Archives, K: Tombstones + Verdicts, M: Memory>(
    world: &World<'_, O, A, K, M>,
    orders: Result<(), String>,
    untold: Result<Vec<(Code, usize)>, String>,
    now: Timestamp,
) -> Health {
    let mut checks = vec![Check::new(
        "Settings",
        Ok("All are there and valid.".to_owned()),
    )];
    checks.push(Check::new(
        "Orders (ORDERS)",
        orders.map(|()| "The order objects answer.".to_owned()),
    ));
    checks.push(Check::new(
        "Alarms (OPERATOR_EMAIL)",
        untold.and_then(|untold| told(&untold)),
    ));
    let probe = world.kv.find(&RandomId::from_random(&[0; 16])).await;
    checks.push(Check::new(
        "Links (LINKS)",
        probe
            .map(|_| "KV answers.".to_owned())
            .map_err(|error| error.0),
    ));
    for product in &world.settings.products {
        let outcome = check_product(world, product, now).await;
        checks.push(Check::new(format!("Product {}", product.id), outcome));
    }
    Health::of(checks)
}

/// Codes and counts alone: whoever watches may not be the operator.
fn told(untold: &[(Code, usize)]) -> Result<String, String> {
    if untold.is_empty() {
        return Ok("The operator was told of all there was to tell.".to_owned());
    }
    let codes = untold
        .iter()
        .map(|(code, count)| format!("{} ({count})", code.as_str()));
    let codes = codes.collect::<Vec<_>>().join(", ");
    Err(format!(
        "The operator could not be told for hours: {codes}. See the log, the mail provider and OPERATOR_EMAIL."
    ))
}

async fn check_product<O: Orders, A: Archives, K: Tombstones + Verdicts, M: Memory>(
    world: &World<'_, O, A, K, M>,
    product: &Product,
    now: Timestamp,
) -> Result<String, String> {
    let checked = async {
        let texts = world.texts(product, now).await?;
        copy::check_texts(&texts, &world.settings.shop, product)?;
        let info = world.find(product).await?;
        let index = world.index(product, &info).await?;
        Ok::<_, Failure>(format!(
            "{} entries in {}.",
            index.entries(),
            readable_size(info.size_bytes)
        ))
    };
    match checked.await {
        Err(Failure::ArchiveMissing(_)) => Err(format!(
            "Nothing is in ARCHIVES under `{}`. Upload the archive there.",
            product.archive
        )),
        other => other.map_err(|failure| {
            failure
                .log_detail()
                .unwrap_or_else(|| failure.problem().detail)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_told_is_unhealthy_and_named_by_its_code() {
        assert!(told(&[]).is_ok());
        let said = told(&[(Code::MailRefused, 1), (Code::MailFailed, 3)]).unwrap_err();
        assert!(said.contains("mail-refused (1), mail-failed (3)"), "{said}");
    }
}
