//! Points in time, in whole seconds, and how people read them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime};

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
        self.shown(day)
    }

    /// `23 November 2026, 14:05 UTC`: the zone is always named.
    #[must_use]
    pub fn minute(self) -> String {
        self.shown(|at| format!("{}, {:02}:{:02} UTC", day(at), at.hour(), at.minute()))
    }

    /// `2026-11-23T14:05:09Z` (RFC 3339).
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.shown(|at| {
            let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
            let (hour, minute, second) = at.to_hms();
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        })
    }

    /// Parses `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7, the one form that may be sent). It is not looked whether
    /// that was a Sunday.
    #[must_use]
    pub fn from_http_date(raw: &str) -> Option<Self> {
        let (weekday, rest) = raw.split_at_checked(3)?;
        let (day, rest) = rest.strip_prefix(", ")?.split_at_checked(2)?;
        let (month, rest) = rest.strip_prefix(' ')?.split_at_checked(3)?;
        let (year, rest) = rest.strip_prefix(' ')?.split_at_checked(4)?;
        let mut clock = rest.strip_prefix(' ')?.strip_suffix(" GMT")?.split(':');
        WEEKDAYS.contains(&weekday).then_some(())?;
        let mut two_digits = || clock.next().filter(|part| part.len() == 2).and_then(digits);
        let (hour, minute, second) = (two_digits()?, two_digits()?, two_digits()?);
        clock.next().is_none().then_some(())?;
        let month = MONTHS
            .iter()
            .position(|name| name.get(..3) == Some(month))?;
        let month = Month::try_from(u8::try_from(month).ok()? + 1).ok()?;
        let year = i32::from(digits::<u16>(year)?);
        let date = Date::from_calendar_date(year, month, digits(day)?).ok()?;
        // A minute has a sixty-first second when the Earth lags behind.
        let at = date.with_hms(hour, minute, second.min(59)).ok()?;
        let late = (second <= 60).then_some(i64::from(second / 60))?;
        Some(Self(at.assume_utc().unix_timestamp() + late))
    }

    fn shown(self, form: impl FnOnce(OffsetDateTime) -> String) -> String {
        let date = OffsetDateTime::from_unix_timestamp(self.0).ok();
        // Outside the years that a calendar date can be written for: the number is still true.
        date.filter(|date| (0..=9_999).contains(&date.year()))
            .map_or_else(|| format!("@{}", self.0), form)
    }
}

/// The `time` crate writes dates by descriptions that it reads as it runs, which is ten times as much WASM.
fn day(date: OffsetDateTime) -> String {
    let month = MONTHS.get(usize::from(u8::from(date.month())) - 1);
    format!("{} {} {:04}", date.day(), month.unwrap_or(&""), date.year())
}

fn digits<T: FromStr>(raw: &str) -> Option<T> {
    let all = raw.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| raw.parse().ok()).flatten()
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::PrimitiveDateTime;
    use time::macros::format_description;

    /// 0000-01-01T00:00:00Z.
    const FIRST_SECOND: i64 = -62_167_219_200;
    /// 9999-12-31T23:59:59Z.
    const LAST_SECOND: i64 = 253_402_300_799;

    /// As the `time` crate writes it.
    fn theirs(secs: i64) -> [String; 3] {
        let date = OffsetDateTime::from_unix_timestamp(secs).unwrap();
        [
            date.format(format_description!(
                "[day padding:none] [month repr:long] [year]"
            )),
            date.format(format_description!(
                "[day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
            )),
            date.format(format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second]Z"
            )),
        ]
        .map(Result::unwrap)
    }

    fn agrees(secs: i64) {
        let at = Timestamp::from_secs(secs);
        assert_eq!(
            [at.day(), at.minute(), at.rfc3339()],
            theirs(secs),
            "{secs}"
        );
        let date = OffsetDateTime::from_unix_timestamp(secs).unwrap();
        let sent = date
            .format(format_description!(
                "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
            ))
            .unwrap();
        assert_eq!(Timestamp::from_http_date(&sent), Some(at), "{sent}");
    }

    #[test]
    fn every_day_of_four_centuries_is_written_as_the_time_crate_writes_it() {
        for day in -73_000..73_097 {
            agrees(day * 86_400 + 12_345);
        }
        for secs in [FIRST_SECOND, -1, 0, LAST_SECOND] {
            agrees(secs);
        }
        for secs in [FIRST_SECOND - 1, LAST_SECOND + 1] {
            assert_eq!(Timestamp::from_secs(secs).day(), format!("@{secs}"));
        }
    }

    proptest! {
        #[test]
        fn every_second_is_written_as_the_time_crate_writes_it(secs in FIRST_SECOND..=LAST_SECOND) {
            agrees(secs);
        }

        /// What is near to a date is taken for the date that the `time` crate takes it for, or for none.
        #[test]
        fn what_is_near_to_a_date_is_taken_as_the_time_crate_takes_it(
            at in 0..29_usize, other in "[ ,:0-9A-Za-z]"
        ) {
            let form = format_description!(
                "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
            );
            for whole in ["Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2024 23:59:59 GMT"] {
                let mut near = whole.to_owned();
                near.replace_range(at..=at, &other);
                let theirs = PrimitiveDateTime::parse(&near, form);
                let theirs = theirs.map(|date| date.assume_utc().unix_timestamp()).ok();
                let ours = Timestamp::from_http_date(&near).map(Timestamp::as_secs);
                prop_assert_eq!(ours, theirs, "{}", near);
            }
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for raw in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sün, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
        ] {
            assert_eq!(Timestamp::from_http_date(raw), None, "{raw}");
        }
    }

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
