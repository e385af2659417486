//! No file of a crate leans, through others, on itself.
//!
//! A file leans on another when its code names something that stands there, or imports it privately. `pub use` alone
//! is a facade and does not count; test code does not count.

use std::collections::{BTreeMap, VecDeque};

use super::finding::Finding;
use super::modules::Modules;
use super::tree::Tree;

/// For each file: the files it leans on, each with the first line that does so.
type Graph = BTreeMap<String, BTreeMap<String, usize>>;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let roots =
        tree.member_dirs().flat_map(|dir| ["lib.rs", "main.rs"].map(|root| format!("{dir}/src/{root}")));
    roots
        .filter(|root| tree.text(root).is_some())
        .flat_map(|root| check_crate(&Modules::read(tree, &root)))
        .collect()
}

fn check_crate(modules: &Modules) -> Vec<Finding> {
    let graph = graph(modules);
    let unreadable = modules.unreadable.iter().map(|file| {
        Finding::new(
            &file.file,
            file.line,
            format!("this does not parse, so nothing can be checked: {}", file.reason),
        )
    });
    unreadable.chain(cycles(&graph).iter().map(|cycle| describe(&graph, cycle))).collect()
}

fn graph(modules: &Modules) -> Graph {
    let mut graph = Graph::new();
    for (at, module) in modules.iter() {
        let imports =
            module.scope.imports.iter().filter(|import| !import.is_reexport).map(|import| &import.path);
        for path in imports.chain(&module.scope.uses) {
            let Some(file) = modules.file_of(at, path).filter(|file| *file != module.file) else { continue };
            let line =
                graph.entry(module.file.clone()).or_default().entry(file.to_owned()).or_insert(path.line);
            *line = path.line.min(*line);
        }
    }
    graph
}

/// Rings, each the shortest through its first file, and no file in two of them.
fn cycles(graph: &Graph) -> Vec<Vec<&str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for file in graph.keys() {
        if !found.iter().flatten().any(|seen| seen == file) {
            found.extend(way_back(graph, file));
        }
    }
    found
}

/// The shortest way from a file to itself, breadth first.
fn way_back<'a>(graph: &'a Graph, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in graph.get(file).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut way = vec![file];
                while let Some(&before) = came_from.get(way[way.len() - 1]) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

fn describe(graph: &Graph, cycle: &[&str]) -> Finding {
    let next = cycle.iter().cycle().skip(1);
    let steps: Vec<(&str, &str, usize)> =
        cycle.iter().zip(next).map(|(from, to)| (*from, *to, graph[*from][*to])).collect();
    let way: Vec<String> =
        steps.iter().map(|(from, to, line)| format!("{from}:{line} leans on {to}")).collect();
    let message =
        format!("modules in a ring: {}; move what they share into a module of its own", way.join(", "));
    Finding::new(steps[0].0, steps[0].2, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages<const N: usize>(files: [(&str, &str); N]) -> Vec<String> {
        let tree = files.map(|(name, text)| (format!("crates/x/{name}"), text));
        let mut all: Vec<(&str, &str)> = tree.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        all.push(("crates/x/Cargo.toml", ""));
        check(&all.into()).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_ring_of_three_is_printed_with_the_lines_that_make_it() {
        let found = messages([
            ("src/lib.rs", "mod a; mod b; mod c; pub use c::C;"),
            ("src/a.rs", "use crate::b::B;\npub struct A(B);"),
            ("src/b.rs", "\npub struct B(Vec<super::C>);"),
            ("src/c.rs", "pub struct C;\nfn f() { println!(\"{}\", crate::a::f()); }"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = "crates/x/src/a.rs:1: modules in a ring: crates/x/src/a.rs:1 leans on crates/x/src/b.rs, \
                        crates/x/src/b.rs:2 leans on crates/x/src/c.rs, crates/x/src/c.rs:2 leans on crates/x/src/a.rs";
        assert!(found[0].starts_with(expected), "{}", found[0]);
    }

    #[test]
    fn a_child_that_uses_its_parents_item_while_the_parent_uses_the_child_is_a_ring() {
        let parent = "mod child; pub struct Shared; fn f() { child::g(); }";
        let found = messages([
            ("src/lib.rs", "mod parent;"),
            ("src/parent.rs", parent),
            ("src/parent/child.rs", "use super::Shared;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn facades_test_code_and_implementations_in_children_are_no_rings() {
        let found = messages([
            ("src/lib.rs", "mod a; mod machine; pub use a::A; pub use machine::Machine; pub struct Error;"),
            ("src/a.rs", "use crate::Error; pub struct A; #[cfg(test)] mod tests { use crate::Machine; }"),
            (
                "src/machine/mod.rs",
                "mod step; pub struct Machine(crate::A); impl Machine { fn f(&self) { self.step() } }",
            ),
            ("src/machine/step.rs", "impl super::Machine { fn step(&self) {} }"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn local_names_that_look_like_modules_are_no_imports() {
        let found = messages([
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::b::B; pub struct A;"),
            ("src/b.rs", "pub struct B; fn f(a: u8) -> u8 { let b = a; b + a }"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_file_that_does_not_parse_is_a_finding() {
        assert_eq!(messages([("src/lib.rs", "fn {")]).len(), 1);
    }
}
