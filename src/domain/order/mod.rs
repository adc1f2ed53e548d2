//! The order: the referee over one purchase. Its state, the commands that change it, and what it answers.
//!
//! [`decide`] is the whole rule. The Durable Object loads the state, calls it, and stores what came out,
//! without an `await` between; so whatever races, one decision follows the other.

mod access;
mod command;
mod coverage;
#[cfg(test)]
pub(crate) mod fixtures;
mod grant;
mod outbox;

use serde::{Deserialize, Serialize};

pub use access::{Errands, StripeCommand, StripeReply, StripeSide};
pub use command::{Command, LeaseKey, LeaseRefusal, LinkView, Reply};
pub use coverage::{Coverage, DELIVERED_PERCENT};
pub use grant::{
    ABANDONED_AFTER_SECS, Ending, LEASE_IDLE_SECS, Lease, Link, MAX_EARLY_REQUESTS, MAX_REQUESTS,
    MAX_SENDING_LEASES, Request, STREAM_GRACE_SECS, Standing,
};
pub use outbox::{MailJob, MailState, RETRY_PAUSES_SECS};

use super::id::{BrowserId, RandomId};
use super::purchase::{LicenseId, Purchase};
use super::settings::ProductId;
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
    /// The mail with the links. A purchase made elsewhere has none: who asks for its link delivers it.
    pub mail: Option<MailState>,
    /// Stripe's say in it. An order from before there was any has heard nothing.
    #[serde(default)]
    pub stripe: StripeSide,
}

/// One product of an order, and its links: the last one is the one that may work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The product.
    pub product: ProductId,
    /// The licence's number.
    pub license: LicenseId,
    /// Oldest first.
    pub links: Vec<Link>,
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

/// The rule: what becomes of `state` when `command` arrives at `now`, and what to answer.
#[must_use]
pub fn decide(state: Option<Order>, command: Command, now: Timestamp) -> (Option<Order>, Reply) {
    let Some(mut order) = state else {
        return match command {
            Command::Record {
                purchase,
                origin,
                items,
                link_ttl_secs,
                mail,
            } => {
                let items: Vec<Item> = items
                    .into_iter()
                    .map(|new| Item::new(new, link_ttl_secs, now))
                    .collect();
                // Without items there is nothing to mail yet.
                let mail = (mail && !items.is_empty()).then(|| MailState::due(now));
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
                    }),
                    reply,
                )
            }
            _ => (None, Reply::Unknown),
        };
    };
    if let Command::Stripe(command) = command {
        return match order.obey_stripe(command, now) {
            Some(reply) => (Some(order), Reply::Stripe(reply)),
            None => (None, Reply::Done),
        };
    }
    let reply = order.obey(command, now);
    (Some(order), reply)
}

impl Order {
    /// When the order wants to be woken: an errand or a mail is due, or KV is to be told something.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Timestamp> {
        let errand = self.stripe.due_at();
        errand
            .into_iter()
            .chain(self.mail_due_at())
            .chain(self.kv_due_at())
            .min()
    }

    /// When a mail is due.
    #[must_use]
    pub fn mail_due_at(&self) -> Option<Timestamp> {
        self.mail.as_ref().and_then(MailState::due_at)
    }

    /// When KV is to be told whose a link is, or that it has ended.
    #[must_use]
    pub fn kv_due_at(&self) -> Option<Timestamp> {
        let ends = self.links().filter_map(Link::ends_at);
        let unindexed = self
            .links()
            .filter(|link| !link.indexed)
            .map(|link| link.issued_at);
        ends.chain(unindexed).min()
    }

    /// The links of which KV does not know yet to which order they belong.
    #[must_use]
    pub fn unindexed_links(&self) -> Vec<Link> {
        self.links().filter(|link| !link.indexed).cloned().collect()
    }

    /// The links that can never work again, as of `now`, and that KV does not know of yet.
    #[must_use]
    pub fn ended_links(&self, now: Timestamp) -> Vec<Link> {
        self.links()
            .filter(|link| link.ends_at().is_some_and(|at| at <= now))
            .cloned()
            .collect()
    }

    /// Each item's current link, as tokens and texts need it; none that was taken back.
    #[must_use]
    pub fn current_links(&self) -> Vec<LinkView> {
        let current = self
            .items
            .iter()
            .filter_map(|item| Some((item, item.links.last()?)));
        current
            .filter(|(_, link)| link.revoked_at.is_none())
            .map(|(item, link)| self.view(item, link))
            .collect()
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.items.iter().flat_map(|item| &item.links)
    }

    fn obey(&mut self, command: Command, now: Timestamp) -> Reply {
        match command {
            Command::Record {
                purchase,
                items,
                link_ttl_secs,
                ..
            } => Reply::Recorded {
                new: self.name_products(purchase.products, items, link_ttl_secs, now),
                purchase: self.purchase.clone(),
            },
            Command::Issue {
                product,
                jti,
                link_ttl_secs,
            } => self.issue(product.as_ref(), jti, link_ttl_secs, now),
            Command::Look { jti, browser } => match self.find(&jti) {
                Some((item, link)) => {
                    let standing = link.standing(browser.as_ref(), now);
                    Reply::Stands {
                        standing,
                        view: self.view(item, link),
                    }
                }
                None => Reply::Unknown,
            },
            Command::Redeem {
                jti,
                browser,
                lease,
            } => self.redeem(&jti, browser, lease, now),
            Command::Open(key) => self.lease(&key, |link| link.held(&key, now).map(|_| None)),
            Command::Begin {
                key,
                stream,
                request,
            } => self.lease(&key, |link| link.begin(&key, stream, &request, now)),
            Command::Heartbeat { key, stream } => self.lease(&key, |link| {
                link.heartbeat(&key, &stream, now).map(|()| None)
            }),
            Command::HandOver { key, stream } => self.lease(&key, |link| {
                link.hand_over(&key, &stream, now).map(|()| None)
            }),
            Command::Finish {
                key,
                stream,
                ending,
            } => self.lease(&key, |link| {
                link.finish(&key, &stream, ending, now).map(|()| None)
            }),
            Command::StartMail {
                jtis,
                link_ttl_secs,
            } => Reply::MailJob(self.start_mail(jtis, link_ttl_secs, now).map(Box::new)),
            Command::KeepMail { mail } => {
                self.mail.iter_mut().for_each(|state| state.keep(&mail));
                Reply::Done
            }
            Command::MailSent => {
                self.mail.iter_mut().for_each(|state| state.sent(now));
                Reply::Done
            }
            Command::Revoke { jti } => self.revoke(jti.as_ref(), now),
            // It is answered before: it may end the order.
            Command::Stripe(_) => Reply::Done,
            Command::Indexed { jtis } => {
                self.named(&jtis).for_each(|link| link.indexed = true);
                Reply::Done
            }
            Command::Buried { jtis } => {
                self.named(&jtis).for_each(|link| link.buried = true);
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
        link_ttl_secs: i64,
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
        if !item
            .links
            .last()
            .is_some_and(|link| link.is_worth_sending(now))
        {
            item.renew(jti, link_ttl_secs, now);
            self.mail.iter_mut().for_each(MailState::recompose);
        }
        self.items
            .iter()
            .find(|item| item.product == wanted)
            .and_then(|item| Some(Reply::Issued(self.view(item, item.links.last()?))))
            .unwrap_or(Reply::NoSuchItem)
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
        now: Timestamp,
    ) -> Reply {
        let Some(link) = self.find_mut(jti) else {
            return Reply::Unknown;
        };
        let redeemed = link.redeem(browser, lease, now);
        match (redeemed, self.find(jti)) {
            (Ok(lease), Some((item, link))) => Reply::Leased {
                lease: lease.id,
                issued_at: lease.issued_at,
                view: self.view(item, link),
            },
            (Err(standing), Some((item, link))) => Reply::Stands {
                standing,
                view: self.view(item, link),
            },
            (_, None) => Reply::Unknown,
        }
    }

    /// Does something to the link of a lease, and answers what a stream needs to know.
    fn lease(
        &mut self,
        key: &LeaseKey,
        act: impl FnOnce(&mut Link) -> Result<Option<u64>, LeaseRefusal>,
    ) -> Reply {
        let Some(link) = self.find_mut(&key.jti) else {
            return Reply::Unknown;
        };
        match (act(link), self.find(&key.jti)) {
            (Ok(delivers_at), Some((item, link))) => Reply::Holds {
                view: self.view(item, link),
                delivers_at,
                begun_etag: link.begun_etag.clone(),
            },
            (Err(refusal), _) => Reply::Refused(refusal),
            (_, None) => Reply::Unknown,
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

    fn find_mut(&mut self, jti: &RandomId) -> Option<&mut Link> {
        self.items
            .iter_mut()
            .flat_map(|item| &mut item.links)
            .find(|link| link.jti == *jti)
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

impl Item {
    fn new(new: NewItem, link_ttl_secs: i64, now: Timestamp) -> Self {
        let links = vec![Link::new(new.jti, now, link_ttl_secs)];
        Self {
            product: new.product,
            license: new.license,
            links,
        }
    }

    /// A new link takes the place of all before it.
    fn renew(&mut self, jti: RandomId, link_ttl_secs: i64, now: Timestamp) {
        self.links.iter_mut().for_each(|link| link.supersede(now));
        self.links.push(Link::new(jti, now, link_ttl_secs));
    }
}

#[cfg(test)]
mod tests;
