//! The program behind `cargo xtask`; `--help` says what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::run()
}
