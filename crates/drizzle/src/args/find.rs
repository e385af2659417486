//! Of `list`, `search` and `locate`: what there is, and who has it.

use clap::Args;

use super::choices::WhomChoice;
use crate::config::Switch;

/// Of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) whom: WhomChoice,
}

/// Of `search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Part of a name, or what --glob or --prefix makes of it
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: String,
    /// Take PATTERN for a glob of the whole name: * any characters, ? one, [a-z] and [!a-z] one of a set or none of it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "prefix")]
    pub(crate) glob: Option<Switch>,
    /// Take PATTERN for the beginning of the name
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) prefix: Option<Switch>,
    /// Take upper and lower case for the same
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) ignore_case: Option<Switch>,
    #[command(flatten)]
    pub(crate) whom: WhomChoice,
}

/// Of `locate`.
#[derive(Debug, Args)]
pub(crate) struct LocateArgs {
    /// A name, or a link
    #[arg(value_name = "NAME|LINK")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) whom: WhomChoice,
}
