//! `drizzle status`: what runs here, and whether the tracker answers.

use std::time::Duration;

use drizzle_model::{Invite, NetworkId};
use drizzle_net::Identity;
use drizzle_node::{ListingPage, Node, TrackerError};
use tokio::time::timeout;

use super::choice;
use super::session::{Session, asking};
use crate::args::StatusArgs;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::report::{PathText, ProcessFields, Report, StatusFields, TrackerFields};
use crate::running::{self, Process};

/// A tracker that takes longer than this counts as not answering: a person waits for the whole of the status.
const TRACKER_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn run(context: &mut Context, args: StatusArgs) -> Outcome {
    let invite = choice::set(context, args.tracker)?;
    let state_dir = context.everywhere.state_dir.clone();
    let processes = running::list(&state_dir).map_err(|error| Failure::at_path(&state_dir, &error))?;
    let (identity, tracker) = match invite {
        None => (Identity::claim(&state_dir).ok().map(|identity| identity.id().to_string()), None),
        Some(invite) => {
            let Some((identity, tracker)) = ask(context, invite).await? else {
                return Ok(End::Told(Kind::Interrupted));
            };
            (Some(identity), Some(tracker))
        }
    };
    context.output.report(&Report::Status(StatusFields {
        version: env!("CARGO_PKG_VERSION"),
        state: PathText::from(state_dir),
        config: PathText::from(context.sources.file().path().to_owned()),
        identity,
        processes: processes.into_iter().map(fields).collect(),
        tracker,
    }))?;
    Ok(End::Done)
}

/// The own key and what is known of the tracker; none when somebody asks for the end.
async fn ask(
    context: &mut Context,
    invite: Invite,
) -> Result<Option<(String, TrackerFields)>, crate::exit::Stop> {
    let Session { node, mut watch, .. } =
        Session::start("status", asking(context), context.everywhere.verbosity).await?;
    let identity = node.peer().to_string();
    let tracker = watch.until(&mut context.output, tracker_fields(&node, invite)).await;
    node.shutdown().await;
    Ok(tracker?.map(|tracker| (identity, tracker)))
}

async fn tracker_fields(node: &Node, invite: Invite) -> TrackerFields {
    let addresses = invite.addresses.iter().map(ToString::to_string).collect();
    let named = invite.network;
    let asked = timeout(TRACKER_TIMEOUT, count(node, invite)).await;
    let (known, error) = match asked {
        Ok(Ok(known)) => (Some(known), None),
        Ok(Err(error)) => (None, Some(error.to_string())),
        Err(_) => (None, Some(format!("no answer for {} s", TRACKER_TIMEOUT.as_secs()))),
    };
    // Of an open ring that is named by an address alone the network is known only now.
    let network = known.map_or(named, |(network, _)| network).to_string();
    let files = known.map(|(_, files)| files);
    TrackerFields { addresses, network, answers: known.is_some(), files, peers: None, error }
}

async fn count(node: &Node, invite: Invite) -> Result<(NetworkId, u64), TrackerError> {
    let network = node.join(invite).await?;
    let (mut listings, mut files) = (network.listings(None), 0);
    while let Some(page) = listings.next().await? {
        files += match page {
            ListingPage::Native(page) => page.len() as u64,
            ListingPage::Classic(page) => page.len() as u64,
        };
    }
    Ok((network.id(), files))
}

fn fields(process: Process) -> ProcessFields {
    let Process { pid, role, started, listen, peer, names } = process;
    ProcessFields { pid, role, started, listen, peer, names }
}
