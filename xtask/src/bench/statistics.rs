//! Several runs of one thing in a few figures.

use std::time::Duration;

/// Durations of the same thing, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) median: Duration,
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Summary {
    /// None of none. The median of an even number is the mean of the middle two.
    pub(crate) fn of(samples: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut sorted: Vec<Duration> = samples.into_iter().collect();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted.len() / 2;
        let lower = (sorted.len() - 1) / 2;
        Some(Self { median: (sorted[lower] + sorted[upper]) / 2, min, max })
    }

    /// This median as a multiple of the other.
    pub(crate) fn ratio_to(self, other: Self) -> f64 {
        self.median.as_secs_f64() / other.median.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(millis: &[u64]) -> Option<(u128, u128, u128)> {
        let summary = Summary::of(millis.iter().copied().map(Duration::from_millis))?;
        Some((summary.median.as_millis(), summary.min.as_millis(), summary.max.as_millis()))
    }

    #[test]
    fn order_does_not_matter_and_the_middle_is_the_median() {
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[5]), Some((5, 5, 5)));
        assert_eq!(summary(&[9, 1, 4]), Some((4, 1, 9)));
        assert_eq!(summary(&[100, 1, 4, 2]), Some((3, 1, 100)));
    }

    #[test]
    fn a_ratio_is_of_the_medians() {
        let of = |millis: &[u64]| Summary::of(millis.iter().copied().map(Duration::from_millis)).unwrap();
        assert!((of(&[1, 3, 100]).ratio_to(of(&[2, 4, 5])) - 0.75).abs() < 1e-12);
    }
}
