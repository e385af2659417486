//! What every command is given: the settings that hold for all of them, the sources of its own, and the output.

use std::path::PathBuf;

use indicatif::MultiProgress;

use crate::args::{Command, EverywhereArgs};
use crate::config::{ConfigError, ConfigFile, Environment, Places, Sources, Switch, settings};
use crate::exit::Failure;
use crate::logging::{self, Detail};
use crate::output::{Form, Output, Volume};

/// What a command is given.
pub(crate) struct Context {
    /// The settings of every command.
    pub(crate) everywhere: Everywhere,
    /// Where the command's own settings come from.
    pub(crate) sources: Sources,
    /// The program's voice.
    pub(crate) output: Output,
}

/// The settings of every command, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Everywhere {
    /// Where keys, known hashes and what runs are kept.
    pub(crate) state_dir: PathBuf,
    /// How often `-v` was said.
    pub(crate) verbosity: u8,
    /// The most to send, in bytes a second.
    pub(crate) limit_up: Option<u64>,
    /// The most to receive, in bytes a second.
    pub(crate) limit_down: Option<u64>,
    /// The most to send to one peer, in bytes a second.
    pub(crate) peer_limit_up: Option<u64>,
    /// The most to receive from one peer, in bytes a second.
    pub(crate) peer_limit_down: Option<u64>,
}

impl Context {
    /// Reads the environment and the config file, resolves, and starts the log.
    pub(crate) fn new(
        args: EverywhereArgs,
        command: &Command,
        environment: Environment,
    ) -> Result<Self, Failure> {
        let places = Places::find();
        let file = config_file(&args, command, &environment, &places)?;
        let sources = Sources::new(command.table(), environment, file);
        let (form, volume) = (form(&args, &sources)?, volume(&args, &sources)?);
        let verbosity = sources.value(&settings::VERBOSE, args.verbosity())?;
        let screen = MultiProgress::new();
        logging::start(&detail(&args, &sources, verbosity)?, screen.clone())?;
        let mut output = Output::new(form, volume, screen);
        warn_of_exposed_secret(sources.file(), &mut output);
        let state_dir = match sources.given(&settings::STATE, args.state)? {
            Some(dir) => dir,
            // A command that reads no settings keeps no state either.
            None if command.needs_no_config() => PathBuf::new(),
            None => places?.state_dir,
        };
        let limit_up = sources.value(&settings::LIMIT_UP, args.limit_up)?.bytes_per_second();
        let limit_down = sources.value(&settings::LIMIT_DOWN, args.limit_down)?.bytes_per_second();
        let peer_limit_up = sources.value(&settings::PEER_LIMIT_UP, args.peer_limit_up)?.bytes_per_second();
        let peer_limit_down =
            sources.value(&settings::PEER_LIMIT_DOWN, args.peer_limit_down)?.bytes_per_second();
        let everywhere =
            Everywhere { state_dir, verbosity, limit_up, limit_down, peer_limit_up, peer_limit_down };
        Ok(Self { everywhere, sources, output })
    }
}

/// The output for a failure that comes before there is a context.
pub(crate) fn early_output(is_json: bool) -> Output {
    Output::new(if is_json { Form::Json } else { Form::Plain }, Volume::Normal, MultiProgress::new())
}

fn config_file(
    args: &EverywhereArgs,
    command: &Command,
    environment: &Environment,
    places: &Result<Places, ConfigError>,
) -> Result<ConfigFile, ConfigError> {
    let named = args.config.clone().or_else(|| environment.value("DRIZZLE_CONFIG").map(PathBuf::from));
    let default =
        || places.as_ref().map(|places| places.config_file.clone()).map_err(|_| ConfigError::NoHome);
    let home = places.as_ref().ok().map(|places| places.home.clone());
    match (command, named) {
        (command, _) if command.reads_no_config() => Ok(ConfigFile::unread(PathBuf::new())),
        (_, Some(path)) if command.needs_no_config() => Ok(ConfigFile::unread(path)),
        (_, None) if command.needs_no_config() => Ok(ConfigFile::unread(default()?)),
        (_, Some(path)) => ConfigFile::read(path, home),
        (_, None) => ConfigFile::read_if_there(default()?, home),
    }
}

fn form(args: &EverywhereArgs, sources: &Sources) -> Result<Form, ConfigError> {
    let is_json = sources.value(&settings::JSON, args.json)?.is_on();
    Ok(if is_json { Form::Json } else { Form::Plain })
}

fn volume(args: &EverywhereArgs, sources: &Sources) -> Result<Volume, ConfigError> {
    let is_quiet = sources.value(&settings::QUIET, args.quiet)?.is_on();
    let hides_progress = sources.value(&settings::NO_PROGRESS, args.no_progress)?.is_on();
    Ok(match (is_quiet, hides_progress) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::NoProgress,
        (false, false) => Volume::Normal,
    })
}

fn detail(args: &EverywhereArgs, sources: &Sources, verbosity: u8) -> Result<Detail, ConfigError> {
    let filter = sources.given(&settings::LOG, args.log.clone())?;
    let is_quiet = sources.value(&settings::QUIET, args.quiet)?.is_on();
    Ok(match filter {
        Some(filter) => Detail::Filter(filter),
        None if is_quiet => Detail::Quiet,
        None => Detail::Verbosity(verbosity),
    })
}

fn warn_of_exposed_secret(file: &ConfigFile, output: &mut Output) {
    if file.exposes_secret() {
        let path = file.path().display();
        output.warning(&format!("{path} holds a secret and others can read it; run: chmod 600 {path}"));
    }
}

/// Whether a command line that cannot be read asks for JSON.
pub(crate) fn asks_for_json(
    words: impl Iterator<Item = std::ffi::OsString>,
    environment: &Environment,
) -> bool {
    let is_on = |text: &str| text.parse().is_ok_and(Switch::is_on);
    let said = words.take_while(|word| word != "--").filter_map(|word| match word.to_str()? {
        "--json" => Some(true),
        word => word.strip_prefix("--json=").map(is_on),
    });
    let by_variable =
        || environment.value("DRIZZLE_JSON").and_then(|value| value.to_str()).is_some_and(is_on);
    said.last().unwrap_or_else(by_variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_answered_with_json_even_when_the_rest_cannot_be_read() {
        let asks = |words: &[&str], variable: &str| {
            let environment = Environment::new([("DRIZZLE_JSON".to_owned(), variable.into())]);
            asks_for_json(words.iter().map(Into::into), &environment)
        };
        assert!(asks(&["drizzle", "--json", "gett"], ""));
        assert!(asks(&["drizzle", "gett", "--json=yes"], "0"));
        assert!(asks(&["drizzle", "gett"], "1"));
        assert!(!asks(&["drizzle", "--json=false", "gett"], "1"));
        assert!(!asks(&["drizzle", "get", "--", "--json"], ""));
    }
}
