//! The lease: one browser's right to download, and what was sent by it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Coverage, LeaseRefusal};
use crate::domain::id::{BrowserId, RandomId};
use crate::domain::settings::Limits;
use crate::domain::time::Timestamp;

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
    /// Its copy was handed over.
    pub delivered_at: Option<Timestamp>,
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
    /// What was counted of others until this one seemed to show that it was less.
    trimmed: Vec<(RandomId, Range<u64>)>,
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

impl Lease {
    /// `before` is the same browser's lease before this one: what that has sent, this browser has.
    pub(super) fn new(
        id: RandomId,
        browser: BrowserId,
        before: Option<Self>,
        now: Timestamp,
    ) -> Self {
        let (etag, sent, maybe) = before
            .map(|before| (before.etag, before.sent, before.maybe))
            .unwrap_or_default();
        Self {
            id,
            browser,
            issued_at: now,
            seen_at: now,
            delivered_at: None,
            streams: Vec::new(),
            requests: 0,
            early_requests: 0,
            etag,
            sent,
            maybe,
        }
    }

    /// Whether something was sent by it, or by those before it whose bytes it counts on.
    pub(super) fn knows_of_bytes(&self) -> bool {
        self.requests > 0 || self.sent.bytes() > 0 || !self.maybe.is_empty()
    }

    /// Counts a request, and what it will send at most: the byte that makes it a delivery, if it has it.
    ///
    /// # Errors
    /// It asked too often.
    pub(super) fn begin(
        &mut self,
        stream: RandomId,
        request: &Request,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Option<u64>, LeaseRefusal> {
        let early = request.range.start < request.total.div_ceil(2);
        if self.requests >= limits.max_requests
            || (early && self.early_requests >= limits.max_early_requests)
        {
            return Err(LeaseRefusal::TooManyRequests);
        }
        self.requests += 1;
        self.early_requests += u32::from(early);
        self.seen_at = now;
        // A dead stream's row is of no use any more.
        self.streams.retain(|other| other.is_alive(limits, now));
        let (delivers_at, trimmed) = self.count(stream.clone(), request, limits);
        self.streams.push(Stream {
            id: stream,
            seen_at: now,
            range: request.range.clone(),
            etag: request.etag.clone(),
            early,
            trimmed,
        });
        Ok(delivers_at)
    }

    /// A stream is over.
    pub(super) fn finish(&mut self, stream: &RandomId, ending: Ending, now: Timestamp) {
        self.seen_at = now;
        let at = self.streams.iter().position(|other| other.id == *stream);
        let Some(ended) = at.map(|at| self.streams.swap_remove(at)) else {
            return;
        };
        match ending {
            // Of another copy nothing counts for this one.
            Ending::Whole if ended.etag == self.etag => self.sent.add(ended.range),
            Ending::Whole | Ending::Broken => {}
            // It was no request of the client's that failed: what it counted is given back.
            Ending::NotBegun => {
                self.requests -= 1;
                self.early_requests -= u32::from(ended.early);
                self.maybe.retain(|(stream, _)| *stream != ended.id);
                self.maybe.extend(ended.trimmed);
            }
        }
    }

    /// When it ends, if nothing more is heard: not before its streams are taken for dead.
    pub(super) fn over_at(&self, limits: &Limits) -> Timestamp {
        let idle_at = self.seen_at.plus_secs(limits.lease_idle_secs);
        self.runs_until(limits)
            .map_or(idle_at, |until| until.max(idle_at))
    }

    pub(super) fn is_over(&self, limits: &Limits, now: Timestamp) -> bool {
        self.over_at(limits) <= now
    }

    /// Whether a request from the start would be one too many.
    pub(super) fn is_spent(&self, limits: &Limits) -> bool {
        self.requests >= limits.max_requests || self.early_requests >= limits.max_early_requests
    }

    /// For how many seconds more other browsers wait: none if this one's download broke off.
    pub(super) fn keeps_others_out_secs(&self, limits: &Limits, now: Timestamp) -> Option<i64> {
        let until = if self.requests == 0 {
            self.issued_at.plus_secs(limits.abandoned_after_secs)
        } else {
            self.runs_until(limits)?
        };
        (now < until).then(|| until.secs_since(now))
    }

    /// When its streams are taken for dead, if nothing more is heard of them.
    pub(super) fn runs_until(&self, limits: &Limits) -> Option<Timestamp> {
        let dead_at = |stream: &Stream| stream.seen_at.plus_secs(limits.stream_grace_secs);
        self.streams.iter().map(dead_at).max()
    }

    /// Counts what `request` will send, at most: from which byte on that is a delivery, and what was counted of others that
    /// it makes less of.
    fn count(
        &mut self,
        stream: RandomId,
        request: &Request,
        limits: &Limits,
    ) -> (Option<u64>, Vec<(RandomId, Range<u64>)>) {
        if self.etag != request.etag {
            // Of another copy nothing counts for this one.
            self.etag.clone_from(&request.etag);
            self.sent = Coverage::of(request.total);
            self.maybe.clear();
        }
        let start = request.range.start;
        let mut trimmed = Vec::new();
        if request.open_ended {
            // It goes on at this byte: what broke off there got no further.
            for counted in self
                .maybe
                .iter_mut()
                .filter(|(_, range)| range.contains(&start))
            {
                trimmed.push(counted.clone());
                counted.1.end = start;
            }
        }
        let mut known = self.sent.clone();
        self.maybe
            .iter()
            .for_each(|(_, range)| known.add(range.clone()));
        let delivers_at = known.delivered_within(&request.range, limits.delivered_percent);
        self.maybe.retain(|(_, range)| !range.is_empty());
        let counted = start..delivers_at.unwrap_or(request.range.end);
        self.maybe.push((stream, counted));
        (delivers_at, trimmed)
    }

    pub(super) fn seen(&mut self, stream: &RandomId, now: Timestamp) {
        self.seen_at = now;
        self.streams
            .iter_mut()
            .filter(|other| other.id == *stream)
            .for_each(|other| other.seen_at = now);
    }
}

impl Stream {
    fn is_alive(&self, limits: &Limits, now: Timestamp) -> bool {
        now < self.seen_at.plus_secs(limits.stream_grace_secs)
    }
}
