//! `drizzle list` and `drizzle search PATTERN`: what can be fetched.

use drizzle_node::{Listing, Network, TrackerError};
use drizzle_tracker::Search;

use super::choice;
use super::session::{Session, asking};
use crate::args::{ListArgs, SearchArgs, TrackerChoice};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Kind, Outcome};
use crate::output::report::Report;

pub(super) async fn all(context: &mut Context, args: ListArgs) -> Outcome {
    show(context, args.tracker, async |network| network.list().await).await
}

pub(super) async fn matching(context: &mut Context, args: SearchArgs) -> Outcome {
    let is_folded = context.sources.value(&settings::IGNORE_CASE, args.ignore_case)?.is_on();
    let search = Search { pattern: args.pattern, is_folded };
    show(context, args.tracker, async |network| network.search(&search).await).await
}

async fn show(
    context: &mut Context,
    choice: TrackerChoice,
    ask: impl AsyncFnOnce(Network) -> Result<Vec<Listing>, TrackerError>,
) -> Outcome {
    let invite = choice::required(context, choice)?;
    let Session { node, mut watch, .. } =
        Session::start("list", asking(context), context.everywhere.verbosity).await?;
    let found = watch.until(&mut context.output, async { ask(node.join(invite).await?).await }).await;
    let outcome = match found {
        Ok(Some(found)) => found.map_err(Into::into).and_then(|listings| tell(context, &listings)),
        Ok(None) => Ok(End::Told(Kind::Interrupted)),
        Err(stop) => Err(stop),
    };
    node.shutdown().await;
    outcome
}

fn tell(context: &mut Context, listings: &[Listing]) -> Outcome {
    for listing in listings {
        context.output.report(&Report::file(&listing.key, listing.mtime, listing.peers))?;
    }
    if listings.is_empty() {
        context.output.notice("Nothing is registered.");
    }
    Ok(End::Done)
}
