//! Every Rust file says at its top what it is, in a `//!` comment; tests, benches and examples too.

use super::finding::Finding;
use super::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let bare = tree.rust_files().filter(|(_, text)| !opens_with_what_it_is(text));
    bare.map(|(path, _)| Finding::new(path, 1, "open the file with a `//!` comment that says what it is"))
        .collect()
}

fn opens_with_what_it_is(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//!")).is_some_and(|rest| !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_is_named_wherever_it_lies() {
        let tree = Tree::from([
            ("crates/a/src/lib.rs", "//! Says what it is.\n"),
            ("crates/a/src/late.rs", "use core::fmt;\n//! Too late.\n"),
            ("crates/a/src/mute.rs", "//!\n"),
            ("crates/a/src/empty.rs", ""),
            ("crates/a/tests/scenario.rs", "fn main() {}\n"),
            ("crates/a/notes.txt", "no header is due\n"),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        let expected = ["empty.rs", "late.rs", "mute.rs"].map(|name| format!("crates/a/src/{name}"));
        assert_eq!(paths[..3], expected);
        assert_eq!(paths[3..], ["crates/a/tests/scenario.rs"]);
    }
}
