//! Points in time, in whole seconds, and how people read them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds: the `NumericDate` of RFC 7519 §2, and
/// the unit of every timestamp that Stripe sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// This point in time, `secs` later (or earlier, if negative).
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Seconds from `earlier` to this; negative if this is the earlier one.
    #[must_use]
    pub const fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `23 November 2026`, in UTC.
    #[must_use]
    pub fn day(self) -> String {
        self.format(format_description!(
            "[day padding:none] [month repr:long] [year]"
        ))
    }

    /// `23 November 2026, 14:05 UTC`: the zone is always named.
    #[must_use]
    pub fn minute(self) -> String {
        self.format(format_description!(
            "[day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
        ))
    }

    /// `2026-11-23T14:05:09Z` (RFC 3339).
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second]Z"
        ))
    }

    fn format(self, items: &[BorrowedFormatItem<'_>]) -> String {
        OffsetDateTime::from_unix_timestamp(self.0)
            .ok()
            .and_then(|date| date.format(items).ok())
            // Outside the years that a calendar date can be written for: the number is still true.
            .unwrap_or_else(|| format!("@{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_the_zone() {
        let at = Timestamp::from_secs(1_795_442_709);
        assert_eq!(at.day(), "23 November 2026");
        assert_eq!(at.minute(), "23 November 2026, 14:05 UTC");
        assert_eq!(at.rfc3339(), "2026-11-23T14:05:09Z");
    }

    #[test]
    fn no_timestamp_panics() {
        for secs in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!Timestamp::from_secs(secs).minute().is_empty());
        }
        assert_eq!(
            Timestamp::from_secs(i64::MAX).plus_secs(1).as_secs(),
            i64::MAX
        );
    }
}
