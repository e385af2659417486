//! Fetching: from a link or name to the whole content on disk, verified.
//!
//! 1. Resolve: which hash is meant, and who may have it (`resolve`).
//! 2. Describe: the first source that answers says what the hash stands for (`first_source`).
//! 3. Open: what is on disk already counts once it is hashed.
//! 4. Run: the hub fetches the rest; this task keeps it supplied with candidates, tells the tracker what is here now, and
//!    decides when to give up (`running`).
//! 5. Finish: modes, times, links, and nothing left behind.

mod first_source;
mod resolve;
mod running;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drizzle_model::{ContentHash, FileKey, Link, PeerId, RelPath};
use drizzle_store::{Content, Download, Finished, Index, Place, Progress, case_clashes};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::calling::Caller;
use crate::describe::Description;
use crate::error::FetchError;
use crate::event::Event;
use crate::hub_handle::HubHandle;
use crate::network::Network;
use first_source::{FirstSource, NoFirstSource, Search};
use resolve::Resolved;
use running::Running;

/// How long to look for a first source. A peer that has just started may need a moment to be reached.
const FIRST_SOURCE_PATIENCE: Duration = Duration::from_secs(10);

/// What is to be fetched.
#[derive(Debug, Clone)]
pub enum What {
    /// What a link names.
    Link(Box<Link>),
    /// What is registered under a name; the newest, if there are several.
    Name(RelPath),
}

/// Whether names that differ only in letter case are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseClashes {
    /// They are different files, as on Linux.
    Allowed,
    /// They are an error, found before anything is fetched.
    Refused,
}

/// What happens with a content when it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// It is no longer served.
    Leave,
    /// It is served until the node ends.
    Seed,
}

/// A wish to fetch.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// What.
    pub what: What,
    /// The folder in which it is to appear; made if need be.
    pub output: PathBuf,
    /// Where unfinished data is kept; in the output folder if not said.
    pub partial_dir: Option<PathBuf>,
    /// Whether it is served when it is there.
    pub afterwards: Afterwards,
    /// Whether names may differ only in letter case.
    pub case_clashes: CaseClashes,
}

/// A content that is there, whole and verified.
#[derive(Debug)]
pub struct Fetched {
    /// What it is.
    pub key: FileKey,
    /// Where it is.
    pub path: PathBuf,
    /// How long it took.
    pub elapsed: Duration,
    /// Content bytes by the peer that sent them.
    pub from: BTreeMap<PeerId, u64>,
    /// Symbolic links that were not made, since they point out of the folder.
    pub refused: Vec<RelPath>,
}

/// What fetching needs of the node.
#[derive(Clone)]
pub(crate) struct Fetcher {
    pub(crate) hub: HubHandle,
    pub(crate) caller: Caller,
    pub(crate) index: Index,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) refresh: Duration,
    pub(crate) patience: Duration,
}

impl Fetcher {
    /// Fetches as far as it can. Dropped in the middle, it leaves what is verified for the next time.
    pub(crate) async fn fetch(
        &self,
        network: &Network,
        request: FetchRequest,
    ) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let resolved = resolve::resolve(network, &request.what).await?;
        let first = self.first_source(network, &resolved).await?;
        let FirstSource { candidate, greeted, description } = first;
        let (content, manifest_bytes) = content_of(&resolved, description);
        refuse_clashes(&content, request.case_clashes)?;
        let download = Arc::new(self.open(&request, content).await?);
        let running = Running::start(self, network, Arc::clone(&download), manifest_bytes).await?;
        running.attach(greeted, candidate.address).await;
        running.candidates(resolved.candidates).await;
        let (from, content_ids) = running.run().await?;
        let finished = self.finish(&resolved.name, Arc::clone(&download)).await?;
        if request.afterwards == Afterwards::Leave {
            for id in content_ids {
                self.hub.remove(id).await;
            }
        }
        let Finished { path, refused, .. } = finished;
        Ok(Fetched { key: download.content().key(), path, elapsed: started.elapsed(), from, refused })
    }

    async fn first_source(&self, network: &Network, resolved: &Resolved) -> Result<FirstSource, FetchError> {
        let of = (resolved.hash, resolved.kind);
        let search = Search::new(self.caller.clone(), network.id(), of, &resolved.candidates);
        let name = resolved.name.clone();
        search.run(FIRST_SOURCE_PATIENCE).await.map_err(|error| match error {
            NoFirstSource::Silent { reasons } => FetchError::NoSource { name, reasons },
            NoFirstSource::NotAdmitted { reasons } => FetchError::NotAdmitted { name, reasons },
            NoFirstSource::Liars { peers } => FetchError::Integrity { name, peers },
            NoFirstSource::Content { reason } => FetchError::Content { name, reason },
        })
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
    let (name, hash): (RelPath, ContentHash) = (resolved.name.clone(), resolved.hash);
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
