//! How often and how long: the numbers of the one-time rule. Each has a default, and bounds within which
//! the rule keeps its promises.

use std::ops::RangeInclusive;

use super::errors::{Errors, SettingsErrors};

/// The limits of the one-time rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `LINK_TTL_HOURS`, in seconds: a week at most, since a link in a mailbox is a key under the mat.
    pub link_ttl_secs: i64,
    /// `MAX_DELIVERIES`: so many times each item of an order is delivered, but for replacements.
    pub max_deliveries: u32,
    /// `DELIVERED_PERCENT`: a copy counts as delivered when so much of it was handed over.
    pub delivered_percent: u32,
    /// `ABANDONED_AFTER_SECS`: for so long a lease that asked for no byte keeps other browsers out. A scanner
    /// that posts the form costs the buyer a minute, not the file.
    pub abandoned_after_secs: i64,
    /// `LEASE_IDLE_MINUTES`, in seconds: a lease ends so long after its last sign of life. A phone that
    /// lost its connection comes back within it.
    pub lease_idle_secs: i64,
    /// `STREAM_GRACE_SECS`: a stream that gave no sign of life for so long is taken for dead. It gives two and
    /// a half in this time, so that one may be lost.
    pub stream_grace_secs: i64,
    /// `MAX_SENDING_LEASES`: the most leases that sent bytes, per link and delivery: a connection that keeps breaking, on
    /// several devices, but no shared link.
    pub max_sending_leases: u32,
    /// `MAX_EARLY_REQUESTS`: the most requests of one lease that start before the middle of the file.
    pub max_early_requests: u32,
    /// `MAX_REQUESTS`: the most requests of one lease. A download manager cuts a large file into dozens of ranges.
    pub max_requests: u32,
    /// `MAX_RENEWALS`: so often a buyer may have an expired link renewed without asking anybody.
    pub max_renewals: u32,
    /// `MAX_REPLACEMENTS`: so often a buyer may say that a delivery did not arrive, and gets another link. 0: never.
    pub max_replacements: u32,
    /// `RECOVERIES_PER_DAY`: so often a day `/recover` mails the links of one address.
    pub recoveries_per_day: u32,
}

/// One limit: its name, its default, and what it may be.
struct Limit(&'static str, i64, RangeInclusive<i64>);

const LINK_TTL_HOURS: Limit = Limit("LINK_TTL_HOURS", 24, 1..=168);
const MAX_DELIVERIES: Limit = Limit("MAX_DELIVERIES", 1, 1..=20);
const DELIVERED_PERCENT: Limit = Limit("DELIVERED_PERCENT", 95, 50..=100);
const ABANDONED_AFTER_SECS: Limit = Limit("ABANDONED_AFTER_SECS", 60, 1..=600);
const LEASE_IDLE_MINUTES: Limit = Limit("LEASE_IDLE_MINUTES", 30, 1..=1_440);
const STREAM_GRACE_SECS: Limit = Limit("STREAM_GRACE_SECS", 300, 10..=3_600);
const MAX_SENDING_LEASES: Limit = Limit("MAX_SENDING_LEASES", 5, 1..=100);
const MAX_EARLY_REQUESTS: Limit = Limit("MAX_EARLY_REQUESTS", 20, 1..=1_000);
const MAX_REQUESTS: Limit = Limit("MAX_REQUESTS", 200, 1..=10_000);
const MAX_RENEWALS: Limit = Limit("MAX_RENEWALS", 3, 0..=100);
const MAX_REPLACEMENTS: Limit = Limit("MAX_REPLACEMENTS", 1, 0..=20);
const RECOVERIES_PER_DAY: Limit = Limit("RECOVERIES_PER_DAY", 3, 1..=50);

impl Limits {
    /// Parses these settings alone.
    ///
    /// # Errors
    /// Those that are out of their bounds, together.
    pub fn parse(read: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsErrors> {
        let mut errors = Errors::default();
        let limits = errors.limits(&super::trimmed(read));
        if errors.0.is_empty() {
            Ok(limits)
        } else {
            Err(SettingsErrors(errors.0))
        }
    }

    /// A stream says that it still runs so often, in seconds.
    #[must_use]
    pub fn heartbeat_secs(&self) -> i64 {
        self.stream_grace_secs * 2 / 5
    }
}

impl Default for Limits {
    fn default() -> Self {
        Errors::default().limits(&|_: &str| None)
    }
}

impl Errors {
    pub(super) fn limits(&mut self, read: &impl Fn(&str) -> Option<String>) -> Limits {
        Limits {
            link_ttl_secs: self.limit(read, &LINK_TTL_HOURS) * 3_600,
            max_deliveries: self.count(read, &MAX_DELIVERIES),
            delivered_percent: self.count(read, &DELIVERED_PERCENT),
            abandoned_after_secs: self.limit(read, &ABANDONED_AFTER_SECS),
            lease_idle_secs: self.limit(read, &LEASE_IDLE_MINUTES) * 60,
            stream_grace_secs: self.limit(read, &STREAM_GRACE_SECS),
            max_sending_leases: self.count(read, &MAX_SENDING_LEASES),
            max_early_requests: self.count(read, &MAX_EARLY_REQUESTS),
            max_requests: self.count(read, &MAX_REQUESTS),
            max_renewals: self.count(read, &MAX_RENEWALS),
            max_replacements: self.count(read, &MAX_REPLACEMENTS),
            recoveries_per_day: self.count(read, &RECOVERIES_PER_DAY),
        }
    }

    fn limit(&mut self, read: &impl Fn(&str) -> Option<String>, limit: &Limit) -> i64 {
        let Limit(name, default, bounds) = limit;
        let parse = |raw: &str| {
            let number = raw.parse().ok().filter(|number| bounds.contains(number));
            number.ok_or_else(|| {
                format!(
                    "takes a whole number from {} to {}",
                    bounds.start(),
                    bounds.end()
                )
            })
        };
        self.optional(read, name, parse).unwrap_or(*default)
    }

    fn count(&mut self, read: &impl Fn(&str) -> Option<String>, limit: &Limit) -> u32 {
        // Every bound is far below.
        u32::try_from(self.limit(read, limit)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_they_are_what_the_readme_says() {
        let limits = Limits::default();
        assert_eq!(Limits::parse(|_| None), Ok(limits));
        assert_eq!((limits.link_ttl_secs, limits.max_deliveries), (86_400, 1));
        assert_eq!(
            (limits.lease_idle_secs, limits.stream_grace_secs),
            (1_800, 300)
        );
        assert_eq!(limits.heartbeat_secs(), 120);
    }

    #[test]
    fn each_is_refused_by_name_when_it_is_out_of_bounds() {
        let wrong = Limits::parse(|name| match name {
            "MAX_DELIVERIES" => Some("0".to_owned()),
            "LINK_TTL_HOURS" => Some("169".to_owned()),
            "STREAM_GRACE_SECS" => Some("soon".to_owned()),
            _ => None,
        });
        let SettingsErrors(errors) = wrong.unwrap_err();
        assert_eq!(
            errors,
            [
                "LINK_TTL_HOURS takes a whole number from 1 to 168.",
                "MAX_DELIVERIES takes a whole number from 1 to 20.",
                "STREAM_GRACE_SECS takes a whole number from 10 to 3600.",
            ]
        );
    }
}
