//! `drizzle ring`: a member of a ring, and the commands that speak to one.
//!
//! A node listens on a socket in its state directory, which only its owner can open (`control`): there `store`, `request`,
//! `status` and `quit` ask it. With `--join` they ask any member instead, as guests.

mod ask;
mod control;
mod start;

use crate::args::RingCommand;
use crate::context::Context;
use crate::exit::Outcome;

pub(super) async fn run(context: &mut Context, command: RingCommand) -> Outcome {
    match command {
        RingCommand::Start(args) => start::run(context, args).await,
        RingCommand::Store(args) => ask::store(context, args).await,
        RingCommand::Request(args) => ask::request(context, args).await,
        RingCommand::Status(args) => ask::status(context, args).await,
        RingCommand::Quit(args) => ask::quit(context, args).await,
    }
}
