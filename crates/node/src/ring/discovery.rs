//! A ring in the tracker's place: who has what, as signed records with leases that lie at the members of the ring.
//!
//! What is shared has two cards: one under its hash (who has some of it) and one under its name (what is called so, the
//! newest first). Both end with their lease unless they are renewed, and are taken back when this peer leaves. Nothing
//! a card says is believed but where somebody may be asked: the bytes are proved against the hash. Who sent what was
//! wrong is remembered here, and not named again for that content; nobody else is told, and nobody's word of it is
//! taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use drizzle_model::{Bitmap, ContentHash, FileKey, Mtime, PeerId, RelPath};
use drizzle_net::{Identity, Ticket};
use drizzle_ring::{RANK_AHEAD_SECONDS_MAX, Record, Space};
use drizzle_tracker::{Claim, Have, Holder, Listed, Located, Refusal, Registration, Search, Verdict};
use drizzle_wire::{CardKind, RingCard};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::RingError;
use super::guest::{Found, Guest};
use super::liars::Liars;
use super::naming::{CardText, Standing, card_of, hash_key, name_key, record_of, stored_key};
use super::reach::is_of_one_machine;
use super::standing::RingSecret;
use crate::membership::unix_s;

/// How long a card stays without renewal: as long as a tracker's lease.
const LEASE: Duration = Duration::from_secs(180);
/// How often cards are renewed: two may be lost.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// What is partly here is told anew at most so often; peers tell each other the rest.
const PARTS_EVERY: Duration = Duration::from_secs(5);
/// Cards that are placed at a time.
const AT_ONCE_MAX: usize = 16;
/// So many failures in a row, and nobody is there: the rest is not tried.
const FAILURES_MAX: usize = 64;
/// Taking everything back may take so long; what is left then ends with its lease.
const LEAVE_MAX: Duration = Duration::from_millis(1000);
/// Members that are asked for a list, and names that are taken from them all.
const WALK_MEMBERS_MAX: usize = 512;
const WALK_RECORDS_MAX: usize = 200_000;

/// A ring, as one who shares and fetches sees it. Clones are the same.
#[derive(Clone)]
pub(crate) struct RingDiscovery {
    inner: Arc<Inner>,
}

struct Inner {
    guest: Guest,
    identity: Identity,
    secret: RingSecret,
    addresses: Vec<SocketAddr>,
    published: Mutex<HashMap<FileKey, Published>>,
    liars: Liars,
}

#[derive(Clone)]
struct Published {
    mtime: Mtime,
    have: Bitmap,
    at: Instant,
}

impl RingDiscovery {
    /// A guest that serves at these addresses.
    pub(crate) fn new(
        guest: Guest,
        identity: Identity,
        secret: RingSecret,
        addresses: Vec<SocketAddr>,
    ) -> Self {
        let published = Mutex::default();
        Self {
            inner: Arc::new(Inner { guest, identity, secret, addresses, published, liars: Liars::default() }),
        }
    }

    /// A ticket that this peer issues to itself.
    pub(crate) fn ticket(&self) -> Ticket {
        self.inner.secret.ticket(self.inner.identity.id())
    }

    /// Finds a member that answers.
    pub(crate) async fn join(&self) -> Result<(), RingError> {
        self.inner.guest.space().await.map(drop)
    }

    pub(crate) fn renew_interval(&self) -> Duration {
        RENEW_EVERY
    }

    /// Remembers who sent what was wrong.
    pub(crate) fn report(&self, content: ContentHash, peer: PeerId) {
        self.inner.liars.add(content, peer);
    }

    /// Everything that has a name in the ring, sorted by name: goes once round. What members do not tell is missing,
    /// and that is said.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, RingError> {
        let space = self.inner.guest.space().await?;
        let mut records: HashMap<drizzle_ring::RecordId, Record> = HashMap::new();
        let take = |told: Vec<Record>| {
            for record in told {
                let is_newer = |known: &Record| known.content().version < record.content().version;
                if records.get(&record.id()).is_none_or(is_newer) {
                    records.insert(record.id(), record);
                }
            }
            records.len() < WALK_RECORDS_MAX
        };
        self.inner.guest.walk(WALK_MEMBERS_MAX, take).await?;
        Ok(listed(space, records.values()))
    }

    /// What has the pattern in its name.
    pub(crate) async fn search(&self, search: &Search) -> Result<Vec<Listed>, RingError> {
        Ok(search.among(self.list().await?, |listed| listed.key.name.as_str()))
    }

    /// What is called so, the newest first, with who has it.
    pub(crate) async fn locate_name(&self, name: &RelPath) -> Result<Vec<Located>, RingError> {
        let space = self.inner.guest.space().await?;
        let found = match self.inner.guest.find(name_key(name), |_, _| {}).await {
            Ok(found) => found,
            Err(RingError::NotFound) => return self.locate_stored(space, name).await,
            Err(error) => return Err(error),
        };
        let cards = cards(space, &found.records, CardKind::Name);
        let cards = cards.into_iter().filter(|(_, card)| card.key.name == *name);
        let mut located = self.by_key(cards).await?;
        located.sort_by_key(|located| std::cmp::Reverse(located.mtime));
        if let Some(newest) = located.first_mut() {
            for other in self.locate_hash(&newest.key.hash).await.unwrap_or_default() {
                let unknown = other.holders.into_iter();
                let unknown: Vec<Holder> =
                    unknown.filter(|one| newest.holders.iter().all(|known| known.peer != one.peer)).collect();
                newest.holders.extend(unknown);
            }
            newest.holders_total = newest.holders.len() as u32;
        }
        if located.is_empty() { Err(RingError::NotFound) } else { Ok(located) }
    }

    /// A file that the ring itself keeps under that name.
    async fn locate_stored(&self, space: Space, name: &RelPath) -> Result<Vec<Located>, RingError> {
        let found = self.inner.guest.find(stored_key(space, name), |_, _| {}).await?;
        let Found { by, keepers, records } = found;
        let mut located = self.by_key(cards(space, &records, CardKind::Stored)).await?;
        located.sort_by_key(|located| std::cmp::Reverse(located.mtime));
        for one in &mut located {
            let mut keepers: Vec<_> = std::iter::once(by).chain(keepers.iter().copied()).collect();
            let mut seen = HashSet::new();
            let hash = one.key.hash;
            keepers.retain(|keeper| seen.insert(keeper.peer) && !self.inner.liars.has(hash, keeper.peer));
            let holder = |(at, keeper): (usize, &drizzle_ring::Contact)| {
                let (number, reports) = (at as u32 + 1, 0);
                Holder { peer: keeper.peer, number, address: keeper.address, have: Have::All, reports }
            };
            one.holders = keepers.iter().enumerate().map(holder).collect();
            one.holders_total = one.holders.len() as u32;
        }
        if located.is_empty() { Err(RingError::NotFound) } else { Ok(located) }
    }

    /// Who has what a hash names.
    pub(crate) async fn locate_hash(&self, hash: &ContentHash) -> Result<Vec<Located>, RingError> {
        let space = self.inner.guest.space().await?;
        let found = self.inner.guest.find(hash_key(hash), |_, _| {}).await?;
        let located = self.by_key(cards(space, &found.records, CardKind::Provider)).await?;
        if located.is_empty() { Err(RingError::NotFound) } else { Ok(located) }
    }

    /// Puts the cards of one thing together, of those who can be reached and have not lied.
    async fn by_key(
        &self,
        cards: impl IntoIterator<Item = (PeerId, RingCard)>,
    ) -> Result<Vec<Located>, RingError> {
        // Loopback is meant for this machine when the ring is entered on it.
        let is_near = self.inner.guest.is_loopback().await?;
        let mut all: BTreeMap<FileKey, Located> = BTreeMap::new();
        for (publisher, card) in cards {
            let entry = all.entry(card.key.clone()).or_insert_with(|| Located {
                key: card.key.clone(),
                mtime: card.mtime,
                registrar: publisher,
                is_first_of_name: false,
                holders: Vec::new(),
                holders_total: 0,
            });
            entry.mtime = entry.mtime.max(card.mtime);
            let mut reached =
                card.addresses.iter().filter(|address| is_near || !is_of_one_machine(address.ip()));
            let Some(&address) = reached.next() else { continue };
            if self.inner.liars.has(card.key.hash, publisher) {
                continue;
            }
            let bitmap = card.bitmap();
            let have = if bitmap.is_full() { Have::All } else { Have::Part(bitmap) };
            let number = entry.holders.len() as u32 + 1;
            entry.holders.push(Holder { peer: publisher, number, address, have, reports: 0 });
            entry.holders_total = number;
        }
        Ok(all.into_values().collect())
    }

    /// Places the cards of what is here: a verdict for each.
    pub(crate) async fn register(&self, files: &[Registration]) -> Result<Vec<Verdict>, RingError> {
        let mut verdicts = vec![Ok(()); files.len()];
        let mut due = Vec::new();
        for (at, registration) in files.iter().enumerate() {
            let have = have_of(registration);
            if self.is_early(&registration.key, &have) {
                continue;
            }
            let published = Published { mtime: registration.mtime, have, at: Instant::now() };
            self.published().insert(registration.key.clone(), published.clone());
            due.push((at, registration.key.clone(), published));
        }
        for (at, verdict) in self.place(due, false).await? {
            verdicts[at] = verdict;
        }
        Ok(verdicts)
    }

    /// Whether a part was told so recently that what came since can wait.
    fn is_early(&self, key: &FileKey, have: &Bitmap) -> bool {
        let is_early = |known: &Published| known.have.len() == have.len() && known.at.elapsed() < PARTS_EVERY;
        !have.is_full() && self.published().get(key).is_some_and(is_early)
    }

    /// Takes back the cards of what is no longer here.
    pub(crate) async fn unregister(&self, keys: &[FileKey]) -> Result<(), RingError> {
        let mut due = Vec::new();
        for key in keys {
            if let Some(published) = self.published().remove(key) {
                due.push((0, key.clone(), published));
            }
        }
        self.place(due, true).await.map(drop)
    }

    /// Places all cards again, for another lease. One that fails lets no other lapse.
    pub(crate) async fn renew(&self) -> Result<(), RingError> {
        let all = self.published().clone();
        let due = all.into_iter().map(|(key, published)| (0, key, published)).collect();
        self.place(due, false).await.map(drop)
    }

    /// Takes everything back.
    pub(crate) async fn leave(&self) -> Result<(), RingError> {
        let all = std::mem::take(&mut *self.published());
        let due = all.into_iter().map(|(key, published)| (0, key, published)).collect();
        timeout(LEAVE_MAX, self.place(due, true)).await.unwrap_or(Err(RingError::late(LEAVE_MAX))).map(drop)
    }

    async fn place(
        &self,
        due: Vec<(usize, FileKey, Published)>,
        withdrawn: bool,
    ) -> Result<Vec<(usize, Verdict)>, RingError> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let space = self.inner.guest.space().await?;
        let mut placing = JoinSet::new();
        let mut verdicts = Verdicts::default();
        for (at, key, published) in due {
            if placing.len() >= AT_ONCE_MAX
                && let Some(placed) = placing.join_next().await
            {
                verdicts.take(verdict(placed));
            }
            if verdicts.is_in_vain() {
                break;
            }
            let discovery = self.clone();
            placing.spawn(async move { (at, discovery.place_one(space, &key, &published, withdrawn).await) });
        }
        while let Some(placed) = placing.join_next().await {
            verdicts.take(verdict(placed));
        }
        verdicts.ended()
    }

    async fn place_one(
        &self,
        space: Space,
        key: &FileKey,
        published: &Published,
        withdrawn: bool,
    ) -> Result<(), RingError> {
        let Inner { guest, identity, addresses, .. } = &*self.inner;
        let end = unix_s() + LEASE.as_secs();
        let standing = if withdrawn { Standing::Withdrawn(end) } else { Standing::Until(end) };
        for kind in [CardKind::Provider, CardKind::Name] {
            let text = CardText { kind, key, mtime: published.mtime, have: &published.have, addresses };
            let record = record_of(identity, space, text, standing).ok_or_else(|| RingError::NotTaken {
                reason: format!("a name in a ring has at most {} bytes", drizzle_wire::CARD_NAME_BYTES_MAX),
            })?;
            guest.publish(record).await?;
        }
        Ok(())
    }

    fn published(&self) -> MutexGuard<'_, HashMap<FileKey, Published>> {
        self.inner.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What placing many comes to: all are tried, and the first error is told at the end.
#[derive(Default)]
struct Verdicts {
    all: Vec<(usize, Verdict)>,
    first: Option<RingError>,
    in_a_row: usize,
}

impl Verdicts {
    fn take(&mut self, verdict: Result<(usize, Verdict), RingError>) {
        match verdict {
            Ok(verdict) => {
                self.in_a_row = 0;
                self.all.push(verdict);
            }
            Err(error) => {
                self.in_a_row += 1;
                self.first.get_or_insert(error);
            }
        }
    }

    fn is_in_vain(&self) -> bool {
        self.in_a_row >= FAILURES_MAX
    }

    fn ended(self) -> Result<Vec<(usize, Verdict)>, RingError> {
        self.first.map_or(Ok(self.all), Err)
    }
}

type Placed = Result<(usize, Result<(), RingError>), tokio::task::JoinError>;

/// What concerns one thing alone is its verdict; when nobody can be asked, that concerns all.
fn verdict(placed: Placed) -> Result<(usize, Verdict), RingError> {
    let (at, placed) = placed.map_err(|error| RingError::Other { reason: error.to_string() })?;
    match placed {
        Ok(()) => Ok((at, Ok(()))),
        Err(error @ RingError::NotTaken { .. }) => Ok((at, Err(Refusal { reason: error.to_string() }))),
        Err(error) => Err(error),
    }
}

fn have_of(registration: &Registration) -> Bitmap {
    match &registration.claim {
        Claim::Runs(runs) => {
            let mut have = Bitmap::empty(registration.key.chunks);
            runs.iter().for_each(|&run| have.insert_run(run));
            have
        }
        _ => Bitmap::full(registration.key.chunks),
    }
}

/// The newest of a name comes first, so a time that is still to come would win for good. Keepers refuse such cards; one
/// that does not is no reason to believe it.
fn is_of_the_past(card: &RingCard) -> bool {
    let latest = unix_s().saturating_add(RANK_AHEAD_SECONDS_MAX);
    u64::try_from(card.mtime.seconds()).map_or(true, |seconds| seconds <= latest)
}

fn cards(space: Space, offers: &[drizzle_ring::Offered], kind: CardKind) -> Vec<(PeerId, RingCard)> {
    let cards = offers.iter().filter_map(|offer| card_of(space, &offer.record));
    cards.filter(|(_, card)| card.kind == kind && is_of_the_past(card)).collect()
}

fn listed<'a>(space: Space, records: impl Iterator<Item = &'a Record>) -> Vec<Listed> {
    let mut all: BTreeMap<FileKey, Listed> = BTreeMap::new();
    let cards = records.filter_map(|record| card_of(space, record));
    for (_, card) in cards.filter(|(_, card)| is_of_the_past(card)) {
        let mtime = card.mtime;
        let entry = all.entry(card.key.clone()).or_insert(Listed { key: card.key, mtime, peers: 0 });
        entry.mtime = entry.mtime.max(mtime);
        entry.peers += 1;
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if the first card that cannot be placed kept the others from being placed, or went untold.
    #[test]
    fn one_failure_stops_nothing_and_is_told() {
        let mut verdicts = Verdicts::default();
        verdicts.take(Err(RingError::NoAnswer));
        for at in 0..FAILURES_MAX {
            assert!(!verdicts.is_in_vain());
            verdicts.take(Ok((at, Ok(()))));
            verdicts.take(Err(RingError::NotMember));
        }
        assert!(matches!(verdicts.ended(), Err(RingError::NoAnswer)));
        let mut silent = Verdicts::default();
        (0..FAILURES_MAX).for_each(|_| silent.take(Err(RingError::NoAnswer)));
        assert!(silent.is_in_vain());
    }
}
