//! A running peer, for the commands that need one: what it tells is shown while something is waited for, and a
//! request to end is heeded at any moment.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use drizzle_node::{Event, Listen, Node, Settings};
use tokio::sync::mpsc::UnboundedReceiver;

use super::shared;
use crate::context::{Context, Everywhere};
use crate::exit::{Failure, Kind, Stop};
use crate::output::report::Report;
use crate::output::{Output, Step};
use crate::running::{Announcement, Process};
use crate::signals::Signals;

/// A peer for as long as a command runs.
pub(super) struct Session {
    pub(super) node: Node,
    pub(super) watch: Watch,
    pub(super) announcement: Option<Announcement>,
}

impl Session {
    /// Starts a peer that does what `role` says.
    pub(super) async fn start(role: &str, settings: Settings, verbosity: u8) -> Result<Self, Failure> {
        let signals = signals()?;
        let state_dir = settings.state_dir.clone();
        let (node, events) = Node::start(settings).await?;
        let process = Process {
            listen: Some(node.listen_addr().to_string()),
            peer: Some(node.peer().to_string()),
            ..Process::this(role)
        };
        let announcement = announce(&state_dir, process);
        Ok(Self { node, watch: Watch { events, signals, tells_chunks: verbosity > 0 }, announcement })
    }

    /// Leaves, and ends.
    pub(super) async fn close(self) {
        drop(self.announcement);
        self.node.shutdown().await;
    }
}

/// Listens for requests to end.
pub(super) fn signals() -> Result<Signals, Failure> {
    Signals::watch().map_err(|error| Failure::new(Kind::Other, format!("signals cannot be heeded: {error}")))
}

/// Tells `drizzle status` of this process; that is of too little weight to fail for.
pub(super) fn announce(state_dir: &std::path::Path, process: Process) -> Option<Announcement> {
    let announced = Announcement::publish(state_dir, process);
    announced.inspect_err(|error| tracing::debug!(%error, "status will not know of this process")).ok()
}

/// Settings that every peer has in common.
pub(super) fn node_settings(everywhere: &Everywhere) -> Settings {
    Settings {
        limit_up: everywhere.limit_up,
        limit_down: everywhere.limit_down,
        peer_limit_up: everywhere.peer_limit_up,
        peer_limit_down: everywhere.peer_limit_down,
        ..Settings::new(everywhere.state_dir.clone())
    }
}

/// Where to listen: just there when it was said, else at the usual port or any other.
pub(super) fn listen(said: Option<SocketAddr>) -> Listen {
    said.map_or_else(Listen::default, |address| Listen {
        ip: address.ip(),
        port: address.port(),
        otherwise_any_port: false,
    })
}

/// Settings of a peer that only asks. It takes no port that one who serves would want.
pub(super) fn asking(context: &Context) -> Settings {
    let listen = Listen { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0, otherwise_any_port: true };
    Settings { listen, ..node_settings(&context.everywhere) }
}

/// What happens at a peer, and requests to end.
pub(super) struct Watch {
    events: UnboundedReceiver<Event>,
    signals: Signals,
    tells_chunks: bool,
}

impl Watch {
    /// Waits for `work` and shows what happens meanwhile; none when somebody asks for the end first. What happened
    /// before the work was done is shown before this returns.
    pub(super) async fn until<T>(
        &mut self,
        output: &mut Output,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, Stop> {
        let mut work = std::pin::pin!(work);
        let Self { events, signals, tells_chunks } = self;
        loop {
            tokio::select! {
                biased;
                () = signals.requested() => return Ok(None),
                Some(event) = events.recv() => show(output, event, *tells_chunks)?,
                done = &mut work => return Ok(Some(done)),
            }
        }
    }

    /// Shows what happens until somebody asks for the end.
    pub(super) async fn until_asked(&mut self, output: &mut Output) -> Result<(), Stop> {
        let never = std::future::pending::<Infallible>();
        self.until(output, never).await.map(|_| ())
    }
}

fn show(output: &mut Output, event: Event, tells_chunks: bool) -> Result<(), Stop> {
    match event {
        Event::Hashing { path, done, total } => {
            output.hashing(Instant::now(), &path.to_string_lossy(), done, total);
        }
        Event::Chunk { name, index, peer } if tells_chunks => {
            let (name, peer) = (name.to_string(), peer.to_string());
            output.report(&Report::Chunk { name, index: index.number(), peer })?;
        }
        Event::Progress { name, done, total, rate, peers } => {
            output.progress(Instant::now(), Step { name: name.as_str(), done, total, rate, peers })?;
        }
        Event::FileProgress { name, path, done, total } => {
            output.file_progress(name.as_str(), path.as_str(), done, total);
        }
        Event::Refused { name, peer, reason } => output.refused(name.as_str(), peer.to_string(), &reason)?,
        Event::ClassicRefused { name, peer, reason } => {
            output.refused(name.as_str(), peer.to_string(), &reason)?;
        }
        Event::Shared { item, replaces } => shared::tell(output, &item, replaces.as_ref())?,
        Event::Unshared { key } => output.report(&Report::Unshared { file: (&key).into() })?,
        Event::Incomplete { reason } => output.incomplete(&reason)?,
        Event::Notice(text) => output.notice(&text),
        _ => {}
    }
    Ok(())
}
