//! No file speaks of a place on somebody's machine: a home directory, or a directory beside the repository.
//!
//! Such a path is true on one machine only. Test data picks other names; documentation says `~` or `<folder>`.
//! The names are put together here, so that this file passes its own check.

use super::finding::Finding;
use super::tree::Tree;

/// Top directories under which people keep their own things.
const TOP_DIRS: [&str; 4] = ["home", "root", "work", "Users"];
/// Directories that may lie beside the repository.
const SIBLING_DIRS: [&str; 1] = ["shared"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let places: Vec<String> = TOP_DIRS
        .iter()
        .map(|name| format!("/{name}/"))
        .chain(SIBLING_DIRS.iter().map(|name| format!("../{name}")))
        .collect();
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (at, line) in text.lines().enumerate() {
            let found = places.iter().filter(|place| names_place(line, place));
            findings.extend(found.map(|place| {
                let message =
                    format!("`{place}` is a place on one machine: take it out, or use a relative path");
                Finding::new(path, at + 1, message)
            }));
        }
    }
    findings
}

/// Whether the line has the place where a path begins, and something after it.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + place.len()..].chars().next();
        !before.is_some_and(is_part_of_path)
            && (!place.ends_with('/') || after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.'))
    })
}

/// Whether the character, right before a slash, makes it a slash within a longer path.
fn is_part_of_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '}' | ')' | '/' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(text: &str) -> Vec<usize> {
        check(&Tree::from([("docs/notes.md", text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn homes_and_neighbours_are_found_with_their_line() {
        let (home, beside) = (format!("/{}/ann", TOP_DIRS[0]), format!("../{}", SIBLING_DIRS[0]));
        assert_eq!(lines_found(&format!("fine\nsee {home}/notes\nand `{beside}/x`\n")), [2, 3]);
        assert_eq!(lines_found(&format!("path=\"{home}\"\nfile:{home}")), [1, 2]);
    }

    #[test]
    fn the_same_words_within_another_path_are_fine() {
        let within = format!("target/{0}/x $HOME/{0}/x {{root}}/{0}/x ~/{0}/x /{0}", TOP_DIRS[2]);
        assert_eq!(lines_found(&within), [0; 0]);
        assert_eq!(lines_found(&format!("../{}", "crates")), [0; 0]);
    }
}
