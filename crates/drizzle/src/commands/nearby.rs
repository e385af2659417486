//! The open networks on the local network, where no tracker is named (B6).
//!
//! Whoever announces something there is a stranger: each is called with little patience, proves the key that it announced,
//! and what it says is asked for beside what the others say. What is shown of it are its key and its address alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{Invite, RelPath};
use drizzle_nearby::{Announcement, NearbyError};
use drizzle_net::{Dialer, Expect, Protocol};
use drizzle_node::{Network, Node, TrackerError, What};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::choice::Whom;
use super::together::together;
use crate::exit::{Failure, Kind};
use crate::output::Output;

/// On a local network who is there takes a call at once.
const CALL_MAX: Duration = Duration::from_secs(1);
/// And lets in, or answers a question, in so long.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// Calls at once: each takes a file descriptor, and systems give a thousand.
const CALLS_MAX: usize = 256;

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

/// Joins the open networks that are found within `patience`; one at least. All are called and asked at once: whoever does not answer, and
/// announced itself however often, costs the others no more than one who does so once.
pub(super) async fn networks(node: &Node, patience: Duration) -> Result<Vec<Network>, Failure> {
    let found = drizzle_nearby::browse(patience).await.map_err(cannot_ask)?;
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    let entered = together(found.into_iter().map(|invite| enter(node, invite, Arc::clone(&calls)))).await;
    let mut networks: Vec<Network> = entered.into_iter().flatten().collect();
    networks.sort_by_key(Network::id);
    networks.dedup_by_key(|network| network.id());
    if networks.is_empty() { Err(nobody()) } else { Ok(networks) }
}

/// Joins one that was found; none when it does not answer, or another key does.
async fn enter(node: &Node, invite: Invite, calls: Arc<Semaphore>) -> Option<Network> {
    let invite = proven(node.dialer(), invite, calls).await?;
    match timeout(ANSWER_MAX, node.join(invite)).await {
        Ok(Ok(network)) => Some(network),
        Ok(Err(error)) => {
            tracing::debug!(%error, "somebody on the local network does not let in");
            None
        }
        Err(_) => {
            tracing::debug!("somebody on the local network does not answer");
            None
        }
    }
}

/// The invite with the address at which the network's key answers first, if it does at one. A network is joined once at a time, so whoever
/// announces it falsely has to be out of the way before.
async fn proven(dialer: &Dialer, mut invite: Invite, calls: Arc<Semaphore>) -> Option<Invite> {
    let (mut attempts, network) = (JoinSet::new(), invite.network);
    for address in invite.addresses.drain(..) {
        let (calls, dialer) = (Arc::clone(&calls), dialer.clone());
        attempts.spawn(async move {
            let _place = calls.acquire().await.ok()?;
            // Most that is in vain is so without a handshake.
            drop(timeout(CALL_MAX, TcpStream::connect(address.to_string())).await.ok()?.ok()?);
            let dialled = dialer.dial(&address, Protocol::Api, Expect::Network(network));
            timeout(ANSWER_MAX, dialled).await.ok()?.ok()?;
            Some(address)
        });
    }
    while let Some(attempt) = attempts.join_next().await {
        if let Ok(Some(address)) = attempt {
            invite.addresses.push(address);
            return Some(invite);
        }
    }
    None
}

/// What a network has of something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    Native,
    /// Classic peers alone have it.
    Classic,
}

/// The first of the networks in which somebody has it; one in which only classic peers do when there is no other.
pub(super) async fn holder(networks: &[Network], what: &What) -> Option<Network> {
    let has = together(networks.iter().map(|network| has(network, what))).await;
    let first = |wanted| has.iter().position(|has| *has == Some(wanted));
    first(Has::Native).or_else(|| first(Has::Classic)).map(|place| networks[place].clone())
}

async fn has(network: &Network, what: &What) -> Option<Has> {
    let native = async {
        match what {
            What::Name(name) => network.locate_name(name).await,
            What::Link(link) => network.locate_hash(&link.hash).await,
        }
    };
    let classic = async {
        match what {
            What::Name(name) => network.locate_classic(name).await,
            What::Link(_) => Ok(None),
        }
    };
    // Each with a time of its own: what one of them says counts though the other be silent.
    let (native, classic) = tokio::join!(timeout(ANSWER_MAX, native), timeout(ANSWER_MAX, classic));
    match (native, classic) {
        (Ok(Ok(locations)), _) if !locations.is_empty() => Some(Has::Native),
        (_, Ok(Ok(Some(_)))) => Some(Has::Classic),
        _ => None,
    }
}

/// Asks a network that nobody named, with little patience.
pub(super) async fn patiently<T>(asked: impl Future<Output = Result<T, TrackerError>>) -> Result<T, Failure> {
    let silent = |_| Failure::new(Kind::Unreachable, "a network found on the local network does not answer");
    Ok(timeout(ANSWER_MAX, asked).await.map_err(silent)??)
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

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_node::{Listen, Settings};
    use drizzle_tracker::Admission;
    use tokio::net::TcpListener;

    /// An honest tracker is joined at once although a stranger announces the same key, at places that take calls and say nothing. Would fail
    /// if the false announcements were joined in turn, or before the true one was let in.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_announces_anothers_key_holds_nobody_up() {
        let states = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let listen = Listen { ip: [127, 0, 0, 1].into(), port: 0, otherwise_any_port: false };
        let settings = |number: usize| Settings { listen, ..Settings::new(states[number].path().into()) };
        let embedded_tracker = Some(Admission::Open);
        let (tracker, _events) = Node::start(Settings { embedded_tracker, ..settings(0) }).await.unwrap();
        let honest = tracker.own_invite().unwrap().clone();
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let false_one = Invite { addresses: vec![silent.local_addr().unwrap().into()], ..honest.clone() };
        let (node, _events) = Node::start(settings(1)).await.unwrap();
        let calls = Arc::new(Semaphore::new(CALLS_MAX));
        let invites = std::iter::repeat_n(false_one, 20).chain([honest.clone()]);
        let entering = together(invites.map(|invite| enter(&node, invite, Arc::clone(&calls))));
        let entered = timeout(Duration::from_secs(20), entering).await.unwrap();
        let ids: Vec<_> = entered.iter().flatten().map(Network::id).collect();
        assert_eq!(ids, [honest.network]);
        node.shutdown().await;
        tracker.shutdown().await;
    }
}
