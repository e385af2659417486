//! Fetches one file from a classic peer into a part.
//!
//! Framed, the length is known, and a file is whole when so many bytes have come. Bare, nothing tells the end for sure: the close may come
//! too early, or, from a server that closes one connection when the next one arrives, not at all. So a bare file is fetched until
//! two replies are the same, of which one was closed; or three that only fell silent. The next call to the same peer is also
//! what makes such a server close.
//!
//! Of a file without bytes a bare reply is that of a peer that has no such file, and there are peers whose framed one is, too. So a peer that
//! announces nothing is asked for a name that nobody has: where it answers otherwise to that, the file is empty; else it is doubtful.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use drizzle_net::RateLimiter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::folder::{Folder, Part};
use crate::gauge::Gauge;
use crate::header::{Header, HeaderError};
use crate::limits::{
    CONNECT_TIMEOUT, FRAMED_IDLE, LF_WAIT, NOTHING_IDLE, PIECE_BYTES, TRIES_MAX, UNFRAMED_BYTES_MAX,
    UNFRAMED_IDLE, WRITE_TIMEOUT,
};
use crate::name::Name;
use crate::pace::Pace;

/// How long to wait before a short file is asked for again; longer with each try.
const AGAIN: Duration = Duration::from_millis(200);

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody answers there.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// It closed without a byte.
    #[error("the peer does not have it")]
    Unknown,
    /// It sent less than it announced.
    #[error("expected {expected} bytes, received {received}")]
    Short {
        /// What the header said.
        expected: u64,
        /// What came.
        received: u64,
    },
    /// Its reply has no length: where it begins otherwise than a header, it is a peer of the unframed dialect.
    #[error("expected a header with the length: {0}")]
    NoHeader(#[from] HeaderError),
    /// Nothing came for too long.
    #[error("it fell silent")]
    Silent,
    /// It comes too slowly.
    #[error("it comes too slowly: {bytes_per_s} bytes a second")]
    TooSlow {
        /// On average.
        bytes_per_s: u64,
    },
    /// It does not end.
    #[error("it does not end: {UNFRAMED_BYTES_MAX} bytes came")]
    Endless,
    /// It was another one each time.
    #[error("it was different each time it was asked for")]
    Unsteady,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// It announces more than there is room for.
    #[error("it announces {needed} bytes, and {available} are free here")]
    NoRoom {
        /// What the header said.
        needed: u64,
        /// What the disk has.
        available: u64,
    },
    /// It is of another size than the one that is of use.
    #[error("it has {at_least} bytes or more, expected {expected}")]
    OtherSize {
        /// What the header said, or what came.
        at_least: u64,
        /// What is of use.
        expected: u64,
    },
    /// Nothing came, and it cannot be known whether there is an empty file.
    #[error("nothing came, which may as well mean that the peer has lost it")]
    Doubtful,
    /// The local disk.
    #[error("{0}")]
    Disk(io::Error),
}

/// A file that came whole, as far as anybody can tell.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) part: Part,
    pub(crate) bytes: u64,
    pub(crate) hash: blake3::Hash,
    /// Whether it is empty in a way in which a peer answers that does not have it.
    pub(crate) is_doubtful: bool,
}

/// Where and how to fetch.
#[derive(Clone)]
pub(crate) struct Fetcher {
    pub(crate) folder: Folder,
    pub(crate) limit: RateLimiter,
    pub(crate) gauge: Gauge,
    /// The only size that is of use, if only one is.
    pub(crate) size: Option<u64>,
    pub(crate) pace: Pace,
}

impl Fetcher {
    /// Asks with an LF.
    pub(crate) async fn framed(&self, from: SocketAddr, name: &Name) -> Result<Fetched, FetchError> {
        let mut tries = 1;
        loop {
            match self.framed_once(from, name, FRAMED_IDLE).await {
                Err(FetchError::Short { .. } | FetchError::Broken(_)) if tries < TRIES_MAX => {}
                Ok(call) if call.bytes == 0 => {
                    let is_doubtful = !self.tells_apart(from).await;
                    return call.fetched(is_doubtful);
                }
                other => return other?.fetched(false),
            }
            tokio::time::sleep(AGAIN * tries as u32).await;
            tries += 1;
        }
    }

    /// Whether the peer answers otherwise than with an empty file when it is asked for what it cannot have.
    async fn tells_apart(&self, from: SocketAddr) -> bool {
        let Some(name) = name_of_nothing() else { return false };
        // It closes, perhaps only with its next caller; or it announces just as quickly as it did a moment ago.
        let asked = self.framed_once(from, &name, NOTHING_IDLE).await;
        matches!(asked, Err(FetchError::Unknown | FetchError::Broken(_) | FetchError::Silent))
    }

    async fn framed_once(&self, from: SocketAddr, name: &Name, idle: Duration) -> Result<Call, FetchError> {
        let mut call = self.call(from, format!("{name}\n")).await?;
        let mut header = Header::default();
        let (expected, begun) = loop {
            match call.read(idle).await? {
                Got::Bytes => {}
                Got::Closed if header.is_empty() => return Err(FetchError::Unknown),
                Got::Closed => return Err(FetchError::Broken(io::ErrorKind::UnexpectedEof.into())),
                Got::Silence => return Err(FetchError::Silent),
            }
            if let Some(found) = header.push(&call.piece[..call.filled])? {
                break found;
            }
        };
        let begun = begun.to_vec();
        self.check(expected, &call)?;
        call.store(&begun, expected).await?;
        while call.bytes < expected {
            match call.read(idle).await? {
                Got::Bytes => call.keep(expected).await?,
                Got::Closed => return Err(FetchError::Short { expected, received: call.bytes }),
                Got::Silence => return Err(FetchError::Silent),
            }
        }
        Ok(call)
    }

    /// Whether what is announced can be of use, before a byte of it is written.
    fn check(&self, announced: u64, call: &Call) -> Result<(), FetchError> {
        if let Some(expected) = self.size.filter(|size| *size != announced) {
            return Err(FetchError::OtherSize { at_least: announced, expected });
        }
        let available = call.part.as_ref().and_then(Part::free_bytes);
        if let Some(available) = available.filter(|available| announced > *available) {
            return Err(FetchError::NoRoom { needed: announced, available });
        }
        self.gauge.announced(announced);
        Ok(())
    }

    /// Asks without an LF.
    pub(crate) async fn bare(&self, from: SocketAddr, name: &Name) -> Result<Fetched, FetchError> {
        let mut replies: Vec<Bare> = Vec::new();
        let mut idle = UNFRAMED_IDLE;
        for _ in 0..TRIES_MAX {
            let mut call = self.call(from, name.to_string()).await?;
            if let Some(last) = replies.last_mut() {
                last.go_on(idle).await?;
                // What is only compared with the next one need not lie on the disk beside it.
                last.call.part = None;
            }
            let settled = replies.last().filter(|last| last.is_closed).map(|last| last.call.bytes);
            let is_closed = call.read_to_end(idle, settled).await?;
            replies.push(Bare { call, is_closed });
            if let Some(position) = believed(&replies) {
                let Bare { call, .. } = replies.swap_remove(position);
                let is_doubtful = call.bytes == 0;
                return call.fetched(is_doubtful);
            }
            idle *= 2;
        }
        Err(FetchError::Unsteady)
    }

    async fn call(&self, from: SocketAddr, request: String) -> Result<Call, FetchError> {
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(from)).await;
        let mut tcp = connected
            .map_err(|_| FetchError::Connect(io::ErrorKind::TimedOut.into()))?
            .map_err(FetchError::Connect)?;
        tcp.set_nodelay(true).map_err(FetchError::Broken)?;
        let written = timeout(WRITE_TIMEOUT, tcp.write_all(request.as_bytes())).await;
        written.map_err(|_| FetchError::Silent)?.map_err(FetchError::Broken)?;
        let folder = self.folder.clone();
        let part =
            spawn_blocking(move || folder.part()).await.map_err(|error| FetchError::Disk(error.into()))?;
        Ok(Call {
            tcp,
            part: Some(part.map_err(FetchError::Disk)?),
            gauge: self.gauge.clone(),
            limit: self.limit.clone(),
            size: self.size,
            pace: self.pace,
            hash: blake3::Hasher::new(),
            bytes: 0,
            piece: vec![0; PIECE_BYTES],
            filled: 0,
            waited: Duration::ZERO,
        })
    }
}

/// A name that no peer has: 16 letters by chance.
fn name_of_nothing() -> Option<Name> {
    let mut chance = [0; 16];
    // Nobody is harmed by whoever foresees it.
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), Instant::now());
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut chance);
    let letters = chance.map(|byte| char::from(b'a' + byte % 26));
    Name::new(&letters.iter().collect::<String>())
}

/// A reply of which only the bytes are known.
struct Bare {
    call: Call,
    is_closed: bool,
}

impl Bare {
    /// Reads what still comes, now that the next call was made.
    async fn go_on(&mut self, idle: Duration) -> Result<(), FetchError> {
        if !self.is_closed {
            self.is_closed = self.call.read_to_end(idle, None).await?;
        }
        Ok(())
    }

    fn agrees(&self, other: &Self) -> bool {
        self.call.bytes == other.call.bytes && self.call.hash.finalize() == other.call.hash.finalize()
    }
}

/// Which reply is to be believed after the last one came.
fn believed(replies: &[Bare]) -> Option<usize> {
    let newest = replies.last()?;
    let agreeing = || replies.iter().filter(|reply| reply.agrees(newest));
    let is_closed = agreeing().any(|reply| reply.is_closed);
    // One who says nothing and does not close waits for something, or is no peer at all.
    let enough = match (is_closed, newest.call.bytes) {
        (true, _) => 2,
        (false, 0) => return None,
        (false, _) => 3,
    };
    (agreeing().count() >= enough).then(|| replies.len() - 1)
}

enum Got {
    Bytes,
    Closed,
    Silence,
}

/// One connection, and the part that its bytes go to.
struct Call {
    tcp: TcpStream,
    /// None when the bytes are only counted and hashed.
    part: Option<Part>,
    gauge: Gauge,
    limit: RateLimiter,
    /// The only size that is of use, if only one is.
    size: Option<u64>,
    pace: Pace,
    hash: blake3::Hasher,
    bytes: u64,
    piece: Vec<u8>,
    filled: usize,
    waited: Duration,
}

impl Call {
    fn fetched(self, is_doubtful: bool) -> Result<Fetched, FetchError> {
        let part = self.part.ok_or(FetchError::Unsteady)?;
        Ok(Fetched { part, bytes: self.bytes, hash: self.hash.finalize(), is_doubtful })
    }

    async fn read(&mut self, idle: Duration) -> Result<Got, FetchError> {
        let began = Instant::now();
        let read = timeout(idle, self.tcp.read(&mut self.piece)).await;
        self.waited += began.elapsed();
        self.filled = match read {
            Err(_) => return Ok(Got::Silence),
            Ok(Ok(0)) => return Ok(Got::Closed),
            Ok(read) => read.map_err(FetchError::Broken)?,
        };
        self.limit.take(self.filled as u64).await;
        let bytes = self.bytes + self.filled as u64;
        if self.pace.is_missed(self.waited, bytes) {
            return Err(FetchError::TooSlow { bytes_per_s: bytes / self.waited.as_secs().max(1) });
        }
        Ok(Got::Bytes)
    }

    /// Writes what was read, up to the end of the file.
    async fn keep(&mut self, bytes_max: u64) -> Result<(), FetchError> {
        let piece = std::mem::take(&mut self.piece);
        let kept = self.store(&piece[..self.filled], bytes_max).await;
        self.piece = piece;
        kept
    }

    async fn store(&mut self, bytes: &[u8], bytes_max: u64) -> Result<(), FetchError> {
        let room = usize::try_from(bytes_max - self.bytes).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.hash.update(bytes);
        // A write of at most a piece goes into the system's memory.
        if let Some(part) = &self.part {
            let written = tokio::task::block_in_place(|| part.write_at(self.bytes, bytes));
            written.map_err(FetchError::Disk)?;
        }
        self.bytes += bytes.len() as u64;
        self.gauge.reached(self.bytes);
        Ok(())
    }

    /// Reads until the peer closes (true) or falls silent. `settled` is how many bytes an earlier reply had: after just as many
    /// there is little to wait for.
    async fn read_to_end(&mut self, idle: Duration, settled: Option<u64>) -> Result<bool, FetchError> {
        loop {
            let is_settled = settled == Some(self.bytes);
            match self.read(if is_settled { LF_WAIT } else { idle }).await {
                Ok(Got::Bytes) => self.keep(UNFRAMED_BYTES_MAX).await?,
                Ok(Got::Closed) => return Ok(true),
                Ok(Got::Silence) => return Ok(false),
                // Torn down: whatever came is not the whole of it, and is not the end of trying.
                Err(FetchError::Broken(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
            self.check_length()?;
        }
    }

    /// Whether what came of a bare reply can still be of use. Nothing announced how long it is, so it is not read to its end to find out.
    fn check_length(&self) -> Result<(), FetchError> {
        match self.size {
            Some(expected) if self.bytes > expected => {
                Err(FetchError::OtherSize { at_least: self.bytes, expected })
            }
            _ if self.bytes == UNFRAMED_BYTES_MAX => Err(FetchError::Endless),
            _ => Ok(()),
        }
    }
}
