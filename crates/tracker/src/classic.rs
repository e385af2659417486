//! The classic protocol at the tracker's port: whoever begins with what is no HTTP is heard as a classic peer.
//!
//! Classic peers are on a board of their own, and see beside each other the single files of native peers, which answer classic
//! callers at their ports. Nobody proves anything here, so it is spoken only where everyone may come in. Laws: what makes no
//! sense ends its connection and nothing else; a peer is answered before its next message is looked at, so whoever does not
//! read is not read; directories are put together one at a time and beside everything else, which waits for none of them.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drizzle_classic::limits::{MESSAGE_BYTES_MAX, MESSAGE_TIMEOUT, REPLY_LF_WAIT, TRACKER_IDLE};
use drizzle_classic::{
    BoardFull, Dialect, DirectoryWriter, Known, MessageError, Name, PeerMessage, SplitError, Splitter, Stamp,
};
use drizzle_directory::Version;
use drizzle_model::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use crate::asker::Asker;
use crate::classic_board::ClassicBoard;
use crate::connections::{Connections, NoRoom, Room};
use crate::limits::{
    CLASSIC_CONNECTIONS_MAX, CLASSIC_CONNECTIONS_PER_HOST_MAX, CLASSIC_NATIVE_FILES_MAX, SMALL_BODY_BYTES,
    WRITE_TIMEOUT,
};
use crate::tracker::Tracker;

const ROOM: Room = Room {
    connections_max: CLASSIC_CONNECTIONS_MAX,
    connections_per_host_max: CLASSIC_CONNECTIONS_PER_HOST_MAX,
};

/// How much is read from a peer at once, in bytes.
const PIECE_BYTES: usize = 16 << 10;

/// How long a reply stands although native peers registered something since. They may do so thousands of times a second.
const NATIVE_STANDS: Duration = Duration::from_secs(1);

/// How many replies are kept: one for each kind of asker. Askers of one dialect that reached the tracker at one address are a kind.
const REPLIES_MAX: usize = 16;

/// Why a classic peer was hung up on.
#[derive(Debug, thiserror::Error)]
enum ClassicError {
    #[error("{0}")]
    Split(#[from] SplitError),
    #[error("{0}")]
    Message(#[from] MessageError),
    #[error("{0}")]
    Full(#[from] BoardFull),
    #[error("{0}")]
    NoRoom(#[from] NoRoom),
    #[error("there is no room for long messages now")]
    Busy,
    #[error("it was silent for too long")]
    Silent,
    #[error("it does not read what it asked for")]
    Unread,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The classic side of a tracker.
pub(crate) struct Classic {
    tracker: Arc<Tracker>,
    board: Arc<ClassicBoard>,
    replies: Mutex<HashMap<View, Reply>>,
    connections: Arc<Connections>,
    /// Whose turn it is to be answered: large directories take tens of milliseconds, and there may be thousands of peers.
    turn: Semaphore,
}

/// What a directory looks like depends on this much of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct View {
    dialect: Dialect,
    /// Where the reader finds what runs on the tracker's machine; none when it runs there itself.
    tracker: Option<IpAddr>,
}

/// A directory that is written out, and for how long it is right.
struct Reply {
    bytes: Arc<[u8]>,
    board: u64,
    native: Version,
    made: Time,
    stale: Option<Time>,
}

/// The newest of a name, while a directory is put together.
struct Newest {
    holder: SocketAddr,
    dialect: Dialect,
    mtime: Stamp,
}

impl Classic {
    pub(crate) fn new(tracker: Arc<Tracker>) -> Self {
        Self {
            board: tracker.begin_classic(),
            tracker,
            replies: Mutex::default(),
            connections: Connections::new(ROOM),
            turn: Semaphore::new(1),
        }
    }

    /// Whether a caller that speaks no TLS is a classic peer: an HTTP request begins with a letter, and a message with a brace.
    pub(crate) async fn is_meant_by(tcp: &TcpStream) -> bool {
        let mut first = [0];
        matches!(tcp.peek(&mut first).await, Ok(1)) && !first[0].is_ascii_alphabetic()
    }

    /// Hears a peer, and answers, until either side has had enough.
    pub(crate) async fn serve(self: &Arc<Self>, tcp: TcpStream) {
        let (Ok(remote), Ok(local)) = (tcp.peer_addr(), tcp.local_addr()) else { return };
        let heard = match self.connections.place(remote.ip()) {
            Ok(_place) => self.hear(tcp, &Asker::new(None, remote, local)).await,
            Err(no_room) => Err(no_room.into()),
        };
        match heard {
            Ok(()) => tracing::debug!(from = %remote, "a classic peer hung up"),
            Err(error) => tracing::info!(from = %remote, %error, "hung up on a classic peer"),
        }
    }

    async fn hear(self: &Arc<Self>, mut tcp: TcpStream, asker: &Asker) -> Result<(), ClassicError> {
        tcp.set_nodelay(true)?;
        let mut splitter = Splitter::new(MESSAGE_BYTES_MAX);
        let mut piece = vec![0; PIECE_BYTES];
        let mut room: Option<SemaphorePermit<'_>> = None;
        let (mut is_first, mut began) = (true, Instant::now());
        loop {
            while let Some(json) = splitter.next_message()? {
                let message = PeerMessage::parse(json)?;
                if std::mem::take(&mut is_first) && !splitter.has_lf() {
                    wait_for_lf(&mut tcp, &mut splitter, &mut piece).await?;
                }
                let dialect = dialect_of(&message, &splitter);
                let reply = self.answer(asker, message, dialect).await?;
                let written = timeout(WRITE_TIMEOUT, tcp.write_all(&reply)).await;
                written.map_err(|_| ClassicError::Unread)??;
                began = Instant::now();
            }
            match splitter.kept_bytes() {
                kept if kept <= SMALL_BODY_BYTES => room = None,
                _ if room.is_none() => room = Some(self.room()?),
                _ => {}
            }
            let end =
                if splitter.is_within() { began + MESSAGE_TIMEOUT } else { Instant::now() + TRACKER_IDLE };
            let received =
                timeout_at(end, tcp.read(&mut piece)).await.map_err(|_| ClassicError::Silent)??;
            if received == 0 {
                return Ok(());
            }
            if !splitter.is_within() {
                began = Instant::now();
            }
            splitter.push(&piece[..received]);
        }
    }

    fn room(&self) -> Result<SemaphorePermit<'_>, ClassicError> {
        let bytes = u32::try_from(MESSAGE_BYTES_MAX).unwrap_or(u32::MAX);
        self.tracker.large_bodies.try_acquire_many(bytes).map_err(|_| ClassicError::Busy)
    }

    async fn answer(
        self: &Arc<Self>,
        asker: &Asker,
        message: PeerMessage,
        dialect: Dialect,
    ) -> Result<Arc<[u8]>, ClassicError> {
        // It is never closed.
        let _turn = self.turn.acquire().await.map_err(|_| ClassicError::Busy)?;
        let (this, asker) = (Arc::clone(self), asker.clone());
        let answered = spawn_blocking(move || this.answer_at_once(&asker, message, dialect)).await;
        answered.map_err(std::io::Error::from)?
    }

    fn answer_at_once(
        &self,
        asker: &Asker,
        message: PeerMessage,
        dialect: Dialect,
    ) -> Result<Arc<[u8]>, ClassicError> {
        let peer = SocketAddr::new(asker.remote, message.port);
        let now = self.tracker.clock.now();
        if message.left_out > 0 {
            tracing::info!(%peer, files = message.left_out, "left out names that are not for a flat folder");
        }
        match message.files {
            Some(files) => {
                tracing::info!(%peer, files = files.len(), "a classic peer registered");
                self.board.lock().register(now, peer, dialect, files)?;
            }
            None => {
                if self.board.lock().keepalive(now, peer, dialect) == Known::No {
                    tracing::debug!(%peer, "a keepalive of a classic peer that is not on the board");
                }
            }
        }
        Ok(self.directory(now, asker, dialect))
    }

    /// The directory as that asker sees it, written out.
    fn directory(&self, now: Time, asker: &Asker, dialect: Dialect) -> Arc<[u8]> {
        let view = View { dialect, tracker: (!asker.remote.is_loopback()).then_some(asker.local) };
        let native = self.tracker.catalogue.version();
        // One at a time: whoever waits finds what it needs when it is done.
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reply) = replies.get(&view).filter(|reply| self.is_right(reply, now, native)) {
            return Arc::clone(&reply.bytes);
        }
        let reply = self.write(now, asker, dialect, native);
        let bytes = Arc::clone(&reply.bytes);
        if replies.len() >= REPLIES_MAX {
            replies.clear();
        }
        replies.insert(view, reply);
        bytes
    }

    fn is_right(&self, reply: &Reply, now: Time, native: Version) -> bool {
        let stands = reply.native == native || now.since(reply.made) < NATIVE_STANDS;
        stands && reply.board == self.board.lock().version() && reply.stale.is_none_or(|stale| now < stale)
    }

    fn write(&self, now: Time, asker: &Asker, dialect: Dialect, native: Version) -> Reply {
        let natives = self.tracker.catalogue.whole_files(CLASSIC_NATIVE_FILES_MAX);
        let board = self.board.lock();
        let mut newest: BTreeMap<Name, Newest> = board
            .shown(now, dialect)
            .map(|shown| {
                let (holder, dialect, mtime) = (shown.holder, shown.dialect, shown.mtime.clone());
                (shown.name.clone(), Newest { holder, dialect, mtime })
            })
            .collect();
        for file in natives {
            let Some(name) = Name::new(file.key.name.as_str()) else { continue };
            let mtime = Stamp::of(file.mtime);
            let is_better = newest.get(&name).is_none_or(|other| {
                mtime.is_newer_than(&other.mtime)
                    || mtime == other.mtime && !dialect.can_fetch_from(other.dialect)
            });
            if is_better {
                newest.insert(name, Newest { holder: file.address, dialect: Dialect::Both, mtime });
            }
        }
        let mut writer = DirectoryWriter::default();
        for (name, Newest { holder, dialect, mtime }) in &newest {
            let (holder, _) = asker.place(*holder);
            writer.add(name.as_str(), (holder, *dialect), mtime.as_str());
        }
        let stale = board.shows_more_at(now);
        Reply { bytes: writer.finish().into(), board: board.version(), native, made: now, stale }
    }
}

/// The LF of a first message may come in a segment of its own, and it decides how others have to ask this peer.
async fn wait_for_lf(
    tcp: &mut TcpStream,
    splitter: &mut Splitter,
    piece: &mut [u8],
) -> Result<(), ClassicError> {
    if splitter.kept_bytes() > 0 {
        return Ok(());
    }
    if let Ok(received) = timeout(REPLY_LF_WAIT, tcp.read(piece)).await {
        splitter.push(&piece[..received?]);
        splitter.look_for_lf();
    }
    Ok(())
}

fn dialect_of(message: &PeerMessage, splitter: &Splitter) -> Dialect {
    match (message.serves_both, splitter.has_lf()) {
        (true, _) => Dialect::Both,
        (false, true) => Dialect::Lf,
        (false, false) => Dialect::Unframed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::network::{Admission, Network};
    use crate::server::Server;
    use std::sync::mpsc;
    use tokio::net::TcpListener;

    /// Calls a tracker, says something, and listens to its end: how long that took, and what came.
    async fn lasts(said: &str) -> (Duration, String) {
        let server = Server::new(Network::ephemeral(Admission::Open).unwrap()).with_classic();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        peer.write_all(said.as_bytes()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let began = Instant::now();
        let served = tokio::spawn(async move { server.serve_plain(tcp).await });
        let mut heard = String::new();
        peer.read_to_string(&mut heard).await.unwrap();
        served.await.unwrap();
        (began.elapsed(), heard)
    }

    /// A directory that takes long must not hold up those who ask for something else. Would fail if it were put together where
    /// everybody is served.
    #[tokio::test]
    async fn nobody_waits_for_a_classic_peers_directory() {
        let network = Network::ephemeral(Admission::Open).unwrap();
        let tracker = Tracker::new(network, Arc::new(SystemClock::start()));
        let classic = Arc::new(Classic::new(Arc::new(tracker)));
        let held_up = Arc::clone(&classic);
        let (begin, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let slow = std::thread::spawn(move || {
            let held = held_up.replies.lock().unwrap();
            begin.send(()).unwrap();
            let was_told = ended.recv_timeout(Duration::from_secs(10)).is_ok();
            drop(held);
            was_told
        });
        begun.recv().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        peer.write_all(b"{\"port\": 1}\n").await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let serving = Arc::clone(&classic);
        let served = tokio::spawn(async move { serving.serve(tcp).await });
        // Whoever is answered now needs no directory.
        while classic.turn.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        end.send(()).unwrap();
        assert!(slow.join().unwrap(), "nothing else went on before the directory was there");
        let mut heard = [0; 4];
        peer.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"{\t}\n");
        drop(peer);
        served.await.unwrap();
    }

    /// In time that is made to pass: a message that does not end is given up soon, and a peer that says no more when nobody could
    /// still know it.
    #[tokio::test(start_paused = true)]
    async fn what_is_silent_ends() {
        let (waited, heard) = lasts("{\"port\": 1").await;
        assert!((30..40).contains(&waited.as_secs()) && heard.is_empty(), "{waited:?}: {heard}");
        let (waited, heard) = lasts("{\"port\": 1}").await;
        assert!((180..240).contains(&waited.as_secs()), "{waited:?}: {heard}");
        assert_eq!(heard, "{\t}\n");
    }

    /// What is no message ends at once, with nothing in answer.
    #[tokio::test(start_paused = true)]
    async fn what_is_no_message_ends_at_once() {
        for said in ["[1]", "{\"port\": 0}", "{]", "\u{1}", "{\"port\": 1, \"files\": [1]}"] {
            let (waited, heard) = lasts(said).await;
            assert!(waited < Duration::from_secs(1) && heard.is_empty(), "{said} {waited:?}: {heard}");
        }
    }
}
