//! The pure crates reach for nothing of the world: `no_std`, no clock, and no machine that knows another.
//!
//! Test code may use `std`, but no clock: a test of a pure machine makes up its own time.

use super::finding::Finding;
use super::scope::{PathUse, Scope, TestCode};
use super::tree::Tree;

/// Crates without clock, socket, disk or random numbers of their own, as far as they are there.
const PURE_CRATES: [&str; 6] = ["model", "wire", "swarm", "directory", "ring", "sync"];
/// Those of them that are machines: none may depend on another.
const MACHINES: [&str; 4] = ["swarm", "directory", "ring", "sync"];
const CLOCKS: [&str; 2] = ["Instant", "SystemTime"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let present = |name: &&&str| tree.text(&format!("crates/{name}/Cargo.toml")).is_some();
    let mut findings: Vec<Finding> =
        PURE_CRATES.iter().filter(present).flat_map(|name| check_sources(tree, name)).collect();
    findings.extend(MACHINES.iter().filter(present).flat_map(|name| check_dependencies(tree, name)));
    findings
}

fn check_sources(tree: &Tree, name: &str) -> Vec<Finding> {
    let src = format!("crates/{name}/src/");
    let root = format!("{src}lib.rs");
    let mut findings = Vec::new();
    if !tree.text(&root).is_some_and(is_no_std) {
        findings.push(Finding::new(
            &root,
            1,
            "a pure crate is `no_std`: add `#![no_std]`, and `extern crate alloc;` where needed",
        ));
    }
    for (path, text) in tree.rust_files().filter(|(path, _)| path.starts_with(&src)) {
        // A file that does not parse is reported by the search for rings.
        let shipped = Scope::parse(text, TestCode::Skipped).unwrap_or_default();
        let of_std = shipped.all_paths().into_iter().filter(|used| used.segments[0] == "std");
        findings.extend(of_std.map(|used| {
            let written = used.segments.join("::");
            Finding::new(
                path,
                used.line,
                format!("`{written}` in a pure crate: use `core` or `alloc`, or take the value in"),
            )
        }));
        let all = Scope::parse(text, TestCode::Read).unwrap_or_default();
        findings.extend(all.all_paths().into_iter().filter(|used| reads_clock(used)).map(|used| {
            Finding::new(
                path,
                used.line,
                "a pure crate has no clock, not even in tests: take the time in as a value",
            )
        }));
    }
    findings
}

fn is_no_std(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "#![no_std]")
}

fn reads_clock(used: &PathUse) -> bool {
    matches!(&used.segments[..], [.., clock, now] if now == "now" && CLOCKS.contains(&clock.as_str()))
}

fn check_dependencies(tree: &Tree, name: &str) -> Vec<Finding> {
    let path = format!("crates/{name}/Cargo.toml");
    let text = tree.text(&path).unwrap_or_default();
    let Ok(manifest) = text.parse::<toml::Table>() else {
        return vec![Finding::new(&path, 1, "this does not parse as TOML")];
    };
    let others = MACHINES.iter().filter(|other| **other != name).map(|other| format!("drizzle-{other}"));
    others
        .filter(|other| depends_on(&manifest, other))
        .map(|other| {
            let line = text.lines().position(|line| line.contains(&other)).map_or(1, |at| at + 1);
            Finding::new(&path, line, format!("a machine knows no other machine: drop {other}; what both need is a value of drizzle-model"))
        })
        .collect()
}

/// Looks through all but the dependencies of tests, under `[dependencies]` and under each target's.
fn depends_on(manifest: &toml::Table, package: &str) -> bool {
    manifest.iter().any(|(key, value)| match (key.as_str(), value) {
        ("dependencies" | "build-dependencies", toml::Value::Table(listed)) => {
            listed.iter().any(|(name, value)| {
                name == package || value.get("package").and_then(toml::Value::as_str) == Some(package)
            })
        }
        ("target", toml::Value::Table(targets)) => {
            targets.values().filter_map(toml::Value::as_table).any(|target| depends_on(target, package))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_ring(manifest: &str, lib: &str) -> Vec<String> {
        let tree = Tree::from([("crates/ring/Cargo.toml", manifest), ("crates/ring/src/lib.rs", lib)]);
        check(&tree).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_pure_crate_in_order_has_no_findings() {
        let lib = "//! Ring: no std::fs, no Instant::now.\n#![no_std]\nuse core::fmt;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(
            check_ring(
                "[dependencies]\ndrizzle-model.workspace = true\n[dev-dependencies]\ndrizzle-swarm.workspace = true\n",
                lib
            ),
            [""; 0]
        );
    }

    #[test]
    fn std_and_its_absence_are_named_with_the_line() {
        let found = check_ring("", "//! Ring.\n\nuse std::collections::HashMap;\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("crates/ring/src/lib.rs:1: ") && found[0].contains("no_std"),
            "{found:?}"
        );
        assert!(found[1].starts_with("crates/ring/src/lib.rs:3: `std::collections::HashMap`"), "{found:?}");
    }

    #[test]
    fn a_clock_is_found_even_in_tests() {
        let found = check_ring(
            "",
            "//! Ring.\n#![no_std]\n#[cfg(test)]\nmod tests {\n fn f() { std::time::Instant::now(); assert!(SystemTime::now() > x); }\n}\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|finding| finding.starts_with("crates/ring/src/lib.rs:5: ")), "{found:?}");
    }

    #[test]
    fn a_machine_that_depends_on_another_is_found_in_every_table() {
        let lib = "//! Ring.\n#![no_std]\n";
        for manifest in [
            "[dependencies]\ndrizzle-swarm.workspace = true\n",
            "[dependencies]\n\nother = { package = \"drizzle-swarm\", path = \"x\" }\n",
            "[target.'cfg(unix)'.dependencies]\ndrizzle-swarm = \"1\"\n",
        ] {
            let found = check_ring(manifest, lib);
            assert_eq!(found.len(), 1, "{manifest}: {found:?}");
        }
        assert!(
            check_ring("[dependencies]\n\ndrizzle-swarm = \"1\"\n", lib)[0]
                .starts_with("crates/ring/Cargo.toml:3: ")
        );
    }
}
