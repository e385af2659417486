//! Gets one file from whichever of its holders gives it, once, into a folder.
//!
//! Laws: a file comes into its place whole, with its time, by a rename; what is there already stays, unless it is empty, since nothing can
//! tell whether it may be replaced; of what is given up nothing is left. Nothing of what comes can be verified: whoever asks
//! for this has to know that.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use drizzle_model::Mtime;
use drizzle_net::RateLimiter;
use tokio::task::spawn_blocking;

use crate::dialect::Dialect;
use crate::fetch::{FetchError, Fetched, Fetcher};
use crate::folder::{Folder, LocalFile, PlaceError};
use crate::gauge::Gauge;
use crate::header::HeaderError;
use crate::limits::SLOW_LEFT_MAX;
use crate::name::Name;
use crate::pace::Pace;
use crate::stamp::Stamp;

/// What is wanted, and who has it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: Name,
    /// When it was modified last.
    pub mtime: Mtime,
    /// Who has it, in the order in which they are to be asked, and how each speaks.
    pub holders: Vec<(SocketAddr, Dialect)>,
}

/// How fast to receive.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// In all.
    pub all: RateLimiter,
    /// From any one peer, in bytes a second.
    pub of_peer: Option<u64>,
}

/// A file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Got {
    /// How many bytes it has.
    pub size: u64,
    /// Who gave it; none when the one that was there already is the same.
    pub from: Option<SocketAddr>,
}

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// None of its holders gave it.
    #[error("no holder gave it: {}", reasons.join("; "))]
    NoSource {
        /// What went wrong with each.
        reasons: Vec<String>,
    },
    /// A file is there that is another one, or changed meanwhile.
    #[error("it is there already and is another file")]
    Exists,
    /// Something else is there.
    #[error("something that is no file has that name")]
    InTheWay,
    /// It is larger than what is free.
    #[error("there is no room: {needed} bytes are announced, {available} are free")]
    NoRoom {
        /// How many bytes it has.
        needed: u64,
        /// How many bytes are free.
        available: u64,
    },
    /// The local disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// Gets what is wanted into the folder. `refused` hears of each holder that answers and does not give it.
pub async fn get(
    folder: Folder,
    wanted: &Wanted,
    rates: &Rates,
    gauge: &Gauge,
    refused: impl FnMut(SocketAddr, &str),
) -> Result<Got, GetError> {
    get_at(folder, wanted, (rates, Pace::WITH_OTHERS), gauge, refused).await
}

/// The same, when that is how fast a holder has to be while there are others.
async fn get_at(
    folder: Folder,
    wanted: &Wanted,
    (rates, pace): (&Rates, Pace),
    gauge: &Gauge,
    mut refused: impl FnMut(SocketAddr, &str),
) -> Result<Got, GetError> {
    let place =
        Place { tidy: Arc::new(Tidy(folder)), name: wanted.name.clone(), stamp: Stamp::of(wanted.mtime) };
    let before = place.begin().await?;
    let mut failures = Failures::default();
    let mut queue = Queue::new(&wanted.holders, pace);
    while let Some(((address, dialect), pace)) = queue.next() {
        gauge.clear();
        let limit = rates.of_peer.map_or_else(|| rates.all.clone(), |rate| rates.all.with_inner(rate));
        let fetcher = Fetcher {
            folder: place.tidy.0.clone(),
            limit,
            gauge: gauge.clone(),
            // What is there and has bytes stays, so only the very same is of use.
            size: before.as_ref().map(|file| file.size).filter(|size| *size > 0),
            pace,
        };
        let fetched = fetch(&fetcher, address, dialect, &wanted.name).await;
        let got = match fetched {
            Ok(fetched) => place.settle(fetched, before.clone(), address).await,
            Err(error) => Err(Failure::Fetch(error)),
        };
        match got {
            Ok(got) => return Ok(got),
            Err(Failure::Get(error)) => return Err(error),
            Err(Failure::Other) => failures.is_another = true,
            Err(Failure::Fetch(FetchError::TooSlow { bytes_per_s })) if queue.may_leave() => {
                queue.leave((address, dialect), bytes_per_s);
            }
            Err(Failure::Fetch(error)) => {
                if !matches!(error, FetchError::Connect(_) | FetchError::OtherSize { .. }) {
                    refused(address, &error.to_string());
                }
                failures.add(address, error);
            }
        }
    }
    Err(failures.sum())
}

/// Whom to ask, and how fast each has to be. Whoever is slow while there are others is left, and asked again when nobody else has given it,
/// the fastest first.
struct Queue<'a> {
    pace: Pace,
    others: &'a [(SocketAddr, Dialect)],
    left: Vec<(u64, (SocketAddr, Dialect))>,
    is_over: bool,
}

impl<'a> Queue<'a> {
    fn new(holders: &'a [(SocketAddr, Dialect)], pace: Pace) -> Self {
        Self { pace, others: holders, left: Vec::new(), is_over: false }
    }

    fn next(&mut self) -> Option<((SocketAddr, Dialect), Pace)> {
        self.is_over |= self.others.is_empty() || self.left.len() >= SLOW_LEFT_MAX;
        if !self.is_over {
            let (first, others) = self.others.split_first()?;
            let is_alone = others.is_empty() && self.left.is_empty();
            self.others = others;
            return Some((*first, if is_alone { Pace::LEAST } else { self.pace }));
        }
        self.left.sort_by_key(|(bytes_per_s, _)| *bytes_per_s);
        if let Some((_, holder)) = self.left.pop() {
            return Some((holder, Pace::LEAST));
        }
        let (first, others) = self.others.split_first()?;
        self.others = others;
        Some((*first, Pace::LEAST))
    }

    /// Whether the one that was asked last may still be asked again.
    fn may_leave(&self) -> bool {
        !self.is_over
    }

    fn leave(&mut self, holder: (SocketAddr, Dialect), bytes_per_s: u64) {
        self.left.push((bytes_per_s, holder));
    }
}

/// In the dialect of the holder; where its reply shows that it is of the other one, in that.
async fn fetch(
    fetcher: &Fetcher,
    from: SocketAddr,
    dialect: Dialect,
    name: &Name,
) -> Result<Fetched, FetchError> {
    let fetched = match dialect {
        Dialect::Unframed => fetcher.bare(from, name).await,
        Dialect::Lf | Dialect::Both => match fetcher.framed(from, name).await {
            Err(FetchError::NoHeader(HeaderError::Other)) => fetcher.bare(from, name).await,
            other => other,
        },
    }?;
    // A person is told instead, who can ask for it again: an empty file is worth little, and a wrong one worse than none.
    if fetched.is_doubtful { Err(FetchError::Doubtful) } else { Ok(fetched) }
}

/// What went wrong with one holder.
enum Failure {
    Fetch(FetchError),
    /// What it gave is not what is there.
    Other,
    /// And it makes no difference who is asked.
    Get(GetError),
}

/// What went wrong with all of them.
#[derive(Default)]
struct Failures {
    reasons: Vec<String>,
    is_another: bool,
    disk: Option<GetError>,
}

impl Failures {
    fn add(&mut self, address: SocketAddr, error: FetchError) {
        self.reasons.push(format!("{address}: {error}"));
        match error {
            FetchError::OtherSize { .. } => self.is_another = true,
            FetchError::NoRoom { needed, available } => {
                self.disk = Some(GetError::NoRoom { needed, available });
            }
            FetchError::Disk(error) => self.disk = Some(GetError::Disk(error)),
            _ => {}
        }
    }

    /// What the user can mend comes first.
    fn sum(self) -> GetError {
        match (self.is_another, self.disk) {
            (true, _) => GetError::Exists,
            (false, Some(disk)) => disk,
            (false, None) => GetError::NoSource { reasons: self.reasons },
        }
    }
}

/// Where the file belongs. Clones are the same.
#[derive(Clone)]
struct Place {
    tidy: Arc<Tidy>,
    name: Name,
    stamp: Stamp,
}

/// Leaves nothing behind, whoever ends last: who asked, or a thread that is still at the disk.
struct Tidy(Folder);

impl Drop for Tidy {
    fn drop(&mut self) {
        self.0.sweep();
    }
}

impl Place {
    /// What is there before anything is fetched.
    async fn begin(&self) -> Result<Option<LocalFile>, GetError> {
        let this = self.clone();
        let begun = spawn_blocking(move || {
            this.tidy.0.sweep_old()?;
            Ok(this.tidy.0.file(&this.name)?)
        });
        begun.await.map_err(io::Error::other)?
    }

    /// Puts what came in its place, or finds that it is there.
    async fn settle(
        &self,
        fetched: Fetched,
        before: Option<LocalFile>,
        from: SocketAddr,
    ) -> Result<Got, Failure> {
        let this = self.clone();
        let settled = spawn_blocking(move || this.settle_now(fetched, before.as_ref(), from));
        settled.await.map_err(|error| Failure::Get(io::Error::other(error).into()))?
    }

    fn settle_now(
        &self,
        fetched: Fetched,
        before: Option<&LocalFile>,
        from: SocketAddr,
    ) -> Result<Got, Failure> {
        let Self { tidy, name, stamp } = self;
        let Fetched { part, bytes: size, hash, .. } = fetched;
        if let Some(before) = before.filter(|before| before.size > 0) {
            let there = tidy.0.hash(name, before).map_err(|error| Failure::Get(error.into()))?;
            if there != Some(hash) {
                return Err(Failure::Other);
            }
            tidy.0.set_time(name, before, stamp).map_err(|error| Failure::Get(error.into()))?;
            return Ok(Got { size, from: None });
        }
        let placed = tidy.0.place(part, name, stamp, before);
        placed.map(|_| Got { size, from: Some(from) }).map_err(|error| Failure::Get(error.into()))
    }
}

impl From<PlaceError> for GetError {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Changed => Self::Exists,
            PlaceError::InTheWay => Self::InTheWay,
            PlaceError::Mtime(_) => Self::Disk(io::Error::other(error)),
            PlaceError::Disk(error) => Self::Disk(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A peer that sends a piece, and again after a pause, so often at most.
    async fn peer(piece: Vec<u8>, pause: Duration, pieces: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let piece = piece.clone();
                tokio::spawn(async move {
                    let mut asked = [0; 64];
                    let _ = tcp.read(&mut asked).await;
                    let header = format!("Content-Length: {}\n", piece.len() * pieces);
                    let _ = tcp.write_all(header.as_bytes()).await;
                    for _ in 0..pieces {
                        if tcp.write_all(&piece).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(pause).await;
                    }
                });
            }
        });
        address
    }

    async fn from(holders: &[SocketAddr]) -> Option<SocketAddr> {
        let dir = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            name: Name::new("file").unwrap(),
            mtime: Mtime::from_seconds(1),
            holders: holders.iter().map(|holder| (*holder, Dialect::Lf)).collect(),
        };
        let pace = Pace { after: Duration::from_millis(100), bytes_per_s: 64 << 20 };
        let folder = Folder::open(dir.path()).unwrap();
        let (rates, gauge) = (Rates::default(), Gauge::default());
        let getting = get_at(folder, &wanted, (&rates, pace), &gauge, |_, _| {});
        tokio::time::timeout(Duration::from_secs(30), getting).await.unwrap().unwrap().from
    }

    /// One that drips fast enough never to be given up would take a day, and the others were never asked. Where all are slow, the fastest
    /// gives it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_drips_keeps_nobody_from_the_others() {
        let millis = Duration::from_millis;
        let drip = peer(vec![0; 100], millis(10), 10_000_000).await;
        let good = peer(vec![1; 100_000], millis(0), 1).await;
        assert_eq!(from(&[drip, drip, good]).await, Some(good));
        let slow = peer(vec![2; 30_000], millis(10), 30).await;
        assert_eq!(from(&[drip, slow, drip]).await, Some(slow));
        assert_eq!(from(&[slow]).await, Some(slow), "whoever is alone is not hurried");
        assert_eq!(from(&[drip, slow, drip, drip, drip, drip]).await, Some(slow));
    }
}
