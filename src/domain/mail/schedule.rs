//! When a mail is tried (again), and when that is enough.

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// The pauses between attempts, in seconds; the last one repeats. Storage keeps the mail, the alarm
/// keeps the time, so no attempt depends on a Worker that lives.
const PAUSES_SECS: [i64; 6] = [30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR];

/// What only the operator can mend is tried each hour at most, in seconds: asking does not help, but it ends soon
/// after it was mended.
const REFUSED_PAUSE_SECS: i64 = HOUR;

/// When mails are tried. All times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// `MAIL_SPEEDUP`: all pauses are divided by it.
    speedup: i64,
}

impl Schedule {
    /// The schedule, so many times faster.
    #[must_use]
    pub fn new(speedup: i64) -> Self {
        Self {
            speedup: speedup.max(1),
        }
    }

    /// From an attempt to the next; 1 is the first attempt.
    #[must_use]
    pub fn pause_secs(self, attempt: u32) -> i64 {
        let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = PAUSES_SECS.last().copied().unwrap_or_default();
        self.shortened(PAUSES_SECS.get(at).copied().unwrap_or(last))
    }

    /// From an attempt that only the operator can make succeed to the next, at least.
    #[must_use]
    pub fn refused_pause_secs(self) -> i64 {
        self.shortened(REFUSED_PAUSE_SECS)
    }

    /// For so long after its first attempt, a text is sent again as it was: Resend remembers a key for 24 hours, and
    /// 4 hours are left for the last attempt's own way.
    #[must_use]
    pub fn text_kept_secs(self) -> i64 {
        self.shortened(20 * HOUR)
    }

    /// A mail that did not go out for so long is given up.
    #[must_use]
    pub fn given_up_after_secs(self) -> i64 {
        self.shortened(72 * HOUR)
    }

    /// And if only the operator can mend what is in its way: two weeks, since there are holidays.
    #[must_use]
    pub fn refused_given_up_after_secs(self) -> i64 {
        self.shortened(14 * 24 * HOUR)
    }

    /// The operator hears of a mail that did not go out for so long.
    #[must_use]
    pub fn stuck_after_secs(self) -> i64 {
        self.shortened(6 * HOUR)
    }

    /// An operator whom the provider says can't be reached is tried again after so long: the address may be another by
    /// then.
    #[must_use]
    pub fn unreachable_pause_secs(self) -> i64 {
        self.shortened(24 * HOUR)
    }

    /// The operator's mail waits so long for more to tell.
    #[must_use]
    pub fn gathering_secs(self) -> i64 {
        self.shortened(3 * MINUTE)
    }

    fn shortened(self, secs: i64) -> i64 {
        (secs / self.speedup).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_then_repeat() {
        let schedule = Schedule::new(1);
        let pauses: Vec<i64> = (0..8).map(|at| schedule.pause_secs(at)).collect();
        assert_eq!(pauses, [30, 30, 120, 600, 1_800, 3_600, 14_400, 14_400]);
        assert_eq!(schedule.pause_secs(u32::MAX), 14_400);
    }

    #[test]
    fn a_text_is_given_up_before_its_key_is_forgotten() {
        let schedule = Schedule::new(1);
        let longest = schedule.pause_secs(u32::MAX);
        assert!(schedule.text_kept_secs() + longest <= 24 * HOUR);
        assert!(schedule.stuck_after_secs() < schedule.given_up_after_secs());
    }

    #[test]
    fn a_developer_waits_for_no_day() {
        let schedule = Schedule::new(7_200);
        assert_eq!(schedule.text_kept_secs(), 10);
        assert_eq!(schedule.given_up_after_secs(), 36);
        assert_eq!(schedule.pause_secs(1), 1);
        assert_eq!(Schedule::new(0), Schedule::new(1));
    }
}
