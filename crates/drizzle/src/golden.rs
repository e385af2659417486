//! Tests that compare with a file which a person has read. `UPDATE=1 cargo test -p drizzle` writes the files anew.

use std::fs;
use std::path::Path;

/// Compares a text with `tests/golden/NAME`.
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; UPDATE=1 writes it anew", path.display());
}
