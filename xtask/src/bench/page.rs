//! The page of figures, `docs/benchmarks.md`: a part for each benchmark, between two markers.
//!
//! A run replaces its own part. What people wrote outside the markers, where the time goes and what was tried, stays.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::stage::RunError;

const OPENING: &str =
    "# Benchmarks\n\nWhat stands between the markers is written by the command that they name.\n";

/// Replaces the part of that name on the page at a path from the root of the repository.
pub(crate) fn write_part(path: &Path, name: &str, content: &str) -> Result<(), RunError> {
    let path = crate::workspace::root().join(path);
    let before = fs::read_to_string(&path).ok();
    let after = with_part(before.as_deref(), name, content);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .map_err(RunError::disk("create the folder of", &path))?;
    fs::write(&path, after).map_err(RunError::disk("write", &path))?;
    eprintln!("bench {name}: written to {}", path.display());
    Ok(())
}

/// The page with the part of that name replaced, or added at its end.
pub(crate) fn with_part(page: Option<&str>, name: &str, content: &str) -> String {
    let page = page.unwrap_or(OPENING);
    let (begin, end) = (
        format!("<!-- begin: cargo xtask bench {name} -->"),
        format!("<!-- end: cargo xtask bench {name} -->"),
    );
    let part = format!("{begin}\n{}\n{end}", content.trim());
    let inside = page
        .find(&begin)
        .and_then(|from| page[from..].find(&end).map(|length| from..from + length + end.len()));
    match inside {
        Some(range) => format!("{}{part}{}", &page[..range.start], &page[range.end..]),
        None => format!("{}\n\n{part}\n", page.trim_end()),
    }
}

/// A benchmark's part: its title, a warning where it was no more than a look at something smaller, and its sections.
pub(crate) fn part(
    title: &str,
    quick_look: Option<&str>,
    sections: impl IntoIterator<Item = String>,
) -> String {
    let warn = |what| format!("**A quick look {what}: not the figures that are asked for.**\n");
    let opening = [format!("## {title}\n")].into_iter().chain(quick_look.map(warn));
    opening.chain(sections).map(|section| section + "\n").collect()
}

/// The head of a column, which says how its cells are aligned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column<'a> {
    Text(&'a str),
    Figure(&'a str),
}

/// A Markdown table.
pub(crate) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let (heads, rules): (Vec<&str>, Vec<&str>) = columns
        .iter()
        .map(|column| match column {
            Column::Text(head) => (*head, "---"),
            Column::Figure(head) => (*head, "---:"),
        })
        .unzip();
    let mut table = format!("| {} |\n| {} |\n", heads.join(" | "), rules.join(" | "));
    for row in rows {
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {} |", row.join(" | ").replace('\n', " "));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_added_once_and_replaced_afterwards_and_notes_around_it_stay() {
        let first = with_part(None, "transfer", "old");
        let second = with_part(Some(&first), "tracker", "other");
        let noted = second.replace(
            "<!-- begin: cargo xtask bench tracker",
            "Our notes.\n\n<!-- begin: cargo xtask bench tracker",
        );
        let third = with_part(Some(&noted), "transfer", "new");
        assert_eq!(third, noted.replace("old", "new"));
        assert!(
            third.starts_with("# Benchmarks\n") && third.contains("Our notes.") && third.contains("other")
        );
    }

    #[test]
    fn a_quick_look_says_so_below_its_title() {
        let sections = || ["one\n".to_owned(), "two\n".to_owned()];
        assert_eq!(part("Ring", None, sections()), "## Ring\n\none\n\ntwo\n\n");
        let quick = "**A quick look at less: not the figures that are asked for.**";
        assert_eq!(
            part("Ring", Some("at less"), sections()),
            format!("## Ring\n\n{quick}\n\none\n\ntwo\n\n")
        );
    }

    #[test]
    fn a_table_is_markdown() {
        let table = table(&[Column::Text("what"), Column::Figure("s")], &[vec!["a".into(), "1\n2".into()]]);
        assert_eq!(table, "| what | s |\n| --- | ---: |\n| a | 1 2 |\n");
    }
}
