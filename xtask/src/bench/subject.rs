//! The binary that is measured.

use std::path::PathBuf;
use std::process::Command;

use crate::stage::RunError;

/// Builds what is measured, so that no old binary takes its place.
pub(crate) fn build() -> Result<PathBuf, RunError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package", "drizzle"]).current_dir(crate::workspace::root());
    let status = command.status().map_err(|source| RunError::Start { program: "cargo".into(), source })?;
    if status.success() { Ok(target_dir().join("release/drizzle")) } else { Err(RunError::Build { status }) }
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    crate::workspace::root().join(set)
}
