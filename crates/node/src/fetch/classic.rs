//! Fetches a file that only classic peers have. It has no hash, so nothing that comes can be verified, and nothing of it is encrypted: the
//! one who asked for it is told so first.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drizzle_classic::{Folder, Gauge, GetError, Got, Name, Rates, Wanted, get};
use drizzle_model::RelPath;
use drizzle_store::DiskError;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::error::FetchError;
use crate::event::Event;
use crate::network::Network;

const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// A file of classic peers that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicFetched {
    /// Its name.
    pub name: RelPath,
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Who gave it; none when the one that was there already is the same.
    pub from: Option<SocketAddr>,
}

/// What fetching from classic peers needs of the node.
#[derive(Clone)]
pub(crate) struct ClassicMeans {
    pub(crate) rates: Rates,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

impl ClassicMeans {
    /// Fetches the newest of that name into `output`; none when no classic peer has it.
    pub(crate) async fn fetch(
        &self,
        network: &Network,
        name: &RelPath,
        output: &Path,
    ) -> Result<Option<ClassicFetched>, FetchError> {
        let failed = |error| FetchError::Tracker { what: name.to_string(), error };
        let found = network.find_classic(name).await.map_err(failed)?;
        let (Some(located), Some(flat)) = (found, Name::new(name.as_str())) else { return Ok(None) };
        self.tell(Event::Notice(format!(
            "{name}: only classic peers have it; what they send is not encrypted and not verified"
        )));
        let path = output.join(name.as_str());
        let holders = located.holders.iter().map(|holder| (holder.address, holder.dialect)).collect();
        let wanted = Wanted { name: flat, mtime: located.mtime, holders };
        let began = Instant::now();
        let outcome = match open(output).await {
            Ok((made, folder)) => {
                let got = self.get(name, folder, &wanted).await;
                // What was made for this and is still empty goes again.
                drop(made);
                got
            }
            Err(error) => {
                return Err(FetchError::Disk { name: name.clone(), error: disk_error(output, error) });
            }
        };
        let Got { size, from } = outcome.map_err(|error| sorted(name, &path, error))?;
        Ok(Some(ClassicFetched { name: name.clone(), path, size, elapsed: began.elapsed(), from }))
    }

    async fn get(&self, name: &RelPath, folder: Folder, wanted: &Wanted) -> Result<Got, GetError> {
        let (gauge, began) = (Gauge::default(), Instant::now());
        let refused = |peer: SocketAddr, reason: &str| {
            self.tell(Event::ClassicRefused { name: name.clone(), peer, reason: reason.to_owned() });
        };
        let mut getting = std::pin::pin!(get(folder, wanted, &self.rates, &gauge, refused));
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let tell = |done: u64, total: u64| {
            let rate = (done as f64 / began.elapsed().as_secs_f64().max(1e-3)) as u64;
            self.tell(Event::Progress { name: name.clone(), done, total, rate, peers: 1 });
        };
        loop {
            tokio::select! {
                biased;
                got = &mut getting => {
                    if let Ok(Got { size, from: Some(_) }) = &got {
                        tell(*size, *size);
                    }
                    return got;
                }
                _ = ticks.tick() => match gauge.read() {
                    (0, _) => {}
                    // A bare reply says at its end how long it is.
                    (done, total) => tell(done, total.unwrap_or(done)),
                },
            }
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.events.send(event);
    }
}

/// A folder that was made for a fetch. It goes again if nothing came into it.
struct Made(Option<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_dir(path);
        }
    }
}

async fn open(output: &Path) -> io::Result<(Made, Folder)> {
    let path = output.to_owned();
    let opened = spawn_blocking(move || {
        let is_new = !path.exists();
        std::fs::create_dir_all(&path)?;
        let made = Made(is_new.then(|| path.clone()));
        Ok((made, Folder::open(&path)?))
    });
    opened.await.map_err(io::Error::other)?
}

fn sorted(name: &RelPath, path: &Path, error: GetError) -> FetchError {
    let name = name.clone();
    let disk = |error| FetchError::Disk { name: name.clone(), error };
    match error {
        GetError::NoSource { reasons } => FetchError::NoSource { name, reasons },
        GetError::InTheWay if path.is_dir() => disk(DiskError::NotAFile { path: path.into() }),
        GetError::Exists | GetError::InTheWay => disk(DiskError::Exists { path: path.into() }),
        GetError::NoRoom { needed, available } => {
            disk(DiskError::TooSmall { path: path.into(), needed, available })
        }
        GetError::Disk(error) => disk(disk_error(path, error)),
        other => disk(disk_error(path, io::Error::other(other))),
    }
}

fn disk_error(path: &Path, source: io::Error) -> DiskError {
    let path = path.into();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::Full { path },
        io::ErrorKind::PermissionDenied => DiskError::Permission { path },
        io::ErrorKind::ReadOnlyFilesystem => DiskError::ReadOnly { path },
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => DiskError::NotAFolder { path },
        _ => DiskError::Io { path, source },
    }
}
