//! One product of an order, its links, and how many more of them there may be.

use serde::{Deserialize, Serialize};

use super::{Link, Standing, Terms};
use crate::domain::id::RandomId;
use crate::domain::purchase::LicenseId;
use crate::domain::settings::{Limits, ProductId};
use crate::domain::time::Timestamp;

/// One product of an order, and its links: the last one is the one that may work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The product.
    pub product: ProductId,
    /// The licence's number.
    pub license: LicenseId,
    /// Oldest first.
    pub links: Vec<Link>,
    /// How often it was delivered, by whichever link.
    pub deliveries: u32,
    /// How often the buyer had an expired link renewed.
    pub renewals: u32,
    /// How often the buyer had a used link replaced.
    pub replacements: u32,
}

/// An item to be: its random parts are drawn by the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewItem {
    /// The product.
    pub product: ProductId,
    /// The licence's number.
    pub license: LicenseId,
    /// The name of its first link.
    pub jti: RandomId,
}

/// Why the buyer gets no new link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrenewed {
    /// The link stands so, which is no reason for a new one.
    Stands(Standing),
    /// A download by it still runs, for so many seconds more at most if nothing is heard of it.
    Runs { retry_after_secs: i64 },
}

impl Item {
    pub(super) fn new(new: NewItem, limits: &Limits, now: Timestamp) -> Self {
        Self {
            product: new.product,
            license: new.license,
            links: vec![Link::new(new.jti, now, limits.link_ttl_secs)],
            deliveries: 0,
            renewals: 0,
            replacements: 0,
        }
    }

    /// What one of its links is judged by. A link that has delivered nothing is good for one delivery,
    /// whatever was delivered before it.
    pub(super) fn terms<'a>(&self, link: &Link, limits: &'a Limits) -> Terms<'a> {
        let left = limits.max_deliveries.saturating_sub(self.deliveries);
        Terms {
            limits,
            left: left.max(u32::from(link.delivered_at.is_none())),
            renewable: self.renewals < limits.max_renewals,
            replaceable: self.replacements < limits.max_replacements,
        }
    }

    /// How one of its links stands.
    pub(crate) fn standing(&self, link: &Link, limits: &Limits, now: Timestamp) -> Standing {
        link.standing(None, self.terms(link, limits), now)
    }

    /// Whether its link opens something.
    pub(super) fn is_alive(&self, limits: &Limits, now: Timestamp) -> bool {
        self.links.last().is_some_and(|link| {
            matches!(
                self.standing(link, limits, now),
                Standing::Ready | Standing::Yours | Standing::InProgress { .. }
            )
        })
    }

    /// A new link takes the place of all before it.
    pub(super) fn renew(&mut self, jti: RandomId, limits: &Limits, now: Timestamp) {
        self.links.iter_mut().for_each(|link| link.supersede(now));
        self.links.push(Link::new(jti, now, limits.link_ttl_secs));
    }

    /// The buyer asks for a new link in the place of this one. It dies by that, so the next one has to be asked
    /// for by the link that was mailed last.
    ///
    /// # Errors
    /// How the link stands, if that is no reason for a new one.
    pub(super) fn renew_for_buyer(
        &mut self,
        jti: &RandomId,
        fresh: RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Unrenewed> {
        let link = self.links.iter().find(|link| link.jti == *jti);
        let link = link.ok_or(Unrenewed::Stands(Standing::Superseded))?;
        let standing = self.standing(link, limits, now);
        let count = match standing {
            Standing::Expired { renewable: true } | Standing::Exhausted { renewable: true } => {
                &mut self.renewals
            }
            Standing::Used {
                replaceable: true, ..
            } => &mut self.replacements,
            other => return Err(Unrenewed::Stands(other)),
        };
        // A download that runs is not cut off.
        if let Some(until) = link.runs_until(limits).filter(|until| now < *until) {
            return Err(Unrenewed::Runs {
                retry_after_secs: until.secs_since(now),
            });
        }
        *count = count.saturating_add(1);
        self.renew(fresh, limits, now);
        Ok(())
    }

    /// Whether its link can be mailed now, with so many percent of its life left at least. One that somebody is
    /// using is left to them, and so is one that was taken back.
    pub(super) fn is_fit_to_mail(
        &self,
        link: &Link,
        least_left: i64,
        limits: &Limits,
        now: Timestamp,
    ) -> bool {
        let terms = self.terms(link, limits);
        let runs = link.runs_until(limits).is_some_and(|until| now < until);
        runs || match link.standing(None, terms, now) {
            Standing::Ready => link.is_begun() || link.has_left(least_left, terms, now),
            Standing::Expired { .. } | Standing::Exhausted { .. } => false,
            _ => true,
        }
    }
}
