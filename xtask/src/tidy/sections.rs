//! Every workspace member has its section in ARCHITECTURE.md, and every such section has its member.
//!
//! A section is a heading that names the member's directory, as in `### crates/model`.

use super::finding::Finding;
use super::tree::Tree;

const BOOK: &str = "ARCHITECTURE.md";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(BOOK) else {
        return vec![Finding::new(BOOK, 1, "write it: a bird's-eye view, and a section for each crate")];
    };
    let named: Vec<(usize, &str)> =
        headings(text).flat_map(|(line, heading)| members(heading).map(move |m| (line, m))).collect();
    let mut findings: Vec<Finding> = tree
        .member_dirs()
        .filter(|dir| !named.iter().any(|(_, member)| member == dir))
        .map(|dir| Finding::new(BOOK, 1, format!("add a section for {dir}: a heading that names `{dir}`")))
        .collect();
    findings.extend(named.iter().filter(|(_, member)| !tree.member_dirs().any(|dir| dir == *member)).map(
        |(line, member)| {
            Finding::new(BOOK, *line, format!("the heading names {member}, which is no member: take it out"))
        },
    ));
    findings
}

/// The headings with their line numbers; a `#` within a fenced block is none.
fn headings(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        fenced ^= line.trim_start().starts_with("```");
        (!fenced && line.starts_with('#')).then_some((at + 1, line))
    })
}

/// The member directories that a heading names.
fn members(heading: &str) -> impl Iterator<Item = &str> {
    let words = heading.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')));
    words
        .map(|word| word.trim_end_matches('/'))
        .filter(|word| *word == "xtask" || word.starts_with("crates/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [(&str, &str); 3] =
        [("crates/a/Cargo.toml", ""), ("crates/b/Cargo.toml", ""), ("xtask/Cargo.toml", "")];

    fn check_book(book: &str) -> Vec<(usize, String)> {
        let [a, b, c] = MEMBERS;
        check(&Tree::from([a, b, c, (BOOK, book)]))
            .into_iter()
            .map(|finding| (finding.line, finding.message))
            .collect()
    }

    #[test]
    fn a_book_with_a_heading_for_each_is_in_order() {
        assert_eq!(check_book("# The parts\n## `crates/a` and crates/b/: values\n### xtask\n"), []);
    }

    #[test]
    fn a_crate_that_only_the_text_or_a_code_block_names_is_missing() {
        let findings = check_book("## crates/a\ncrates/b is nice\n```\n# crates/b\n```\n## xtask\n");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].1.contains("crates/b"), "{findings:?}");
    }

    #[test]
    fn a_section_of_a_crate_that_is_gone_is_named_with_its_line() {
        let findings = check_book("## crates/a\n## crates/b\n## xtask\n## crates/gone\n");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].0 == 4 && findings[0].1.contains("crates/gone"), "{findings:?}");
    }

    #[test]
    fn no_book_at_all_is_one_finding() {
        assert_eq!(check(&Tree::from(MEMBERS)).len(), 1);
    }
}
