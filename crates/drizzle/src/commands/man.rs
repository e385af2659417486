//! `drizzle man [COMMAND]`: the manual pages, as `man -l -` reads them.

use clap_mangen::Man;

use crate::args::{ManArgs, definition};
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};

pub(super) fn run(context: &mut Context, args: &ManArgs) -> Outcome {
    let pages = pages();
    let wanted = args.command.as_ref().map(|command| format!("drizzle-{command}"));
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    let wanted: Vec<_> = pages.into_iter().filter(|(name, _)| is_wanted(name)).collect();
    if wanted.is_empty() {
        let name = args.command.as_deref().unwrap_or_default();
        return Err(Failure::new(Kind::Usage, format!("there is no command '{name}'")).into());
    }
    for (_, page) in wanted {
        let mut text = Vec::new();
        Man::new(page).render(&mut text)?;
        context.output.raw(&text)?;
    }
    Ok(End::Done)
}

/// The page of the whole, then those of the commands and of what is below them, by name.
fn pages() -> Vec<(String, clap::Command)> {
    let mut whole = definition();
    whole.build();
    let mut pages = Vec::new();
    collect(&whole, "drizzle", &mut pages);
    pages
}

fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, clap::Command)>) {
    pages.push((name.to_owned(), command.clone().display_name(name.to_owned())));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, &format!("{name}-{}", below.get_name()), pages);
    }
}
