//! The commands, a file for each, and what several of them share: a running peer ([`session`]), and which tracker to
//! ask ([`choice`]).

mod asked;
mod choice;
mod completions;
mod config;
mod demo;
mod get;
mod list;
mod locate;
mod man;
mod nearby;
mod ring;
mod session;
mod share;
mod shared;
mod status;
mod sync;
mod together;
mod tracker;

use crate::args::{Arguments, Command};
use crate::context::Context;
use crate::exit::{Failure, Kind, Outcome};

/// Does what is asked.
pub(crate) fn run(context: &mut Context, arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Tracker(args) => wait_for(tracker::run(context, args)),
        Command::Share(args) => wait_for(share::run(context, args)),
        Command::Get(args) => wait_for(get::run(context, args)),
        Command::Sync(args) => wait_for(sync::run(context, args)),
        Command::List(args) => wait_for(list::all(context, args)),
        Command::Search(args) => wait_for(list::matching(context, args)),
        Command::Locate(args) => wait_for(locate::run(context, args)),
        Command::Ring(command) => wait_for(ring::run(context, command)),
        Command::Status(args) => wait_for(status::run(context, args)),
        Command::Demo(args) => wait_for(demo::run(context, args)),
        Command::Config(command) => config::run(context, command, &arguments.everywhere),
        Command::Completions(args) => completions::run(context, &args),
        Command::Man(args) => man::run(context, &args),
    }
}

fn wait_for(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Kind::Other, format!("no threads can be had: {error}")))?;
    let outcome = runtime.block_on(command);
    // What still reads or hashes on other threads is no reason to stay.
    runtime.shutdown_background();
    outcome
}
