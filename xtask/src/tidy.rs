//! What a compiler does not check: the order of the repository.
//!
//! Each check is a file of its own, looks at a [`Tree`], and answers with findings that say file, line and what to
//! do. The test at the end of this file runs them all on this very repository, so the test command does so too.

mod cycles;
mod finding;
mod headers;
mod modules;
mod places;
mod purity;
mod scope;
mod sections;
mod test_command;
mod tree;

use std::path::Path;

use finding::Finding;
use tree::{ReadTreeError, Tree};

const CHECKS: [fn(&Tree) -> Vec<Finding>; 6] =
    [cycles::check, headers::check, places::check, purity::check, sections::check, test_command::check];

/// Runs all checks on the repository at `root`; findings are sorted by file and line.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, ReadTreeError> {
    let tree = Tree::read(root)?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let findings = check(crate::workspace::root()).unwrap();
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "`cargo xtask tidy` says:\n{}", lines.join("\n"));
    }
}
