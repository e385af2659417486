//! `drizzle ring store`, `request`, `status` and `quit`: through the node of this state directory, or as a guest of a member.

use std::path::{Path, PathBuf};

use drizzle_model::{Invite, RelPath};
use drizzle_node::{RingError, RingGuest, RingPeer};
use tokio::sync::mpsc;

use super::control::{Answer, Asking, Order, failure};
use crate::args::{RingAskArgs, RingRequestArgs, RingStoreArgs, RingThrough};
use crate::commands::session::{Session, Watch, asking, signals};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome, Stop};
use crate::output::Output;
use crate::output::report::Report;
use crate::output::ring_fields::{HopFields, NeighboursFields, StoredFields};

pub(super) async fn store(context: &mut Context, args: RingStoreArgs) -> Outcome {
    let path = std::path::absolute(&args.file).map_err(|error| Failure::at_path(&args.file, &error))?;
    path.symlink_metadata().map_err(|error| Failure::at_path(&args.file, &error))?;
    let named = context.sources.given(&settings::NAME, args.name)?;
    let name = match named {
        Some(name) => name,
        None => name_of(&path)?,
    };
    let outcome = match invite(context, args.through)? {
        None => ask_node(context, Order::Store { path: path.into(), name: name.to_string() }).await,
        Some(invite) => {
            as_guest(context, invite, async |guest, hop| {
                let stored = guest.store(&path, name.clone(), hop).await?;
                Ok(Report::Stored(StoredFields::new(stored, path.clone())))
            })
            .await
        }
    };
    if let Ok(End::Told(Kind::Interrupted)) = outcome {
        // It is not taken back: it may have been the ring's before.
        context.output.notice("Members of the ring that have the file already keep it.");
    }
    outcome
}

pub(super) async fn request(context: &mut Context, args: RingRequestArgs) -> Outcome {
    let name = RelPath::new(&args.name).map_err(Failure::from)?;
    let output: PathBuf = context.sources.value(&settings::OUTPUT, args.output)?;
    let output = std::path::absolute(&output).map_err(|error| Failure::at_path(&output, &error))?;
    match invite(context, args.through)? {
        None => ask_node(context, Order::Request { name: name.to_string(), output: output.into() }).await,
        Some(invite) => {
            as_guest(context, invite, async |guest, hop| {
                let received = guest.request(&name, output.clone(), hop).await?;
                Ok(Report::Received(received.into()))
            })
            .await
        }
    }
}

pub(super) async fn status(context: &mut Context, args: RingAskArgs) -> Outcome {
    match invite(context, args.through)? {
        None => ask_node(context, Order::Status).await,
        Some(invite) => {
            as_guest(context, invite, async |guest, _| {
                let state = guest.state().await?;
                let (near, after) = (&state.predecessors, &state.successors);
                Ok(Report::Neighbours(NeighboursFields::new(&state.me, near, after)))
            })
            .await
        }
    }
}

pub(super) async fn quit(context: &mut Context, args: RingAskArgs) -> Outcome {
    if invite(context, args.through)?.is_some() {
        return Err(Failure::new(
            Kind::Usage,
            "a member is asked to leave on its own machine, not through --join",
        )
        .into());
    }
    ask_node(context, Order::Quit).await
}

fn name_of(path: &Path) -> Result<RelPath, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name =
        name.ok_or_else(|| Failure::new(Kind::Usage, format!("{} has no name in UTF-8", path.display())))?;
    RelPath::new(name).map_err(Failure::from)
}

fn invite(context: &Context, through: RingThrough) -> Result<Option<Invite>, Failure> {
    let text = context.sources.given(&settings::JOIN, through.join)?;
    Ok(text.map(|text| text.read_ring()).transpose()?)
}

async fn ask_node(context: &mut Context, order: Order) -> Outcome {
    let mut signals = signals()?;
    let state_dir = context.everywhere.state_dir.clone();
    let mut asking = Asking::of(&state_dir, &order).await?;
    loop {
        let answer = tokio::select! {
            answer = asking.next() => answer?,
            () = signals.requested() => return Ok(End::Told(Kind::Interrupted)),
        };
        match answer {
            Answer::Hop(hop) => context.output.report(&Report::Hop(hop))?,
            Answer::Stored(stored) => {
                context.output.report(&Report::Stored(stored))?;
                return Ok(End::Done);
            }
            Answer::Received(received) => {
                return tell_received(&mut context.output, Report::Received(received));
            }
            Answer::Neighbours(neighbours) => {
                context.output.report(&Report::Neighbours(neighbours))?;
                return Ok(End::Done);
            }
            Answer::Left => {
                context.output.notice("It has left the ring.");
                return Ok(End::Done);
            }
            Answer::Failed { kind, message, hint } => return Err(failure(&kind, message, hint).into()),
        }
    }
}

fn tell_received(output: &mut Output, report: Report) -> Outcome {
    if let Report::Received(fields) = &report
        && fields.own
    {
        output.notice(&format!("{} is kept by this very node.", fields.name));
    }
    output.report(&report)?;
    Ok(End::Done)
}

type Hop = Box<dyn FnMut(RingPeer, RingPeer) + Send>;

/// Does something as a guest, and shows the way it takes.
async fn as_guest(
    context: &mut Context,
    invite: Invite,
    work: impl AsyncFnOnce(RingGuest, Hop) -> Result<Report, RingError>,
) -> Outcome {
    let settings = asking(context);
    let Session { node, mut watch, .. } =
        Session::start("ring", settings, context.everywhere.verbosity).await?;
    let (hops, mut hopped) = mpsc::unbounded_channel();
    let hop: Hop = Box::new(move |from, to| {
        // The command may have been interrupted.
        let _ = hops.send(HopFields { from: (&from).into(), to: (&to).into() });
    });
    let visited = async { work(node.visit_ring(&invite).await?, hop).await };
    let outcome = show_hops(&mut context.output, &mut watch, visited, &mut hopped).await;
    node.shutdown().await;
    match outcome? {
        None => Ok(End::Told(Kind::Interrupted)),
        Some(Ok(report)) => tell_received(&mut context.output, report),
        Some(Err(error)) => Err(Failure::from(error).into()),
    }
}

async fn show_hops<T>(
    output: &mut Output,
    watch: &mut Watch,
    work: impl Future<Output = T>,
    hopped: &mut mpsc::UnboundedReceiver<HopFields>,
) -> Result<Option<T>, Stop> {
    let done = watch.until(output, work).await?;
    while let Ok(hop) = hopped.try_recv() {
        output.report(&Report::Hop(hop))?;
    }
    Ok(done)
}
