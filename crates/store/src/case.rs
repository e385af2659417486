//! Names that differ only in case: different on Linux, one and the same on many other file systems.

use drizzle_model::{Manifest, RelPath};

/// Every two paths of a folder that would be one on a file system that does not tell upper from lower case.
pub fn case_clashes(manifest: &Manifest) -> Vec<(RelPath, RelPath)> {
    let mut folded: Vec<(String, &RelPath)> =
        manifest.entries().iter().map(|entry| (fold(entry.path.as_str()), &entry.path)).collect();
    folded.sort();
    folded
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .map(|pair| (pair[0].1.clone(), pair[1].1.clone()))
        .collect()
}

/// Upper case first: it unites what has several lower forms (sharp s, the two sigmas).
fn fold(path: &str) -> String {
    path.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::{Entry, EntryKind, Metadata, Mtime};

    #[test]
    fn pairs_are_found_in_any_script_and_folder() {
        let mut paths = ["a", "A", "d", "d/ÄRGER", "d/ärger", "straße", "STRASSE", "σ", "ς", "b"]
            .map(|path| RelPath::new(path).unwrap());
        paths.sort();
        let metadata = Metadata { mode: 0o755, mtime: Mtime::default() };
        let entry = |path| Entry { path, metadata, kind: EntryKind::Directory };
        let manifest = Manifest::new(metadata, paths.into_iter().map(entry).collect()).unwrap();
        let clashes = case_clashes(&manifest);
        let mut texts: Vec<_> = clashes.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        texts.sort_unstable();
        assert_eq!(texts, [("A", "a"), ("STRASSE", "straße"), ("d/ÄRGER", "d/ärger"), ("ς", "σ")]);
    }
}
