//! What can be wrong with settings. All of it is the user's to mend, so each says where it stands.

use std::io;
use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The config file cannot be read.
    #[error("the config file {path} cannot be read: {error}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The config file is no TOML.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key that nothing reads.
    #[error("{path}:{line}: unknown key '{key}'{}", suggest(nearest))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A key that stands twice, as `limit-up` and `limit_up`.
    #[error("{path}:{line}: '{key}' is set more than once")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The line of the second, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A value in the file that cannot be used.
    #[error("{path}:{line}: {key}: {why}")]
    FileValue {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What was expected and received.
        why: String,
    },
    /// A variable that cannot be used.
    #[error("the environment variable {variable}: {why}")]
    Variable {
        /// Its name.
        variable: String,
        /// What was expected and received.
        why: String,
    },
    /// Neither said nor known by default.
    #[error("--{0} has no default")]
    NoDefault(&'static str),
    /// Where the user's files go is not known.
    #[error("the home folder is unknown; set HOME, or give --state and --config")]
    NoHome,
}

fn suggest(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!("; did you mean '{key}'?")).unwrap_or_default()
}
