//! The order: the referee over one purchase. Its state, the commands that change it, and what it answers.
//!
//! [`decide`] is the whole rule. The Durable Object loads the state, calls it, and stores what came out,
//! without an `await` between; so whatever races, one decision follows the other.

mod access;
mod aside;
mod audit;
mod command;
mod coverage;
#[cfg(test)]
pub(crate) mod fixtures;
mod grant;
mod item;
mod lease;
mod outbox;
mod waking;

use serde::{Deserialize, Serialize};

pub use access::{Errands, LinksReport, StripeCommand, StripeReply, StripeSide};
pub use audit::{Client, Delivery, Note, Progress, Trail};
pub use command::{Command, LeaseKey, LeaseRefusal, LinkView, Reply};
pub use coverage::Coverage;
pub use grant::{Ended, Link, Standing, Terms, Tombstone};
pub use item::{Item, NewItem};
pub use lease::{Ending, Lease, Request};
pub use outbox::{MailFailure, MailJob, MailReason, MailState, Stage};
pub use waking::Waking;

use item::Unrenewed;

use super::id::{BrowserId, RandomId};
use super::purchase::Purchase;
use super::settings::{Limits, ProductId};
use super::time::Timestamp;

/// All that is stored of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What was bought, and by whom.
    pub purchase: Purchase,
    /// Where links lead: scheme, host and port.
    pub origin: String,
    /// One per product.
    pub items: Vec<Item>,
    /// The mail with the links. A purchase made elsewhere has none at first: who asks for its link delivers it.
    pub mail: Option<MailState>,
    /// Stripe's say in it. An order from before there was any has heard nothing.
    #[serde(default)]
    pub stripe: StripeSide,
    /// Products that wait for a mail of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<ProductId>,
    /// The buyer's address knows of this order, so that it can be recovered.
    pub address_knows: bool,
}

/// The rule: what becomes of `state` when `command` arrives at `now`, and what to answer.
#[must_use]
pub fn decide(
    state: Option<Order>,
    command: Command,
    limits: &Limits,
    now: Timestamp,
) -> (Option<Order>, Reply) {
    let Some(mut order) = state else {
        return match command {
            Command::Record {
                purchase,
                origin,
                items,
                mail,
            } => {
                let items: Vec<_> = items
                    .into_iter()
                    .map(|new| Item::new(new, limits, now))
                    .collect();
                let products: Vec<_> = items.iter().map(|item| item.product.clone()).collect();
                // Without items there is nothing to mail yet.
                let mail = (mail && !items.is_empty())
                    .then(|| MailState::due(MailReason::Purchase, products, now));
                let stripe = StripeSide::of(&purchase, now);
                let reply = Reply::Recorded {
                    new: true,
                    purchase: purchase.clone(),
                };
                (
                    Some(Order {
                        purchase,
                        origin,
                        items,
                        mail,
                        stripe,
                        aside: Vec::new(),
                        address_knows: false,
                    }),
                    reply,
                )
            }
            _ => (None, Reply::Unknown),
        };
    };
    if let Command::Stripe(command) = command {
        return match order.obey_stripe(command, limits, now) {
            Some(reply) => (Some(order), Reply::Stripe(reply)),
            None => (None, Reply::Done),
        };
    }
    let reply = order.obey(command, limits, now);
    (Some(order), reply)
}

impl Order {
    /// When the order wants to be woken: an errand or a mail is due, or KV is to be told something.
    #[must_use]
    pub fn next_alarm(&self, limits: &Limits) -> Option<Timestamp> {
        let errand = self.stripe.due_at();
        errand
            .into_iter()
            .chain(self.mail_due_at())
            .chain(self.kv_due_at(limits))
            .min()
    }

    /// When a mail is due, or the operator is to hear of one.
    #[must_use]
    pub fn mail_due_at(&self) -> Option<Timestamp> {
        let owed = self.owes_a_mail().then_some(self.purchase.purchased_at);
        let due_at = self.mail.as_ref().and_then(MailState::due_at);
        let due_at = owed.into_iter().chain(due_at).min()?;
        let held_until = self.stripe.mail_held_until();
        Some(held_until.map_or(due_at, |until| until.max(due_at)))
    }

    /// When others are to be told: KV whose a link is, or that it has ended; the address of this order.
    #[must_use]
    pub fn kv_due_at(&self, limits: &Limits) -> Option<Timestamp> {
        let ends = self.items.iter().flat_map(|item| {
            item.links
                .iter()
                .filter_map(|link| link.ends_at(item.terms(link, limits)))
        });
        let unindexed = self
            .links()
            .filter(|link| !link.indexed)
            .map(|link| link.issued_at);
        // What may be none of ours is none of the address's either.
        let unknown =
            (!self.address_knows && !self.items.is_empty()).then_some(self.purchase.purchased_at);
        ends.chain(unindexed).chain(unknown).min()
    }

    /// The links of which KV does not know yet to which order they belong.
    #[must_use]
    pub fn unindexed_links(&self) -> Vec<Link> {
        self.links().filter(|link| !link.indexed).cloned().collect()
    }

    /// The links that can never work again, as of `now`, and that KV does not know of yet.
    #[must_use]
    pub fn ended_links(&self, limits: &Limits, now: Timestamp) -> Vec<Ended> {
        let ended = self.items.iter().flat_map(|item| {
            item.links.iter().filter_map(|link| {
                let terms = item.terms(link, limits);
                let ended = link.ends_at(terms).is_some_and(|at| at <= now);
                ended.then(|| Ended {
                    jti: link.jti.clone(),
                    tombstone: link.tombstone(terms),
                    expires_at: link.expires_at,
                })
            })
        });
        ended.collect()
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.items.iter().flat_map(|item| &item.links)
    }

    fn obey(&mut self, command: Command, limits: &Limits, now: Timestamp) -> Reply {
        match command {
            Command::Record {
                purchase, items, ..
            } => {
                self.name_products(purchase.products, items, limits, now);
                Reply::Recorded {
                    new: false,
                    purchase: self.purchase.clone(),
                }
            }
            Command::Issue { product, jti } => self.issue(product.as_ref(), jti, limits, now),
            Command::Renew { jti, fresh } => self.renew_for_buyer(&jti, fresh, limits, now),
            Command::Recover { fresh } => self.recover(&fresh, limits, now),
            Command::Look { jti, browser } => match self.find(&jti) {
                Some((item, link)) => Reply::Stands {
                    standing: link.standing(browser.as_ref(), item.terms(link, limits), now),
                    view: self.view(item, link),
                },
                None => Reply::Unknown,
            },
            Command::Redeem {
                jti,
                browser,
                lease,
            } => self.redeem(&jti, browser, lease, limits, now),
            Command::Open(key) => {
                self.lease(&key, |_, link| link.held(&key, limits, now).map(|_| None))
            }
            Command::Begin {
                key,
                stream,
                request,
                trail: _,
            } => self.lease(&key, |_, link| {
                link.begin(&key, stream, &request, limits, now)
            }),
            Command::Heartbeat { key, stream } => self.lease(&key, |_, link| {
                link.heartbeat(&key, &stream, limits, now).map(|()| None)
            }),
            Command::HandOver { key, stream } => self.lease(&key, |deliveries, link| {
                let new = link.hand_over(&key, &stream, limits, now)?;
                *deliveries = deliveries.saturating_add(u32::from(new));
                Ok(None)
            }),
            Command::Finish {
                key,
                stream,
                ending,
            } => self.lease(&key, |_, link| {
                link.finish(&key, &stream, ending, limits, now)
                    .map(|()| None)
            }),
            Command::StartMail { .. } if self.stripe.holds_mail(now) => Reply::MailJob(None),
            Command::StartMail { fresh, schedule } => {
                self.ask_for_what_was_set_aside(now);
                Reply::MailJob(self.start_mail(&fresh, schedule, limits, now).map(Box::new))
            }
            Command::KeepMail { mail } => {
                self.mail
                    .iter_mut()
                    .for_each(|state| state.keep(&mail, now));
                self.drop_what_is_mailed();
                Reply::Done
            }
            Command::SetAside { products } => {
                self.set_aside(products, now);
                Reply::Done
            }
            Command::MailTried {
                edition,
                outcome,
                schedule,
            } => {
                if let Some(state) = &mut self.mail {
                    state.tried(edition, outcome, schedule, now);
                }
                Reply::Done
            }
            Command::MailFailureTold => {
                self.mail.iter_mut().for_each(MailState::failure_told);
                Reply::Done
            }
            Command::AddressKnows => {
                self.address_knows = true;
                Reply::Done
            }
            Command::Revoke { jti } => self.revoke(jti.as_ref(), now),
            // It is answered before: it may end the order.
            Command::Stripe(_) => Reply::Done,
            Command::Indexed { jtis } => {
                self.named(&jtis).for_each(|link| link.indexed = true);
                Reply::Done
            }
            Command::Buried { links } => {
                self.buried(&links, limits);
                Reply::Done
            }
        }
    }
}

impl Order {
    fn issue(
        &mut self,
        product: Option<&ProductId>,
        jti: RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Reply {
        let wanted = match (product, self.items.as_slice()) {
            (Some(product), _) => product.clone(),
            (None, [only]) => only.product.clone(),
            (None, _) => return Reply::NoSuchItem,
        };
        let Some(item) = self.items.iter_mut().find(|item| item.product == wanted) else {
            return Reply::NoSuchItem;
        };
        let worth = item
            .links
            .last()
            .is_some_and(|link| link.is_worth_sending(item.terms(link, limits), now));
        let runs_until = item.links.last().and_then(|link| link.runs_until(limits));
        if let Some(until) = runs_until.filter(|until| !worth && now < *until) {
            return Reply::StillRuns {
                retry_after_secs: until.secs_since(now),
            };
        }
        if !worth {
            item.renew(jti, limits, now);
            self.mail.iter_mut().for_each(MailState::recompose);
        }
        self.items
            .iter()
            .find(|item| item.product == wanted)
            .and_then(|item| Some(Reply::Issued(self.view(item, item.links.last()?))))
            .unwrap_or(Reply::NoSuchItem)
    }

    fn renew_for_buyer(
        &mut self,
        jti: &RandomId,
        fresh: RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Reply {
        let named = |item: &&mut Item| item.links.iter().any(|link| link.jti == *jti);
        let Some(item) = self.items.iter_mut().find(named) else {
            return Reply::Unknown;
        };
        let product = item.product.clone();
        match item.renew_for_buyer(jti, fresh, limits, now) {
            Ok(()) => {
                self.ask_for_mail(MailReason::Renewal, vec![product], now);
                Reply::WillMail {
                    to: self.purchase.buyer.email.clone(),
                }
            }
            Err(Unrenewed::Runs { retry_after_secs }) => Reply::StillRuns { retry_after_secs },
            Err(Unrenewed::Stands(standing)) => match self.find(jti) {
                Some((item, link)) => Reply::Stands {
                    standing,
                    view: self.view(item, link),
                },
                None => Reply::Unknown,
            },
        }
    }

    fn revoke(&mut self, jti: Option<&RandomId>, now: Timestamp) -> Reply {
        let links = self.items.iter_mut().flat_map(|item| &mut item.links);
        let revoked = links
            .filter(|link| jti.is_none_or(|jti| link.jti == *jti))
            .map(|link| link.revoke(now))
            .count();
        if revoked == 0 {
            return Reply::Unknown;
        }
        self.stripe.taken_by_the_operator(jti);
        // A mail that was not sent yet would carry links that are dead.
        let any_left = self
            .items
            .iter()
            .filter_map(|item| item.links.last())
            .any(|link| link.revoked_at.is_none());
        let change = if any_left {
            MailState::recompose
        } else {
            MailState::cancel
        };
        self.mail.iter_mut().for_each(change);
        Reply::Revoked { links: revoked }
    }

    fn redeem(
        &mut self,
        jti: &RandomId,
        browser: BrowserId,
        lease: RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Reply {
        let Some((item, at)) = self.find_mut(jti) else {
            return Reply::Unknown;
        };
        let Some(terms) = item.links.get(at).map(|link| item.terms(link, limits)) else {
            return Reply::Unknown;
        };
        let redeemed = item
            .links
            .get_mut(at)
            .map(|link| link.redeem(browser, lease, terms, now));
        match (redeemed, self.find(jti)) {
            (Some(Ok(lease)), Some((item, link))) => Reply::Leased {
                lease: lease.id,
                issued_at: lease.issued_at,
                view: self.view(item, link),
            },
            (Some(Err(standing)), Some((item, link))) => Reply::Stands {
                standing,
                view: self.view(item, link),
            },
            _ => Reply::Unknown,
        }
    }

    /// Does something to the link of a lease, and to its item's count of deliveries, and answers what a stream needs
    /// to know.
    fn lease(
        &mut self,
        key: &LeaseKey,
        act: impl FnOnce(&mut u32, &mut Link) -> Result<Option<u64>, LeaseRefusal>,
    ) -> Reply {
        let Some((item, at)) = self.find_mut(&key.jti) else {
            return Reply::Unknown;
        };
        let Item {
            deliveries, links, ..
        } = item;
        let acted = links.get_mut(at).map(|link| act(deliveries, link));
        match (acted, self.find(&key.jti)) {
            (Some(Ok(delivers_at)), Some((item, link))) => Reply::Holds {
                view: self.view(item, link),
                delivers_at,
                begun_etag: link.begun_etag.clone(),
            },
            (Some(Err(refusal)), _) => Reply::Refused(refusal),
            _ => Reply::Unknown,
        }
    }

    /// KV was told so. What has changed meanwhile, it is told again.
    fn buried(&mut self, links: &[Ended], limits: &Limits) {
        for item in &mut self.items {
            for at in 0..item.links.len() {
                let Some(link) = item.links.get(at) else {
                    continue;
                };
                let tombstone = link.tombstone(item.terms(link, limits));
                let told = links
                    .iter()
                    .any(|told| told.jti == link.jti && told.tombstone == tombstone);
                item.links
                    .get_mut(at)
                    .filter(|_| told)
                    .into_iter()
                    .for_each(|link| link.buried = true);
            }
        }
    }

    fn named<'a>(&'a mut self, jtis: &'a [RandomId]) -> impl Iterator<Item = &'a mut Link> {
        let links = self.items.iter_mut().flat_map(|item| &mut item.links);
        links.filter(|link| jtis.contains(&link.jti))
    }

    fn find(&self, jti: &RandomId) -> Option<(&Item, &Link)> {
        self.items
            .iter()
            .find_map(|item| Some((item, item.links.iter().find(|link| link.jti == *jti)?)))
    }

    /// The item of that link, and which of its links it is.
    fn find_mut(&mut self, jti: &RandomId) -> Option<(&mut Item, usize)> {
        self.items.iter_mut().find_map(|item| {
            let at = item.links.iter().position(|link| link.jti == *jti)?;
            Some((item, at))
        })
    }

    fn view(&self, item: &Item, link: &Link) -> LinkView {
        LinkView {
            order: self.purchase.order.clone(),
            product: item.product.clone(),
            license: item.license.clone(),
            buyer: self.purchase.buyer.clone(),
            purchased_at: self.purchase.purchased_at,
            origin: self.origin.clone(),
            jti: link.jti.clone(),
            issued_at: link.issued_at,
            expires_at: link.expires_at,
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
