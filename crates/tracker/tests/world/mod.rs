//! A tracker on a loopback port with a clock that the test moves, and peers that speak to it.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod liar;
pub(crate) mod plain;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drizzle_model::{ContentHash, ContentKind, FileKey, Geometry, Invite, Mtime, PeerId, RelPath, Time};
use drizzle_net::{Acceptor, Dialer, Identity};
use drizzle_tracker::{Admission, Claim, Client, Clock, Network, Registration, Server};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(crate) struct HandClock(Arc<Mutex<Duration>>);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Duration::ZERO)))
    }

    pub(crate) fn forward(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time::after_origin(self.elapsed())
    }

    fn unix_s(&self) -> u64 {
        1_800_000_000 + self.elapsed().as_secs()
    }
}

/// A port that the system gives to nobody else while this is there: bound, and not listened on. A tracker can listen on it, again and
/// again, and whoever calls meanwhile is refused.
pub(crate) fn held_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    // As listeners do: two that say so may both be bound, as long as only one of them listens.
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// A tracker that runs.
pub(crate) struct Tracker {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) clock: HandClock,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Tracker {
    pub(crate) async fn start(admission: Admission) -> Self {
        Self::start_with(Network::ephemeral(admission).unwrap(), "127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_with(network: Network, listen: SocketAddr) -> Self {
        Self::start_at(network, listen, Server::with_clock).await
    }

    /// A tracker that `serve` makes.
    pub(crate) async fn start_on(network: Network, serve: impl FnOnce(Network, HandClock) -> Server) -> Self {
        Self::start_at(network, "127.0.0.1:0".parse().unwrap(), serve).await
    }

    async fn start_at(
        network: Network,
        listen: SocketAddr,
        serve: impl FnOnce(Network, HandClock) -> Server,
    ) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = HandClock::new();
        let acceptor = Acceptor::new(&Identity::ephemeral().unwrap(), Some(network.key())).unwrap();
        let server = serve(network, clock.clone());
        let (stop, stopped) = oneshot::channel();
        let running = server.clone();
        let task = tokio::spawn(async move {
            running.run(listener, acceptor, async { drop(stopped.await) }).await;
        });
        Self { server, address, clock, stop, task }
    }

    pub(crate) fn invite(&self) -> Invite {
        self.server.network().invite(vec![self.address.into()])
    }

    /// The header that lets a caller ask over plain HTTP; none in an open network.
    pub(crate) fn bearer(&self) -> String {
        let invite = self.invite();
        let text = invite.to_string();
        let secret = invite.secret.and_then(|_| text.rsplit('/').next());
        secret.map(|secret| format!("authorization: Bearer {secret}\r\n")).unwrap_or_default()
    }

    /// A client of a new peer that has the invite.
    pub(crate) fn client(&self) -> Client {
        client_with(self.invite())
    }

    /// Stops the tracker and ends its connections; gives back its network.
    pub(crate) async fn stop(self) -> Network {
        drop(self.stop);
        self.task.await.unwrap();
        self.server.close().await;
        self.server.network().clone()
    }
}

pub(crate) fn client_with(invite: Invite) -> Client {
    client_of(&Identity::ephemeral().unwrap(), invite)
}

pub(crate) fn client_of(identity: &Identity, invite: Invite) -> Client {
    Client::new(invite, identity.id(), Dialer::new(identity))
}

pub(crate) fn key(name: &str, size: u64) -> FileKey {
    FileKey {
        name: RelPath::new(name).unwrap(),
        hash: ContentHash::from_bytes(*blake3::hash(name.as_bytes()).as_bytes()),
        size,
        chunks: Geometry::for_size(size).unwrap().chunk_count(),
        kind: ContentKind::File,
    }
}

pub(crate) fn registration(name: &str, size: u64, claim: Claim) -> Registration {
    Registration { key: key(name, size), mtime: Mtime::new(1_700_000_000, 5).unwrap(), claim }
}

/// The peer of a client that has joined.
pub(crate) fn peer_of(client: &Client) -> PeerId {
    client.membership().unwrap().ticket.peer()
}
