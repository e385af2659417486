//! What a name is compared with: a part of it, its beginning, or a pattern of the whole.
//!
//! In a glob `*` stands for any characters, none too, `?` for one, `[abc]`, `[a-z]` and `[!a-z]` for one of a set or none of it;
//! `\` takes the next character as it is. A slash is a character like others: names are what is looked for, not folders. A `[`
//! without its end stands for itself, so every text is a pattern. Comparing costs a counted number of steps, at most the product
//! of both lengths.

use alloc::string::String;
use alloc::vec::Vec;

/// What a name is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Part(String),
    Beginning(String),
    Glob(Vec<Piece>),
}

/// One piece of a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Any characters.
    Many,
    /// Any character.
    Any,
    One(char),
    Set {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

impl Pattern {
    /// Whether the name is like that. Adds to `steps` what finding out cost.
    pub(crate) fn takes(&self, name: &str, steps: &mut usize) -> bool {
        *steps += name.len();
        match self {
            Self::Part(part) => name.contains(&**part),
            Self::Beginning(beginning) => name.starts_with(&**beginning),
            Self::Glob(pieces) => is_like(name, pieces, steps),
        }
    }
}

/// The pieces of a glob.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '*' if pieces.last() == Some(&Piece::Many) => continue,
            '*' => Piece::Many,
            '?' => Piece::Any,
            '\\' => Piece::One(rest.next().unwrap_or('\\')),
            '[' => match set(rest.as_str()) {
                Some((set, behind)) => {
                    rest = behind.chars();
                    set
                }
                None => Piece::One('['),
            },
            other => Piece::One(other),
        });
    }
    pieces
}

/// The set that begins behind a `[`, and what stands behind its end. A `]` at its start belongs to it.
fn set(text: &str) -> Option<(Piece, &str)> {
    let (is_negated, text) = match text.strip_prefix(['!', '^']) {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut ranges = Vec::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            ']' if !ranges.is_empty() => return Some((Piece::Set { ranges, is_negated }, rest.as_str())),
            first => {
                let mut ahead = rest.clone();
                match (ahead.next(), ahead.next()) {
                    (Some('-'), Some(last)) if last != ']' => {
                        ranges.push((first, last));
                        rest = ahead;
                    }
                    _ => ranges.push((first, first)),
                }
            }
        }
    }
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Many => false,
            Self::Any => true,
            Self::One(one) => *one == c,
            Self::Set { ranges, is_negated } => {
                ranges.iter().any(|&(first, last)| first <= c && c <= last) != *is_negated
            }
        }
    }

    fn cost(&self) -> usize {
        match self {
            Self::Set { ranges, .. } => ranges.len(),
            _ => 1,
        }
    }
}

/// Goes forward in both. Where that ends, the last run of any characters takes one more: an earlier one need not be tried
/// again, since whatever it could take the last one can take as well.
fn is_like(name: &str, pieces: &[Piece], steps: &mut usize) -> bool {
    let (mut rest, mut at) = (name.chars(), 0);
    let mut again: Option<(core::str::Chars<'_>, usize)> = None;
    loop {
        *steps += pieces.get(at).map_or(1, Piece::cost);
        let mut ahead = rest.clone();
        match (pieces.get(at), ahead.next()) {
            (Some(Piece::Many), _) => {
                at += 1;
                again = Some((rest.clone(), at));
                continue;
            }
            (Some(piece), Some(c)) if piece.takes(c) => {
                (rest, at) = (ahead, at + 1);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((from, behind)) = &mut again else { return false };
        if from.next().is_none() {
            return false;
        }
        (rest, at) = (from.clone(), *behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    fn is_like(name: &str, glob: &str) -> bool {
        Pattern::Glob(pieces(glob)).takes(name, &mut 0)
    }

    #[test]
    fn globs_are_like_those_of_a_shell_but_for_slashes() {
        for (name, glob) in [
            ("", ""),
            ("", "*"),
            ("debian-13.iso", "*.iso"),
            ("iso/debian-13.iso", "*debian*.iso"),
            ("a", "?"),
            ("ö", "?"),
            ("b", "[a-c]"),
            ("]", "[]]"),
            ("-", "[a-]"),
            ("x", "[!a-c]"),
            ("a*b", "a\\*b"),
            ("a[b", "a[b"),
            ("\\", "\\"),
            ("aab", "*a?b*"),
            ("mississippi", "m*iss*ip*i"),
        ] {
            assert!(is_like(name, glob), "{name} is like {glob}");
        }
        for (name, glob) in [
            ("a", ""),
            ("", "?"),
            ("debian.iso.txt", "*.iso"),
            ("d", "[a-c]"),
            ("b", "[!a-c]"),
            ("axb", "a\\*b"),
        ] {
            assert!(!is_like(name, glob), "{name} is not like {glob}");
        }
    }

    /// A pattern that is made to be slow must cost no more than the product of both lengths, and be counted.
    #[test]
    fn what_a_glob_costs_is_bounded_and_counted() {
        let (name, glob) = ("a".repeat(3000), format!("*{}b", "a".repeat(200)));
        let mut steps = 0;
        assert!(!Pattern::Glob(pieces(&glob)).takes(&name, &mut steps));
        assert!((3000 * 100..3000 * 210).contains(&steps), "{steps}");
    }

    /// All ways at once, and slow.
    fn is_like_plainly(name: &[char], glob: &[char]) -> bool {
        match (glob, name) {
            ([], name) => name.is_empty(),
            (['*', glob @ ..], _) => (0..=name.len()).any(|taken| is_like_plainly(&name[taken..], glob)),
            (['?', glob @ ..], [_, name @ ..]) => is_like_plainly(name, glob),
            ([one, glob @ ..], [c, name @ ..]) => one == c && is_like_plainly(name, glob),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_takes_what_it_takes_plainly(name in "[ab]{0,9}", glob in "[ab*?]{0,7}") {
            let (name_chars, glob_chars): (Vec<char>, Vec<char>) = (name.chars().collect(), glob.chars().collect());
            prop_assert_eq!(is_like(&name, &glob), is_like_plainly(&name_chars, &glob_chars));
        }

        #[test]
        fn every_text_is_a_pattern(name in "\\PC{0,20}", glob in "\\PC{0,20}|[\\[\\]!^a\\\\-]{0,9}") {
            is_like(&name, &glob);
        }
    }
}
