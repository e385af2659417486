//! The rounds of a synchronizer: takes from other peers what the directory has newer than the folder.
//!
//! From each peer comes one file at a time, from several peers at once. What is under way when a round has taken long enough goes on
//! into the next one, and is not begun twice. What failed is tried again later.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use drizzle_model::{Mtime, Time};
use drizzle_net::RateLimiter;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::backoff::Backoff;
use crate::event::{Action, Event};
use crate::fetch::{FetchError, Fetched, Fetcher};
use crate::folder::{Folder, LocalFile, PlaceError};
use crate::gauge::Gauge;
use crate::header::HeaderError;
use crate::limits::{FETCHED_FROM_MAX, ROUND_MAX};
use crate::message::{DirectoryMessage, Entry, OwnFile};
use crate::name::Name;
use crate::pace::Pace;
use crate::plan::{Brought, Files, own_files, wanted};
use crate::stamp::Stamp;

/// How many peers are remembered as being of the unframed dialect.
const UNFRAMED_PEERS_MAX: usize = 4096;

/// How many empty replies are remembered; beyond it all are forgotten, which only means that they are doubted once more.
const DOUBTED_MAX: usize = 65_536;

/// The folder, and what is under way into it.
pub(crate) struct Rounds {
    pub(crate) folder: Folder,
    pub(crate) files: Files,
    /// When they were looked at.
    looked: Mtime,
    brought: Brought,
    fetcher: Fetcher,
    events: mpsc::UnboundedSender<Event>,
    own: SocketAddr,
    began: Instant,
    failed: Backoff<(Name, SocketAddr)>,
    /// How many directories were heard.
    round: u64,
    /// What came empty, and in which round first.
    doubted: HashMap<(Name, SocketAddr), (Stamp, u64)>,
    /// Peers that showed to be of the unframed dialect.
    unframed: HashSet<SocketAddr>,
    under_way: JoinSet<Ended>,
    names: HashSet<Name>,
    peers: HashSet<SocketAddr>,
    told_in_sync: Option<(usize, u64)>,
}

/// How one fetch ended.
struct Ended {
    name: Name,
    entry: Entry,
    result: Result<(LocalFile, Action), Trouble>,
}

/// Why a file is not here now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(
        "nothing came, which may as well mean that the peer has lost it; the file here has bytes, and stays"
    )]
    Empty,
    #[error(
        "nothing came, which may as well mean that the peer has lost it; taken for empty when it comes so again"
    )]
    Doubtful,
}

impl Rounds {
    pub(crate) fn new(
        folder: Folder,
        limit: RateLimiter,
        events: mpsc::UnboundedSender<Event>,
        own: SocketAddr,
    ) -> Self {
        Self {
            fetcher: Fetcher {
                folder: folder.clone(),
                limit,
                gauge: Gauge::default(),
                size: None,
                pace: Pace::LEAST,
            },
            folder,
            files: Files::new(),
            looked: Mtime::default(),
            brought: Brought::default(),
            events,
            own,
            began: Instant::now(),
            failed: Backoff::default(),
            round: 0,
            doubted: HashMap::new(),
            unframed: HashSet::new(),
            under_way: JoinSet::new(),
            names: HashSet::new(),
            peers: HashSet::new(),
            told_in_sync: None,
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.events.send(event);
    }

    /// Looks at the folder again.
    pub(crate) async fn look(&mut self) -> io::Result<()> {
        let folder = self.folder.clone();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.looked = Mtime::new(seconds, since.subsec_nanos()).unwrap_or_default();
        let files = spawn_blocking(move || folder.files()).await.map_err(io::Error::other)??;
        self.files = files.into_iter().collect();
        Ok(())
    }

    /// The files as they are told.
    pub(crate) fn own_files(&self) -> Vec<OwnFile> {
        own_files(&self.files, &self.brought, self.looked)
    }

    /// One round: ends when nothing more can be had now, or when it has taken long enough.
    pub(crate) async fn round(&mut self, directory: &DirectoryMessage, has_lf: bool) {
        let end = Instant::now() + ROUND_MAX;
        self.round += 1;
        loop {
            self.begin_some(directory, has_lf);
            match timeout_at(end, self.under_way.join_next()).await {
                Ok(Some(Ok(ended))) => self.finish(ended),
                // A bug, and the names that it had are lost to us until the next start.
                Ok(Some(Err(error))) => debug!(target: "drizzle::fetch", %error, "a fetch ended early"),
                Ok(None) | Err(_) => break,
            }
        }
        if self.under_way.is_empty() {
            self.folder.sweep();
            self.tell_in_sync(directory);
        }
    }

    /// Waits, and takes what comes meanwhile.
    pub(crate) async fn pause(&mut self, until: Instant) {
        while let Ok(ended) = timeout_at(until, self.under_way.join_next()).await {
            match ended {
                Some(Ok(ended)) => self.finish(ended),
                Some(Err(_)) => {}
                None => return tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Gives up what is under way, and leaves nothing of it behind.
    pub(crate) async fn close(mut self) {
        self.under_way.shutdown().await;
        self.folder.sweep();
    }

    fn begin_some(&mut self, directory: &DirectoryMessage, has_lf: bool) {
        let now = self.now();
        for (name, entry) in wanted(directory, &self.files, &self.brought, self.own) {
            if self.under_way.len() >= FETCHED_FROM_MAX {
                return;
            }
            let is_free = !self.names.contains(name) && !self.peers.contains(&entry.address);
            if !is_free || !self.failed.may_try(now, &(name.clone(), entry.address)) {
                continue;
            }
            self.names.insert(name.clone());
            self.peers.insert(entry.address);
            let is_framed = has_lf && !entry.is_unframed && !self.unframed.contains(&entry.address);
            let job = Job {
                fetcher: self.fetcher.clone(),
                name: name.clone(),
                entry: entry.clone(),
                before: self.files.get(name).cloned(),
                is_framed,
                is_second_look: self.is_second_look(name, entry),
            };
            self.under_way.spawn(job.run());
        }
    }

    fn finish(&mut self, ended: Ended) {
        let Ended { name, entry, result } = ended;
        let peer = entry.address;
        self.names.remove(&name);
        self.peers.remove(&peer);
        match result {
            Ok((file, action)) => {
                self.failed.succeed(&(name.clone(), peer));
                self.doubted.remove(&(name.clone(), peer));
                self.brought.note(name.clone(), entry.mtime, file.clone());
                self.files.insert(name.clone(), file);
                self.tell(Event::Applied { name, action, peer });
            }
            Err(trouble) => {
                debug!(target: "drizzle::fetch", %name, %peer, %trouble, "a file did not come");
                if matches!(trouble, Trouble::Fetch(FetchError::NoHeader(HeaderError::Other))) {
                    self.note_unframed(peer);
                    return;
                }
                let is_doubtful = matches!(trouble, Trouble::Doubtful);
                if is_doubtful {
                    self.doubt(name.clone(), &entry);
                }
                if self.failed.fail(self.now(), (name.clone(), peer)) && !is_doubtful {
                    self.tell(Event::Refused { name, peer, reason: trouble.to_string() });
                }
            }
        }
    }

    /// Whether it came empty in an earlier round, and the directory, heard again since, still names just that. By then whoever
    /// withdraws what it has lost has done so. Whoever never does cannot be told from one whose file is empty; then nothing is lost by an
    /// empty file, since none takes the place of bytes, while without it the folders would never be the same.
    fn is_second_look(&self, name: &Name, entry: &Entry) -> bool {
        let doubted = self.doubted.get(&(name.clone(), entry.address));
        doubted.is_some_and(|(mtime, round)| *mtime == entry.mtime && *round < self.round)
    }

    fn doubt(&mut self, name: Name, entry: &Entry) {
        if self.doubted.len() >= DOUBTED_MAX {
            self.doubted.clear();
        }
        self.doubted.insert((name, entry.address), (entry.mtime.clone(), self.round));
    }

    /// It is asked again at once, in the other dialect.
    fn note_unframed(&mut self, peer: SocketAddr) {
        if self.unframed.len() >= UNFRAMED_PEERS_MAX {
            self.unframed.clear();
        }
        self.unframed.insert(peer);
    }

    fn tell_in_sync(&mut self, directory: &DirectoryMessage) {
        if !wanted(directory, &self.files, &self.brought, self.own).is_empty() {
            self.told_in_sync = None;
            return;
        }
        let state = (self.files.len(), self.files.values().map(|file| file.size).sum());
        if self.told_in_sync.replace(state) != Some(state) {
            self.tell(Event::InSync { files: state.0, bytes: state.1 });
        }
    }

    fn now(&self) -> Time {
        Time::after_origin(self.began.elapsed())
    }
}

/// One file to fetch.
struct Job {
    fetcher: Fetcher,
    name: Name,
    entry: Entry,
    before: Option<LocalFile>,
    is_framed: bool,
    /// Whether an empty reply is believed that was doubted before.
    is_second_look: bool,
}

impl Job {
    async fn run(self) -> Ended {
        let result = self.fetch().await;
        Ended { name: self.name, entry: self.entry, result }
    }

    async fn fetch(&self) -> Result<(LocalFile, Action), Trouble> {
        let Self { fetcher, name, entry, before, is_framed, is_second_look } = self;
        let fetched = match is_framed {
            true => fetcher.framed(entry.address, name).await?,
            false => fetcher.bare(entry.address, name).await?,
        };
        let Fetched { part, bytes, is_doubtful, .. } = fetched;
        if bytes == 0 && before.as_ref().is_some_and(|before| before.size > 0) {
            return Err(Trouble::Empty);
        }
        if is_doubtful && !is_second_look {
            return Err(Trouble::Doubtful);
        }
        let (folder, name) = (fetcher.folder.clone(), name.clone());
        let (mtime, before) = (entry.mtime.clone(), before.clone());
        let action = if before.is_some() { Action::Update } else { Action::Create };
        let place = move || folder.place(part, &name, &mtime, before.as_ref());
        let placed =
            spawn_blocking(place).await.map_err(|error| PlaceError::Disk(io::Error::other(error)))?;
        Ok((placed?, action))
    }
}
