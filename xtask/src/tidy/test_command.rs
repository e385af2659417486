//! README.md names the very test command that CI runs, so that neither drifts from the other.

use super::finding::Finding;
use super::tree::Tree;

const CI: &str = ".ci/run";
const README: &str = "README.md";
const VARIABLE: &str = "test_command=";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(command) = tree.text(CI).and_then(test_command) else {
        return vec![Finding::new(
            CI,
            1,
            format!("set the test command on a line of its own: {VARIABLE}\"...\""),
        )];
    };
    let named = tree.text(README).is_some_and(|text| text.lines().any(|line| is_command(line, command)));
    let message = || format!("name the test command that {CI} runs, on a line of its own: {command}");
    if named { Vec::new() } else { vec![Finding::new(README, 1, message())] }
}

fn test_command(script: &str) -> Option<&str> {
    let value = script.lines().find_map(|line| line.strip_prefix(VARIABLE))?;
    Some(value.trim().trim_matches(['"', '\'']))
}

/// A line of a code block: the command alone, with or without a prompt.
fn is_command(line: &str, command: &str) -> bool {
    line.trim().trim_start_matches("$ ") == command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(ci: &str, readme: &str) -> usize {
        check(&Tree::from([(CI, ci), (README, readme)])).len()
    }

    #[test]
    fn the_same_command_in_both_is_in_order() {
        assert_eq!(findings("set -u\ntest_command=\"cargo test\"\n", "Run\n\n    cargo test\n"), 0);
        assert_eq!(findings("test_command='cargo test'\n", "```\n$ cargo test\n```\n"), 0);
    }

    #[test]
    fn another_command_or_none_is_found() {
        assert_eq!(findings("test_command=\"cargo test\"\n", "    cargo test --workspace\n"), 1);
        assert_eq!(findings("cargo test\n", "    cargo test\n"), 1);
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
