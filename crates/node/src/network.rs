//! A network that this peer has joined: the tracker behind it, the lease, and what is registered there.
//!
//! The lease is renewed in the background for as long as the network is in use. A tracker that is down is tried again and
//! again; one that forgot this peer, since it was started anew or the lease ran out, is told everything again. So a tracker
//! may come and go while transfers go on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use drizzle_model::{
    Address, Bitmap, ChunkIndex, ChunkRun, ContentHash, FileKey, Invite, Link, Mtime, NetworkId, PeerId,
    RelPath,
};
use drizzle_tracker::{Claim, Client, ClientError, Have, Located, Registration, Search};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{debug, info};

use crate::error::{ShareError, TrackerError};
use crate::event::Event;
use crate::input::Candidate;
use crate::membership::Memberships;

/// How many files a page of a listing has.
const PAGE_FILES: usize = 1000;
/// When a tracker is down, it is tried again this soon at first, and later less often.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(15);

/// Something in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What it is.
    pub key: FileKey,
    /// When it changed last.
    pub mtime: Mtime,
    /// How many peers have some of it.
    pub peers: u32,
}

/// A peer that has some of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// What it has some of.
    pub key: FileKey,
    /// Who.
    pub peer: PeerId,
    /// Its number at the tracker.
    pub number: u32,
    /// Where it serves.
    pub address: std::net::SocketAddr,
    /// Which chunks it has.
    pub have: Bitmap,
}

/// A network that was joined. Clones are the same; the lease is renewed until the last is gone, or it is left.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

/// The peer that joins.
pub(crate) struct Joiner {
    pub(crate) own: PeerId,
    /// Where it serves.
    pub(crate) port: u16,
    /// Under which addresses others may reach it.
    pub(crate) addresses: Vec<Address>,
    /// Where its tickets are kept.
    pub(crate) memberships: Memberships,
    /// Who hears of trackers that go and come.
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

struct Inner {
    client: Client,
    invite: Invite,
    joiner: Joiner,
    /// What the tracker is to know, and is told again when it forgot.
    registered: Mutex<HashMap<FileKey, Registered>>,
    left: AtomicBool,
}

#[derive(Clone)]
struct Registered {
    mtime: Mtime,
    have: Bitmap,
}

impl Network {
    /// Joins, and keeps the lease from now on.
    pub(crate) async fn join(client: Client, invite: Invite, joiner: Joiner) -> Result<Self, TrackerError> {
        let joined = client.join().await?;
        joiner.memberships.renew(joined.ticket);
        let (registered, left) = (Mutex::default(), AtomicBool::new(false));
        let inner = Arc::new(Inner { client, invite, joiner, registered, left });
        tokio::spawn(keep(Arc::downgrade(&inner), joined.renew_interval));
        Ok(Self { inner })
    }

    /// Its name.
    pub fn id(&self) -> NetworkId {
        self.inner.invite.network
    }

    /// What lets others in.
    pub fn invite(&self) -> &Invite {
        &self.inner.invite
    }

    /// All that is registered, sorted by name (S0.2, S1.9).
    pub async fn list(&self) -> Result<Vec<Listing>, TrackerError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.inner.client.files(after.as_ref(), PAGE_FILES).await?;
            all.extend(page.files.into_iter().map(listing));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// All whose name holds the pattern (S1.3).
    pub async fn search(&self, search: &Search) -> Result<Vec<Listing>, TrackerError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.inner.client.search(search, after.as_ref(), PAGE_FILES).await?;
            all.extend(page.files.into_iter().map(listing));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Who has what is registered under a name (S0.5).
    pub async fn locate_name(&self, name: &RelPath) -> Result<Vec<Location>, TrackerError> {
        Ok(locations(self.inner.client.locate_name(name).await?))
    }

    /// Who has what a hash names (S0.5).
    pub async fn locate_hash(&self, hash: &ContentHash) -> Result<Vec<Location>, TrackerError> {
        Ok(locations(self.inner.client.locate_hash(hash).await?))
    }

    /// What is registered under a name, the newest first, with those who may have it.
    pub(crate) async fn find_name(
        &self,
        name: &RelPath,
    ) -> Result<Vec<(FileKey, Vec<Candidate>)>, ClientError> {
        let located = self.inner.client.locate_name(name).await?;
        Ok(located.into_iter().map(|located| (located.key.clone(), self.candidates_of(&located))).collect())
    }

    /// Those who may have what a hash names.
    pub(crate) async fn candidates(&self, hash: ContentHash) -> Result<Vec<Candidate>, ClientError> {
        let located = self.inner.client.locate_hash(&hash).await?;
        Ok(located.iter().flat_map(|located| self.candidates_of(located)).collect())
    }

    fn candidates_of(&self, located: &Located) -> Vec<Candidate> {
        let others = located.holders.iter().filter(|holder| holder.peer != self.inner.joiner.own);
        others.map(|holder| Candidate { address: holder.address.into(), peer: Some(holder.peer) }).collect()
    }

    /// What others need to fetch it from here.
    pub(crate) fn link(&self, key: &FileKey) -> Link {
        Link {
            hash: key.hash,
            kind: key.kind,
            name: key.name.clone(),
            size: key.size,
            invite: Some(self.inner.invite.clone()),
            peers: self.inner.joiner.addresses.clone(),
        }
    }

    /// Registers something that is served here; the tracker hears of it again whenever it forgot.
    pub(crate) async fn register(&self, key: FileKey, mtime: Mtime, have: Bitmap) -> Result<(), ShareError> {
        let name = key.name.clone();
        let registration = registration(&key, mtime, &have);
        self.remember(key, mtime, have);
        let told = self.inner.tell(&[registration]).await;
        match told.map(|mut verdicts| verdicts.pop().unwrap_or(Ok(()))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(ShareError::Refused { name, reason: refusal.to_string() }),
            Err(error) => Err(ShareError::Tracker { name, error }),
        }
    }

    fn remember(&self, key: FileKey, mtime: Mtime, have: Bitmap) {
        self.inner.registered().insert(key, Registered { mtime, have });
    }

    /// Takes back what is no longer served.
    pub(crate) async fn unregister(&self, key: &FileKey) -> Result<(), ClientError> {
        self.inner.registered().remove(key);
        self.inner.client.unregister(std::slice::from_ref(key)).await.map(drop)
    }

    /// Says what of a content is here now (S0.6). A tracker that cannot be asked hears it later.
    pub(crate) async fn tell_haves(&self, batch: HaveBatch) {
        let HaveBatch { key, mtime, have, fresh, is_known } = batch;
        self.remember(key.clone(), mtime, have.clone());
        let told = if is_known {
            let runs: Vec<ChunkRun> = fresh.runs().collect();
            self.inner.client.add_chunks(&[(key, runs)]).await.map(drop)
        } else {
            self.inner.tell(&[registration(&key, mtime, &have)]).await.map(drop)
        };
        if let Err(error) = told {
            debug!(target: "drizzle::tracker", %error, "does not know yet what is here");
        }
    }

    /// Reports a peer that sent what was wrong (S4.4).
    pub(crate) fn report_soon(&self, key: FileKey, peer: PeerId, chunk: ChunkIndex) {
        let client = self.inner.client.clone();
        tokio::spawn(async move {
            if let Err(error) = client.report(&key, &peer, &format!("chunk {chunk} has a wrong hash")).await {
                debug!(target: "drizzle::tracker", %error, "a report did not arrive");
            }
        });
    }

    /// Leaves: what this peer registered is gone at once (S0.7).
    pub(crate) async fn leave(&self) {
        self.inner.left.store(true, Ordering::Relaxed);
        if let Err(error) = self.inner.client.leave().await {
            debug!(target: "drizzle::tracker", %error, "left without a goodbye");
        }
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Inner {
    fn registered(&self) -> std::sync::MutexGuard<'_, HashMap<FileKey, Registered>> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(
        &self,
        registrations: &[Registration],
    ) -> Result<Vec<drizzle_tracker::Verdict>, ClientError> {
        self.client.register(self.joiner.port, registrations).await
    }

    /// Tells the tracker everything, as if it had never heard of this peer.
    async fn tell_all(&self) -> Result<(), ClientError> {
        let all: Vec<Registration> =
            self.registered().iter().map(|(key, what)| registration(key, what.mtime, &what.have)).collect();
        self.tell(&all).await.map(drop)
    }

    async fn renew(&self) -> Result<Duration, ClientError> {
        let renewal = match self.client.renew(Some(self.joiner.port)).await {
            Err(ClientError::Lapsed) => {
                info!(target: "drizzle::tracker", "registering again: the tracker does not know this peer any more");
                self.tell_all().await?;
                self.client.renew(Some(self.joiner.port)).await?
            }
            other => other?,
        };
        if let Some(membership) = self.client.membership() {
            self.joiner.memberships.renew(membership.ticket);
        }
        Ok(renewal.renew_interval)
    }
}

/// Renews the lease until nobody uses the network any more.
async fn keep(inner: Weak<Inner>, first_interval: Duration) {
    let (mut wait, mut failures) = (first_interval, 0u32);
    loop {
        sleep(wait).await;
        let Some(inner) = inner.upgrade().filter(|inner| !inner.left.load(Ordering::Relaxed)) else { return };
        wait = match inner.renew().await {
            Ok(interval) => {
                if failures > 0 {
                    inner.notice("the tracker is back");
                }
                failures = 0;
                interval
            }
            Err(error) => {
                if failures == 0 {
                    inner.notice(&format!("{error}; transfers go on, and it is tried again"));
                }
                failures += 1;
                (RETRY_MIN * failures).min(RETRY_MAX)
            }
        };
    }
}

impl Inner {
    fn notice(&self, text: &str) {
        // Nobody listening is no reason to stop.
        let _ = self.joiner.events.send(Event::Notice(text.to_owned()));
    }
}

/// What of a content came since the tracker was told last.
#[derive(Debug, Clone)]
pub(crate) struct HaveBatch {
    key: FileKey,
    mtime: Mtime,
    have: Bitmap,
    fresh: Bitmap,
    is_known: bool,
}

impl HaveBatch {
    /// A content of which the tracker has not been told by this peer.
    pub(crate) fn new(key: FileKey, mtime: Mtime, have: Bitmap) -> Self {
        Self { key, mtime, fresh: have.clone(), have, is_known: false }
    }

    /// A chunk is here.
    pub(crate) fn add(&mut self, chunk: ChunkIndex) {
        self.have.insert(chunk);
        self.fresh.insert(chunk);
    }

    /// What there is to tell, if anything; it counts as told. The first time there is always something: a peer that has
    /// nothing yet is to be found by the others as well.
    pub(crate) fn take(&mut self) -> Option<Self> {
        if self.is_known && self.fresh.is_empty() {
            return None;
        }
        let batch = self.clone();
        self.fresh = Bitmap::empty(self.have.len());
        self.is_known = true;
        Some(batch)
    }
}

fn registration(key: &FileKey, mtime: Mtime, have: &Bitmap) -> Registration {
    let claim = if have.is_full() { Claim::All } else { Claim::Runs(have.runs().collect()) };
    Registration { key: key.clone(), mtime, claim }
}

fn listing(listed: drizzle_tracker::Listed) -> Listing {
    Listing { key: listed.key, mtime: listed.mtime, peers: listed.peers }
}

fn locations(located: Vec<Located>) -> Vec<Location> {
    let of_one = |located: Located| {
        let key = located.key;
        located.holders.into_iter().map(move |holder| Location {
            key: key.clone(),
            peer: holder.peer,
            number: holder.number,
            address: holder.address,
            have: match holder.have {
                Have::All => Bitmap::full(key.chunks),
                Have::Part(have) => have,
            },
        })
    };
    located.into_iter().flat_map(of_one).collect()
}
