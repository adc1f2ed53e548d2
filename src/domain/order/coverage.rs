//! Which bytes of a copy were sent, and which byte more makes that a delivery.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Bytes of a copy: disjoint ranges, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    total: u64,
    ranges: Vec<Range<u64>>,
}

impl Coverage {
    /// None yet of a copy of so many bytes.
    #[must_use]
    pub fn of(total: u64) -> Self {
        Self {
            total,
            ranges: Vec::new(),
        }
    }

    /// Adds a range.
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        self.ranges.retain(|known| {
            let apart = known.end < start || end < known.start;
            if !apart {
                start = start.min(known.start);
                end = end.max(known.end);
            }
            apart
        });
        let at = self.ranges.partition_point(|known| known.start < start);
        self.ranges.insert(at, start..end);
    }

    /// Bytes in it, each counted once.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum()
    }

    /// Which byte of `range`, sent from its start on, makes this a delivery: so much of it, in percent.
    #[must_use]
    pub fn delivered_within(&self, range: &Range<u64>, percent: u32) -> Option<u64> {
        let missing = delivered_bytes(self.total, percent).saturating_sub(self.bytes());
        if missing == 0 {
            return Some(range.start);
        }
        // Walks the gaps in `range` until as many bytes as are missing were found in them.
        let mut found = 0;
        let mut at = range.start;
        for known in self.ranges.iter().chain([&(range.end..range.end)]) {
            let gap = known.start.clamp(at, range.end) - at;
            if found + gap >= missing {
                // The delivery is made by the last of the missing bytes.
                return Some(at + (missing - found) - 1);
            }
            found += gap;
            at = known.end.clamp(at, range.end);
        }
        None
    }
}

/// The fewest bytes of a copy that are a delivery.
fn delivered_bytes(total: u64, percent: u32) -> u64 {
    let hundredths = u128::from(total) * u128::from(percent);
    u64::try_from(hundredths.div_ceil(100))
        .unwrap_or(u64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn coverage_counts_each_byte_once(ranges in proptest::collection::vec((0_u64..200, 0_u64..200), 0..20)) {
            let mut coverage = Coverage::of(200);
            let mut bytes = [false; 200];
            for (a, b) in ranges {
                let range = a.min(b)..a.max(b);
                range.clone().for_each(|at| bytes[usize::try_from(at).unwrap()] = true);
                coverage.add(range);
            }
            let expected = bytes.iter().filter(|covered| **covered).count();
            proptest::prop_assert_eq!(coverage.bytes(), u64::try_from(expected).unwrap());
            proptest::prop_assert!(coverage.ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
