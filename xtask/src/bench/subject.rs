//! The binary that is measured.

use std::path::PathBuf;
use std::process::Command;

use crate::stage::RunError;

/// Builds what is measured, so that no old binary takes its place.
pub(crate) fn build() -> Result<PathBuf, RunError> {
    build_by(&["--package", "drizzle"]).map(|release| release.join("drizzle"))
}

/// Builds an example of a package: a tool of its own.
pub(crate) fn build_example(package: &str, name: &str) -> Result<PathBuf, RunError> {
    build_by(&["--package", package, "--example", name]).map(|release| release.join("examples").join(name))
}

/// Where cargo has put it.
fn build_by(what: &[&str]) -> Result<PathBuf, RunError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release"]).args(what).current_dir(crate::workspace::root());
    let status = command.status().map_err(|source| RunError::Start { program: "cargo".into(), source })?;
    if status.success() { Ok(target_dir().join("release")) } else { Err(RunError::Build { status }) }
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    crate::workspace::root().join(set)
}
