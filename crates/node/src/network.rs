//! A network that this peer has joined: the tracker or ring behind it, the lease, and what is registered there.
//!
//! The lease is renewed in the background for as long as the network is in use. A tracker that is down is tried again and
//! again; one that forgot this peer, since it was started anew or the lease ran out, is told everything again. So a tracker
//! may come and go while transfers go on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use drizzle_classic::Name;
use drizzle_model::{Address, Bitmap, ContentHash, FileKey, Invite, Link, Mtime, NetworkId, PeerId, RelPath};
use drizzle_net::random_bytes;
use drizzle_store::{Content, Source};
use drizzle_tracker::{ClassicLocated, Have, Located, Refusal, Registration, Search};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{debug, info};

use crate::classic::Shelf;
use crate::discovery::{Discovery, DiscoveryError, Standing};
use crate::error::{ShareError, TrackerError};
use crate::event::Event;
use crate::input::Candidate;
use crate::listing::Listings;
use crate::membership::Memberships;
use crate::registry::Registry;

/// When a tracker is down, it is tried again this soon at first, and later less often.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(15);

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
    /// What classic peers can have.
    pub(crate) shelf: Shelf,
    /// Who hears of trackers that go and come.
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

struct Inner {
    discovery: Discovery,
    invite: Invite,
    joiner: Joiner,
    registry: Mutex<Registry>,
    /// Held while the tracker is told something, so that what is said later arrives later.
    telling: tokio::sync::Mutex<()>,
    left: AtomicBool,
}

impl Network {
    /// Joins, and keeps the lease from now on.
    pub(crate) async fn join(
        discovery: Discovery,
        invite: Invite,
        joiner: Joiner,
    ) -> Result<Self, TrackerError> {
        let Standing { ticket, renew_interval } = discovery.join().await?;
        if let Some(ticket) = ticket {
            joiner.memberships.renew(ticket);
        }
        let network = Self::new(discovery, invite, joiner);
        tokio::spawn(keep(Arc::downgrade(&network.inner), renew_interval));
        Ok(network)
    }

    /// The network of an invite, in which nobody is asked and nobody told.
    pub(crate) fn alone(invite: Invite, joiner: Joiner) -> Self {
        Self::new(Discovery::Nobody, invite, joiner)
    }

    fn new(discovery: Discovery, invite: Invite, joiner: Joiner) -> Self {
        let (registry, telling) = (Mutex::default(), tokio::sync::Mutex::default());
        let left = AtomicBool::new(false);
        Self { inner: Arc::new(Inner { discovery, invite, joiner, registry, telling, left }) }
    }

    /// Its name.
    pub fn id(&self) -> NetworkId {
        self.inner.invite.network
    }

    /// What lets others in.
    pub fn invite(&self) -> &Invite {
        &self.inner.invite
    }

    /// All that is registered, or what is looked for (S0.2, S1.3, S1.9), page by page.
    pub fn listings(&self, search: Option<Search>) -> Listings {
        Listings::new(self.inner.discovery.clone(), search)
    }

    /// Which classic peers have the newest of that name; none when none has it, or the tracker does not speak with them.
    pub async fn locate_classic(&self, name: &RelPath) -> Result<Option<ClassicLocated>, TrackerError> {
        Ok(self.find_classic(name).await?)
    }

    pub(crate) async fn find_classic(
        &self,
        name: &RelPath,
    ) -> Result<Option<ClassicLocated>, DiscoveryError> {
        match Name::new(name.as_str()) {
            Some(name) => self.inner.discovery.locate_classic(&name).await,
            // It is not for a flat folder.
            None => Ok(None),
        }
    }

    /// Who has what is registered under a name (S0.5).
    pub async fn locate_name(&self, name: &RelPath) -> Result<Vec<Location>, TrackerError> {
        Ok(locations(self.inner.discovery.locate_name(name).await?))
    }

    /// Who has what a hash names (S0.5).
    pub async fn locate_hash(&self, hash: &ContentHash) -> Result<Vec<Location>, TrackerError> {
        Ok(locations(self.inner.discovery.locate_hash(hash).await?))
    }

    /// What is registered under a name, the newest first, with those who may have it.
    pub(crate) async fn find_name(
        &self,
        name: &RelPath,
    ) -> Result<Vec<(FileKey, Vec<Candidate>)>, DiscoveryError> {
        let located = self.inner.discovery.locate_name(name).await?;
        Ok(located.into_iter().map(|located| (located.key.clone(), self.candidates_of(&located))).collect())
    }

    /// Those who may have what a hash names.
    pub(crate) async fn candidates(&self, hash: ContentHash) -> Result<Vec<Candidate>, DiscoveryError> {
        let located = self.inner.discovery.locate_hash(&hash).await?;
        Ok(located.iter().flat_map(|located| self.candidates_of(located)).collect())
    }

    fn candidates_of(&self, located: &Located) -> Vec<Candidate> {
        let others = located.holders.iter().filter(|holder| holder.peer != self.inner.joiner.own);
        others.map(|holder| Candidate { address: holder.address.into(), peer: Some(holder.peer) }).collect()
    }

    /// Lets classic peers have it, should this network's tracker tell them of it.
    pub(crate) fn offer(&self, content: &Content, source: &Arc<dyn Source>) {
        self.inner.joiner.shelf.put(self.id(), content, source);
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

    /// Registers something that is served here, and waits for the tracker's verdict.
    pub(crate) async fn register(&self, key: FileKey, mtime: Mtime, have: Bitmap) -> Result<(), ShareError> {
        let name = key.name.clone();
        self.inner.registry().update(key.clone(), mtime, have);
        let result = match self.inner.tell().await {
            Ok(mut refusals) => match refusals.remove(&key) {
                Some(refusal) => Err(ShareError::Refused { name, reason: refusal.to_string() }),
                None => Ok(()),
            },
            Err(error) => Err(ShareError::Tracker { name, error }),
        };
        if result.is_err() {
            self.inner.registry().withdraw(&key);
        }
        result
    }

    /// Says what of a content is here now (S0.6), soon. A tracker that cannot be asked hears it later.
    pub(crate) fn update(&self, key: FileKey, mtime: Mtime, have: Bitmap) {
        self.inner.registry().update(key, mtime, have);
        self.tell_soon();
    }

    /// Takes back what is no longer served, and waits for the tracker's word. A tracker that cannot be asked hears it later.
    pub(crate) async fn unregister(&self, key: &FileKey) -> Result<(), TrackerError> {
        self.inner.registry().withdraw(key);
        self.inner.tell().await?;
        Ok(())
    }

    /// Takes back what is no longer served, soon.
    pub(crate) fn withdraw(&self, key: &FileKey) {
        self.inner.registry().withdraw(key);
        self.tell_soon();
    }

    fn tell_soon(&self) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            if let Err(error) = inner.tell().await {
                debug!(target: "drizzle::tracker", %error, "does not know yet what is here");
            }
        });
    }

    /// Reports a peer that sent what was wrong (S4.4).
    pub(crate) fn report_soon(&self, key: FileKey, peer: PeerId, reason: String) {
        let discovery = self.inner.discovery.clone();
        tokio::spawn(async move {
            if let Err(error) = discovery.report(&key, &peer, &reason).await {
                debug!(target: "drizzle::tracker", %error, "a report did not arrive");
            }
        });
    }

    /// Leaves: what this peer registered is gone at once (S0.7).
    pub(crate) async fn leave(&self) {
        self.inner.left.store(true, Ordering::Relaxed);
        if let Err(error) = self.inner.discovery.leave().await {
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
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the tracker what it does not know. Says what it refused to register.
    async fn tell(&self) -> Result<HashMap<FileKey, Refusal>, DiscoveryError> {
        let _one_at_a_time = self.telling.lock().await;
        let untold = self.registry().untold();
        if self.left.load(Ordering::Relaxed) {
            return Ok(HashMap::new());
        }
        if !untold.withdrawn.is_empty() {
            self.discovery.unregister(&untold.withdrawn).await?;
            self.registry().withdrawals_told(&untold.withdrawn);
        }
        if !untold.chunks.is_empty() {
            let verdicts = self.discovery.add_chunks(&untold.chunks).await?;
            let mut registry = self.registry();
            for ((key, runs), verdict) in untold.chunks.iter().zip(verdicts) {
                registry.chunks_told(key, runs, verdict.is_ok());
            }
        }
        self.tell_registrations(untold.registrations).await
    }

    async fn tell_registrations(
        &self,
        registrations: Vec<Registration>,
    ) -> Result<HashMap<FileKey, Refusal>, DiscoveryError> {
        let mut refusals = HashMap::new();
        if !registrations.is_empty() {
            let verdicts = self.discovery.register(self.joiner.port, &registrations).await?;
            let mut registry = self.registry();
            for (registration, verdict) in registrations.into_iter().zip(verdicts) {
                match verdict {
                    Ok(()) => registry.is_told(&registration),
                    Err(refusal) => drop(refusals.insert(registration.key, refusal)),
                }
            }
        }
        Ok(refusals)
    }

    /// Tells the tracker everything, as if it had never heard of this peer.
    async fn tell_all(&self) -> Result<(), DiscoveryError> {
        self.registry().forgotten();
        // An empty list makes the peer known, should there be nothing to register.
        self.discovery.register(self.joiner.port, &[]).await?;
        self.tell().await.map(drop)
    }

    async fn renew(&self) -> Result<Duration, DiscoveryError> {
        let renewal = match self.discovery.renew(self.joiner.port).await {
            Err(error) if error.is_lapsed() && !self.left.load(Ordering::Relaxed) => {
                info!(target: "drizzle::tracker", "registering again: the tracker does not know this peer any more");
                self.tell_all().await?;
                self.discovery.renew(self.joiner.port).await?
            }
            other => other?,
        };
        self.tell().await?;
        if let Some(ticket) = renewal.ticket {
            self.joiner.memberships.renew(ticket);
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
                retry_after(failures, chance())
            }
        };
    }
}

/// How long to wait after so many failures: later and later, and by chance up to half as long. Peers that lost their tracker in one moment
/// would all come back to it in one moment otherwise (B4).
fn retry_after(failures: u32, chance: u16) -> Duration {
    let longest = RETRY_MIN.saturating_mul(failures).min(RETRY_MAX);
    longest / 2 + longest / 2 * u32::from(chance) / u32::from(u16::MAX)
}

fn chance() -> u16 {
    // A system without random numbers is no reason not to try again.
    random_bytes().map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

impl Inner {
    fn notice(&self, text: &str) {
        // Nobody listening is no reason to stop.
        let _ = self.joiner.events.send(Event::Notice(text.to_owned()));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand peers lose their tracker in one moment, and call it again. Would fail if many of them did so in the same tenth of the time
    /// that there is, or if somebody waited for longer than is promised or for no time at all.
    #[test]
    fn who_lost_the_tracker_together_does_not_come_back_together() {
        for failures in [1, 3, 15, u32::MAX] {
            let longest = RETRY_MIN.saturating_mul(failures).min(RETRY_MAX);
            let mut tenths = [0; 10];
            for peer in 0..1000u32 {
                let chance = (peer * 65_537 / 1000) as u16;
                let wait = retry_after(failures, chance);
                assert!(wait >= longest / 2 && wait <= longest, "{wait:?} of {longest:?}");
                let tenth = (wait - longest / 2).as_nanos() * 10 / (longest / 2).as_nanos();
                tenths[usize::try_from(tenth).unwrap().min(9)] += 1;
            }
            assert!(tenths.iter().all(|peers| *peers < 150), "{tenths:?}");
        }
    }
}
