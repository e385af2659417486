//! `drizzle list` and `drizzle search PATTERN`: what can be fetched.
//!
//! Pages are shown as they come, so a listing of any length takes no more memory than some of its pages. All networks are asked at
//! once, and shown one after the other, in the order of their keys; one that waits for its turn is read some pages ahead and no further.

use std::time::Duration;

use drizzle_node::{ListingPage, Network, TrackerError};
use drizzle_tracker::{Manner, Search};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::choice::Whom;
use super::session::{Session, Watch, asking};
use super::{choice, nearby};
use crate::args::{ListArgs, SearchArgs};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome, Stop};
use crate::output::Output;
use crate::output::report::Report;

/// How long all networks may take together that nobody named. Whoever is on the local network can announce one, and list without end.
const STRANGERS_MAX: Duration = Duration::from_secs(30);

/// How many pages of a network are read before it is its turn: what fits is shown whatever those before it do. 16,000 files, some
/// megabytes of memory.
const PAGES_AHEAD: usize = 16;

/// What is read of a network.
enum Read {
    Page(ListingPage),
    /// That was all.
    End,
    Failed(TrackerError),
    /// It is not all, but it takes too long.
    CutOff,
}

pub(super) async fn all(context: &mut Context, args: ListArgs) -> Outcome {
    let whom = choice::whom(context, args.whom)?.ok_or_else(choice::none)?;
    show(context, whom, None).await
}

pub(super) async fn matching(context: &mut Context, args: SearchArgs) -> Outcome {
    let is_folded = context.sources.value(&settings::IGNORE_CASE, args.ignore_case)?.is_on();
    let whom = choice::whom(context, args.whom)?.ok_or_else(choice::none)?;
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
    show(context, whom, Some(Search { pattern: args.pattern, manner, is_folded })).await
}

async fn show(context: &mut Context, whom: Whom, search: Option<Search>) -> Outcome {
    let Session { node, mut watch, .. } =
        Session::start("list", asking(context), context.everywhere.verbosity).await?;
    let is_found = matches!(whom, Whom::Nearby(_));
    let reached = watch.until(&mut context.output, nearby::reach(&node, whom)).await;
    let outcome = match reached {
        Ok(Some(Ok(networks))) if is_found => found(&mut context.output, &mut watch, networks, search).await,
        Ok(Some(Ok(networks))) => named(&mut context.output, &mut watch, networks, search).await,
        Ok(Some(Err(failure))) => Err(failure.into()),
        Ok(None) => Ok(End::Told(Kind::Interrupted)),
        Err(stop) => Err(stop),
    };
    node.shutdown().await;
    outcome
}

/// Of a network that somebody named all is shown, however long that takes.
async fn named(
    output: &mut Output,
    watch: &mut Watch,
    networks: Vec<Network>,
    search: Option<Search>,
) -> Outcome {
    let (mut readers, mut is_empty) = (JoinSet::new(), true);
    for network in networks {
        let mut pages = begin(&mut readers, &network, search.clone());
        loop {
            let Some(read) = watch.until(output, next(&mut pages, None)).await? else { return interrupted() };
            match read {
                Read::Page(page) => is_empty &= tell(output, &page)? == 0,
                Read::End => break,
                Read::Failed(error) => return Err(error.into()),
                Read::CutOff => return Err(broke_off().into()),
            }
        }
    }
    conclude(output, is_empty)
}

/// Of networks that were found one that does not answer, or goes on without end, takes nothing from the others.
async fn found(
    output: &mut Output,
    watch: &mut Watch,
    networks: Vec<Network>,
    search: Option<Search>,
) -> Outcome {
    let deadline = Instant::now() + STRANGERS_MAX;
    let (mut readers, mut is_empty, mut ended, mut failure) = (JoinSet::new(), true, 0, None);
    let read: Vec<_> = networks
        .into_iter()
        .map(|network| {
            let pages = begin(&mut readers, &network, search.clone());
            (network, pages)
        })
        .collect();
    for (network, mut pages) in read {
        let mut is_told = false;
        let failed = loop {
            let within = next(&mut pages, Some(deadline));
            let Some(read) = watch.until(output, within).await? else { return interrupted() };
            if !is_told && matches!(read, Read::Page(_) | Read::End) {
                nearby::tell(output, std::slice::from_ref(&network))?;
                is_told = true;
            }
            match read {
                Read::Page(page) => is_empty &= tell(output, &page)? == 0,
                Read::End => break None,
                Read::Failed(error) => break Some(Failure::from(error)),
                Read::CutOff => break Some(endless(&network)),
            }
        };
        match failed {
            None => ended += 1,
            Some(failed) => {
                if let Some(earlier) = failure.replace(failed) {
                    output.warning(&earlier.message);
                }
            }
        }
    }
    match failure {
        Some(failure) if ended == 0 => return Err(failure.into()),
        Some(failure) => output.warning(&failure.message),
        None => {}
    }
    conclude(output, is_empty)
}

fn interrupted() -> Outcome {
    Ok(End::Told(Kind::Interrupted))
}

fn conclude(output: &mut Output, is_empty: bool) -> Outcome {
    if is_empty {
        output.notice("Nothing is registered.");
    }
    Ok(End::Done)
}

/// Begins to read a network's pages. Whoever takes them sets the pace.
fn begin(readers: &mut JoinSet<()>, network: &Network, search: Option<Search>) -> Receiver<Read> {
    let (sender, pages) = mpsc::channel(PAGES_AHEAD);
    let listings = network.listings(search);
    readers.spawn(read(listings, sender));
    pages
}

async fn read(mut listings: drizzle_node::Listings, pages: Sender<Read>) {
    loop {
        let (read, is_last) = match listings.next().await {
            Ok(Some(page)) => (Read::Page(page), false),
            Ok(None) => (Read::End, true),
            Err(error) => (Read::Failed(error), true),
        };
        // Nobody may want more.
        if pages.send(read).await.is_err() || is_last {
            return;
        }
    }
}

/// What comes next. From the deadline on what was read by then is still given out, and no more is read.
async fn next(pages: &mut Receiver<Read>, deadline: Option<Instant>) -> Read {
    let read = match deadline {
        None => pages.recv().await,
        Some(deadline) => {
            if Instant::now() >= deadline {
                pages.close();
            }
            match timeout_at(deadline, pages.recv()).await {
                Ok(read) => read,
                Err(_) => {
                    pages.close();
                    pages.recv().await
                }
            }
        }
    };
    read.unwrap_or(Read::CutOff)
}

/// Shows a page; says how many things there were on it.
fn tell(output: &mut Output, page: &ListingPage) -> Result<usize, Stop> {
    match page {
        ListingPage::Native(files) => {
            for file in files {
                output.report(&Report::file(&file.key, file.mtime, file.peers))?;
            }
            Ok(files.len())
        }
        ListingPage::Classic(files) => {
            for file in files {
                output.report(&Report::ClassicFile(file.into()))?;
            }
            Ok(files.len())
        }
    }
}

fn broke_off() -> Failure {
    Failure::new(Kind::Other, "the listing broke off")
}

fn endless(network: &Network) -> Failure {
    let (id, seconds) = (network.id(), STRANGERS_MAX.as_secs());
    Failure::new(
        Kind::Unreachable,
        format!("the network {id} has not told all of its files within {seconds} s"),
    )
    .hint("search for some of them, or name its tracker with --tracker @FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Read {
        Read::Page(ListingPage::Native(Vec::new()))
    }

    /// The first one lists without end, and has always another page. It is cut off at the deadline, and takes nothing from the one
    /// behind it, which was read meanwhile.
    #[tokio::test]
    async fn who_lists_without_end_is_cut_off_and_takes_nothing_from_others() {
        let (sender, mut endless) = mpsc::channel(PAGES_AHEAD);
        let reading = tokio::spawn(async move { while sender.send(page()).await.is_ok() {} });
        let (sender, mut behind) = mpsc::channel(PAGES_AHEAD);
        for read in [page(), page(), Read::End] {
            sender.send(read).await.unwrap();
        }
        let over = Some(Instant::now());
        let mut pages = 0;
        while let Read::Page(_) = next(&mut endless, over).await {
            pages += 1;
            assert!(pages <= PAGES_AHEAD + 1, "it goes on");
        }
        reading.await.unwrap();
        assert!(matches!(next(&mut behind, over).await, Read::Page(_)));
        assert!(matches!(next(&mut behind, over).await, Read::Page(_)));
        assert!(matches!(next(&mut behind, over).await, Read::End));
    }

    /// One that says nothing at all is waited for until the deadline, and not for ever.
    #[tokio::test]
    async fn who_is_silent_is_cut_off() {
        let (_sender, mut silent) = mpsc::channel(1);
        assert!(matches!(next(&mut silent, Some(Instant::now())).await, Read::CutOff));
    }
}
