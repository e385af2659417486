//! `drizzle completions SHELL`: the completions, for the shell to read.

use crate::args::{CompletionsArgs, definition};
use crate::context::Context;
use crate::exit::{End, Outcome};

pub(super) fn run(context: &mut Context, args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "drizzle", &mut script);
    context.output.raw(&script)?;
    Ok(End::Done)
}
