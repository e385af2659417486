//! The values of settings: how each is read from a flag, from the environment and from the config file.
//!
//! A flag and a variable are read alike. In the file a path may begin with `~/`, which no shell stands there to
//! expand, and a relative path is taken from the file's own folder, since the folder a program is started in says
//! nothing about the file.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use drizzle_model::RelPath;

use super::invite::InviteText;
use super::rate::Rate;
use super::size::Size;

/// What relative paths and `~` in the config file mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileBase<'a> {
    /// The folder that holds the config file.
    pub(crate) folder: &'a Path,
    /// The user's home, where known.
    pub(crate) home: Option<&'a Path>,
}

impl FileBase<'_> {
    /// The path that `text` in the file means.
    pub(crate) fn path(self, text: &str) -> PathBuf {
        let in_home = text.strip_prefix("~/").or_else(|| (text == "~").then_some(""));
        match (in_home, self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.folder.join(text),
        }
    }
}

/// A type that a setting can have. The errors are sentences for a person.
pub(crate) trait SettingValue: Sized {
    /// Reads a default.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads an environment variable's value.
    fn from_environment(value: &OsStr) -> Result<Self, String> {
        Self::from_text(value.to_str().ok_or("expected UTF-8")?)
    }

    /// Reads a value of the config file.
    fn from_file(text: &str, _base: FileBase<'_>) -> Result<Self, String> {
        Self::from_text(text)
    }
}

impl SettingValue for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn from_environment(value: &OsStr) -> Result<Self, String> {
        Ok(value.into())
    }

    fn from_file(text: &str, base: FileBase<'_>) -> Result<Self, String> {
        Ok(base.path(text))
    }
}

impl SettingValue for InviteText {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn from_file(text: &str, base: FileBase<'_>) -> Result<Self, String> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::in_file(base.path(path)),
            None => Self::new(text),
        })
    }
}

impl SettingValue for RelPath {
    fn from_text(text: &str) -> Result<Self, String> {
        parse_name(text).map_err(|error| error.to_string())
    }
}

/// Reads the name to share something under; a function, since `RelPath` has no `FromStr`.
pub(crate) fn parse_name(text: &str) -> Result<RelPath, drizzle_model::PathError> {
    RelPath::new(text)
}

macro_rules! by_from_str {
    ($($type:ty: $expected:literal),* $(,)?) => {$(
        impl SettingValue for $type {
            fn from_text(text: &str) -> Result<Self, String> {
                text.trim().parse().map_err(|error| format!("expected {}: {error}", $expected))
            }
        }
    )*};
}

by_from_str! {
    Switch: "true or false",
    Rate: "bytes a second",
    Size: "bytes",
    Seconds: "seconds",
    SocketAddr: "IP:PORT",
    IpAddr: "an IP address",
    u16: "a port",
    u8: "a number from 0 to 255",
    u64: "a number",
    NonZeroUsize: "a number above 0",
}

impl SettingValue for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

/// A setting that is on or off. A flag alone turns it on, `--flag=false` off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(bool);

impl Switch {
    #[cfg(test)]
    pub(crate) const ON: Self = Self(true);

    pub(crate) fn is_on(self) -> bool {
        self.0
    }
}

/// Why a text is no switch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected true or false, received '{0}'")]
pub(crate) struct ParseSwitchError(String);

impl FromStr for Switch {
    type Err = ParseSwitchError;

    fn from_str(text: &str) -> Result<Self, ParseSwitchError> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err(ParseSwitchError(text.into())),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A span of time, written as seconds with or without a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seconds(Duration);

impl Seconds {
    /// The longest that can be set: a day. Longer says `never`, and nothing here is to happen never.
    const MAX: Duration = Duration::from_secs(24 * 60 * 60);
    /// The shortest: what is asked for more often than this is a mistake that would burden others.
    const MIN: Duration = Duration::from_millis(50);

    pub(crate) fn duration(self) -> Duration {
        self.0
    }
}

/// Why a text is no span of time that can be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of seconds from 0.05 to 86400, received '{0}'")]
pub(crate) struct ParseSecondsError(String);

impl FromStr for Seconds {
    type Err = ParseSecondsError;

    fn from_str(text: &str) -> Result<Self, ParseSecondsError> {
        let number: Option<f64> = text.strip_suffix('s').unwrap_or(text).parse().ok();
        number
            .and_then(|number| Duration::try_from_secs_f64(number).ok())
            .filter(|duration| (Self::MIN..=Self::MAX).contains(duration))
            .map(Self)
            .ok_or_else(|| ParseSecondsError(text.into()))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_within_their_range() {
        for (text, expected) in
            [("5", Some(5.0)), ("0.5", Some(0.5)), ("2s", Some(2.0)), ("86400", Some(86400.0))]
        {
            assert_eq!(text.parse().ok().map(|Seconds(d)| d.as_secs_f64()), expected, "{text}");
        }
        for text in ["", "0", "-1", "nan", "inf", "1e300", "86401", "5 minutes"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }

    #[test]
    fn switches_are_words_or_numbers() {
        for (text, on) in [("1", true), ("on", true), ("TRUE", true), ("no", false), ("0", false)] {
            assert_eq!(text.parse(), Ok(Switch(on)));
        }
        assert!("2".parse::<Switch>().is_err());
    }

    #[test]
    fn paths_in_the_file_are_taken_from_its_folder_or_from_home() {
        let base = FileBase { folder: Path::new("/etc/d"), home: Some(Path::new("/u")) };
        for (text, path) in
            [("x", "/etc/d/x"), ("/x", "/x"), ("~/x", "/u/x"), ("~", "/u/"), ("~other/x", "/etc/d/~other/x")]
        {
            assert_eq!(base.path(text), Path::new(path), "{text}");
        }
    }
}
