//! A rate of bytes a second, as a person writes it: `10M`, `1.5MiB`, `250000`, `unlimited`.
//!
//! `K`, `M`, `G`, `T` (with or without a `B`) count in thousands, `KiB` to `TiB` in 1,024s, of either case; a `/s`
//! behind it changes nothing. `0` means unlimited, since a limit that stops everything is of no use.

use std::fmt;
use std::str::FromStr;

/// More digits behind the point than this are refused: they would say nothing.
const FRACTION_DIGITS_MAX: usize = 9;

/// Why a text is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ParseRateError {
    /// It does not begin with a number.
    #[error("expected a number of bytes a second such as 10M, 1.5MiB or unlimited, received '{0}'")]
    Form(String),
    /// What follows the number is unknown.
    #[error("expected one of the units B, K, M, G, T, KiB, MiB, GiB, TiB, received '{0}'")]
    Unit(String),
    /// It is too high to be counted, or above 0 and below one byte a second.
    #[error("expected 0, or a rate from 1 byte a second to 18446744073709551615, received '{0}'")]
    Range(String),
}

/// A limit on bytes a second, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(Option<u64>);

impl Rate {
    /// The limit; none when there is no limit.
    pub(crate) fn bytes_per_second(self) -> Option<u64> {
        self.0
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("unlimited") {
            return Ok(Self(None));
        }
        let (number, unit) = split(trimmed);
        let billionths = parse_billionths(number).ok_or_else(|| ParseRateError::Form(text.into()))?;
        let unit = parse_unit(unit).ok_or_else(|| ParseRateError::Unit(unit.into()))?;
        let bytes = billionths.checked_mul(unit).map(|product| product / BILLION);
        match bytes.map(u64::try_from) {
            Some(Ok(0)) if billionths > 0 => Err(ParseRateError::Range(text.into())),
            Some(Ok(0)) => Ok(Self(None)),
            Some(Ok(bytes)) => Ok(Self(Some(bytes))),
            _ => Err(ParseRateError::Range(text.into())),
        }
    }
}

/// The number that a text begins with, and what follows it.
pub(super) fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

pub(super) const BILLION: u128 = 1_000_000_000;

/// Reads `12`, `1.5`, `.5` or `2.` as an exact number of billionths.
pub(super) fn parse_billionths(number: &str) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    let scale = 10u128.pow((FRACTION_DIGITS_MAX - fraction.len()) as u32);
    Some(u128::from(digits(whole)?) * BILLION + u128::from(digits(fraction)?) * scale)
}

pub(super) fn parse_unit(unit: &str) -> Option<u128> {
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("/s").unwrap_or(&unit);
    Some(match unit {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    })
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "{bytes}"),
            None => f.write_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        for (text, bytes) in [
            ("0", None),
            ("0.0M", None),
            ("unlimited", None),
            ("UNLIMITED", None),
            ("1", Some(1)),
            ("250000", Some(250_000)),
            ("10M", Some(10_000_000)),
            ("10 MB/s", Some(10_000_000)),
            ("1.5MiB", Some(1_572_864)),
            (".5k", Some(500)),
            ("2.K", Some(2_000)),
            ("3gib", Some(3 << 30)),
            (" 7B ", Some(7)),
            ("0.000000001T", Some(1_000)),
            ("18446744073709551615", Some(u64::MAX)),
        ] {
            assert_eq!(text.parse(), Ok(Rate(bytes)), "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for text in ["", "M", "-1", "fast", "1..2", "1.2.3", ".", "1.0000000001M", "99999999999999999999"] {
            assert_eq!(text.parse::<Rate>(), Err(ParseRateError::Form(text.into())), "{text}");
        }
        for (text, unit) in [("10X", "X"), ("10 Mbit", " Mbit"), ("1e6", "e6"), ("5%", "%")] {
            assert_eq!(text.parse::<Rate>(), Err(ParseRateError::Unit(unit.into())), "{text}");
        }
        for text in ["0.1", "18446744073709551616B", "18446744073709551615T", "20000000T"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for rate in [Rate(None), Rate(Some(1)), Rate(Some(u64::MAX))] {
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
