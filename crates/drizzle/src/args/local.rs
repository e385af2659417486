//! Of the commands about this machine and this program: `status`, `config`, `completions`, `demo`, `man`.

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::choices::TrackerChoice;

/// Of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
}

/// Below `config`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting and where it was said
    Show,
    /// Print the path of the config file
    Path,
    /// Write a config file that explains every setting, all at their defaults
    Init,
}

/// Of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What to play
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: DemoScenario,
}

/// What `demo` can play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoScenario {
    /// Two peers swap files
    Standard,
    /// A source changes its file after registering it, and nobody gets the changed bytes
    Integrity,
    /// Of two holders one is partial, and what it lacks is asked for first
    Rarest,
}

impl DemoScenario {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Integrity => "integrity",
            Self::Rarest => "rarest",
        }
    }
}

/// Of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// One command's page alone [default: all, one after the other]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}
