//! `drizzle share PATH...`: serves files and folders until somebody asks for the end.

use std::path::{Path, PathBuf};

use drizzle_model::{Invite, RelPath};
use drizzle_node::{Network, Settings, SharedItem};
use drizzle_tracker::Admission;

use super::session::{Session, listen, node_settings};
use super::{choice, nearby, shared};
use crate::args::ShareArgs;
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome, Stop};
use crate::output::Output;
use crate::output::report::Report;

/// What is to be shared, and where.
struct Plan {
    paths: Vec<PathBuf>,
    name: Option<RelPath>,
    tracker: Option<Invite>,
    node: Settings,
    is_announced: bool,
}

pub(super) async fn run(context: &mut Context, args: ShareArgs) -> Outcome {
    let Plan { paths, name, tracker, node, is_announced } = plan(context, args)?;
    let mut session = Session::start("share", node, context.everywhere.verbosity).await?;
    let invite = tracker.or_else(|| session.node.own_invite().cloned()).ok_or_else(choice::none)?;
    // It is this peer's own tracker that is announced, whatever it shares through.
    let announce = |own| nearby::announce(is_announced, own, session.node.listen_addr());
    let nearby = session.node.own_invite().and_then(announce);
    let served = serve(&mut context.output, &mut session, invite, paths, name).await;
    if let Some(nearby) = nearby {
        nearby.end().await;
    }
    session.close().await;
    served.map(|()| End::Done)
}

fn plan(context: &Context, args: ShareArgs) -> Result<Plan, Failure> {
    let sources = &context.sources;
    args.paths.iter().try_for_each(|path| check(path))?;
    let name = sources.given(&settings::NAME, args.name)?;
    if name.is_some() && args.paths.len() > 1 {
        let message = format!("a name is for one path, received {}", args.paths.len());
        return Err(Failure::new(Kind::Usage, message).hint("share each in a command of its own"));
    }
    let tracker = choice::set(context, args.tracker)?;
    let admission =
        if sources.value(&settings::OPEN, args.open)?.is_on() { Admission::Open } else { Admission::Invited };
    let is_watched = sources.value(&settings::WATCH, args.watch)?.is_on();
    let rescan = sources.value(&settings::RESCAN, args.rescan)?.duration();
    let node = Settings {
        rescan: is_watched.then_some(rescan),
        listen: listen(sources.given(&settings::LISTEN, args.listen.listen)?),
        embedded_tracker: tracker.is_none().then_some(admission),
        ..node_settings(&context.everywhere)
    };
    let is_announced = sources.value(&settings::DISCOVERY, args.discovery.discovery)?.is_on();
    Ok(Plan { paths: args.paths, name, tracker, node, is_announced })
}

/// A path that is not there is told before anything starts.
fn check(path: &Path) -> Result<(), Failure> {
    path.symlink_metadata().map(drop).map_err(|error| Failure::at_path(path, &error))
}

async fn serve(
    output: &mut Output,
    session: &mut Session,
    invite: Invite,
    paths: Vec<PathBuf>,
    name: Option<RelPath>,
) -> Result<(), Stop> {
    let Some(network) = session.watch.until(output, session.node.join(invite)).await? else { return Ok(()) };
    let network = network?;
    output.report(&Report::Ready {
        role: "share",
        listen: session.node.listen_addr().to_string(),
        peer: session.node.peer().to_string(),
        invite: session.node.own_invite().map(ToString::to_string),
    })?;
    for path in paths {
        let Some(item) = share(output, session, &network, path, name.clone()).await? else { return Ok(()) };
        shared::tell_first(output, &item)?;
        if let Some(announcement) = &mut session.announcement {
            let told = announcement.add_name(item.key.name.as_str());
            let _ = told.inspect_err(|error| tracing::debug!(%error, "status will not know of this name"));
        }
    }
    session.watch.until_asked(output).await
}

async fn share(
    output: &mut Output,
    session: &mut Session,
    network: &Network,
    path: PathBuf,
    name: Option<RelPath>,
) -> Result<Option<SharedItem>, Stop> {
    let shown = path.to_string_lossy().into_owned();
    let shared = session.watch.until(output, session.node.share(network, path, name)).await?;
    output.progress_end(&shown);
    Ok(shared.transpose()?)
}
