//! The one-time rule: what a link grants, to which browser, and when it is used up.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Coverage, LeaseKey, LeaseRefusal};
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::time::Timestamp;

/// For so long a lease that asked for no byte keeps other browsers out, in seconds: a scanner that posts
/// the form costs the buyer a minute, not the file.
pub const ABANDONED_AFTER_SECS: i64 = 60;

/// A lease ends so long after its last sign of life, in seconds. A phone that lost its connection comes
/// back within it.
pub const LEASE_IDLE_SECS: i64 = 30 * 60;

/// A stream that gave no sign of life for so long is taken for dead, in seconds: more than two
/// heartbeats, so that one may be lost.
pub const STREAM_GRACE_SECS: i64 = 5 * 60;

/// The most leases that sent bytes, per link: a connection that keeps breaking, on several devices, but
/// no shared link.
pub const MAX_SENDING_LEASES: u32 = 5;

/// The most requests of one lease that start before the middle of the file.
pub const MAX_EARLY_REQUESTS: u32 = 20;

/// The most requests of one lease: a download manager cuts a large file into dozens of ranges.
pub const MAX_REQUESTS: u32 = 200;

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
    /// Its copy was handed over.
    pub delivered_at: Option<Timestamp>,
    /// The lease that may hold: a new one kills the old one.
    pub lease: Option<Lease>,
    /// The tag of the copy that was first sent by it. Whoever has a part of that has no use for parts of another.
    pub begun_etag: Option<String>,
    /// How many leases sent bytes, the present one included.
    pub sending_leases: u32,
    /// KV knows which order it belongs to.
    pub indexed: bool,
    /// KV knows that it has ended.
    pub buried: bool,
}

/// One browser's right to download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name.
    pub id: RandomId,
    /// Whose it is.
    pub browser: BrowserId,
    /// Given at.
    pub issued_at: Timestamp,
    /// The last sign of life.
    pub seen_at: Timestamp,
    /// Streams that have not said that they are over.
    pub streams: Vec<Stream>,
    /// Requests so far.
    pub requests: u32,
    /// Those that started before the middle.
    pub early_requests: u32,
    /// The tag of the copy that is counted here.
    pub etag: String,
    /// What was sent to its end.
    pub sent: Coverage,
    /// What may have been sent, at most, by each stream that runs or broke off. Together with `sent` this
    /// is never a delivery: a stream says so before it sends the byte that makes it one.
    pub maybe: Vec<(RandomId, Range<u64>)>,
}

/// A response that is being sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    id: RandomId,
    seen_at: Timestamp,
    range: Range<u64>,
    /// Of which copy.
    etag: String,
    early: bool,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// All of it was sent.
    Whole,
    /// It broke off, somewhere.
    Broken,
    /// Storage failed before its first byte.
    NotBegun,
}

/// The bytes that a response is to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// From, and up to but without.
    pub range: Range<u64>,
    /// Whether the client asked for all from there on, as one does that goes on where it stopped.
    pub open_ended: bool,
    /// The length of the whole copy, in bytes.
    pub total: u64,
    /// The copy's strong tag, unquoted: another release, or another text, is another copy.
    pub etag: String,
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
    /// Delivered at this time.
    Used(Timestamp),
    /// Too many downloads broke off.
    Exhausted,
    /// Past its time.
    Expired,
    /// A newer link took its place.
    Superseded,
    /// The shop took it back.
    Revoked,
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
            begun_etag: None,
            sending_leases: 0,
            indexed: false,
            buried: false,
        }
    }

    /// How it stands for `browser` at `now`.
    #[must_use]
    pub fn standing(&self, browser: Option<&BrowserId>, now: Timestamp) -> Standing {
        if self.revoked_at.is_some() {
            return Standing::Revoked;
        }
        if self.superseded_at.is_some() {
            return Standing::Superseded;
        }
        let lease = self.lease.as_ref();
        let own = lease.filter(|lease| browser == Some(&lease.browser) && !lease.is_over(now));
        // One that asked too often is of no use any more; before the delivery another takes its place.
        if own.is_some_and(|lease| !lease.is_spent() || self.delivered_at.is_some()) {
            return Standing::Yours;
        }
        if let Some(at) = self.delivered_at {
            return Standing::Used(at);
        }
        if self.expires_at <= now {
            return Standing::Expired;
        }
        let Some(lease) = lease else {
            return Standing::Ready;
        };
        if let Some(retry_after_secs) = lease.keeps_others_out_secs(now).filter(|_| own.is_none()) {
            return Standing::InProgress { retry_after_secs };
        }
        if self.sending_leases >= MAX_SENDING_LEASES {
            Standing::Exhausted
        } else {
            Standing::Ready
        }
    }

    /// Whether somebody has begun to use it.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.begun_etag.is_some() || self.delivered_at.is_some()
    }

    /// Whether it still gives somebody who gets it now the time to use it: half its life at least. One that
    /// somebody is using is left to them.
    #[must_use]
    pub fn is_worth_sending(&self, now: Timestamp) -> bool {
        let life_secs = self.expires_at.secs_since(self.issued_at);
        let left_secs = self.expires_at.secs_since(now);
        match self.standing(None, now) {
            Standing::Ready => left_secs * 2 >= life_secs,
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
        now: Timestamp,
    ) -> Result<Lease, Standing> {
        match (self.standing(Some(&browser), now), &mut self.lease) {
            (Standing::Yours, Some(lease)) => {
                lease.seen_at = now;
                Ok(lease.clone())
            }
            (Standing::Ready, slot) => Ok(slot.insert(Lease::new(lease, browser, now)).clone()),
            (standing, _) => Err(standing),
        }
    }

    /// The lease, if it is the one that holds, and this browser's.
    ///
    /// # Errors
    /// Why not.
    pub fn held(&mut self, key: &LeaseKey, now: Timestamp) -> Result<&mut Lease, LeaseRefusal> {
        if self.superseded_at.or(self.revoked_at).is_some() {
            return Err(LeaseRefusal::Over);
        }
        let lease = self
            .lease
            .as_mut()
            .filter(|lease| lease.id == key.lease)
            .ok_or(LeaseRefusal::Over)?;
        if lease.browser != key.browser {
            return Err(LeaseRefusal::OtherBrowser);
        }
        if lease.is_over(now) {
            Err(LeaseRefusal::Over)
        } else {
            Ok(lease)
        }
    }

    /// A stream is about to start. It may send the bytes before the one that is returned; before that one it
    /// says [`Link::hand_over`], since with it the copy counts as delivered. With `None` it never does.
    ///
    /// A stream that breaks off does not tell how far it got. So what it may have sent, at most, is counted
    /// before it is sent; and a client that goes on at some byte shows that it has nothing after it. Nobody
    /// gets 95 % of a copy uncounted, however many ranges they ask for, and nobody who lost the
    /// connection is taken to have what never came.
    ///
    /// # Errors
    /// The lease does not hold, or has asked too often.
    pub fn begin(
        &mut self,
        key: &LeaseKey,
        stream: RandomId,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<u64>, LeaseRefusal> {
        let lease = self.held(key, now)?;
        let early = request.range.start < request.total.div_ceil(2);
        if lease.requests >= MAX_REQUESTS || (early && lease.early_requests >= MAX_EARLY_REQUESTS) {
            return Err(LeaseRefusal::TooManyRequests);
        }
        let sends_first = lease.requests == 0;
        lease.requests += 1;
        lease.early_requests += u32::from(early);
        lease.seen_at = now;
        // A dead stream's row is of no use any more.
        lease.streams.retain(|other| other.is_alive(now));
        lease.streams.push(Stream {
            id: stream.clone(),
            seen_at: now,
            range: request.range.clone(),
            etag: request.etag.clone(),
            early,
        });
        let delivers_at = lease.count(stream, request);
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
        now: Timestamp,
    ) -> Result<(), LeaseRefusal> {
        self.held(key, now)?.seen(stream, now);
        Ok(())
    }

    /// A stream is about to send the bytes that make the copy a delivered one: the link is used up.
    ///
    /// # Errors
    /// The lease does not hold: the stream is to stop.
    pub fn hand_over(
        &mut self,
        key: &LeaseKey,
        stream: &RandomId,
        now: Timestamp,
    ) -> Result<(), LeaseRefusal> {
        self.held(key, now)?.seen(stream, now);
        self.delivered_at.get_or_insert(now);
        Ok(())
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
        now: Timestamp,
    ) -> Result<(), LeaseRefusal> {
        let lease = self.held(key, now)?;
        lease.seen_at = now;
        let at = lease.streams.iter().position(|other| other.id == *stream);
        let Some(ended) = at.map(|at| lease.streams.swap_remove(at)) else {
            return Ok(());
        };
        match ending {
            // Of another copy nothing counts for this one.
            Ending::Whole if ended.etag == lease.etag => lease.sent.add(ended.range),
            Ending::Whole | Ending::Broken => {}
            // It was no request of the client's that failed: what it counted is given back.
            Ending::NotBegun => {
                lease.requests -= 1;
                lease.early_requests -= u32::from(ended.early);
                lease.maybe.retain(|(stream, _)| *stream != ended.id);
                let nothing_sent = lease.requests == 0;
                self.sending_leases -= u32::from(nothing_sent);
                if self.sending_leases == 0 {
                    self.begun_etag = None;
                }
            }
        }
        Ok(())
    }

    /// Another link takes its place.
    pub fn supersede(&mut self, now: Timestamp) {
        self.superseded_at.get_or_insert(now);
    }

    /// The operator takes it back, whatever it was.
    pub fn revoke(&mut self, now: Timestamp) {
        if self.revoked_at.is_none() {
            self.revoked_at = Some(now);
            // KV may know another reason by now.
            self.buried = false;
        }
    }

    /// From when on it can never work again, if KV is to be told: expiry the token tells itself.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        if self.buried {
            return None;
        }
        let delivered = || {
            self.delivered_at
                .map(|at| self.lease.as_ref().map_or(at, Lease::over_at))
        };
        self.revoked_at.or(self.superseded_at).or_else(delivered)
    }
}

impl Lease {
    fn new(id: RandomId, browser: BrowserId, now: Timestamp) -> Self {
        Self {
            id,
            browser,
            issued_at: now,
            seen_at: now,
            streams: Vec::new(),
            requests: 0,
            early_requests: 0,
            etag: String::new(),
            sent: Coverage::default(),
            maybe: Vec::new(),
        }
    }

    fn over_at(&self) -> Timestamp {
        self.seen_at.plus_secs(LEASE_IDLE_SECS)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.over_at() <= now
    }

    /// Whether a request from the start would be one too many.
    fn is_spent(&self) -> bool {
        self.requests >= MAX_REQUESTS || self.early_requests >= MAX_EARLY_REQUESTS
    }

    /// For how many seconds more other browsers wait: none if this one's download broke off.
    fn keeps_others_out_secs(&self, now: Timestamp) -> Option<i64> {
        let until = if self.requests == 0 {
            self.issued_at.plus_secs(ABANDONED_AFTER_SECS)
        } else {
            self.streams
                .iter()
                .map(|stream| stream.seen_at.plus_secs(STREAM_GRACE_SECS))
                .max()?
        };
        (now < until).then(|| until.secs_since(now))
    }

    /// Counts what `request` will send, at most; and from which byte on that is a delivery.
    fn count(&mut self, stream: RandomId, request: &Request) -> Option<u64> {
        if self.etag != request.etag {
            // Of another copy nothing counts for this one.
            self.etag.clone_from(&request.etag);
            self.sent = Coverage::of(request.total);
            self.maybe.clear();
        }
        let start = request.range.start;
        if request.open_ended {
            // It goes on at this byte: what broke off there got no further.
            self.maybe
                .iter_mut()
                .map(|(_, range)| range)
                .filter(|range| range.contains(&start))
                .for_each(|range| range.end = start);
        }
        let mut known = self.sent.clone();
        self.maybe
            .iter()
            .for_each(|(_, range)| known.add(range.clone()));
        let delivers_at = known.delivered_within(&request.range);
        self.maybe.retain(|(_, range)| !range.is_empty());
        let counted = start..delivers_at.unwrap_or(request.range.end);
        self.maybe.push((stream, counted));
        delivers_at
    }

    fn seen(&mut self, stream: &RandomId, now: Timestamp) {
        self.seen_at = now;
        self.streams
            .iter_mut()
            .filter(|other| other.id == *stream)
            .for_each(|other| other.seen_at = now);
    }
}

impl Stream {
    fn is_alive(&self, now: Timestamp) -> bool {
        now < self.seen_at.plus_secs(STREAM_GRACE_SECS)
    }
}

#[cfg(test)]
mod tests;
