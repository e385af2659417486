//! Texts for a person: names made harmless, lines to paste into a shell, sizes, times.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use indicatif::BinaryBytes;

/// Escapes what a terminal would take for a command, and what would make a text look like another: control
/// characters, and those that change the direction of writing.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_unsafe(c) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped.into()
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A word that any POSIX shell reads back as `text`.
pub(crate) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `1.50 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

/// `12 s`, `3 min 05 s`, `2 h 07 min`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1 source`, `3 sources`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// The first digits of a hash, enough to tell it from its neighbours in a table.
pub(crate) fn short(hex: &str) -> &str {
    hex.get(..12).unwrap_or(hex)
}

/// How long the rest takes at that rate; none when nothing comes.
pub(crate) fn time_left(done: u64, total: u64, rate: u64) -> Option<Duration> {
    (rate > 0).then(|| Duration::from_secs(total.saturating_sub(done) / rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn names_cannot_speak_to_the_terminal() {
        for (name, shown) in [
            ("plain ü 名", "plain ü 名"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}"),
            ("exe.\u{202e}txt", "exe.\\u{202e}txt"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ] {
            assert_eq!(escape(name), shown);
        }
    }

    /// Asks the shell itself: would fail for any character that means something to it.
    #[test]
    fn a_quoted_text_is_one_word_to_the_shell() {
        for text in ["drizzle:?xt=a&dn=b%20c", "it's", "$HOME `id` \\ \"x\"", "'", "", "-n", "a\nb", "*!#~"] {
            let script = format!("printf %s {}", shell_quoted(text));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        for (seconds, shown) in [(0, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (7620, "2 h 07 min")] {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
        assert_eq!(time_left(10, 110, 50), Some(Duration::from_secs(2)));
        assert_eq!(time_left(10, 110, 0), None);
        assert_eq!(time_left(20, 10, 1), Some(Duration::ZERO));
    }
}
