//! The drizzle program: reads what is asked, does it, and says how it ended.
//!
//! The order of every run: arguments, settings, log, output, command, exit code. Each has its module; the commands
//! have one each under [`commands`].

mod args;
mod commands;
mod config;
mod context;
mod descriptors;
mod exit;
#[cfg(test)]
mod golden;
mod logging;
mod output;
mod running;
mod secret_file;
mod signals;

use std::process::ExitCode;

use clap::FromArgMatches;

use args::Arguments;
use config::Environment;
use context::Context;
use exit::{End, Failure, Kind, Stop};
use output::Output;

fn main() -> ExitCode {
    let environment = Environment::of_process();
    let arguments = args::definition()
        .try_get_matches()
        .and_then(|matches| Arguments::from_arg_matches(&matches))
        .map_err(|error| error.format(&mut args::definition()));
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(not_understood(&error, &environment)),
    };
    let is_json = context::asks_for_json(std::env::args_os(), &environment);
    let context = Context::new(arguments.everywhere.clone(), &arguments.command, environment);
    descriptors::raise_limit();
    let code = match context {
        Ok(mut context) => {
            let outcome = commands::run(&mut context, arguments);
            code(outcome, &mut context.output)
        }
        Err(failure) => tell(&failure, &mut context::early_output(is_json)),
    };
    ExitCode::from(code)
}

/// Help and version are asked for; everything else is an error.
fn not_understood(error: &clap::Error, environment: &Environment) -> u8 {
    let _ = error.print();
    if error.use_stderr() && context::asks_for_json(std::env::args_os(), environment) {
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let _ = context::early_output(true).event_of_error(Kind::Usage.as_str(), message, None);
    }
    if error.use_stderr() { Kind::Usage.code() } else { 0 }
}

fn code(outcome: exit::Outcome, output: &mut Output) -> u8 {
    match outcome {
        Ok(End::Done) => 0,
        Ok(End::Told(kind)) => kind.code(),
        Err(Stop::OutputClosed) => 0,
        Err(Stop::Failed(failure)) => tell(&failure, output),
    }
}

fn tell(failure: &Failure, output: &mut Output) -> u8 {
    // When nobody reads the output any more, the exit code still tells.
    let _ = output.error(failure.kind.as_str(), &failure.message, failure.hint.as_deref());
    failure.kind.code()
}
