//! A synchronizer: keeps a flat folder in step with those of other peers, through a tracker of the classic protocol (S2.5, S2.6).
//!
//! It says what it has, fetches what is newer elsewhere, and lives on with a keepalive 5 s after each round; it serves the folder to
//! whoever asks. A tracker that is lost is called again and again, while what is under way goes on. It ends when it is dropped, or
//! the folder cannot be read any more.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use drizzle_net::RateLimiter;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::event::Event;
use crate::folder::Folder;
use crate::limits::{AT_REST_AFTER, FILES_PER_PEER_MAX, KEEPALIVE_PAUSE, RECALL_MAX, RECALL_MIN};
use crate::line::{Line, LineError};
use crate::message::{OwnFile, PeerMessage};
use crate::plan::{Say, next_word};
use crate::port::Counter;
use crate::rounds::Rounds;

/// The port that is tried first.
const USUAL_PORT: u16 = 7441;

/// What a synchronizer is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder.
    pub folder: PathBuf,
    /// The tracker's host and port.
    pub tracker: (String, u16),
    /// Where to serve; none for the address that the tracker sees, at port 7441 or any free one: whoever cannot reach the tracker
    /// from there has no business with the folder.
    pub listen: Option<SocketAddr>,
    /// How fast to send.
    pub limit_up: RateLimiter,
    /// How fast to receive.
    pub limit_down: RateLimiter,
}

/// Why a synchronizer does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The tracker.
    #[error("{host}:{port}: {source}")]
    Tracker {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// What went wrong.
        source: LineError,
    },
    /// The folder.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The port to serve at.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A synchronizer that serves its folder, and has called its tracker.
pub struct Synchronizer {
    tracker: (String, u16),
    listen_addr: SocketAddr,
    line: Option<Line>,
    rounds: Rounds,
    serving: Serving,
}

/// Ends with the synchronizer.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a conversation with the tracker ended.
enum Stop {
    /// A new one is to begin.
    Anew,
    Lost(LineError),
    Folder(io::Error),
}

impl From<LineError> for Stop {
    fn from(error: LineError) -> Self {
        Self::Lost(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Folder(error)
    }
}

impl Synchronizer {
    /// Opens the folder, calls the tracker, binds the port, and begins to serve.
    pub async fn start(settings: Settings) -> Result<(Self, mpsc::UnboundedReceiver<Event>), StartError> {
        let Settings { folder: path, tracker, listen, limit_up, limit_down } = settings;
        let failed = |source| StartError::Folder { path: path.clone(), source };
        let folder = Folder::open(&path).map_err(failed)?;
        folder.sweep_old().map_err(failed)?;
        let lost = |source| StartError::Tracker { host: tracker.0.clone(), port: tracker.1, source };
        let line = Line::open(&tracker).await.map_err(lost)?;
        let seen = line.local_addr().map_err(|error| lost(error.into()))?;
        let listener = bind(listen, seen).await?;
        let failed = |source| StartError::Listen { address: listen.unwrap_or(seen), source };
        let listen_addr = listener.local_addr().map_err(failed)?;
        let counter = Counter::new(Arc::new(folder.clone()), limit_up);
        let serving = Serving(tokio::spawn(counter.run(listener)));
        let own = match listen_addr.ip().is_unspecified() {
            true => SocketAddr::new(seen.ip().to_canonical(), listen_addr.port()),
            false => listen_addr,
        };
        let (events, happened) = mpsc::unbounded_channel();
        let rounds = Rounds::new(folder, limit_down, events, own);
        Ok((Self { tracker, listen_addr, line: Some(line), rounds, serving }, happened))
    }

    /// Where the folder is served.
    pub fn listen_addr(&self) -> SocketAddr {
        self.listen_addr
    }

    /// Goes on until the folder cannot be read any more; says why.
    pub async fn run(&mut self) -> io::Error {
        let mut line = self.line.take();
        let mut failures = 0u32;
        loop {
            let stop = match line.take() {
                Some(line) => self.converse(line, &mut failures).await,
                None => Stop::Anew,
            };
            match stop {
                Stop::Folder(error) => return error,
                Stop::Lost(error) => self.lost(&error, &mut failures),
                Stop::Anew => {}
            }
            let wait = (RECALL_MIN * failures.max(1)).min(RECALL_MAX);
            self.rounds.pause(Instant::now() + wait).await;
            match Line::open(&self.tracker).await {
                Ok(opened) => line = Some(opened),
                Err(error) => self.lost(&error, &mut failures),
            }
        }
    }

    /// Gives up what is under way, and leaves nothing of it behind.
    pub async fn close(self) {
        self.rounds.close().await;
    }

    fn lost(&self, error: &LineError, failures: &mut u32) {
        if *failures == 0 {
            self.rounds.tell(Event::Notice(format!("{error}; it is tried again")));
        }
        *failures += 1;
    }

    async fn converse(&mut self, mut line: Line, failures: &mut u32) -> Stop {
        match self.talk(&mut line, failures).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn talk(&mut self, line: &mut Line, failures: &mut u32) -> Result<std::convert::Infallible, Stop> {
        self.rounds.look().await?;
        if self.rounds.own_files().len() < self.rounds.files.len().min(FILES_PER_PEER_MAX) {
            // Some trackers take a list at the beginning alone, so what was put there a moment ago is waited for.
            self.rounds.pause(Instant::now() + AT_REST_AFTER).await;
            self.rounds.look().await?;
        }
        let all = self.rounds.files.len();
        if all > FILES_PER_PEER_MAX {
            let text =
                format!("of {all} files only {FILES_PER_PEER_MAX} are told to others: no peer can have more");
            self.rounds.tell(Event::Notice(text));
        }
        let mut told = self.rounds.own_files();
        let mut message = self.message(Some(told.clone()));
        loop {
            let directory = line.exchange(&message).await?;
            if std::mem::take(failures) > 0 {
                self.rounds.tell(Event::Notice("the tracker is back".into()));
            }
            self.rounds.round(&directory, line.has_lf()).await;
            self.rounds.pause(Instant::now() + KEEPALIVE_PAUSE).await;
            self.rounds.look().await?;
            message = match next_word(&told, self.rounds.own_files(), &directory) {
                Say::Anew => return Err(Stop::Anew),
                Say::Keepalive => self.message(None),
                Say::Files(files) => {
                    told.clone_from(&files);
                    self.message(Some(files))
                }
            };
        }
    }

    fn message(&self, files: Option<Vec<OwnFile>>) -> PeerMessage {
        PeerMessage { port: self.listen_addr.port(), files, left_out: 0, serves_both: true }
    }
}

impl std::fmt::Debug for Synchronizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let serving = self.serving.0.id();
        f.debug_struct("Synchronizer").field("listen", &self.listen_addr).field("serving", &serving).finish()
    }
}

async fn bind(said: Option<SocketAddr>, seen: SocketAddr) -> Result<TcpListener, StartError> {
    let usual = SocketAddr::new(seen.ip(), USUAL_PORT);
    let address = said.unwrap_or(usual);
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if said.is_none() && error.kind() == io::ErrorKind::AddrInUse => {
            let address = SocketAddr::new(seen.ip(), 0);
            TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
        }
        Err(source) => Err(StartError::Listen { address, source }),
    }
}
