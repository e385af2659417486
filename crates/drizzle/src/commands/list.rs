//! `drizzle list` and `drizzle search PATTERN`: what can be fetched.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use drizzle_node::{Listing, Network, Node, TrackerError};
use drizzle_tracker::{Manner, Search};
use tokio::time::timeout;

use super::choice::Whom;
use super::session::{Session, asking};
use super::{choice, nearby};
use crate::args::{ListArgs, SearchArgs};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::report::Report;

/// How long a network may take that nobody named. Whoever is on the local network can announce one, and list without end.
const STRANGERS_MAX: Duration = Duration::from_secs(30);

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

/// What each network has. One of several that does not answer takes nothing from the others, nor does one that was found and
/// goes on without end.
async fn ask_all(
    node: &Node,
    whom: Whom,
    ask: impl AsyncFn(&Network) -> Result<Vec<Listing>, TrackerError>,
) -> Result<Vec<(Network, Vec<Listing>)>, Failure> {
    let patience = if matches!(whom, Whom::Nearby(_)) { STRANGERS_MAX } else { Duration::MAX };
    let networks = nearby::reach(node, whom).await?;
    let answers = together(networks.iter().map(|network| timeout(patience, ask(network)))).await;
    let mut listings = Vec::new();
    let mut failure = None;
    for (network, answer) in networks.into_iter().zip(answers) {
        match answer {
            Ok(Ok(listed)) => listings.push((network, listed)),
            Ok(Err(error)) => failure = Some(Failure::from(error)),
            Err(_) => failure = Some(endless(&network)),
        }
    }
    match failure {
        Some(failure) if listings.is_empty() => Err(failure),
        _ => Ok(listings),
    }
}

/// Waits for all at once; what came of them, in their order.
async fn together<F: Future>(works: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut works: Vec<_> = works.map(Box::pin).collect();
    let mut outputs: Vec<_> = works.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (work, output) in works.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                *output = Some(done);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

fn endless(network: &Network) -> Failure {
    let (id, seconds) = (network.id(), STRANGERS_MAX.as_secs());
    Failure::new(
        Kind::Unreachable,
        format!("the network {id} has not told all of its files within {seconds} s"),
    )
    .hint("search for some of them, or name its tracker with --tracker @FILE")
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use tokio::sync::oneshot;

    /// The first one waits for the last, as one waits for ever that lists without end.
    #[tokio::test]
    async fn nobody_waits_for_who_was_asked_before() {
        let (sender, receiver) = oneshot::channel();
        let first: Pin<Box<dyn Future<Output = i32>>> = Box::pin(async { receiver.await.unwrap() });
        let last = Box::pin(async {
            sender.send(1).unwrap();
            2
        });
        let asked = timeout(Duration::from_secs(30), together([first, last].into_iter())).await;
        assert_eq!(asked.unwrap(), [1, 2]);
    }
}
