//! The tracker's server: the API over connections, its own or those of a port that it shares.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use drizzle_model::PeerId;
use drizzle_net::{Accepted, Acceptor, Connection};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt;

use crate::asker::{Asker, Hosts};
use crate::catalogue::Catalogue;
use crate::classic::Classic;
use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::connections::Place;
use crate::limits::{ADMISSION_TIMEOUT, HEAD_BYTES_MAX, HEADER_TIMEOUT, WRITE_TIMEOUT};
use crate::network::Network;
use crate::routes::router;
use crate::store::{Store, StoreError};
use crate::tracker::Tracker;

/// How long to wait when the system cannot give another connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait between two looks for leases that ran out while nobody asked.
const TICK: Duration = Duration::from_secs(1);

/// A tracker. Clones are the same one; it lasts until the last is dropped.
#[derive(Clone)]
pub struct Server {
    tracker: Arc<Tracker>,
    router: Router,
    hosts: Hosts,
    /// None when the classic protocol is not spoken here.
    classic: Option<Arc<Classic>>,
}

impl Server {
    /// A tracker of this network. To be called within a tokio runtime.
    pub fn new(network: Network) -> Self {
        Self::with_clock(network, SystemClock::start())
    }

    /// A tracker with a time of its own.
    pub fn with_clock(network: Network, clock: impl Clock) -> Self {
        Self::of(Tracker::new(network, Arc::new(clock)))
    }

    /// A tracker that goes on from what the store knows, and acknowledges only what is in it. Takes as long as the store is large.
    pub fn with_store(network: Network, clock: impl Clock, store: impl Store) -> Result<Self, StoreError> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let catalogue = Catalogue::open(Arc::clone(&clock), store)?;
        Ok(Self::of(Tracker::with_catalogue(network, clock, catalogue)))
    }

    fn of(tracker: Tracker) -> Self {
        let tracker = Arc::new(tracker);
        tokio::spawn(tick(Arc::downgrade(&tracker)));
        let router = router(Arc::clone(&tracker));
        Self { tracker, router, hosts: Hosts::OfLoopback, classic: None }
    }

    /// The same tracker, which hears classic peers as well. Nobody can keep one of those out, so this is for networks that are open,
    /// or reached from this machine alone.
    pub fn with_classic(mut self) -> Self {
        self.classic = Some(Arc::new(Classic::new(Arc::clone(&self.tracker))));
        self
    }

    /// The same tracker, behind a proxy on this machine that speaks TLS with the world: plain HTTP is answered under any name.
    pub fn behind_proxy(mut self) -> Self {
        self.hosts = Hosts::Any;
        self
    }

    /// Whose tracker this is.
    pub fn network(&self) -> &Network {
        &self.tracker.network
    }

    /// A client in the tracker's own process, for the peer that lives there as well. It joins like any other one, and is
    /// found by others at the tracker's host.
    pub fn local_client(&self, peer: PeerId) -> Client {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let asker = Asker::new(Some(peer), here, here);
        Client::local(self.network().invite(Vec::new()), peer, self.router.clone(), asker)
    }

    /// Serves every caller of a port that is the tracker's alone, until `shutdown` is done. `acceptor` must have been
    /// made with the network's key.
    pub async fn run(&self, listener: TcpListener, acceptor: Acceptor, shutdown: impl Future<Output = ()>) {
        let mut callers = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                accepted = listener.accept() => match accepted {
                    Ok((tcp, from)) => self.welcome(&mut callers, &acceptor, tcp, from),
                    Err(error) => pause(&error).await,
                },
                Some(_) = callers.join_next() => {}
            }
        }
    }

    /// Serves the API to a peer over TLS, until either side has had enough.
    pub async fn serve(&self, peer: PeerId, connection: Connection) {
        if let Some(room) = self.room(connection.remote_addr()) {
            self.serve_within(room, Accepted::Api(peer, connection)).await;
        }
    }

    /// Serves whoever came without TLS. Only questions are answered, and on loopback alone.
    pub async fn serve_plain(&self, tcp: TcpStream) {
        if let Some(room) = tcp.peer_addr().ok().and_then(|from| self.room(from)) {
            self.serve_within(room, Accepted::Plain(tcp)).await;
        }
    }

    /// Writes what is still to be written, and lets go of the store. Nothing can be changed at this tracker any more. Without this the
    /// same happens when the last clone is dropped.
    pub async fn close(&self) {
        let tracker = Arc::clone(&self.tracker);
        // It panics only if there is a bug there.
        drop(tokio::task::spawn_blocking(move || tracker.catalogue.close()).await);
    }

    fn welcome(&self, callers: &mut JoinSet<()>, acceptor: &Acceptor, tcp: TcpStream, from: SocketAddr) {
        let Some(room) = self.room(from) else { return };
        let (server, acceptor) = (self.clone(), acceptor.clone());
        callers.spawn(async move {
            match acceptor.accept(tcp).await {
                Ok(accepted) => server.serve_within(room, accepted).await,
                Err(error) => tracing::debug!(%from, %error, "a caller was not let in"),
            }
        });
    }

    fn room(&self, from: SocketAddr) -> Option<Place> {
        let place = self.tracker.connections.place(from.ip());
        place.inspect_err(|error| tracing::debug!(%from, %error, "a caller was not let in")).ok()
    }

    async fn serve_within(&self, _place: Place, accepted: Accepted) {
        match accepted {
            Accepted::Api(peer, connection) => {
                let asker = Asker::new(Some(peer), connection.remote_addr(), connection.local_addr());
                self.speak_http(asker, connection).await;
            }
            Accepted::Plain(tcp) => {
                if let Some(classic) = &self.classic
                    && Classic::is_meant_by(&tcp).await
                {
                    return classic.serve(tcp).await;
                }
                if let (Ok(remote), Ok(local)) = (tcp.peer_addr(), tcp.local_addr()) {
                    self.speak_http(Asker::new(None, remote, local).under(self.hosts), tcp).await;
                }
            }
            // A port of the tracker alone has no peer behind it.
            other => tracing::debug!(caller = ?other, "a caller wanted something else than the API"),
        }
    }

    async fn speak_http(&self, asker: Asker, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
        let mut stream = Box::pin(TimeoutWriter::new(stream));
        stream.as_mut().set_timeout_pinned(Some(WRITE_TIMEOUT));
        let (router, from) = (self.router.clone(), asker.remote);
        let of_connection = asker.clone();
        let service =
            hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(of_connection.clone());
                router.clone().oneshot(request.map(axum::body::Body::new))
            });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        match while_admitted(&asker, served).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%from, %error, "a connection ended early"),
            None => tracing::debug!(%from, "hung up on a caller that did not join"),
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("network", &self.network().id()).finish_non_exhaustive()
    }
}

/// Serves the connection to its end, but lets it go when nobody has been let in on it in time: strangers can ask whether the
/// tracker lives as often as they like, and would keep their places by that.
async fn while_admitted<T>(asker: &Asker, served: impl Future<Output = T>) -> Option<T> {
    let mut served = std::pin::pin!(served);
    match tokio::time::timeout(ADMISSION_TIMEOUT, &mut served).await {
        Ok(ended) => Some(ended),
        Err(_) if asker.is_admitted() => Some(served.await),
        Err(_) => None,
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn tick(tracker: Weak<Tracker>) {
    while let Some(tracker) = tracker.upgrade() {
        tracker.catalogue.tick().await;
        drop(tracker);
        tokio::time::sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Admission;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// Less than any answer has, so that an answer that nobody reads is stuck.
    const PIPE_BYTES: usize = 64;

    const HEALTH: &str = "GET /healthz HTTP/1.1\r\n\r\n";

    fn call(server: &Server, peer: Option<PeerId>) -> (DuplexStream, impl Future<Output = ()> + use<>) {
        let (near, far) = duplex(PIPE_BYTES);
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let server = server.clone();
        (near, async move { server.speak_http(Asker::new(peer, here, here), far).await })
    }

    /// Sends the request and reads its answer; the status.
    async fn ask(near: &mut DuplexStream, request: &str) -> std::io::Result<u16> {
        near.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            answer.push(near.read_u8().await?);
        }
        Ok(String::from_utf8(answer).unwrap()[9..12].parse().unwrap())
    }

    /// Asks every few seconds until the tracker hangs up: how long that took, at most an hour.
    async fn lasts(server: &Server, peer: Option<PeerId>, first: &str, request: &str) -> Duration {
        let (mut near, served) = call(server, peer);
        let (served, began) = (tokio::spawn(served), tokio::time::Instant::now());
        ask(&mut near, first).await.unwrap();
        while began.elapsed() < Duration::from_secs(60 * 60) && !served.is_finished() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // It may have hung up in this very second.
            let _ = ask(&mut near, request).await;
        }
        began.elapsed()
    }

    /// In time that is made to pass: a connection is at an end within a minute wherever its caller fell silent.
    #[tokio::test(start_paused = true)]
    async fn what_is_silent_ends() {
        let server = Server::new(Network::ephemeral(Admission::Open).unwrap());
        for said in ["", "GET /heal", "GET /healthz HTTP/1.1\r\n\r\n"] {
            let (mut near, served) = call(&server, None);
            near.write_all(said.as_bytes()).await.unwrap();
            let ended = tokio::time::timeout(Duration::from_secs(60), served).await;
            assert!(ended.is_ok(), "still open a minute after {said:?}");
        }
    }

    /// A stranger keeps no place by asking what everybody may ask, nor by tickets and proofs that are none.
    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_join_is_hung_up_on() {
        let server = Server::new(Network::ephemeral(Admission::Invited).unwrap());
        let peer = Some(PeerId::from_bytes([1; 32]));
        let post = |path, body: &str| {
            format!("POST {path} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        };
        let wrong_proof = post("/v1/join", &format!(r#"{{"proof":"{}"}}"#, "A".repeat(43)));
        let wrong_ticket = "GET /v1/files HTTP/1.1\r\nauthorization: Bearer AA\r\n\r\n";
        let wrong_secret = "GET /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer AA\r\n\r\n";
        for (peer, request) in [
            (peer, HEALTH),
            (None, HEALTH),
            (peer, &post("/v1/join", "{}")),
            (peer, &wrong_proof),
            (peer, wrong_ticket),
            (None, wrong_secret),
        ] {
            let lasted = lasts(&server, peer, HEALTH, request).await;
            assert!((ADMISSION_TIMEOUT..2 * ADMISSION_TIMEOUT).contains(&lasted), "{lasted:?}: {request}");
        }
    }

    /// A peer that renews every few seconds keeps its connection for as long as it likes, and so does one that has joined on it, or
    /// a page on this machine that may ask.
    #[tokio::test(start_paused = true)]
    async fn whoever_belongs_here_stays() {
        let server = Server::new(Network::ephemeral(Admission::Open).unwrap());
        let peer = PeerId::from_bytes([1; 32]);
        let ticket = server.tracker.issue(peer);
        let renew = format!(
            "POST /v1/renew HTTP/1.1\r\nauthorization: Bearer {ticket}\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        let join = "POST /v1/join HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        let list = "GET /v1/files HTTP/1.1\r\nhost: localhost\r\n\r\n";
        for (peer, first, then) in
            [(Some(peer), &*renew, &*renew), (Some(peer), join, HEALTH), (None, list, list)]
        {
            let lasted = lasts(&server, peer, first, then).await;
            assert!(lasted >= Duration::from_secs(60 * 60), "{lasted:?}: {first}");
        }
    }
}
