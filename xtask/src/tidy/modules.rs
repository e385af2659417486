//! The modules of one crate, and which module a path leads to.
//!
//! Names are followed through `use` and `pub use`, so that a path by way of a facade counts for the module that
//! stands behind it. What a macro makes, or another crate, leads nowhere.

use super::scope::{PathUse, Scope, TestCode};
use super::tree::Tree;

/// How many re-exports a name is followed through; imports that name each other would go round for ever.
const REEXPORTS_MAX: usize = 16;

/// A file or an inline module.
#[derive(Debug)]
pub(crate) struct Module {
    /// Names from the crate's root, which is empty.
    path: Vec<String>,
    /// The file it stands in, from the repository's root.
    pub(crate) file: String,
    pub(crate) scope: Scope,
}

/// A file that is no Rust.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// All modules that one crate root leads to.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    all: Vec<Module>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Module(usize),
    ItemOf(usize),
}

impl Modules {
    /// Follows the `mod` lines from a crate's root file.
    pub(crate) fn read(tree: &Tree, root_file: &str) -> Self {
        let mut modules = Self::default();
        let (dir, _) = root_file.rsplit_once('/').unwrap_or(("", root_file));
        modules.read_file(tree, root_file, dir, Vec::new());
        modules
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Module)> {
        self.all.iter().enumerate()
    }

    /// The file that the path, written in the module, leads to; none when that is another crate or a local name.
    pub(crate) fn file_of(&self, module: usize, path: &PathUse) -> Option<&str> {
        let target = self.resolve(module, &path.segments, REEXPORTS_MAX)?;
        let (Target::Module(at) | Target::ItemOf(at)) = target;
        Some(&self.all[at].file)
    }

    /// `children_dir` is where the files of the module's own modules lie.
    fn read_file(&mut self, tree: &Tree, file: &str, children_dir: &str, path: Vec<String>) {
        match tree.text(file).map(|text| Scope::parse(text, TestCode::Skipped)) {
            Some(Ok(scope)) => self.add(tree, file, children_dir, path, scope),
            Some(Err(error)) => {
                let (line, reason) = (error.span().start().line, error.to_string());
                self.unreadable.push(Unreadable { file: file.to_owned(), line, reason });
            }
            None => {}
        }
    }

    fn add(&mut self, tree: &Tree, file: &str, children_dir: &str, path: Vec<String>, mut scope: Scope) {
        let (declared, inline) = (std::mem::take(&mut scope.declared), std::mem::take(&mut scope.inline));
        self.all.push(Module { path: path.clone(), file: file.to_owned(), scope });
        for name in declared {
            let dir = format!("{children_dir}/{name}");
            let files = [format!("{dir}.rs"), format!("{dir}/mod.rs")];
            if let Some(file) = files.iter().find(|file| tree.text(file).is_some()) {
                self.read_file(tree, file, &dir, [&path[..], &[name]].concat());
            }
        }
        for scope in inline {
            let dir = format!("{children_dir}/{}", scope.name);
            self.add(tree, file, &dir, [&path[..], std::slice::from_ref(&scope.name)].concat(), scope);
        }
    }

    fn at(&self, path: &[String]) -> Option<usize> {
        self.all.iter().position(|module| module.path == path)
    }

    fn child(&self, module: usize, name: &str) -> Option<usize> {
        self.at(&[&self.all[module].path[..], &[name.to_owned()]].concat())
    }

    fn parent(&self, module: usize) -> Option<usize> {
        let (_, path) = self.all[module].path.split_last()?;
        self.at(path)
    }

    fn resolve(&self, module: usize, segments: &[String], hops: usize) -> Option<Target> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Target::Module(self.at(&[])?), rest, hops),
            "self" => self.walk(Target::Module(module), rest, hops),
            "super" => {
                let rest_from_parent = if rest.is_empty() { &["self".to_owned()][..] } else { rest };
                self.resolve(self.parent(module)?, rest_from_parent, hops)
            }
            // A single name is never a module by itself: it may as well be a local variable.
            name if rest.is_empty() => {
                self.member(module, name, hops).filter(|target| matches!(target, Target::ItemOf(_)))
            }
            name => self.walk(self.member(module, name, hops)?, rest, hops),
        }
    }

    fn walk(&self, from: Target, segments: &[String], hops: usize) -> Option<Target> {
        match (from, segments) {
            (Target::Module(module), [name, rest @ ..]) => {
                // What is not seen here was made by a macro: it is the module's own.
                let next = self.member(module, name, hops).unwrap_or(Target::ItemOf(module));
                self.walk(next, rest, hops)
            }
            _ => Some(from),
        }
    }

    /// What the name means inside the module.
    fn member(&self, module: usize, name: &str, hops: usize) -> Option<Target> {
        let hops = hops.checked_sub(1)?;
        let scope = &self.all[module].scope;
        if let Some(child) = self.child(module, name) {
            return Some(Target::Module(child));
        }
        if scope.items.contains(name) {
            return Some(Target::ItemOf(module));
        }
        let follow = |path: &PathUse| self.resolve_import(module, &path.segments, hops);
        if let Some(import) = scope.imports.iter().find(|import| import.name.as_deref() == Some(name)) {
            return follow(&import.path);
        }
        let globs = scope.imports.iter().filter(|import| import.name.is_none());
        globs.filter_map(|glob| follow(&glob.path)).find_map(|target| match target {
            Target::Module(from) if from != module => self.member(from, name, hops),
            _ => None,
        })
    }

    /// An import's single name may well be a module.
    fn resolve_import(&self, module: usize, segments: &[String], hops: usize) -> Option<Target> {
        match segments {
            [name] if !matches!(name.as_str(), "crate" | "self" | "super") => {
                self.child(module, name).map(Target::Module)
            }
            _ => self.resolve(module, segments, hops),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(tree: &Tree, from: &str, path: &str) -> Option<String> {
        let modules = Modules::read(tree, "src/lib.rs");
        assert_eq!(modules.unreadable, []);
        let (module, _) = modules.iter().find(|(_, module)| module.file == from).unwrap();
        let path = PathUse { segments: path.split("::").map(str::to_owned).collect(), line: 1 };
        modules.file_of(module, &path).map(str::to_owned)
    }

    #[test]
    fn paths_lead_to_files_through_parents_facades_renames_and_globs() {
        let tree = Tree::from([
            ("src/lib.rs", "mod a; mod b; pub use a::A; pub use b::*; struct Own;"),
            ("src/a/mod.rs", "mod deep; pub(crate) use deep::Deep as Renamed; pub(crate) struct A;"),
            ("src/a/deep.rs", "pub(crate) struct Deep; mod inline { pub(crate) struct In; }"),
            ("src/b.rs", "use crate::a; pub struct B;"),
        ]);
        let check = |from: &str, path: &str, to: Option<&str>| {
            assert_eq!(file_of(&tree, from, path).as_deref(), to, "{path} in {from}");
        };
        check("src/b.rs", "crate::A", Some("src/a/mod.rs"));
        check("src/b.rs", "crate::Own", Some("src/lib.rs"));
        check("src/a/deep.rs", "crate::B", Some("src/b.rs"));
        check("src/b.rs", "a::Renamed::new", Some("src/a/deep.rs"));
        check("src/b.rs", "crate::a::deep::inline::In", Some("src/a/deep.rs"));
        check("src/a/deep.rs", "super::A", Some("src/a/mod.rs"));
        check("src/a/deep.rs", "super::super::B", Some("src/b.rs"));
        check("src/a/deep.rs", "super::super", Some("src/lib.rs"));
        check("src/b.rs", "std::fs::read", None);
        check("src/b.rs", "a", None);
    }

    #[test]
    fn imports_that_name_each_other_lead_nowhere() {
        let tree = Tree::from([
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "pub use crate::b::X;"),
            ("src/b.rs", "pub use crate::a::X;"),
        ]);
        assert!(file_of(&tree, "src/a.rs", "X").is_none_or(|file| file.starts_with("src/")));
    }

    #[test]
    fn a_file_that_is_no_rust_is_reported_with_its_line() {
        let modules = Modules::read(&Tree::from([("src/lib.rs", "fn f() {}\nfn {\n")]), "src/lib.rs");
        assert_eq!(modules.unreadable.iter().map(|file| file.line).collect::<Vec<_>>(), [2]);
    }
}
