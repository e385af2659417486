//! What can be said with every command.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::config::{Rate, Switch};

/// What can be said with every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct EverywhereArgs {
    /// Where keys, known hashes and what runs are kept [default: the XDG state directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Which config file to read [default: the XDG config directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) json: Option<Switch>,
    /// Say more: what goes on, chunks as they come; twice for details, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) quiet: Option<Switch>,
    /// What to log to stderr, by source and level, in place of what -v gives
    ///
    /// Sources are drizzle::tracker (what is said to the tracker), drizzle::serve (what is served to peers) and
    /// drizzle::fetch (what is fetched from peers); levels are error, warn, info, debug and trace. So
    /// --log drizzle::serve=debug shows serving alone, and --log warn,drizzle::tracker=info,drizzle::fetch=trace the
    /// other two side by side.
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Show no progress
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_progress: Option<Switch>,
    /// Send at most so many bytes a second in all: 10M, 1.5MiB, 250000, unlimited
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) limit_up: Option<Rate>,
    /// Receive at most so many bytes a second in all
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) limit_down: Option<Rate>,
    /// Send at most so many bytes a second to any one peer
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) peer_limit_up: Option<Rate>,
    /// Receive at most so many bytes a second from any one peer
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) peer_limit_down: Option<Rate>,
}

impl EverywhereArgs {
    /// The settings given here and their texts, for showing them.
    pub(crate) fn given(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        [
            ("state", path(&self.state)),
            ("json", self.json.map(|json| json.to_string())),
            ("verbose", self.verbosity().map(|level| level.to_string())),
            ("quiet", self.quiet.map(|quiet| quiet.to_string())),
            ("log", self.log.clone()),
            ("no-progress", self.no_progress.map(|hidden| hidden.to_string())),
            ("limit-up", self.limit_up.map(|rate| rate.to_string())),
            ("limit-down", self.limit_down.map(|rate| rate.to_string())),
            ("peer-limit-up", self.peer_limit_up.map(|rate| rate.to_string())),
            ("peer-limit-down", self.peer_limit_down.map(|rate| rate.to_string())),
        ]
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)))
        .collect()
    }

    /// How often `-v` was given; none when it was not.
    pub(crate) fn verbosity(&self) -> Option<u8> {
        (self.verbose > 0).then_some(self.verbose)
    }
}
