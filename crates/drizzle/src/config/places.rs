//! Where this user's files are when nothing else is said: the XDG base directories.

use std::path::PathBuf;

use etcetera::base_strategy::{BaseStrategy, Xdg};

use super::error::ConfigError;

/// The default places.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The config file.
    pub(crate) config_file: PathBuf,
    /// Keys, known hashes, what runs.
    pub(crate) state_dir: PathBuf,
    /// The user's home.
    pub(crate) home: PathBuf,
}

impl Places {
    /// Finds them from the environment.
    pub(crate) fn find() -> Result<Self, ConfigError> {
        let xdg = Xdg::new().map_err(|_| ConfigError::NoHome)?;
        let state_dir = xdg.state_dir().ok_or(ConfigError::NoHome)?.join("drizzle");
        Ok(Self {
            config_file: xdg.config_dir().join("drizzle").join("config.toml"),
            state_dir,
            home: xdg.home_dir().to_owned(),
        })
    }
}
