//! The stages of a fetch, one after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use drizzle_model::{ContentHash, PeerId, RelPath};
use drizzle_store::{Content, Download, Finished, MemorySource, Place, Progress, case_clashes};
use tokio::task::spawn_blocking;

use super::first_source::{FirstSource, Liar, NoFirstSource, Search};
use super::means::Means;
use super::request::{Afterwards, CaseClashes, FetchRequest, Fetched};
use super::resolve::{self, Resolved};
use super::running::Running;
use crate::describe::Description;
use crate::error::FetchError;
use crate::event::Event;
use crate::input::Candidate;
use crate::network::Network;

/// How long to look for a first source. A peer that has just started may need a moment to be reached.
const FIRST_SOURCE_PATIENCE: Duration = Duration::from_secs(10);

/// A content of fewer bytes is fetched from its first source before others are there.
const AHEAD_BYTES_MIN: u64 = 8 << 20;
/// How long calls that were begun ahead wait for somebody who wants them.
const AHEAD_KEPT: Duration = Duration::from_secs(3);

impl Means {
    /// Fetches as far as it can. Dropped in the middle, it leaves what is verified for the next time.
    pub(crate) async fn fetch(
        &self,
        network: &Network,
        request: FetchRequest,
    ) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let named = request.what.named_peers().iter();
        let named: Vec<_> = named.map(|address| Candidate { address: address.clone(), peer: None }).collect();
        self.call_ahead(network, &named);
        let resolved = resolve::resolve(network, &request.what).await?;
        if resolved.subject.size >= AHEAD_BYTES_MIN {
            self.call_ahead(network, &resolved.candidates);
        }
        let first = self.first_source(network, &resolved).await?;
        let FirstSource { candidate, greeted, description, liars } = first;
        let liars = self.name_liars(&resolved.name, liars);
        let (content, manifest_bytes) = content_of(&resolved, description);
        refuse_clashes(&content, request.case_clashes)?;
        let download = Arc::new(self.open(&request, content).await?);
        let manifest = self.manifest_source(manifest_bytes).await?;
        let mut running = Running::start(self, network, Arc::clone(&download), manifest, liars).await?;
        running.attach(greeted, candidate.address).await;
        running.candidates(resolved.candidates).await;
        let finished = match running.run().await {
            Ok(()) => self.finish(&resolved.name, Arc::clone(&download)).await,
            Err(error) => Err(error),
        };
        let from = match (&finished, request.afterwards) {
            (Ok(_), Afterwards::Seed) => running.seed(),
            _ => running.leave(),
        };
        let Finished { path, refused, .. } = finished?;
        Ok(Fetched { key: download.content().key(), path, elapsed: started.elapsed(), from, refused })
    }

    /// Begins to call those that will be wanted as soon as it is known what the hash stands for. Whom nobody wants after a
    /// moment is let go.
    fn call_ahead(&self, network: &Network, candidates: &[Candidate]) {
        let ahead = self.caller.call_ahead(candidates.iter().take(self.peers_max), network.id());
        tokio::spawn(async move {
            tokio::time::sleep(AHEAD_KEPT).await;
            drop(ahead);
        });
    }

    async fn first_source(&self, network: &Network, resolved: &Resolved) -> Result<FirstSource, FetchError> {
        let search = Search::new(self.caller.clone(), network.id(), resolved.subject, &resolved.candidates);
        let name = resolved.name.clone();
        search.run(FIRST_SOURCE_PATIENCE.min(self.patience)).await.map_err(|error| match error {
            NoFirstSource::Silent { .. } if !resolved.is_registered => {
                FetchError::NotFound { what: name.to_string() }
            }
            NoFirstSource::Silent { reasons } => FetchError::NoSource { name, reasons },
            NoFirstSource::NotAdmitted { reasons } => FetchError::NotAdmitted { name, reasons },
            NoFirstSource::Liars { liars } => {
                let peers = self.name_liars(&name, liars);
                FetchError::Integrity { name, peers }
            }
            NoFirstSource::Content { reason } => FetchError::Content { name, reason },
        })
    }

    /// Tells who told a falsehood.
    fn name_liars(&self, name: &RelPath, liars: Vec<Liar>) -> Vec<PeerId> {
        let tell = |Liar { peer, reason }| {
            // Nobody listening is no reason to stop.
            let _ = self.events.send(Event::Refused { name: name.clone(), peer, reason });
            peer
        };
        liars.into_iter().map(tell).collect()
    }

    /// The manifest's bytes as something to be served on; hashed where that may take its time.
    async fn manifest_source(&self, bytes: Option<Arc<[u8]>>) -> Result<Option<MemorySource>, FetchError> {
        let Some(bytes) = bytes else { return Ok(None) };
        let hashed =
            spawn_blocking(move || MemorySource::new(bytes)).await.map_err(|_| FetchError::Closing)?;
        // Its hash was proved, so its size is one that a file can have.
        Ok(hashed.ok())
    }

    async fn open(&self, request: &FetchRequest, content: Content) -> Result<Download, FetchError> {
        let place = Place { directory: request.output.clone(), partial: request.partial_dir.clone() };
        let (name, index) = (content.name().clone(), self.index.clone());
        let open = move || Download::open(content, &place, &index, &Progress::default());
        let opened = spawn_blocking(open).await.map_err(|_| FetchError::Closing)?;
        opened.map_err(|error| FetchError::Disk { name, error })
    }

    async fn finish(&self, name: &RelPath, download: Arc<Download>) -> Result<Finished, FetchError> {
        let index = self.index.clone();
        let finished =
            spawn_blocking(move || download.finish(&index)).await.map_err(|_| FetchError::Closing)?;
        finished.map_err(|error| FetchError::Disk { name: name.clone(), error })
    }
}

fn content_of(resolved: &Resolved, description: Description) -> (Content, Option<Arc<[u8]>>) {
    let (name, hash): (RelPath, ContentHash) = (resolved.name.clone(), resolved.subject.hash);
    match description {
        Description::File { geometry, chunks, metadata } => {
            (Content::file(name, metadata, hash, geometry, chunks), None)
        }
        Description::Folder { manifest, bytes } => {
            (Content::folder(name, hash, manifest), Some(bytes.into()))
        }
    }
}

fn refuse_clashes(content: &Content, clashes: CaseClashes) -> Result<(), FetchError> {
    let Some(manifest) = content.manifest().filter(|_| clashes == CaseClashes::Refused) else {
        return Ok(());
    };
    match case_clashes(manifest).into_iter().next() {
        Some((first, second)) => Err(FetchError::CaseClash { name: content.name().clone(), first, second }),
        None => Ok(()),
    }
}
