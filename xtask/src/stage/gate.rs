//! A starting line: programs that were started wait at it, and go on together.
//!
//! To start a process in a namespace of its own takes a hundredth of a second and more, and the first ones that run make it slower for
//! the rest; of nine in a row the last one would begin a fifth of a second late.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::error::RunError;

/// By when whoever was started has come to the line. Who comes later goes on at once.
const COMING: Duration = Duration::from_millis(300);

/// What a program runs in: the shell waits for a line of the pipe, and becomes the program.
const WAIT: &str = r#"read -r go <"$0" && exec "$@""#;

/// The line: a named pipe, of which each who waits reads one line.
#[derive(Debug)]
pub(crate) struct Gate {
    path: PathBuf,
    /// Open both ways, so that opening it waits for nobody, and no line is lost on whoever comes late.
    pipe: File,
}

impl Gate {
    /// A closed one, in a folder.
    pub(crate) fn new(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join("gate");
        let made = Command::new("mkfifo").arg(&path).status();
        let pipe = made.and_then(|_| OpenOptions::new().read(true).write(true).open(&path));
        Ok(Self { pipe: pipe.map_err(RunError::disk("make", &path))?, path })
    }

    /// Where it is, for [`behind`].
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets so many go on, and says when.
    pub(crate) fn open(&mut self, count: usize) -> Result<Instant, RunError> {
        sleep(COMING);
        let opened = Instant::now();
        self.pipe.write_all("\n".repeat(count).as_bytes()).map_err(RunError::disk("open", &self.path))?;
        Ok(opened)
    }
}

/// What to run in the place of `program`, so that it waits at the gate first. Arguments can follow.
pub(crate) fn behind<'a>(gate: &'a Path, program: &'a OsStr) -> [&'a OsStr; 5] {
    [OsStr::new("sh"), OsStr::new("-c"), OsStr::new(WAIT), gate.as_os_str(), program]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if somebody went on before the gate was open, took a line that is meant for another, or missed its own by
    /// coming late.
    #[test]
    fn nobody_goes_on_before_all_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut gate = Gate::new(folder.path()).unwrap();
        let start = |name: &str| {
            let words = behind(gate.path(), OsStr::new("touch"));
            Command::new(words[0]).args(&words[1..]).arg(folder.path().join(name)).spawn().unwrap()
        };
        let (mut first, mut second) = (start("a"), start("b"));
        sleep(Duration::from_millis(50));
        assert!(!folder.path().join("a").exists() && !folder.path().join("b").exists());
        gate.open(3).unwrap();
        let path = gate.path().to_owned();
        let words = behind(&path, OsStr::new("true"));
        let late = Command::new(words[0]).args(&words[1..]).status().unwrap();
        assert!(late.success() && first.wait().unwrap().success() && second.wait().unwrap().success());
        assert!(folder.path().join("a").exists() && folder.path().join("b").exists());
    }
}
