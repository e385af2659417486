//! The command line: what may be written, and the words that explain it.
//!
//! Nothing is decided here: an argument that is not given is none, and [`crate::config`] says what counts then.
//! The explanation of a setting stands here once; the config file that `config init` writes repeats it.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use drizzle_model::RelPath;

use crate::config::settings::{ALL, TRACKER_TABLE};
use crate::config::{InviteText, Rate, Seconds, Size, Switch, parse_name};

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
    /// what is there.
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

/// Which tracker to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrackerChoice {
    /// The tracker's invite, or a file that holds it
    ///
    /// An invite is a secret: as @FILE, in DRIZZLE_TRACKER or in the config file it stays out of the list of
    /// processes.
    #[arg(long, value_name = "INVITE|@FILE")]
    pub(crate) tracker: Option<InviteText>,
}

/// What to do where no tracker is named.
#[derive(Debug, Clone, Args)]
pub(crate) struct NearbyChoice {
    /// Find open trackers on the local network where none is named, and let them be found there [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery: Option<Switch>,
    /// Look for trackers on the local network so long at most [default: 2]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) discovery_wait: Option<Seconds>,
}

/// Of `tracker`.
#[derive(Debug, Args)]
pub(crate) struct TrackerArgs {
    /// The address to listen on [default: 0.0.0.0]
    #[arg(value_name = "IP")]
    pub(crate) ip: Option<IpAddr>,
    /// The port to listen on; 0 for any free one [default: 7440]
    #[arg(value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Where the tracker keeps its key and what it knows [default: tracker in the state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Write the invite to this file, readable by its owner only
    #[arg(long, value_name = "PATH")]
    pub(crate) invite_file: Option<PathBuf>,
    /// Let everyone join, with or without the invite's secret
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open: Option<Switch>,
    /// Find open trackers on the local network where none is named, and let them be found there [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery: Option<Switch>,
    /// Speak the classic JSON protocol as well, on the same port
    ///
    /// Its peers need no invite. So without --open this is taken on a loopback address only.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) classic: Option<Switch>,
    /// Answer plain HTTP under any name, for a proxy on this machine
    ///
    /// Plain HTTP is answered to callers of this machine only, and only questions, never changes; without this also under the names of
    /// this machine only, so that no web page can ask. A closed network wants the join secret of its invite as bearer token, which
    /// the proxy must pass on. In an open network whoever reaches the proxy may ask what there is.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) behind_proxy: Option<Switch>,
}

/// Of `share`.
#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// Files or folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) listen: ListenChoice,
    /// The name to share under, instead of the last part of the path; for one PATH only
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Option<RelPath>,
    /// Without --tracker: let everyone join the tracker that runs beside, not only who has a link
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open: Option<Switch>,
    /// Find open trackers on the local network where none is named, and let them be found there [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discovery: Option<Switch>,
    /// Share anew what changes; without it what changed is no longer served [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) watch: Option<Switch>,
    /// Look for changes so often even where the system reports none [default: 60]
    ///
    /// It does not report what other machines write to a network file system, nor anything beyond its limits.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) rescan: Option<Seconds>,
}

/// Where to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenChoice {
    /// Where this peer serves [default: 0.0.0.0:7441, then any free port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Of `get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Links, or names that the tracker knows; @FILE for a file with one on each line, - for standard input
    ///
    /// A link that holds an invite is a secret. Given in a file or through standard input it stays out of the list of
    /// processes.
    #[arg(required = true, value_name = "LINK|NAME")]
    pub(crate) what: Vec<String>,
    /// Where to put it [default: here]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) nearby: NearbyChoice,
    #[command(flatten)]
    pub(crate) listen: ListenChoice,
    /// Keep serving it afterwards, until Ctrl-C
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) seed: Option<Switch>,
    /// Exchange one content with at most so many peers at once [default: 40]
    #[arg(long, value_name = "N")]
    pub(crate) max_peers: Option<NonZeroUsize>,
    /// Have at most so many chunks under way from one peer [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) max_requests: Option<NonZeroUsize>,
    /// Ask so often who else has it [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) refresh: Option<Seconds>,
    /// Give up after so long without any source [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) patience: Option<Seconds>,
    /// Where to keep what is not finished [default: .drizzle/partial in the output directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) partial_dir: Option<PathBuf>,
    /// Refuse a folder with names that differ only in case
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) refuse_case_clashes: Option<Switch>,
}

/// Of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The address and port of a tracker that speaks the classic protocol
    #[arg(id = "classic-tracker", long = "classic", num_args = 2, value_names = ["IP", "PORT"])]
    pub(crate) classic: Vec<String>,
    /// Where the folder is served [default: the address that the tracker sees, at 7441 or any free port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) nearby: NearbyChoice,
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
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) nearby: NearbyChoice,
}

/// Of `locate`.
#[derive(Debug, Args)]
pub(crate) struct LocateArgs {
    /// A name, or a link
    #[arg(value_name = "NAME|LINK")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) tracker: TrackerChoice,
    #[command(flatten)]
    pub(crate) nearby: NearbyChoice,
}

/// Below `ring`.
#[derive(Debug, Subcommand)]
pub(crate) enum RingCommand {
    /// Be a member of a ring, until Ctrl-C; the first member makes the ring
    ///
    /// Its invite is printed. Others join through any member. Who leaves hands on what it keeps; who dies is found by its
    /// missed pings, and what it kept is copied again from those who have it.
    Start(RingStartArgs),
    /// Have the ring keep a file: at the closest successor of its key, and at the peers behind that one
    Store(RingStoreArgs),
    /// Fetch a file that the ring keeps, and show the way of the question
    Request(RingRequestArgs),
    /// Show who is near a member, and what it keeps
    Status(RingAskArgs),
    /// Let the member of this --state leave
    Quit(RingAskArgs),
}

/// Through whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct RingThrough {
    /// A member: the ring's invite, or a file that holds it; of an open ring HOST:PORT is enough
    ///
    /// `start` joins through it; without it a new ring begins. The others ask it; without it they ask the node that runs on
    /// this --state.
    #[arg(long, value_name = "INVITE|@FILE|HOST:PORT")]
    pub(crate) join: Option<InviteText>,
}

/// Of `ring start`.
#[derive(Debug, Args)]
pub(crate) struct RingStartArgs {
    #[command(flatten)]
    pub(crate) join: RingThrough,
    #[command(flatten)]
    pub(crate) listen: ListenChoice,
    /// Let everyone join, with or without the invite's secret
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open: Option<Switch>,
    /// This peer's number in a small ring [default: the hash of its key]
    #[arg(long, value_name = "N")]
    pub(crate) id: Option<u64>,
    /// The bits of a small ring's numbers, 1 to 64: with 8 they go from 0 to 255
    #[arg(long, value_name = "B")]
    pub(crate) bits: Option<u16>,
    /// Ping the neighbours so often [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) ping: Option<Seconds>,
    /// Know so many successors, 2 to 64 [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) successors: Option<NonZeroUsize>,
    /// Keep each file and record at so many peers, 1 to 16 [default: 3]
    #[arg(long, value_name = "R")]
    pub(crate) replicas: Option<NonZeroUsize>,
    /// Keep so many bytes of files for others at the most, as 64GiB or 500M; 0: none [default: 64GiB]
    ///
    /// No single peer gets more than a quarter of it.
    #[arg(long, value_name = "SIZE")]
    pub(crate) quota: Option<Size>,
}

/// Of `ring store`.
#[derive(Debug, Args)]
pub(crate) struct RingStoreArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) through: RingThrough,
    /// The name to store it under, instead of the last part of the path
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Option<RelPath>,
}

/// Of `ring request`.
#[derive(Debug, Args)]
pub(crate) struct RingRequestArgs {
    /// The name of the file; in a small ring a number, whose key is the number modulo the ring's size
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to put it [default: here]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) through: RingThrough,
}

/// Of `ring status` and `ring quit`.
#[derive(Debug, Args)]
pub(crate) struct RingAskArgs {
    #[command(flatten)]
    pub(crate) through: RingThrough,
}

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
