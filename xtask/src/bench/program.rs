//! Programs that may be on this machine, and how to get those that are not.

use std::fmt;
use std::path::Path;
use std::process::Command;

/// A program that was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) program: &'static str,
    pub(crate) how_to_get: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not here; get it with `{}`", self.program, self.how_to_get)
    }
}

/// The first line that the program says about its version.
pub(crate) fn version(
    program: &'static str,
    ask: &[&str],
    how_to_get: &'static str,
) -> Result<String, Missing> {
    version_of(Path::new(program), ask).ok_or(Missing { program, how_to_get })
}

/// The same of a program at a place of its own; none when it is not there or refuses to answer.
pub(crate) fn version_of(program: &Path, ask: &[&str]) -> Option<String> {
    let output = Command::new(program).args(ask).output().ok().filter(|output| output.status.success())?;
    let said = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named_with_how_to_get_it() {
        let missing = version("no-such-program-anywhere", &["--version"], "apt-get install it").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no-such-program-anywhere is not here; get it with `apt-get install it`"
        );
        assert_eq!(version("sh", &["-c", "echo 'sh 1.0 '; echo more"], "").as_deref(), Ok("sh 1.0"));
        assert!(version("sh", &["-c", "exit 1"], "").is_err());
    }
}
