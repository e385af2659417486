//! A node: one identity, one port, one hub, any number of shares and fetches.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use drizzle_classic::Rates;
use drizzle_model::{Invite, PeerId, Place, RelPath};
use drizzle_net::{Acceptor, Dialer, Identity, RateLimiter};
use drizzle_store::Index;
use drizzle_tracker::{Client, Network as TrackerNetwork, Server, own_addresses};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::calling::{self, Caller, call_from};
use crate::classic::{ClassicDoor, Reach, Shelf};
use crate::discovery::{Discovery, DiscoveryError};
use crate::error::{FetchError, ShareError, StartError, TrackerError};
use crate::event::Event;
use crate::fetch::{ClassicFetched, ClassicMeans, FetchRequest, Fetched, Means, What};
use crate::hub::{Hub, HubSettings};
use crate::hub_handle::HubHandle;
use crate::joining::Joining;
use crate::lane::{Greeter, Limits, PeerRates};
use crate::listener::{Porter, bind};
use crate::membership::Memberships;
use crate::network::{Joiner, Network};
use crate::ring::{
    self, RingDiscovery, RingDoor, RingError, RingEvent, RingGuest, RingNode, RingSettings, Surroundings,
};
use crate::settings::Settings;
use crate::share::{SharedItem, Sharer};

/// Leaving takes at most so long, together: who is told and does not answer in time is left without.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(1500);
/// Connections at once, both ways: each holds some hundred kilobytes of buffers while it is busy.
const LANES_MAX: usize = 2048;

/// Connections that were begun before they are wanted. Those that nobody has taken end when this is dropped.
#[derive(Debug)]
pub struct DialledAhead {
    _begun: calling::DialledAhead,
}

/// A running peer. Ends with [`Node::shutdown`]; dropped, it ends without goodbye.
pub struct Node {
    identity: Identity,
    listen_addr: SocketAddr,
    embedded: Option<(Server, Invite)>,
    memberships: Memberships,
    dialer: Dialer,
    means: Means,
    /// By which classic peers are fetched from.
    classic: ClassicMeans,
    sharer: Sharer,
    networks: Mutex<Vec<Network>>,
    state_dir: PathBuf,
    /// Where members and guests of a ring come in, once this node is in one.
    ring: RingDoor,
    /// What classic peers can have.
    shelf: Shelf,
    joining: Joining,
    /// Held while joining a ring: they are joined in turn.
    joining_ring: tokio::sync::Mutex<()>,
    hub: JoinHandle<()>,
    porter: JoinHandle<()>,
}

impl Node {
    /// Claims an identity, binds the port, and begins to answer. What happens is told to the receiver.
    pub async fn start(settings: Settings) -> Result<(Self, mpsc::UnboundedReceiver<Event>), StartError> {
        let identity = Identity::claim(&settings.state_dir)?;
        let wanted = SocketAddr::new(settings.listen.ip, settings.listen.port);
        let listen = |source| StartError::Listen { address: wanted, source };
        let listener = bind(settings.listen).await.map_err(listen)?;
        let listen_addr = listener.local_addr().map_err(listen)?;
        let embedded = match settings.embedded_tracker {
            None => None,
            Some(admission) => {
                let network = TrackerNetwork::load_or_create(&settings.state_dir.join("tracker"), admission)?;
                let invite = network.invite(own_addresses(listen_addr));
                Some((Server::new(network), invite))
            }
        };
        let network_key = embedded.as_ref().map(|(server, _)| server.network().key());
        let acceptor =
            Acceptor::new(&identity, network_key).map_err(|error| StartError::Tls(error.to_string()))?;
        let dialer = Dialer::new(&identity).with_bind(call_from(settings.listen.ip));

        let memberships = Memberships::default();
        let listen_port = NonZeroU16::new(listen_addr.port());
        let greeter = Greeter { memberships: memberships.clone(), listen_port };
        let caller = Caller::new(identity.id(), dialer.clone(), greeter.clone());
        let limits = Limits { up: limiter(settings.limit_up), down: limiter(settings.limit_down) };
        let hub_settings = HubSettings {
            peers_max: settings.peers_max,
            requests_max: settings.requests_max,
            lanes_max: LANES_MAX,
            peer_rates: PeerRates { up: settings.peer_limit_up, down: settings.peer_limit_down },
            seed: seed_of(identity.id()),
        };
        let shelf = Shelf::default();
        let classic = ClassicDoor::new(shelf.clone(), limits.up.clone());
        let rates = Rates { all: limits.down.clone(), of_peer: settings.peer_limit_down };
        let (hub, inputs) = Hub::new(hub_settings, caller.clone(), limits);
        let hub = tokio::spawn(hub.run());
        let tracker = embedded.as_ref().map(|(server, _)| server.clone());
        let ring = RingDoor::default();
        let porter = Porter { acceptor, greeter, hub: inputs.clone(), tracker, classic, ring: ring.clone() };
        let porter = tokio::spawn(porter.run(listener));

        let (events, happened) = mpsc::unbounded_channel();
        let handle = HubHandle::new(inputs);
        let index = Index::in_directory(&settings.state_dir);
        let (refresh, patience, peers_max) = (settings.refresh, settings.patience, settings.peers_max);
        let sharer = Sharer::new(handle.clone(), index.clone(), events.clone(), settings.rescan);
        let classic = ClassicMeans { rates, events: events.clone() };
        let means = Means { hub: handle, caller, index, events, refresh, patience, peers_max };
        let networks = Mutex::default();
        let node = Self {
            identity,
            listen_addr,
            embedded,
            memberships,
            dialer,
            means,
            classic,
            sharer,
            networks,
            state_dir: settings.state_dir,
            ring,
            shelf,
            joining: Joining::default(),
            joining_ring: tokio::sync::Mutex::default(),
            hub,
            porter,
        };
        Ok((node, happened))
    }

    /// This peer's name.
    pub fn peer(&self) -> PeerId {
        self.identity.id()
    }

    /// Where this peer serves.
    pub fn listen_addr(&self) -> SocketAddr {
        self.listen_addr
    }

    /// The invite to the embedded tracker's network, if there is one.
    pub fn own_invite(&self) -> Option<&Invite> {
        self.embedded.as_ref().map(|(_, invite)| invite)
    }

    /// Joins the network of an invite, once: a second time gives the same.
    pub async fn join(&self, invite: Invite) -> Result<Network, TrackerError> {
        let turn = self.joining.turn(invite.network);
        let _one_at_a_time = turn.lock().await;
        if let Some(joined) = self.joined(&invite) {
            return Ok(joined);
        }
        if invite.place == Place::Ring {
            return self.join_ring(invite).await;
        }
        let client = match &self.embedded {
            Some((server, own)) if own.network == invite.network => server.local_client(self.peer()),
            _ => Client::new(invite.clone(), self.peer(), self.dialer.clone()),
        };
        let reach = if invite.secret.is_none() { Reach::Everyone } else { Reach::ThisMachine };
        let asked = client.clone();
        let network = Network::join(Discovery::Tracker(client), invite, self.joiner()).await?;
        if asked.membership().is_some_and(|membership| membership.is_classic) {
            self.shelf.open(network.id(), reach);
        }
        self.networks().push(network.clone());
        Ok(network)
    }

    /// Joins a network in which a ring stands in the tracker's place, as a guest of it.
    async fn join_ring(&self, invite: Invite) -> Result<Network, TrackerError> {
        let _one_at_a_time = self.joining_ring.lock().await;
        let around = self.surroundings();
        let (guest, secret) = ring::guest(&around, &invite).await.map_err(DiscoveryError::from)?;
        let invite = Invite { network: secret.network(), ..invite };
        if let Some(joined) = self.joined(&invite) {
            return Ok(joined);
        }
        let addresses = ring::own_socket_addresses(self.listen_addr);
        let discovery = RingDiscovery::new(guest, self.identity.clone(), secret, addresses);
        let network = Network::join(Discovery::Ring(discovery), invite, around.joiner).await?;
        self.networks().push(network.clone());
        Ok(network)
    }

    /// Becomes a member of a ring, once. That it is one, or why not, comes as an event.
    pub async fn start_ring(
        &self,
        settings: RingSettings,
    ) -> Result<(RingNode, mpsc::UnboundedReceiver<RingEvent>), RingError> {
        ring::start(self.surroundings(), &self.ring, settings).await
    }

    /// Stores and requests files through a member of the ring of an invite.
    pub async fn visit_ring(&self, invite: &Invite) -> Result<RingGuest, RingError> {
        ring::visit(self.surroundings(), invite).await
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            identity: self.identity.clone(),
            dialer: self.dialer.clone(),
            listen_addr: self.listen_addr,
            means: self.means.clone(),
            state_dir: self.state_dir.clone(),
            joiner: self.joiner(),
        }
    }

    fn joiner(&self) -> Joiner {
        Joiner {
            own: self.peer(),
            port: self.listen_addr.port(),
            addresses: own_addresses(self.listen_addr),
            memberships: self.memberships.clone(),
            shelf: self.shelf.clone(),
            events: self.means.events.clone(),
        }
    }

    fn joined(&self, invite: &Invite) -> Option<Network> {
        self.networks().iter().find(|network| network.id() == invite.network).cloned()
    }

    fn networks(&self) -> std::sync::MutexGuard<'_, Vec<Network>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By which others are called in this node's name.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Shares a file or folder from where it lies, and follows what becomes of it.
    pub async fn share(
        &self,
        network: &Network,
        path: PathBuf,
        name: Option<RelPath>,
    ) -> Result<SharedItem, ShareError> {
        self.sharer.share(network, path, name).await
    }

    /// Connects to the peers that are named in what is to be fetched, without a word, while its network is being joined. They
    /// are there for [`Node::fetch`] as long as this is held.
    pub fn dial_ahead(&self, what: &What) -> DialledAhead {
        DialledAhead { _begun: self.means.caller.dial_ahead(what.named_peers()) }
    }

    /// Fetches something. Several may run at once; dropped in the middle, it goes on from there the next time.
    pub async fn fetch(&self, network: &Network, request: FetchRequest) -> Result<Fetched, FetchError> {
        self.means.fetch(network, request).await
    }

    /// Fetches the newest that classic peers have of a name into a folder; none when none of them has it. Nothing tells whether it is
    /// what was registered. Dropped in the middle, it leaves nothing.
    pub async fn fetch_classic(
        &self,
        network: &Network,
        name: &RelPath,
        output: &Path,
    ) -> Result<Option<ClassicFetched>, FetchError> {
        self.classic.fetch(network, name, output).await
    }

    /// Says goodbye to trackers and peers, and ends; waits no longer than two seconds.
    pub async fn shutdown(self) {
        self.porter.abort();
        let networks = std::mem::take(&mut *self.networks());
        let goodbye = async {
            let leaving: Vec<_> = networks
                .into_iter()
                .map(|network| tokio::spawn(async move { network.leave().await }))
                .collect();
            self.means.hub.shut_down().await;
            for leaving in leaving {
                // A tracker that is down learns by the lease.
                let _ = leaving.await;
            }
            let _ = self.hub.await;
        };
        // Whoever does not answer in time is left without a goodbye.
        let _ = timeout(SHUTDOWN_TIMEOUT, goodbye).await;
    }
}

fn limiter(bytes_per_s: Option<u64>) -> RateLimiter {
    bytes_per_s.map_or_else(RateLimiter::unlimited, RateLimiter::new)
}

/// A seed that no other peer has: each must break ties in its own way.
fn seed_of(peer: PeerId) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&peer.as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}
