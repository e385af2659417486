//! Short text that a person reads in a log or on a terminal.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::field::{Field, FieldError, Fields, write_text};

/// UTF-8 of at most `MAX` bytes without control characters, so that it is safe to print whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text<const MAX: usize>(Box<str>);

impl<const MAX: usize> Text<MAX> {
    /// Checks `text`.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() <= MAX && !text.contains(char::is_control);
        fits.then(|| Self(text.into()))
    }

    /// As much of `text` as fits, with spaces for control characters.
    pub fn clip(text: &str) -> Self {
        let mut clipped = String::new();
        for char in text.chars().map(|char| if char.is_control() { ' ' } else { char }) {
            if clipped.len() + char.len_utf8() > MAX {
                break;
            }
            clipped.push(char);
        }
        Self(clipped.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Field for Text<MAX> {
    const LEN_MIN: usize = 2;
    const LEN_MAX: usize = 2 + MAX;

    fn write(&self, out: &mut Vec<u8>) {
        write_text(&self.0, out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        Self::new(fields.text()?).ok_or_else(|| fields.form("short text without control characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_clipped_is_always_text() {
        for (text, clipped) in [("short", "short"), ("a\nb\x1b[", "a b ["), ("äääääü", "äääää"), ("", "")]
        {
            assert_eq!(Text::<10>::clip(text).as_str(), clipped);
            assert_eq!(Text::<10>::new(clipped), Some(Text::clip(text)));
        }
    }

    #[test]
    fn long_text_and_control_characters_are_refused() {
        for text in ["12345678901", "a\nb", "\x1b[2J", "\u{9b}2J", "\u{7f}"] {
            assert_eq!(Text::<10>::new(text), None, "{text:?}");
        }
    }
}
