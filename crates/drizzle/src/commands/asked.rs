//! The words that `get` was given, with those that stand in files.
//!
//! A link may hold an invite, which is a secret: `@FILE` and `-` keep it out of the list of processes. One link or name
//! stands on a line; empty lines are passed over.

use std::fs::File;
use std::io::{self, Read};

use crate::exit::{Failure, Kind};

/// Room for hundreds of the longest links; a wrong file may be endless.
const BYTES_MAX: u64 = 1 << 20;

/// All links and names, those in files in the place of their files.
pub(super) fn words(given: &[String]) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    for word in given {
        match (word.as_str(), word.strip_prefix('@')) {
            ("-", _) => words.append(&mut lines("standard input", &mut io::stdin().lock())?),
            (_, Some(path)) => {
                let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
                words.append(&mut lines(path, &mut file)?);
            }
            _ => words.push(word.clone()),
        }
    }
    Ok(words)
}

fn lines(place: &str, source: &mut dyn Read) -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    source.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| unreadable(place, &error))?;
    if text.len() as u64 > BYTES_MAX {
        let message =
            format!("{place} holds more than {BYTES_MAX} bytes, expected links or names, one on a line");
        return Err(Failure::new(Kind::Usage, message));
    }
    let lines: Vec<_> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect();
    if lines.is_empty() {
        return Err(Failure::new(Kind::Usage, format!("{place} holds no link and no name")));
    }
    Ok(lines)
}

fn unreadable(place: &str, error: &io::Error) -> Failure {
    Failure::new(Kind::Usage, format!("{place} cannot be read: {error}"))
        .hint("@FILE names a file with links or names, one on a line; - reads them from standard input")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_stands_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links");
        std::fs::write(&path, "\n  drizzle:?one\r\n\ntwo words\n").unwrap();
        let given = ["a".to_owned(), format!("@{}", path.display()), "b".to_owned()];
        assert_eq!(words(&given).unwrap(), ["a", "drizzle:?one", "two words", "b"]);
    }

    #[test]
    fn a_file_without_any_or_with_too_much_is_refused() {
        assert_eq!(words(&["@/not/there".to_owned()]).unwrap_err().kind, Kind::Usage);
        assert_eq!(lines("here", &mut &b" \n"[..]).unwrap_err().kind, Kind::Usage);
        assert_eq!(lines("here", &mut &b"\xff"[..]).unwrap_err().kind, Kind::Usage);
        assert_eq!(lines("here", &mut io::repeat(b'a')).unwrap_err().kind, Kind::Usage);
    }
}
