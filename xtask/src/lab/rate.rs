//! Rates of links, in bits a second, as networks are sold.

use std::fmt;
use std::str::FromStr;

/// Bits a second; more than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// How fast a host's link is. None: as fast as the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// What the host can send.
    pub up: Option<Rate>,
    /// What the host can be sent.
    pub down: Option<Rate>,
}

/// Why a text is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a rate in bits a second such as 100M, 2.5G or 512k, received '{0}'")]
pub struct ParseRateError(String);

impl Rate {
    /// So many million bits a second.
    pub const fn mbit(millions: u32) -> Self {
        assert!(millions > 0, "a link that carries nothing is one that is cut");
        Self(millions as u64 * 1_000_000)
    }

    /// As a number.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }
}

impl Link {
    /// As fast as the machine.
    pub const FREE: Self = Self { up: None, down: None };

    /// The same rate both ways.
    pub const fn even(rate: Rate) -> Self {
        Self { up: Some(rate), down: Some(rate) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1000, "kbit/s")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit) {
            Some((unit, name)) => write!(f, "{} {name}", self.0 as f64 / unit as f64),
            None => write!(f, "{} bit/s", self.0),
        }
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let wrong = || ParseRateError(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '/' || c == ' ');
        let unit = text[digits.len()..].trim().to_ascii_lowercase();
        let factor = match unit.trim_end_matches("/s").trim_end_matches("bit") {
            "" => 1.0,
            "k" => 1e3,
            "m" => 1e6,
            "g" => 1e9,
            _ => return Err(wrong()),
        };
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        let bits = number * factor;
        if (1.0..=u64::MAX as f64).contains(&bits) { Ok(Self(bits as u64)) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them_and_written_the_same_way() {
        for (text, rate) in
            [("100M", 100_000_000), ("2.5gbit/s", 2_500_000_000), ("512 kbit", 512_000), ("9", 9)]
        {
            assert_eq!(text.parse(), Ok(Rate(rate)), "{text}");
            assert_eq!(Rate(rate).to_string().parse(), Ok(Rate(rate)));
        }
        for wrong in ["", "M", "-1M", "0", "1T", "1 M b", "nan", "1e999", "inf"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
