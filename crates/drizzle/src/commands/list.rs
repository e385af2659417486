//! `drizzle list` and `drizzle search PATTERN`: what can be fetched.

use drizzle_node::{Listing, Network, Node, TrackerError};
use drizzle_tracker::{Manner, Search};

use super::choice::Whom;
use super::session::{Session, asking};
use super::{choice, nearby};
use crate::args::{ListArgs, SearchArgs};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::report::Report;

pub(super) async fn all(context: &mut Context, args: ListArgs) -> Outcome {
    let whom = choice::whom(context, args.tracker, &args.nearby)?.ok_or_else(choice::none)?;
    show(context, whom, async |network| network.list().await).await
}

pub(super) async fn matching(context: &mut Context, args: SearchArgs) -> Outcome {
    let is_folded = context.sources.value(&settings::IGNORE_CASE, args.ignore_case)?.is_on();
    let whom = choice::whom(context, args.tracker, &args.nearby)?.ok_or_else(choice::none)?;
    let is_glob = context.sources.value(&settings::GLOB, args.glob)?.is_on();
    let is_prefix = context.sources.value(&settings::PREFIX, args.prefix)?.is_on();
    let manner = match (is_glob, is_prefix) {
        (false, false) => Manner::Substring,
        (false, true) => Manner::Prefix,
        (true, false) => Manner::Glob,
        (true, true) => {
            return Err(Failure::new(Kind::Usage, "expected glob or prefix, received both").into());
        }
    };
    let search = Search { pattern: args.pattern, manner, is_folded };
    show(context, whom, async |network| network.search(&search).await).await
}

async fn show(
    context: &mut Context,
    whom: Whom,
    ask: impl AsyncFn(&Network) -> Result<Vec<Listing>, TrackerError>,
) -> Outcome {
    let Session { node, mut watch, .. } =
        Session::start("list", asking(context), context.everywhere.verbosity).await?;
    let is_found = matches!(whom, Whom::Nearby(_));
    let found = watch.until(&mut context.output, ask_all(&node, whom, ask)).await;
    let outcome = match found {
        Ok(Some(Ok(listings))) => tell(context, listings, is_found),
        Ok(Some(Err(failure))) => Err(failure.into()),
        Ok(None) => Ok(End::Told(Kind::Interrupted)),
        Err(stop) => Err(stop),
    };
    node.shutdown().await;
    outcome
}

/// What each network has. One of several that does not answer takes nothing from the others.
async fn ask_all(
    node: &Node,
    whom: Whom,
    ask: impl AsyncFn(&Network) -> Result<Vec<Listing>, TrackerError>,
) -> Result<Vec<(Network, Vec<Listing>)>, Failure> {
    let mut listings = Vec::new();
    let mut failure = None;
    for network in nearby::reach(node, whom).await? {
        match ask(&network).await {
            Ok(listed) => listings.push((network, listed)),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if listings.is_empty() => Err(error.into()),
        _ => Ok(listings),
    }
}

fn tell(context: &mut Context, listings: Vec<(Network, Vec<Listing>)>, is_found: bool) -> Outcome {
    let is_empty = listings.iter().all(|(_, listed)| listed.is_empty());
    for (network, listed) in listings {
        if is_found {
            nearby::tell(&mut context.output, std::slice::from_ref(&network))?;
        }
        for listing in listed {
            context.output.report(&Report::file(&listing.key, listing.mtime, listing.peers))?;
        }
    }
    if is_empty {
        context.output.notice("Nothing is registered.");
    }
    Ok(End::Done)
}
