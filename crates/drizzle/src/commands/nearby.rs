//! The open networks on the local network, where no tracker is named (B6).
//!
//! Whoever announces something there is a stranger: each is called with little patience, proves the key that it announced,
//! and what it says is asked for beside what the others say. What is shown of it are its key and its address alone.

use std::net::SocketAddr;
use std::time::Duration;

use drizzle_model::{Invite, RelPath};
use drizzle_nearby::{Announcement, NearbyError};
use drizzle_node::{Network, Node, What};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::choice::Whom;
use crate::exit::{Failure, Kind};
use crate::output::Output;

/// On a local network who is there takes a call at once.
const CALL_MAX: Duration = Duration::from_secs(1);
/// And lets in, or answers a question, in so long.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// Announces a network, if it is wanted, open, and possible here.
pub(super) fn announce(is_wanted: bool, invite: &Invite, listen: SocketAddr) -> Option<Announcement> {
    if !is_wanted || invite.secret.is_some() {
        return None;
    }
    let announced = Announcement::start(invite, listen);
    announced.inspect_err(|error| tracing::warn!("not announced on the local network: {error}")).ok()
}

/// Joins whom to ask: the one that is named, or all that are found.
pub(super) async fn reach(node: &Node, whom: Whom) -> Result<Vec<Network>, Failure> {
    match whom {
        Whom::Named(invite) => Ok(vec![node.join(invite).await?]),
        Whom::Nearby(patience) => networks(node, patience).await,
    }
}

/// Joins the open networks that are found within `patience`; one at least.
pub(super) async fn networks(node: &Node, patience: Duration) -> Result<Vec<Network>, Failure> {
    let found = drizzle_nearby::browse(patience).await.map_err(cannot_ask)?;
    let mut networks: Vec<Network> = Vec::new();
    for invite in answering(found).await {
        match timeout(ANSWER_MAX, node.join(invite)).await {
            Ok(Ok(network)) if networks.iter().all(|known| known.id() != network.id()) => {
                networks.push(network);
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "somebody on the local network does not let in"),
            Err(_) => tracing::debug!("somebody on the local network does not answer"),
        }
    }
    networks.sort_by_key(Network::id);
    if networks.is_empty() { Err(nobody()) } else { Ok(networks) }
}

/// Those of whom one address takes calls, in their order. All are called at once, so that the dead cost no more than one.
async fn answering(found: Vec<Invite>) -> Vec<Invite> {
    let mut calls = JoinSet::new();
    for (number, invite) in found.into_iter().enumerate() {
        for address in invite.addresses.clone() {
            let mut invite = invite.clone();
            calls.spawn(async move {
                let call = timeout(CALL_MAX, TcpStream::connect(address.to_string())).await;
                invite.addresses = vec![address];
                matches!(call, Ok(Ok(_))).then_some((number, invite))
            });
        }
    }
    let mut answered: Vec<(usize, Invite)> = calls.join_all().await.into_iter().flatten().collect();
    answered.sort_by_key(|(number, _)| *number);
    answered.dedup_by_key(|(number, _)| *number);
    answered.into_iter().map(|(_, invite)| invite).collect()
}

/// The first of the networks in which somebody has it; one in which only classic peers do when there is no other.
pub(super) async fn holder(networks: &[Network], what: &What) -> Option<Network> {
    let mut classic = None;
    for network in networks {
        let asked = async {
            match what {
                What::Name(name) => network.locate_name(name).await,
                What::Link(link) => network.locate_hash(&link.hash).await,
            }
        };
        if matches!(timeout(ANSWER_MAX, asked).await, Ok(Ok(locations)) if !locations.is_empty()) {
            return Some(network.clone());
        }
        if let (None, What::Name(name)) = (&classic, what) {
            let asked = timeout(ANSWER_MAX, network.locate_classic(name)).await;
            classic = matches!(asked, Ok(Ok(Some(_)))).then(|| network.clone());
        }
    }
    classic
}

/// Says which networks are asked.
pub(super) fn tell(output: &mut Output, networks: &[Network]) -> std::io::Result<()> {
    networks.iter().try_for_each(|network| {
        let address = network.invite().addresses.first().map(ToString::to_string).unwrap_or_default();
        output.found(network.id().to_string(), address)
    })
}

/// None of the networks that were found has it.
pub(super) fn nobody_has(name: &RelPath, networks: usize) -> Failure {
    let asked = if networks == 1 { "the network".to_owned() } else { format!("the {networks} networks") };
    Failure::new(
        Kind::NotFound,
        format!("{name}: nobody has registered it in {asked} found on the local network"),
    )
    .hint("see what there is with `drizzle list`, or name a tracker with --tracker @FILE")
}

fn nobody() -> Failure {
    Failure::new(Kind::Unreachable, "no tracker is named, and no open one is found on the local network").hint(
        "name one with --tracker @FILE, or start one there with `drizzle tracker --open` or `drizzle share --open`; \
         a closed one is found by its invite alone",
    )
}

fn cannot_ask(error: NearbyError) -> Failure {
    Failure::new(Kind::Unreachable, format!("no tracker is named, and {error}"))
        .hint("name one with --tracker @FILE")
}
