//! The port of a node: who calls is let in, told apart, and handed to the hub, to the ring or to the embedded tracker.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::PeerId;
use drizzle_net::{Accepted, Acceptor, Connection};
use drizzle_tracker::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::classic::ClassicDoor;
use crate::input::Input;
use crate::lane::{Greeted, Greeter};
use crate::ring::RingDoor;
use crate::settings::Listen;

/// Callers that have not yet shown a ticket. Further ones wait in the kernel's queue; none holds its place for longer than
/// the time-outs of handshake and hello.
const STRANGERS_MAX: usize = 512;
/// When the system has no more descriptors, others must close theirs first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds the port, or any free one where that is allowed.
pub(crate) async fn bind(listen: Listen) -> io::Result<TcpListener> {
    match TcpListener::bind((listen.ip, listen.port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && listen.otherwise_any_port => {
            TcpListener::bind((listen.ip, 0)).await
        }
        bound => bound,
    }
}

/// Answers callers.
#[derive(Clone)]
pub(crate) struct Porter {
    pub(crate) acceptor: Acceptor,
    pub(crate) greeter: Greeter,
    pub(crate) hub: mpsc::Sender<Input>,
    pub(crate) tracker: Option<Server>,
    pub(crate) classic: ClassicDoor,
    pub(crate) ring: RingDoor,
}

impl Porter {
    /// Answers until the task is dropped.
    pub(crate) async fn run(self, listener: TcpListener) {
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&strangers).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((tcp, _)) => {
                    let porter = self.clone();
                    tokio::spawn(async move {
                        let admitted = porter.admit(tcp).await;
                        drop(place);
                        porter.pass_on(admitted).await;
                    });
                }
                Err(error) => {
                    warn!(target: "drizzle::serve", %error, "cannot take a call");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn admit(&self, tcp: TcpStream) -> Option<Admitted> {
        let from = tcp.peer_addr().ok();
        match self.acceptor.accept(tcp).await {
            Ok(Accepted::Peer(_, connection)) => match self.greeter.answer(connection).await {
                Ok(greeted) => return Some(Admitted::Member(Box::new(greeted))),
                Err(error) => debug!(target: "drizzle::serve", ?from, %error, "not let in"),
            },
            Ok(Accepted::Api(peer, connection)) => return Some(Admitted::Api(peer, Box::new(connection))),
            Ok(Accepted::Ring(_, connection)) => self.ring.admit(connection).await,
            Ok(Accepted::Plain(tcp)) => return Some(Admitted::Plain(tcp)),
            Ok(_) => {}
            Err(error) => debug!(target: "drizzle::serve", ?from, %error, "not let in"),
        }
        None
    }

    async fn pass_on(&self, admitted: Option<Admitted>) {
        match (admitted, &self.tracker) {
            // The hub may be shutting down; then the caller finds the connection closed.
            (Some(Admitted::Member(greeted)), _) => drop(self.hub.send(Input::Called(greeted)).await),
            (Some(Admitted::Api(peer, connection)), Some(tracker)) => tracker.serve(peer, *connection).await,
            (Some(Admitted::Plain(tcp)), Some(tracker)) => tracker.serve_plain(tcp).await,
            (Some(Admitted::Plain(tcp)), None) => self.classic.serve(tcp).await,
            // There is no tracker here: the connection closes.
            _ => {}
        }
    }
}

/// A caller, by what it wants.
enum Admitted {
    Member(Box<Greeted>),
    Api(PeerId, Box<Connection>),
    Plain(TcpStream),
}
