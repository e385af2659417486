//! The program under test: what `cargo test` of the whole workspace has built, or a build of its own where that is older
//! than its sources. `DRIZZLE_BINARY` names another one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(other) = std::env::var_os("DRIZZLE_BINARY") {
            return other.into();
        }
        let profile = profile_folder();
        let binary = profile.join("drizzle");
        if !is_fresh(&binary) {
            build(&profile);
        }
        binary
    })
}

/// Where cargo puts what it builds with the profile of this test: `PROFILE/deps/TEST` is its own path.
fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().to_owned()
}

fn build(profile: &Path) {
    let name = match profile.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        name => name,
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--package", "drizzle", "--profile", name, "--target-dir"]);
    cargo.arg(profile.parent().unwrap()).current_dir(crates_folder());
    assert!(cargo.status().unwrap().success(), "the program under test does not compile");
}

/// Whether it was built after the last change to any source.
fn is_fresh(binary: &Path) -> bool {
    let built = fs::metadata(binary).and_then(|found| found.modified());
    let crates = fs::read_dir(crates_folder()).unwrap().flatten();
    built.is_ok_and(|built| {
        crates.map(|entry| newest(&entry.path().join("src"))).all(|changed| changed < built)
    })
}

fn crates_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates")
}

fn newest(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let times = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => newest(&entry.path()),
        _ => entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
