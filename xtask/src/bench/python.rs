//! The small Python scripts beside this program, and the interpreter that runs them.

use std::path::PathBuf;
use std::process::Command;

use super::program::{self, Missing};

const HOW_TO_GET: &str = "apt-get install python3";

/// The interpreter itself: what stands first in the search path may be a script that looks for it.
pub(crate) fn interpreter() -> PathBuf {
    let found = program::version("python3", &["-c", "import sys; print(sys.executable)"], HOW_TO_GET);
    PathBuf::from(found.unwrap_or_else(|_| "python3".into()))
}

/// Whether there is an interpreter at all.
pub(crate) fn find() -> Result<String, Missing> {
    program::version("python3", &["--version"], HOW_TO_GET)
}

/// Where a script of that name lies.
pub(crate) fn script(name: &str) -> PathBuf {
    crate::workspace::root().join("xtask/bench").join(name)
}

/// A script, to be run on this machine's own network.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(script(name));
    command
}

/// The version of libtorrent that the interpreter has.
pub(crate) fn find_libtorrent() -> Result<String, Missing> {
    let ask = ["-c", "import libtorrent; print(libtorrent.version)"];
    Ok(format!("libtorrent {}", program::version("python3", &ask, "pip install libtorrent")?))
}
