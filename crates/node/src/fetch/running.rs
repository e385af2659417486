//! A fetch under way: the hub does the fetching, this task watches over it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{Address, Bitmap, ChunkIndex, FileKey, PeerId, RelPath, Time};
use drizzle_store::{Content, DiskError, Download, MemorySource, Source};
use drizzle_wire::ChannelKind;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tracing::debug;

use super::means::Means;
use super::tally::Tally;
use crate::content_key::{ContentId, ContentKey};
use crate::error::FetchError;
use crate::event::Event;
use crate::hub_handle::Held;
use crate::input::{Candidate, ContentEvent, NewContent};
use crate::lane::Greeted;
use crate::network::Network;
use crate::share::{Registration, Watch, manifest_content, sizes_of};

const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// How often the tracker hears which chunks are here now (S0.6).
const HAVES_EVERY: Duration = Duration::from_secs(1);
/// Locations are asked for at once when chunks are missing that nobody has, but not more often than this.
const STARVED_GAP: Duration = Duration::from_secs(2);
/// Less than this is no transfer: the slowest modem brings more.
const DRIP_BYTES_PER_S: u64 = 2 << 10;
/// Each source may have so many chunks under way, or begun in vain, before what comes no longer counts as progress.
const UNVERIFIED_CHUNKS_MAX: u64 = 3;
/// Who waits in the queue of a busy source, and gets nothing, has so many times the patience.
const QUEUE_PATIENCE: u32 = 5;
/// When a source has just lied or changed, the others have so long to turn up.
const BLAMED_PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Running {
    means: Means,
    network: Network,
    download: Arc<Download>,
    id: ContentId,
    /// That content, and with a folder the bytes of its manifest, which are served on.
    held: Held,
    watcher: mpsc::UnboundedReceiver<ContentEvent>,
    clock: Instant,
    tally: Tally,
    have: Bitmap,
    /// Whether chunks came since the tracker was told.
    has_news: bool,
    /// Verified bytes of big files that are under way, by entry.
    big_files: HashMap<usize, u64>,
    sources: usize,
    /// Since when nobody who is connected has what is missing.
    stuck_since: Option<Instant>,
    /// What came since a chunk was verified, and how much one chunk can be.
    unverified_bytes: u64,
    verified_at: Instant,
    arrived_at: Instant,
    chunk_bytes_max: u64,
    liars: Vec<PeerId>,
    changed: Vec<PeerId>,
    /// When a source lied or changed last.
    blamed_at: Option<Instant>,
    located_at: Instant,
}

/// Whether a fetch goes on.
enum Step {
    GoOn,
    Complete,
}

impl Running {
    /// Gives the content to the hub.
    pub(super) async fn start(
        means: &Means,
        network: &Network,
        download: Arc<Download>,
        manifest: Option<MemorySource>,
        liars: Vec<PeerId>,
    ) -> Result<Self, FetchError> {
        let (owner, watcher) = mpsc::unbounded_channel();
        let content = download.content();
        let have = download.verified();
        let chunk_bytes_max = content.chunks().map(|chunk| content.chunk_bytes(chunk)).max().unwrap_or(0);
        let done = have.iter().map(|chunk| content.chunk_bytes(chunk)).sum();
        let kind = if content.manifest().is_some() { ChannelKind::Folder } else { ChannelKind::Bytes };
        network.offer(content, &(Arc::clone(&download) as Arc<dyn Source>));
        let whole = NewContent {
            key: ContentKey { network: network.id(), hash: content.hash(), kind },
            size: content.size(),
            metadata: content.metadata(),
            sizes: sizes_of(content),
            have: have.clone(),
            source: Arc::clone(&download) as Arc<dyn Source>,
            hashes: content.chunk_hashes().cloned().map(Arc::new),
            download: Some(Arc::clone(&download)),
            watcher: owner,
            banned: liars.clone(),
        };
        let manifest = manifest.map(|manifest| manifest_content(network.id(), content, &manifest));
        let mut held = Held::new(means.hub.clone());
        let id = held.add(whole).await.ok_or(FetchError::Closing)?;
        if let Some(manifest) = manifest {
            held.add(manifest).await.ok_or(FetchError::Closing)?;
        }
        let now = Instant::now();
        let running = Self {
            means: means.clone(),
            network: network.clone(),
            tally: Tally::new(Time::ORIGIN, done, content.size()),
            big_files: big_files_of(content, &have),
            have,
            has_news: true,
            download,
            id,
            held,
            watcher,
            clock: now,
            sources: 0,
            stuck_since: Some(now),
            unverified_bytes: 0,
            verified_at: now,
            arrived_at: now,
            chunk_bytes_max,
            liars,
            changed: Vec::new(),
            blamed_at: None,
            located_at: now,
        };
        Ok(running)
    }

    /// Uses a connection that is there already.
    pub(super) async fn attach(&self, greeted: Greeted, address: Address) {
        self.means.hub.attach(self.id, greeted, address).await;
    }

    /// Names peers that may have it.
    pub(super) async fn candidates(&self, candidates: Vec<Candidate>) {
        self.means.hub.candidates(self.id, candidates).await;
    }

    /// Watches until every chunk is here.
    pub(super) async fn run(&mut self) -> Result<(), FetchError> {
        let result = self.watch().await;
        self.show_progress();
        self.tell_tracker();
        result
    }

    /// Serves on until the node ends. Says who sent how many bytes.
    pub(super) fn seed(self) -> BTreeMap<PeerId, u64> {
        let source = Arc::clone(&self.download) as Arc<dyn Source>;
        let mtime = self.download.content().metadata().mtime;
        let registration = Registration::alone(self.network.clone(), self.key(), mtime);
        let watch = Watch { registration, source, events: self.means.events, changed: || {} };
        tokio::spawn(watch.run(self.watcher));
        self.held.keep();
        self.tally.from
    }

    /// Serves no longer. Says who sent how many bytes.
    pub(super) fn leave(self) -> BTreeMap<PeerId, u64> {
        self.network.withdraw(&self.key());
        self.tally.from
    }

    async fn watch(&mut self) -> Result<(), FetchError> {
        let mut progress = interval(PROGRESS_EVERY);
        let mut haves = interval_at(Instant::now() + HAVES_EVERY, HAVES_EVERY);
        let mut refresh = interval_at(Instant::now() + self.means.refresh, self.means.refresh);
        for timer in [&mut progress, &mut haves, &mut refresh] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        self.tell_tracker();
        loop {
            tokio::select! {
                event = self.watcher.recv() => {
                    let event = event.ok_or(FetchError::Closing)?;
                    if let Step::Complete = self.take(event)? {
                        return Ok(());
                    }
                }
                _ = progress.tick() => {
                    self.show_progress();
                    self.check_patience()?;
                }
                _ = haves.tick() => self.tell_tracker(),
                _ = refresh.tick() => self.locate_soon(),
            }
        }
    }

    fn take(&mut self, event: ContentEvent) -> Result<Step, FetchError> {
        match event {
            ContentEvent::Arrived { bytes } => self.arrived(bytes),
            ContentEvent::Verified { peer, chunk, bytes } => self.verified(peer, chunk, bytes),
            ContentEvent::Corrupt { peer, chunk } => {
                self.liars.push(peer);
                self.blamed_at = Some(Instant::now());
                self.network.report_soon(self.key(), peer, format!("chunk {chunk} has a wrong hash"));
                self.refuse(peer, format!("chunk {chunk} is not what was asked for; the peer is dropped"));
            }
            ContentEvent::Violation { peer, reason } => {
                self.refuse(peer, format!("it broke the protocol: {reason}"));
            }
            ContentEvent::SourceChanged { peer } => {
                if !self.changed.contains(&peer) {
                    self.changed.push(peer);
                    self.blamed_at = Some(Instant::now());
                    self.refuse(peer, "its file changed since it was shared".to_owned());
                }
            }
            ContentEvent::Sources { connected } => {
                self.sources = connected;
                if connected == 0 {
                    self.stuck_since.get_or_insert_with(Instant::now);
                } else {
                    // To wait in a source's queue is not to be stuck; should nobody have what is missing, that is said.
                    self.stuck_since = None;
                }
            }
            ContentEvent::Starved => {
                self.stuck_since.get_or_insert_with(Instant::now);
                if self.located_at.elapsed() >= STARVED_GAP {
                    self.locate_soon();
                }
            }
            ContentEvent::Complete => return Ok(Step::Complete),
            ContentEvent::DiskFailed(error) => return Err(self.disk(error)),
            ContentEvent::Changed { reason } => self.notice(reason),
        }
        Ok(Step::GoOn)
    }

    /// Bytes that are not verified are progress only for a while: a source that begins chunks and ends none is as good as
    /// silent.
    fn arrived(&mut self, bytes: u64) {
        self.tally.arrived(bytes);
        self.arrived_at = Instant::now();
        self.unverified_bytes += bytes;
        if self.unverified_bytes <= UNVERIFIED_CHUNKS_MAX * self.chunk_bytes_max * self.sources.max(1) as u64
        {
            self.stuck_since = None;
        } else {
            self.stuck_since.get_or_insert_with(Instant::now);
        }
    }

    fn verified(&mut self, peer: PeerId, chunk: ChunkIndex, bytes: u64) {
        (self.stuck_since, self.unverified_bytes, self.verified_at) = (None, 0, Instant::now());
        self.tally.verified(peer, bytes);
        self.has_news |= self.have.insert(chunk);
        self.tell(Event::Chunk { name: self.name().clone(), index: chunk, peer });
        let content = self.download.content();
        if let Some((entry, bytes)) = big_file_of(content, chunk) {
            *self.big_files.entry(entry).or_default() += bytes;
        }
    }

    /// When nobody has what is missing for too long, a fetch ends; after a lie sooner, and blaming it.
    fn check_patience(&mut self) -> Result<(), FetchError> {
        let is_blamed = self.blamed_at.is_some_and(|at| at.elapsed() < self.means.patience);
        let patience = if is_blamed { self.means.patience.min(BLAMED_PATIENCE) } else { self.means.patience };
        let is_stuck = self.stuck_since.is_some_and(|since| since.elapsed() >= patience);
        let is_queueing = self.arrived_at.elapsed() >= patience * QUEUE_PATIENCE;
        if is_stuck || is_queueing || self.is_dripping(patience) {
            Err(self.out_of_patience())
        } else {
            Ok(())
        }
    }

    /// Whether chunks are begun, and come so slowly that none will ever be whole. To wait in a source's queue, when
    /// nothing has begun, is no such case.
    fn is_dripping(&self, patience: Duration) -> bool {
        let waited = self.verified_at.elapsed();
        let bytes_min = DRIP_BYTES_PER_S * waited.as_secs();
        waited >= patience && (1..bytes_min).contains(&self.unverified_bytes)
    }

    fn out_of_patience(&self) -> FetchError {
        let name = self.name().clone();
        let peers: Vec<PeerId> = self.liars.iter().chain(&self.changed).copied().collect();
        if peers.is_empty() {
            let waited = format!("nobody who has what is missing for {} s", self.means.patience.as_secs());
            FetchError::NoSource { name, reasons: vec![waited] }
        } else {
            FetchError::Integrity { name, peers }
        }
    }

    fn show_progress(&mut self) {
        let now = Time::after_origin(self.clock.elapsed());
        let rate = self.tally.rate(now);
        let (done, total, peers) = (self.tally.done, self.tally.total, self.sources);
        self.tell(Event::Progress { name: self.name().clone(), done, total, rate, peers });
        let content = self.download.content();
        if content.manifest().is_some() {
            self.big_files
                .iter()
                .filter_map(|(entry, done)| file_progress(content, *entry, *done))
                .for_each(|e| self.tell(e));
            let is_whole = |entry: &usize, done: &mut u64| *done < content.entries()[*entry].size();
            self.big_files.retain(is_whole);
        }
    }

    /// Asks who else has it, and goes on meanwhile.
    fn locate_soon(&mut self) {
        self.located_at = Instant::now();
        let (network, hub, id) = (self.network.clone(), self.means.hub.clone(), self.id);
        let hash = self.download.content().hash();
        tokio::spawn(async move {
            match network.candidates(hash).await {
                Ok(candidates) => hub.candidates(id, candidates).await,
                Err(error) => debug!(target: "drizzle::tracker", %error, "cannot be asked for locations"),
            }
        });
    }

    fn tell_tracker(&mut self) {
        if std::mem::take(&mut self.has_news) {
            self.network.update(self.key(), self.download.content().metadata().mtime, self.have.clone());
        }
    }

    fn disk(&self, error: DiskError) -> FetchError {
        FetchError::Disk { name: self.name().clone(), error }
    }

    fn name(&self) -> &RelPath {
        self.download.content().name()
    }

    fn key(&self) -> FileKey {
        self.download.content().key()
    }

    fn refuse(&self, peer: PeerId, reason: String) {
        self.tell(Event::Refused { name: self.name().clone(), peer, reason });
    }

    fn notice(&self, text: String) {
        self.tell(Event::Notice(format!("{}: {text}", self.name())));
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.means.events.send(event);
    }
}

/// Verified bytes of the files of several chunks, by entry.
fn big_files_of(content: &Content, have: &Bitmap) -> HashMap<usize, u64> {
    let mut big_files = HashMap::new();
    for chunk in have.iter() {
        if let Some((entry, bytes)) = big_file_of(content, chunk) {
            *big_files.entry(entry).or_default() += bytes;
        }
    }
    big_files
}

/// The file of which the chunk is a part, if it is of one alone, and how many bytes.
fn big_file_of(content: &Content, chunk: ChunkIndex) -> Option<(usize, u64)> {
    let mut segments = content.segments(chunk);
    let (only, None) = (segments.next()?, segments.next()) else { return None };
    Some((only.entry, only.range.end - only.range.start))
}

fn file_progress(content: &Content, entry: usize, done: u64) -> Option<Event> {
    let file = content.entries().get(entry)?;
    Some(Event::FileProgress {
        name: content.name().clone(),
        path: file.path.clone(),
        done,
        total: file.size(),
    })
}
