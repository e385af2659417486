//! `ip` and `tc`, which take many commands at once on their standard input.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

use crate::stage::{Namespace, RunError};

/// Runs all lines with one program, in a namespace or in the machine's own; the first that fails ends it.
pub(super) fn batch(program: &str, inside: Option<&Namespace>, lines: &str) -> Result<(), RunError> {
    let mut command = Command::new(program);
    if let Some(namespace) = inside {
        command.args(["-netns", namespace.name()]);
    }
    command.args(["-batch", "-"]);
    finish(program, with_input(&mut command, lines)).map(drop)
}

/// What one command prints.
pub(super) fn ask(program: &str, inside: &Namespace, words: &[&str]) -> Result<Vec<u8>, RunError> {
    let mut command = Command::new(program);
    command.args(["-netns", inside.name()]).args(words);
    finish(program, with_input(&mut command, ""))
}

fn with_input(command: &mut Command, input: &str) -> io::Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why, which is worth more than a broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

fn finish(program: &str, ended: io::Result<Output>) -> Result<Vec<u8>, RunError> {
    let output = ended.map_err(|source| RunError::Start { program: program.into(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
    Err(RunError::Ended { program: program.into(), status: output.status, said })
}
