//! When an order's alarm has to be set anew.

use crate::domain::time::Timestamp;

/// When the alarm rings, as far as an instance of the order's object knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waking {
    /// Storage may have any.
    Unknown,
    /// Not at all.
    Never,
    /// Then, or soon after it.
    At(Timestamp),
}

impl Waking {
    /// What to tell storage so that it rings in time for what is due; `None` if that is nothing.
    ///
    /// One that rings too early costs less than one more write each time that it moves: it finds nothing due, and sets the
    /// next one. One that should have rung by now may be lost, and is set again.
    #[must_use]
    pub fn change(self, due_at: Option<Timestamp>, now: Timestamp) -> Option<Self> {
        match (due_at, self) {
            (Some(at), Self::At(rings_at)) if rings_at <= at && now < rings_at => None,
            (Some(at), _) => Some(Self::At(at)),
            (None, Self::Unknown) => Some(Self::Never),
            (None, Self::Never | Self::At(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_is_set_anew_where_it_would_ring_late_or_not_at_all() {
        let at = Timestamp::from_secs;
        let now = at(100);
        for (known, due_at, change) in [
            (Waking::Unknown, Some(200), Some(Waking::At(at(200)))),
            (Waking::Never, Some(200), Some(Waking::At(at(200)))),
            (Waking::At(at(150)), Some(200), None),
            (Waking::At(at(200)), Some(200), None),
            (Waking::At(at(250)), Some(200), Some(Waking::At(at(200)))),
            // It should have rung.
            (Waking::At(at(100)), Some(200), Some(Waking::At(at(200)))),
            (Waking::At(at(50)), Some(50), Some(Waking::At(at(50)))),
            (Waking::Unknown, None, Some(Waking::Never)),
            (Waking::Never, None, None),
            (Waking::At(at(150)), None, None),
        ] {
            let found = known.change(due_at.map(at), now);
            assert_eq!(found, change, "{known:?}, due at {due_at:?}");
        }
    }
}
