//! A number of bytes, as a person writes it: `64GiB`, `1.5T`, `250000`. Numbers and units are those of rates.

use std::fmt;
use std::str::FromStr;

use super::rate::{BILLION, parse_billionths, parse_unit, split};

/// Why a text is no number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of bytes such as 64GiB, 500M or 0, received '{0}'")]
pub(crate) struct ParseSizeError(String);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(u64);

impl Size {
    /// The number.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        let (number, unit) = split(text.trim());
        // What passes in a second is a rate.
        let unit = Some(unit).filter(|unit| !unit.contains('/')).and_then(parse_unit);
        let bytes = parse_billionths(number).zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        bytes
            .and_then(|bytes| u64::try_from(bytes / BILLION).ok())
            .map(Self)
            .ok_or_else(|| ParseSizeError(text.into()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_rates_are() {
        for (text, bytes) in [("0", 0), ("64GiB", 64 << 30), ("1.5k", 1500), (" 7 B", 7)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "-1", "10M/s", "unlimited", "10X", "20000000T"] {
            assert_eq!(text.parse::<Size>(), Err(ParseSizeError(text.into())), "{text}");
        }
    }
}
