//! `drizzle locate NAME|LINK`: who has some of it, and which chunks; of a name also which classic peers have that.

use drizzle_model::{ContentHash, Link, RelPath};
use drizzle_node::{ErrorKind, Location, Network, Node, TrackerError};
use drizzle_tracker::ClassicLocated;

use super::choice::Whom;
use super::session::{Session, asking};
use super::together::together;
use super::{choice, nearby};
use crate::args::LocateArgs;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::classic_fields::ClassicLocationFields;
use crate::output::report::{Report, runs};

/// What to look for.
enum Target {
    Name(RelPath),
    Hash(ContentHash),
}

pub(super) async fn run(context: &mut Context, args: LocateArgs) -> Outcome {
    let (target, whom) = target(context, args)?;
    let Session { node, mut watch, .. } =
        Session::start("locate", asking(context), context.everywhere.verbosity).await?;
    let is_found = matches!(whom, Whom::Nearby(_));
    let found = watch.until(&mut context.output, locate(&node, &target, whom)).await;
    let outcome = match found {
        Ok(Some(Ok((networks, found)))) => {
            let asked = if is_found { &networks[..] } else { &[] };
            match nearby::tell(&mut context.output, asked) {
                Ok(()) => tell(context, &target, &found),
                Err(error) => Err(error.into()),
            }
        }
        Ok(Some(Err(failure))) => Err(failure.into()),
        Ok(None) => Ok(End::Told(Kind::Interrupted)),
        Err(stop) => Err(stop),
    };
    node.shutdown().await;
    outcome
}

fn target(context: &Context, args: LocateArgs) -> Result<(Target, Whom), Failure> {
    let whom = choice::whom(context, args.whom)?;
    if !Link::is_meant_by(&args.what) {
        let name = RelPath::new(&args.what).map_err(Failure::from)?;
        return Ok((Target::Name(name), whom.ok_or_else(choice::none)?));
    }
    let link: Link = args.what.parse().map_err(Failure::from)?;
    let whom = link.invite.map(Whom::Named).or(whom).ok_or_else(choice::none)?;
    Ok((Target::Hash(link.hash), whom))
}

/// Who has it.
#[derive(Default)]
struct Found {
    native: Vec<Location>,
    classic: Vec<ClassicLocated>,
}

/// Where it is in each network that knows it; what none of them knows is not found. Those that were found are asked at once.
async fn locate(node: &Node, target: &Target, whom: Whom) -> Result<(Vec<Network>, Found), Failure> {
    let is_found = matches!(whom, Whom::Nearby(_));
    let networks = nearby::reach(node, whom).await?;
    let asked = together(networks.iter().map(async |network| match is_found {
        true => nearby::patiently(locate_in(network, target)).await,
        false => Ok(locate_in(network, target).await?),
    }))
    .await;
    let (mut knowing, mut found, mut failure) = (Vec::new(), Found::default(), None);
    for (network, asked) in networks.into_iter().zip(asked) {
        match asked {
            Ok(Found { native, classic }) => {
                found.native.extend(native);
                found.classic.extend(classic);
                knowing.push(network);
            }
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if knowing.is_empty() => Err(error),
        _ => Ok((knowing, found)),
    }
}

async fn locate_in(network: &Network, target: &Target) -> Result<Found, TrackerError> {
    let (located, classic) = match target {
        Target::Name(name) => (network.locate_name(name).await, network.locate_classic(name).await?),
        Target::Hash(hash) => (network.locate_hash(hash).await, None),
    };
    let native = match located {
        Ok(located) => located,
        Err(error) if error.kind() == ErrorKind::NotFound && classic.is_some() => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(Found { native, classic: classic.into_iter().collect() })
}

fn tell(context: &mut Context, target: &Target, found: &Found) -> Outcome {
    for location in &found.native {
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
    if let Target::Name(name) = target {
        for ClassicLocated { mtime, holders } in &found.classic {
            for holder in holders {
                let fields = ClassicLocationFields::new(name.as_str(), *mtime, holder);
                context.output.report(&Report::ClassicLocation(fields))?;
            }
        }
    }
    if found.native.is_empty() && found.classic.is_empty() {
        let nobody = Failure::new(Kind::Unreachable, "it is registered, but nobody has any of it now");
        return Err(nobody.hint("those who had it are gone; try again when one of them is back").into());
    }
    Ok(End::Done)
}
