//! The repository as the checks see it: the text of every file, by its path.
//!
//! Read from disk for the real one, made up in a line or two for tests. What git ignores is not part of it, and
//! neither is what is not text.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ignore::WalkBuilder;

/// A directory that could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReadTreeError {
    #[error("cannot list the repository: {source}")]
    List { source: ignore::Error },
    #[error("cannot read {path}: {source}")]
    File { path: String, source: std::io::Error },
}

/// Paths from the root, with `/`, and what stands there.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads all text files below `root` that git would not ignore.
    pub(crate) fn read(root: &Path) -> Result<Self, ReadTreeError> {
        let mut files = BTreeMap::new();
        let mut walk = WalkBuilder::new(root);
        walk.hidden(false).require_git(false).filter_entry(|entry| entry.file_name() != ".git");
        for entry in walk.build() {
            let entry = entry.map_err(|source| ReadTreeError::List { source })?;
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let path = relative(root, entry.path());
            match fs::read(entry.path()) {
                Ok(bytes) => drop(String::from_utf8(bytes).map(|text| files.insert(path, text))),
                // An editor or a build may take a file away between the listing and the reading.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(ReadTreeError::File { path, source }),
            }
        }
        Ok(Self { files })
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file, sorted by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust source file, sorted by path.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The directories of the workspace's members: `crates/...` and `xtask`.
    pub(crate) fn member_dirs(&self) -> impl Iterator<Item = &str> {
        let dirs = self.files.keys().filter_map(|path| path.strip_suffix("/Cargo.toml"));
        dirs.filter(|dir| {
            *dir == "xtask" || dir.strip_prefix("crates/").is_some_and(|name| !name.contains('/'))
        })
    }
}

fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
impl<'a, T: IntoIterator<Item = (&'a str, &'a str)>> From<T> for Tree {
    fn from(files: T) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_ignores_and_what_is_not_text_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        put(".gitignore", b"target/\n");
        put("target/debug/built.rs", b"");
        put(".git/config", b"");
        put(".ci/run", b"#!/bin/sh\n");
        put("crates/a/src/lib.rs", b"//! A.\n");
        put("crates/a/picture.png", &[0xff, 0xfe, 0]);
        let tree = Tree::read(dir.path()).unwrap();
        let paths: Vec<_> = tree.files().map(|(path, _)| path).collect();
        assert_eq!(paths, [".ci/run", ".gitignore", "crates/a/src/lib.rs"]);
    }

    #[test]
    fn members_are_the_crates_and_xtask_but_not_what_lies_deeper() {
        let tree = Tree::from([
            ("crates/a/Cargo.toml", ""),
            ("crates/a/fuzz/Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
        ]);
        assert_eq!(tree.member_dirs().collect::<Vec<_>>(), ["crates/a", "xtask"]);
    }
}
