//! `drizzle locate NAME|LINK`: who has some of it, and which chunks.

use drizzle_model::{ContentHash, Invite, Link, RelPath};
use drizzle_node::{Location, Node, TrackerError};

use super::choice;
use super::session::{Session, asking};
use crate::args::LocateArgs;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::report::{Report, runs};

/// What to look for.
enum Target {
    Name(RelPath),
    Hash(ContentHash),
}

pub(super) async fn run(context: &mut Context, args: LocateArgs) -> Outcome {
    let (target, invite) = target(context, args)?;
    let Session { node, mut watch, .. } =
        Session::start("locate", asking(context), context.everywhere.verbosity).await?;
    let found = watch.until(&mut context.output, locate(&node, &target, invite)).await;
    let outcome = match found {
        Ok(Some(found)) => found.map_err(Into::into).and_then(|locations| tell(context, &locations)),
        Ok(None) => Ok(End::Told(Kind::Interrupted)),
        Err(stop) => Err(stop),
    };
    node.shutdown().await;
    outcome
}

fn target(context: &Context, args: LocateArgs) -> Result<(Target, Invite), Failure> {
    if !Link::is_meant_by(&args.what) {
        let name = RelPath::new(&args.what).map_err(Failure::from)?;
        return Ok((Target::Name(name), choice::required(context, args.tracker)?));
    }
    let link: Link = args.what.parse().map_err(Failure::from)?;
    let invite = match link.invite {
        Some(invite) => invite,
        None => choice::required(context, args.tracker)?,
    };
    Ok((Target::Hash(link.hash), invite))
}

async fn locate(node: &Node, target: &Target, invite: Invite) -> Result<Vec<Location>, TrackerError> {
    let network = node.join(invite).await?;
    match target {
        Target::Name(name) => network.locate_name(name).await,
        Target::Hash(hash) => network.locate_hash(hash).await,
    }
}

fn tell(context: &mut Context, locations: &[Location]) -> Outcome {
    for location in locations {
        context.output.report(&Report::Location {
            name: location.key.name.to_string(),
            hash: location.key.hash.to_string(),
            peer: location.peer.to_string(),
            number: location.number,
            address: location.address.to_string(),
            chunks: runs(&location.have),
            of: location.key.chunks,
        })?;
    }
    if locations.is_empty() {
        let nobody = Failure::new(Kind::Unreachable, "it is registered, but nobody has any of it now");
        return Err(nobody.hint("those who had it are gone; try again when one of them is back").into());
    }
    Ok(End::Done)
}
