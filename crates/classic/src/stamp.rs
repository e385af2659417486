//! A modification time as it stands in a message: a JSON number of seconds since 1970.
//!
//! The number is echoed as it was written, since some programs compare what they get with what they gave. Two are compared by
//! what a 64-bit floating point number holds of them: a time that went through another program has lost the rest, and would
//! seem to be another time for ever.

use std::cmp::Ordering;

use drizzle_model::Mtime;

/// The longest number that is taken, in bytes. Programs that print a number in full write 24 at most.
const TEXT_BYTES_MAX: usize = 40;
const NANOSECONDS: i128 = 1_000_000_000;

/// A modification time.
#[derive(Debug, Clone)]
pub struct Stamp {
    text: Box<str>,
    /// Never infinite, and always a number.
    value: f64,
}

impl Stamp {
    /// Reads a JSON number. None for anything else, and for one beyond what a number of the kind holds.
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if !is_number || text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let value: f64 = text.parse().ok()?;
        value.is_finite().then(|| Self { text: text.into(), value })
    }

    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The time of a file, to the nanosecond.
    pub fn of(mtime: Mtime) -> Self {
        let total = i128::from(mtime.seconds()) * NANOSECONDS + i128::from(mtime.nanoseconds());
        let (sign, size) = (if total < 0 { "-" } else { "" }, total.unsigned_abs());
        let (whole, rest) = (size / NANOSECONDS as u128, size % NANOSECONDS as u128);
        let text = match rest {
            0 => format!("{sign}{whole}"),
            rest => format!("{sign}{whole}.{rest:09}").trim_end_matches('0').to_owned(),
        };
        let value = text.parse().unwrap_or_default();
        Self { text: text.into(), value }
    }

    /// The time for a file, rounded down to the nanosecond; none for one that no file can have.
    pub fn mtime(&self) -> Option<Mtime> {
        let nanoseconds = exact(&self.text).or_else(|| rounded(self.value))?;
        let seconds = i64::try_from(nanoseconds.div_euclid(NANOSECONDS)).ok()?;
        Mtime::new(seconds, u32::try_from(nanoseconds.rem_euclid(NANOSECONDS)).ok()?)
    }

    /// Whether it is later than the other.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self > other
    }
}

/// Nanoseconds of a number without an exponent, digit by digit.
fn exact(text: &str) -> Option<i128> {
    let (is_negative, size) = text.strip_prefix('-').map_or((false, text), |size| (true, size));
    let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
    let (kept, dropped) = fraction.split_at_checked(9).unwrap_or((fraction, ""));
    let digits: i128 = format!("{kept:0<9}").parse().ok()?;
    let nanoseconds = whole.parse::<i128>().ok()?.checked_mul(NANOSECONDS)?.checked_add(digits)?;
    let rounds_away = is_negative && dropped.bytes().any(|digit| digit != b'0');
    let nanoseconds = nanoseconds + i128::from(rounds_away);
    Some(if is_negative { -nanoseconds } else { nanoseconds })
}

fn rounded(value: f64) -> Option<i128> {
    let nanoseconds = (value * NANOSECONDS as f64).floor();
    (nanoseconds.abs() < 1e30).then_some(nanoseconds as i128)
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Stamp {}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stamp {
    fn cmp(&self, other: &Self) -> Ordering {
        // Neither is infinite or no number, so they compare; of the two zeros neither is the later one.
        self.value.partial_cmp(&other.value).unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp::parse(text).unwrap()
    }

    #[test]
    fn a_time_goes_into_a_file_and_back_to_the_nanosecond() {
        for (text, seconds, nanoseconds) in [
            ("1700000000", 1_700_000_000, 0),
            ("1700000000.5", 1_700_000_000, 500_000_000),
            ("1700000000.123456789", 1_700_000_000, 123_456_789),
            ("-1.25", -2, 750_000_000),
            ("0", 0, 0),
        ] {
            let mtime = Mtime::new(seconds, nanoseconds).unwrap();
            assert_eq!((stamp(text).mtime(), Stamp::of(mtime).as_str()), (Some(mtime), text));
        }
        assert_eq!(stamp("1.7e9").mtime(), Some(Mtime::from_seconds(1_700_000_000)));
        assert_eq!(stamp("1700000000.0").mtime(), Some(Mtime::from_seconds(1_700_000_000)));
        assert_eq!(stamp("0.12345678999").mtime(), Mtime::new(0, 123_456_789));
        assert_eq!(stamp("-0.0000000001").mtime(), Mtime::new(-1, 999_999_999));
    }

    #[test]
    fn times_that_no_file_has_are_none_and_never_a_panic() {
        for text in ["1e300", "-1e300", "9e18", "9999999999999999999999999999", "1e-300", "-0", "0e0"] {
            let _ = stamp(text).mtime();
        }
        assert_eq!(stamp("1e300").mtime(), None);
        for text in ["", "nan", "inf", "-inf", "1e999", "true", "\"1\"", "+1", "0x1", &"1".repeat(41)] {
            assert!(Stamp::parse(text).is_none(), "{text}");
        }
    }

    /// A time of nine digits comes back from a program that keeps floating point numbers with seven of them, and is still the same
    /// time. Would fail if stamps were compared as they are written.
    #[test]
    fn what_another_program_lost_of_a_time_makes_no_difference() {
        let given = stamp("1700000000.123456789");
        let echoed = stamp("1700000000.1234567");
        assert_eq!(given, echoed);
        assert_eq!(stamp("1700000000"), stamp("1700000000.0"));
        assert!(stamp("1700000000.5").is_newer_than(&stamp("1700000000")));
        assert!(!stamp("1700000000").is_newer_than(&stamp("1700000000.0")));
    }
}
