//! The command line: what may be written, and the words that explain it.
//!
//! Nothing is decided here: an argument that is not given is none, and [`crate::config`] says what counts then.
//! The explanation of a setting stands here once; the config file that `config init` writes repeats it. What each command takes has a
//! file below.

mod choices;
mod everywhere;
mod find;
mod get;
mod local;
mod ring;
mod share;
mod sync;
mod tracker;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::settings::{ALL, TRACKER_TABLE};

pub(crate) use choices::{TrackerChoice, WhomChoice};
pub(crate) use everywhere::EverywhereArgs;
pub(crate) use find::{ListArgs, LocateArgs, SearchArgs};
pub(crate) use get::GetArgs;
pub(crate) use local::{CompletionsArgs, ConfigCommand, DemoArgs, DemoScenario, ManArgs, StatusArgs};
pub(crate) use ring::{RingAskArgs, RingCommand, RingRequestArgs, RingStartArgs, RingStoreArgs, RingThrough};
pub(crate) use share::ShareArgs;
pub(crate) use sync::SyncArgs;
pub(crate) use tracker::TrackerArgs;

const AFTER_HELP: &str = "\
Every option has a twin in the environment and in the config file: --limit-up is DRIZZLE_LIMIT_UP and \
limit-up = \"10M\". What counts is the flag, then the environment, then the file, then the default.

Exit codes: 0 done; 1 failed otherwise; 2 usage, config, a link or invite that cannot be read; 3 not found; \
4 integrity; 5 no source or tracker answers; 6 local disk; 7 refused; 130 interrupted.";

/// Share files and folders, peer to peer, verified and encrypted.
#[derive(Debug, Parser)]
#[command(name = "drizzle", version, after_long_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) everywhere: EverywhereArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a tracker: the place where peers find each other
    ///
    /// Its invite is printed: whoever has it can join. It stays the same when the tracker is started again on the
    /// same data.
    Tracker(TrackerArgs),
    /// Share files and folders until Ctrl-C
    ///
    /// Each one's link is printed, with the line to paste on another machine. Without --tracker a tracker runs beside,
    /// and its invite is in the links: whoever has a link is invited.
    ///
    /// What is shared is watched: when it has changed and come to rest, it is shared as it is then, and its new link is
    /// printed. A folder is one thing with one link, whatever changes in it; files that are named one by one are shared
    /// and taken back one by one.
    Share(ShareArgs),
    /// Fetch what a link or a name stands for
    ///
    /// Ends with 0 only when all of it is there and verified. Started again after an interruption, it goes on from
    /// what is there. What only programs of the classic protocol have is fetched from them by its name, and a note says that
    /// it was neither encrypted nor verified.
    Get(GetArgs),
    /// Keep a folder in step with others, over the classic protocol, until Ctrl-C
    ///
    /// Speaks JSON with a tracker, and fetches files from the peers that it names, which may be other programs. The files right
    /// in the folder take part, and the newest of each name wins. Nothing of it is encrypted or verified, and whoever
    /// reaches the port can read the folder. The sync of whole trees between peers of Drizzle is not built yet.
    Sync(SyncArgs),
    /// List everything that can be fetched
    List(ListArgs),
    /// List what has PATTERN in its name
    Search(SearchArgs),
    /// Show who has a file, and which chunks of it
    Locate(LocateArgs),
    /// Be a member of a ring of peers, which needs no tracker, or speak to one
    ///
    /// A ring keeps files (`store`, `request`), and can stand in the tracker's place: its invite, or ring://HOST:PORT of a
    /// member of an open ring, is a --tracker for share, get, list, search and locate.
    #[command(subcommand)]
    Ring(RingCommand),
    /// Show what runs here and whether the tracker answers
    Status(StatusArgs),
    /// Play a scenario with processes of this program, and show what happens
    ///
    /// Everything runs on this machine, in a folder that is gone afterwards; no setting and no state of yours takes part.
    /// Ends with 0 only when what the scenario is to show was seen.
    Demo(DemoArgs),
    /// Show or start the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual pages
    Man(ManArgs),
}

impl Command {
    /// The command's table of the config file.
    pub(crate) fn table(&self) -> Option<&'static str> {
        match self {
            Self::Tracker(_) => Some(TRACKER_TABLE),
            Self::Share(_) => Some("share"),
            Self::Get(_) => Some("get"),
            Self::Sync(_) => Some("sync"),
            Self::List(_) => Some("list"),
            Self::Search(_) => Some("search"),
            Self::Locate(_) => Some("locate"),
            Self::Ring(_) => Some("ring"),
            Self::Status(_) => Some("status"),
            Self::Demo(_) | Self::Config(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }

    /// Whether there need not even be a place for a config file.
    pub(crate) fn reads_no_config(&self) -> bool {
        matches!(self, Self::Demo(_) | Self::Completions(_) | Self::Man(_))
    }

    /// Whether the command can do its work when the config file is broken or not there.
    pub(crate) fn needs_no_config(&self) -> bool {
        let about_file = matches!(self, Self::Config(ConfigCommand::Path | ConfigCommand::Init));
        about_file || self.reads_no_config()
    }
}

/// The command line as clap sees it, each option with its environment variable in the long help.
pub(crate) fn definition() -> clap::Command {
    name_variables(Arguments::command())
}

fn name_variables(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let setting = ALL.iter().find(|info| is_of(info.key, &arg));
        match (setting, arg.get_long_help().or(arg.get_help()).map(ToString::to_string)) {
            (Some(info), Some(help)) => arg.long_help(format!("{help}\n\n[env: {}]", info.variable())),
            _ => arg,
        }
    });
    command.mut_subcommands(name_variables)
}

/// Whether an option or argument stands for the setting. The ids are those of the fields, with underscores.
fn is_of(key: &str, arg: &clap::Arg) -> bool {
    arg.get_id().as_str().replace('_', "-") == key
}

/// The words that explain a setting, in plain text: those at its flag or argument.
pub(crate) fn explanation(key: &str) -> Option<String> {
    let definition = Arguments::command();
    explained_in(&definition, key)
}

fn explained_in(command: &clap::Command, key: &str) -> Option<String> {
    let argument = command.get_arguments().find(|arg| is_of(key, arg));
    let own = argument.and_then(|arg| Some(arg.get_help()?.to_string()));
    own.or_else(|| command.get_subcommands().find_map(|below| explained_in(below, key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Switch;
    use std::collections::BTreeSet;

    /// Long flags that set nothing lasting.
    const NO_SETTING: [&str; 3] = ["help", "version", "config"];

    #[test]
    fn the_definition_holds_its_own_rules() {
        definition().debug_assert();
    }

    /// Would fail for a flag without a setting, so without a variable and a key, and for a setting without a flag.
    #[test]
    fn every_flag_is_a_setting_and_every_setting_is_explained() {
        let definition = definition();
        let flags: BTreeSet<_> = definition
            .get_subcommands()
            .flat_map(clap::Command::get_subcommands)
            .chain(definition.get_subcommands())
            .chain([&definition])
            .flat_map(clap::Command::get_arguments)
            .filter_map(clap::Arg::get_long)
            .filter(|flag| !NO_SETTING.contains(flag))
            .collect();
        let positional = ["ip", "port"];
        let settings: BTreeSet<_> =
            ALL.iter().map(|info| info.key).filter(|key| !positional.contains(key)).collect();
        assert_eq!(flags, settings);
        assert!(ALL.iter().all(|info| explanation(info.key).is_some()));
    }

    /// A default that is written in an explanation must be the one that counts.
    #[test]
    fn explanations_name_the_true_defaults() {
        for info in ALL {
            let help = explanation(info.key).unwrap();
            let Some((_, said)) = help.split_once("[default: ") else { continue };
            let said = said.trim_end_matches(']').split(',').next().unwrap();
            let described = match said {
                "here" => ".",
                other => other,
            };
            if let Some(default) = info.default {
                assert_eq!(described, default, "{}", info.key);
            }
        }
    }

    /// Would fail for any change to what users read. Written anew with UPDATE=1, for a person to read.
    #[test]
    fn help_is_as_read_by_a_person() {
        let mut definition = definition().term_width(100);
        definition.build();
        let mut help = definition.render_long_help().to_string();
        for command in definition.get_subcommands_mut() {
            help += &format!("\n======== {} ========\n", command.get_name());
            help += &command.clone().term_width(100).render_long_help().to_string();
            let name = command.get_name().to_owned();
            for below in command.get_subcommands_mut().filter(|_| name == "ring") {
                help += &format!("\n======== {name} {} ========\n", below.get_name());
                help += &below.clone().term_width(100).render_long_help().to_string();
            }
        }
        let lines = help.lines().map(str::trim_end).collect::<Vec<_>>();
        crate::golden::check("help.txt", &(lines.join("\n") + "\n"));
    }

    #[test]
    fn switches_take_a_value_only_after_an_equals_sign() {
        let get = |line: &[&str]| match Arguments::try_parse_from(line).unwrap().command {
            Command::Get(get) => (get.seed, get.what),
            _ => unreachable!(),
        };
        assert_eq!(get(&["drizzle", "get", "--seed", "name"]).0, Some(Switch::ON));
        assert_eq!(get(&["drizzle", "get", "--seed=false", "name"]).0, "false".parse().ok());
        assert_eq!(get(&["drizzle", "get", "--seed", "true"]).1, ["true"]);
        assert_eq!(get(&["drizzle", "get", "name"]).0, None);
    }
}
