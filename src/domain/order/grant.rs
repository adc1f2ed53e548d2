//! The one-time rule: what a link grants, to which browser, and when it is used up.

use serde::{Deserialize, Serialize};

use super::{Ending, Lease, LeaseKey, LeaseRefusal, Request};
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::settings::Limits;
use crate::domain::time::Timestamp;

/// A signed link: what is known of it on our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub jti: RandomId,
    /// Good from.
    pub issued_at: Timestamp,
    /// Good before; a lease that runs may outlive it.
    pub expires_at: Timestamp,
    /// Another link took its place.
    pub superseded_at: Option<Timestamp>,
    /// The operator took it back.
    pub revoked_at: Option<Timestamp>,
    /// Its copy was handed over, the last time.
    pub delivered_at: Option<Timestamp>,
    /// The last lease. A new one kills it, unless it has delivered.
    pub lease: Option<Lease>,
    /// Leases before it that sent something. Of those that have delivered, the browser may fetch again until they
    /// are over; what the others have sent counts on, should the same browser come again.
    pub earlier: Vec<Lease>,
    /// The tag of the copy that was first sent by it. Whoever has a part of that has no use for parts of another.
    pub begun_etag: Option<String>,
    /// How many leases sent bytes, the present one included.
    pub sending_leases: u32,
    /// KV knows which order it belongs to.
    pub indexed: bool,
    /// KV knows that it has ended.
    pub buried: bool,
}

/// What a link is judged by, beside its own state.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The shop's limits.
    pub limits: &'a Limits,
    /// How many deliveries its item has left.
    pub left: u32,
    /// Whether the buyer may have it renewed, once it is expired.
    pub renewable: bool,
    /// Whether the buyer may have it replaced, once it is used.
    pub replaceable: bool,
}

/// How a link stands for somebody who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Good: press the button.
    Ready,
    /// Good, and this browser has begun already: it may go on.
    Yours,
    /// Another browser has it. It may be free again after this many seconds.
    InProgress {
        /// Seconds.
        retry_after_secs: i64,
    },
    /// Delivered.
    Used {
        /// When, the last time.
        at: Timestamp,
        /// Whether the buyer may have another one mailed.
        replaceable: bool,
    },
    /// Too many downloads broke off.
    Exhausted {
        /// Whether the buyer may have a new one mailed.
        renewable: bool,
    },
    /// Past its time.
    Expired {
        /// Whether the buyer may have a new one mailed.
        renewable: bool,
    },
    /// A newer link took its place.
    Superseded,
    /// The shop took it back.
    Revoked,
}

/// Why a link can never work again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tombstone {
    /// It was delivered.
    Used {
        /// When, the last time.
        at: Timestamp,
        /// Whether the buyer may have it replaced.
        replaceable: bool,
    },
    /// A newer link took its place.
    Superseded,
    /// The shop took it back.
    Revoked,
}

/// A link that has ended, for KV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The link.
    pub jti: RandomId,
    /// Why.
    pub tombstone: Tombstone,
    /// When it would have expired.
    pub expires_at: Timestamp,
}

impl Link {
    /// A link that nobody used yet.
    #[must_use]
    pub fn new(jti: RandomId, now: Timestamp, ttl_secs: i64) -> Self {
        Self {
            jti,
            issued_at: now,
            expires_at: now.plus_secs(ttl_secs),
            superseded_at: None,
            revoked_at: None,
            delivered_at: None,
            lease: None,
            earlier: Vec::new(),
            begun_etag: None,
            sending_leases: 0,
            indexed: false,
            buried: false,
        }
    }

    /// How it stands for `browser` at `now`.
    #[must_use]
    pub fn standing(
        &self,
        browser: Option<&BrowserId>,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Standing {
        let Terms {
            limits,
            left,
            renewable,
            replaceable,
        } = terms;
        if self.revoked_at.is_some() {
            return Standing::Revoked;
        }
        if self.superseded_at.is_some() {
            return Standing::Superseded;
        }
        let own = browser.and_then(|browser| self.lease_of(browser, limits, now));
        // One that asked too often is of no use any more: another takes its place, if it has not delivered.
        if own.is_some_and(|lease| !lease.is_spent(limits)) {
            return Standing::Yours;
        }
        if let Some(at) = self.delivered_at.filter(|_| left == 0) {
            return Standing::Used { at, replaceable };
        }
        if self.expires_at <= now {
            return Standing::Expired { renewable };
        }
        // Who has delivered keeps nobody out of the deliveries that are left.
        let theirs = self
            .lease
            .as_ref()
            .filter(|lease| own.is_none() && lease.delivered_at.is_none());
        if let Some(retry_after_secs) =
            theirs.and_then(|lease| lease.keeps_others_out_secs(limits, now))
        {
            return Standing::InProgress { retry_after_secs };
        }
        if self.sending_leases
            >= limits
                .max_sending_leases
                .saturating_mul(limits.max_deliveries)
        {
            Standing::Exhausted { renewable }
        } else {
            Standing::Ready
        }
    }

    /// Whether somebody has begun to use it.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.begun_etag.is_some() || self.delivered_at.is_some()
    }

    /// Until when a stream of it runs, as far as is known.
    #[must_use]
    pub fn runs_until(&self, limits: &Limits) -> Option<Timestamp> {
        self.live_leases()
            .filter_map(|lease| lease.runs_until(limits))
            .max()
    }

    /// Whether it still gives somebody who gets it now the time to use it: half its life at least. One that
    /// somebody is using is left to them.
    #[must_use]
    pub fn is_worth_sending(&self, terms: Terms<'_>, now: Timestamp) -> bool {
        self.has_left(50, terms, now)
    }

    /// Whether it works, and has so many percent of its life left.
    pub(super) fn has_left(&self, percent: i64, terms: Terms<'_>, now: Timestamp) -> bool {
        let life_secs = self.expires_at.secs_since(self.issued_at);
        let left_secs = self.expires_at.secs_since(now);
        match self.standing(None, terms, now) {
            Standing::Ready => left_secs * 100 >= life_secs * percent,
            Standing::InProgress { .. } => true,
            _ => false,
        }
    }

    /// Redeems the link: the browser's own lease again, or a new one.
    ///
    /// # Errors
    /// How the link stands, if that is no way to redeem it.
    pub fn redeem(
        &mut self,
        browser: BrowserId,
        lease: RandomId,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Result<Lease, Standing> {
        match self.standing(Some(&browser), terms, now) {
            Standing::Ready => {
                let before = self.lease.take().filter(Lease::knows_of_bytes);
                self.earlier.extend(before);
                self.earlier.retain(|lease| {
                    lease.delivered_at.is_none() || !lease.is_over(terms.limits, now)
                });
                let counts_on =
                    |lease: &mut Lease| lease.browser == browser && lease.delivered_at.is_none();
                let sent = self.earlier.extract_if(.., counts_on).last();
                Ok(self
                    .lease
                    .insert(Lease::new(lease, browser, sent, now))
                    .clone())
            }
            standing => {
                let own = self
                    .live_leases_mut()
                    .find(|lease| lease.browser == browser);
                let own = own
                    .filter(|_| standing == Standing::Yours)
                    .ok_or(standing)?;
                own.seen_at = now;
                Ok(own.clone())
            }
        }
    }

    /// The lease, if it is one that holds, and this browser's.
    ///
    /// # Errors
    /// Why not.
    pub fn held(
        &mut self,
        key: &LeaseKey,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<&mut Lease, LeaseRefusal> {
        if self.superseded_at.or(self.revoked_at).is_some() {
            return Err(LeaseRefusal::Over);
        }
        let lease = self.live_leases_mut().find(|lease| lease.id == key.lease);
        let lease = lease.ok_or(LeaseRefusal::Over)?;
        if lease.browser != key.browser {
            return Err(LeaseRefusal::OtherBrowser);
        }
        if lease.is_over(limits, now) {
            Err(LeaseRefusal::Over)
        } else {
            Ok(lease)
        }
    }

    /// A stream is about to start. It may send the bytes before the one that is returned; before that one it
    /// says [`Link::hand_over`], since with it the copy counts as delivered. With `None` it never does.
    ///
    /// # Errors
    /// The lease does not hold, or asked too often.
    pub fn begin(
        &mut self,
        key: &LeaseKey,
        stream: RandomId,
        request: &Request,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Option<u64>, LeaseRefusal> {
        let lease = self.held(key, limits, now)?;
        let sends_first = lease.requests == 0;
        let delivers_at = lease.begin(stream, request, limits, now)?;
        self.sending_leases += u32::from(sends_first);
        self.begun_etag.get_or_insert_with(|| request.etag.clone());
        Ok(delivers_at)
    }

    /// A stream says that it still runs.
    ///
    /// # Errors
    /// The lease does not hold: the stream is to stop.
    pub fn heartbeat(
        &mut self,
        key: &LeaseKey,
        stream: &RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), LeaseRefusal> {
        self.held(key, limits, now)?.seen(stream, now);
        Ok(())
    }

    /// A stream is about to send the bytes that make the copy a delivered one. Whether that is a new delivery:
    /// what the same browser fetches again is none.
    ///
    /// # Errors
    /// The lease does not hold: the stream is to stop.
    pub fn hand_over(
        &mut self,
        key: &LeaseKey,
        stream: &RandomId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<bool, LeaseRefusal> {
        let lease = self.held(key, limits, now)?;
        lease.seen(stream, now);
        let new = lease.delivered_at.is_none();
        lease.delivered_at.get_or_insert(now);
        if new {
            self.delivered_at = Some(now);
        }
        Ok(new)
    }

    /// A stream is over, whole or broken. The lease lives on, so that what is missing can be fetched.
    ///
    /// # Errors
    /// The lease is gone, and there is nothing to note.
    pub fn finish(
        &mut self,
        key: &LeaseKey,
        stream: &RandomId,
        ending: Ending,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), LeaseRefusal> {
        let lease = self.held(key, limits, now)?;
        let sent_some = lease.requests > 0;
        lease.finish(stream, ending, now);
        if sent_some && lease.requests == 0 {
            self.sending_leases = self.sending_leases.saturating_sub(1);
            if self.sending_leases == 0 {
                self.begun_etag = None;
            }
        }
        Ok(())
    }

    /// Another link takes its place.
    pub fn supersede(&mut self, now: Timestamp) {
        if self.superseded_at.is_none() {
            self.superseded_at = Some(now);
            // KV may know another reason by now.
            self.buried = false;
        }
    }

    /// The shop takes it back, whatever it was.
    pub fn revoke(&mut self, now: Timestamp) {
        if self.revoked_at.is_none() {
            self.revoked_at = Some(now);
            self.buried = false;
        }
    }

    /// From when on it can never work again, if KV is to be told: expiry the token tells itself.
    #[must_use]
    pub fn ends_at(&self, terms: Terms<'_>) -> Option<Timestamp> {
        if self.buried {
            return None;
        }
        let used = || {
            let delivered_at = self.delivered_at.filter(|_| terms.left == 0)?;
            let over_at = self
                .live_leases()
                .map(|lease| lease.over_at(terms.limits))
                .max();
            Some(over_at.unwrap_or(delivered_at))
        };
        self.revoked_at.or(self.superseded_at).or_else(used)
    }

    /// What KV is to say of it, once it has ended.
    #[must_use]
    pub fn tombstone(&self, terms: Terms<'_>) -> Tombstone {
        let replaceable = terms.replaceable;
        match (self.revoked_at, self.superseded_at, self.delivered_at) {
            (Some(_), _, _) => Tombstone::Revoked,
            (None, None, Some(at)) => Tombstone::Used { at, replaceable },
            _ => Tombstone::Superseded,
        }
    }

    /// Those that may hold: the last one, and those before it that have delivered.
    fn live_leases(&self) -> impl Iterator<Item = &Lease> {
        let earlier = self
            .earlier
            .iter()
            .filter(|lease| lease.delivered_at.is_some());
        self.lease.iter().chain(earlier)
    }

    fn live_leases_mut(&mut self) -> impl Iterator<Item = &mut Lease> {
        let earlier = self
            .earlier
            .iter_mut()
            .filter(|lease| lease.delivered_at.is_some());
        self.lease.iter_mut().chain(earlier)
    }

    fn lease_of(&self, browser: &BrowserId, limits: &Limits, now: Timestamp) -> Option<&Lease> {
        self.live_leases()
            .find(|lease| lease.browser == *browser && !lease.is_over(limits, now))
    }
}

#[cfg(test)]
mod tests;
