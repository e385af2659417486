//! A node's part in a ring: as a member that keeps what others store, or as a guest that asks a member.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use drizzle_model::{
    Address, Bitmap, ContentHash, ContentKind, FileKey, Invite, Link, Place as InvitePlace, RelPath,
};
use drizzle_net::{Connection, Dialer, Expect, Identity};
use drizzle_ring::{Config, Contact, Input, Offered, Ring, Space};
use drizzle_tracker::own_addresses;
use drizzle_wire::CardKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::comeback::{AGAIN_FIRST, bring_back};
use super::driver::{self, Driver};
use super::entry::{own_secret, secret_of};
use super::error::RingError;
use super::greet::{GreetError, Introduction, Met, Place, contact_of};
use super::guest::Guest;
use super::handle::RingHandle;
use super::happening::{Neighbourhood, RingEvent, RingPeer};
use super::host::Host;
use super::memory::Memory;
use super::naming::{CardText, Standing, card_of, record_of, stored_key};
use super::serve::FileServer;
use super::standing::{Door, RingId, RingSecret, dialable, version_now};
use super::vault::{Leftovers, Vault};
use crate::fetch::{Afterwards, CaseClashes, FetchRequest, Means, What};
use crate::membership::unix_s;
use crate::network::{Joiner, Network};

/// What waits for the driver. Whoever sends more waits.
const HAPPENINGS_MAX: usize = 1024;
/// How long a source of a file to be kept may be silent.
const KEEP_PATIENCE: Duration = Duration::from_secs(10);
/// How often a ticket is issued anew; it lives a day.
const TICKET_EVERY: Duration = Duration::from_secs(60 * 60);

/// How a member takes its place.
#[derive(Debug, Clone)]
pub struct RingSettings {
    /// Through whom; without it a ring begins.
    pub join: Option<Invite>,
    /// Whether whoever asks is let in.
    pub is_open: bool,
    /// The bits of a small ring's ids, and this node's; none: the ring of hashes, or that of the one through whom it joins.
    pub place: Option<(u16, u64)>,
    /// How often neighbours are pinged.
    pub ping: Duration,
    /// The length of the successor list.
    pub successors: usize,
    /// How many peers keep each record and file.
    pub replicas: usize,
}

/// What the ring needs of the node.
pub(crate) struct Surroundings {
    pub(crate) identity: Identity,
    pub(crate) dialer: Dialer,
    pub(crate) listen_addr: SocketAddr,
    pub(crate) means: Means,
    pub(crate) state_dir: PathBuf,
    pub(crate) joiner: Joiner,
}

/// Where callers of the ring are let in, once there is a ring. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct RingDoor(Arc<OnceLock<Entrance>>);

struct Entrance {
    introduction: Introduction,
    secret: RingSecret,
    ring: RingHandle,
}

impl RingDoor {
    /// Lets a caller in, if it may come.
    pub(crate) async fn admit(&self, connection: Connection) {
        let Some(entrance) = self.0.get() else { return };
        let from = connection.remote_addr();
        match entrance.introduction.answer(connection, &entrance.secret).await {
            Ok(Some(met)) => entrance.ring.called(met).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(target: "drizzle::ring", %from, %error, "not let in"),
        }
    }
}

/// A file that the ring keeps.
#[derive(Debug, Clone)]
pub struct RingStored {
    /// What it is.
    pub key: FileKey,
    /// Where its key lies.
    pub place: RingId,
    /// Who keeps it, the closest successor of its key first.
    pub at: Vec<RingPeer>,
}

/// A file that came from the ring.
#[derive(Debug, Clone)]
pub struct RingReceived {
    /// What it is.
    pub key: FileKey,
    /// Who said what it is: the first on the way that keeps it.
    pub by: RingPeer,
    /// Where it is now.
    pub path: PathBuf,
    /// Whether this node itself keeps it for the ring.
    pub is_own: bool,
}

/// Where a node stands.
#[derive(Debug, Clone)]
pub struct RingState {
    /// The node.
    pub me: RingPeer,
    /// Those before it, the closest first.
    pub predecessors: Vec<RingPeer>,
    /// Those after it, the closest first.
    pub successors: Vec<RingPeer>,
    /// Records that it keeps.
    pub records: usize,
    /// Files that it keeps.
    pub files: usize,
    /// Their bytes.
    pub file_bytes: u64,
}

/// A member. Clones are the same.
#[derive(Clone)]
pub struct RingNode {
    ring: RingHandle,
    vault: Vault,
    server: FileServer,
    means: Means,
    /// Where nobody is asked and nothing is told: what the ring keeps is found by the ring.
    alone: Network,
    identity: Identity,
    invite: Invite,
    space: Space,
    replicas: usize,
    me: Contact,
    addresses: Vec<SocketAddr>,
    ticket: Arc<Ticketing>,
    /// Held for its lock: two nodes on one state would each take the other's files for leftovers.
    _lock: Arc<std::fs::File>,
}

/// Issues tickets until it is dropped.
struct Ticketing(JoinHandle<()>);

impl Drop for Ticketing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes a place in a ring. That it is taken, or why not, comes as an event.
pub(crate) async fn start(
    around: Surroundings,
    door: &RingDoor,
    settings: RingSettings,
) -> Result<(RingNode, mpsc::UnboundedReceiver<RingEvent>), RingError> {
    let folder = around.state_dir.join("ring");
    std::fs::create_dir_all(&folder).map_err(|error| RingError::disk(&folder, &error))?;
    let lock = Arc::new(lock(&folder)?);
    let secret = secret(&around, &folder, &settings).await?;
    let network = secret.network();
    let peer = around.identity.id();
    around.joiner.memberships.renew(secret.ticket(peer));
    let listen_port = around.listen_addr.port().try_into().ok();
    let introduction =
        Introduction { memberships: around.joiner.memberships.clone(), network, listen_port, member: None };
    let place = place(&around, &introduction, &settings).await?;
    let introduction = Introduction { member: Some(place), ..introduction };
    let me = contact_of(place, peer, dialable(around.listen_addr));
    let first = first_member(&around, &introduction, &settings).await?;

    let invite = Invite {
        place: InvitePlace::Ring,
        addresses: own_addresses(around.listen_addr),
        network,
        secret: (secret.door == Door::Closed).then(|| secret.secret.clone()),
    };
    let addresses: Vec<SocketAddr> =
        invite.addresses.iter().filter_map(|address| address.to_string().parse().ok()).collect();
    let ticket = Arc::new(Ticketing(keep_ticket(&secret, &around)));
    let alone = Network::alone(invite.clone(), around.joiner);
    // Nobody watches a file being kept.
    let (events, _) = mpsc::unbounded_channel();
    let means = Means { events, patience: KEEP_PATIENCE, ..around.means.clone() };
    let server = FileServer { hub: means.hub.clone(), index: means.index.clone(), network };
    // What one ring keeps is nothing to another one.
    let of_ring = folder.join(network.to_string());
    let disk = |error: std::io::Error| RingError::disk(&of_ring, &error);
    std::fs::create_dir_all(&of_ring).map_err(disk)?;
    let (memory, is_sure) = Memory::open(of_ring.join("records")).map_err(disk)?;
    let wanted: Vec<ContentHash> = memory.left().iter().map(|record| record.id().subject).collect();
    let left = Leftovers { wanted: &wanted, is_sure };
    let vault = Vault::new(&of_ring, alone.clone(), means, server.clone(), left).map_err(disk)?;

    let (happenings, happened) = mpsc::channel(HAPPENINGS_MAX);
    let ring = RingHandle::new(happenings.clone());
    let (events, told) = mpsc::unbounded_channel();
    let replicas = settings.replicas;
    let host = Host { ring: ring.clone(), vault: vault.clone(), space: place.space, me, replicas };
    let entrance = Entrance { introduction: introduction.clone(), secret, ring: ring.clone() };
    if door.0.set(entrance).is_err() {
        return Err(RingError::Other { reason: "this node is in a ring already".into() });
    }
    let origin = Instant::now();
    let machine = Ring::new(drizzle_model::Time::ORIGIN, config(me, place.space, &settings));
    let of_driver = driver::Means {
        dialer: around.dialer,
        introduction,
        vault: vault.clone(),
        host,
        events,
        memory: memory.clone(),
    };
    let driver = Driver::new(machine, place.space, origin, of_driver, happenings);
    let begin = match first.as_ref().and_then(|met| met.member) {
        Some(member) => Input::Join { through: vec![member] },
        None => Input::Form { others: Vec::new() },
    };
    tokio::spawn(driver.run(happened, first, begin));
    tokio::spawn(bring_back(ring.clone(), vault.clone(), memory, AGAIN_FIRST));
    let node = RingNode {
        ring,
        vault,
        server,
        means: around.means,
        alone,
        identity: around.identity,
        invite,
        space: place.space,
        replicas,
        me,
        addresses,
        ticket,
        _lock: lock,
    };
    Ok((node, told))
}

fn lock(folder: &Path) -> Result<std::fs::File, RingError> {
    let path = folder.join("lock");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| RingError::disk(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            let reason = "a ring node runs on this state already; give another one its own --state".into();
            Err(RingError::Other { reason })
        }
        Err(std::fs::TryLockError::Error(error)) => Err(RingError::disk(path, &error)),
    }
}

async fn secret(
    around: &Surroundings,
    folder: &Path,
    settings: &RingSettings,
) -> Result<RingSecret, RingError> {
    let door = if settings.is_open { Door::Open } else { Door::Closed };
    match &settings.join {
        // Whoever knocks at an open ring is told its secret, which therefore must not open a closed one.
        None if settings.is_open => own_secret(&folder.join("open.secret"), door),
        None => own_secret(&folder.join("join.secret"), door),
        Some(invite) if settings.is_open && invite.secret.is_some() => Err(RingError::Id {
            reason: "the invite has a secret, so its ring is closed: it cannot be opened from here".into(),
        }),
        Some(invite) => {
            let secret = secret_of(&around.dialer, invite).await?;
            Ok(if settings.is_open { RingSecret::new(secret.secret, door) } else { secret })
        }
    }
}

/// Which place this node takes. One that joins and has not said of which ring asks how large it is.
async fn place(
    around: &Surroundings,
    guest: &Introduction,
    settings: &RingSettings,
) -> Result<Place, RingError> {
    let wrong = |reason: String| Err(RingError::Id { reason });
    match (settings.place, &settings.join) {
        (Some((bits, id)), _) => match Space::new(bits).filter(|space| space.bits() <= 64) {
            Some(space) if bits == 64 || id >> bits == 0 => Ok(Place { space, id }),
            Some(_) => wrong(format!("a ring of {bits} bits has no id {id}")),
            None => wrong(format!("expected ids of 1 to 64 bits, received {bits}")),
        },
        (None, None) => Ok(Place { space: Space::FULL, id: 0 }),
        (None, Some(invite)) => {
            let met = call_any(around, guest, invite).await?;
            match met.space {
                Space::FULL => Ok(Place { space: Space::FULL, id: 0 }),
                small => wrong(format!(
                    "the ring has ids of {bits} bits: choose one with --id N --bits {bits}",
                    bits = small.bits()
                )),
            }
        }
    }
}

async fn first_member(
    around: &Surroundings,
    introduction: &Introduction,
    settings: &RingSettings,
) -> Result<Option<Met>, RingError> {
    match &settings.join {
        None => Ok(None),
        Some(invite) => call_any(around, introduction, invite).await.map(Some),
    }
}

async fn call_any(
    around: &Surroundings,
    introduction: &Introduction,
    invite: &Invite,
) -> Result<Met, RingError> {
    let mut failures = Vec::new();
    for address in &invite.addresses {
        match introduction.call(&around.dialer, address, Expect::AnyPeer).await {
            Ok(met) if met.member.is_some() && met.peer != around.identity.id() => return Ok(met),
            Ok(_) => failures.push(GreetError::NoHello),
            Err(error) => failures.push(error),
        }
    }
    Err(RingError::from_failures(failures))
}

fn config(me: Contact, space: Space, settings: &RingSettings) -> Config {
    let mut seed = [0; 8];
    seed.copy_from_slice(&me.peer.as_bytes()[..8]);
    Config {
        space,
        successors: settings.successors,
        replicas: settings.replicas,
        ping: settings.ping,
        unix_seconds_at_origin: unix_s(),
        ..Config::new(me, u64::from_le_bytes(seed) ^ version_now())
    }
}

fn keep_ticket(secret: &RingSecret, around: &Surroundings) -> JoinHandle<()> {
    let (secret, peer) = (secret.clone(), around.identity.id());
    let memberships = around.joiner.memberships.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICKET_EVERY).await;
            memberships.renew(secret.ticket(peer));
        }
    })
}

impl RingNode {
    /// What lets others in.
    pub fn invite(&self) -> &Invite {
        &self.invite
    }

    /// This node.
    pub fn me(&self) -> RingPeer {
        peer_of(self.space, self.me)
    }

    /// Where it stands; none while it joins and when it has left.
    pub async fn state(&self) -> Option<RingState> {
        let Neighbourhood { me, predecessors, successors, records, files, file_bytes, .. } =
            self.ring.state().await.filter(|state| state.is_member)?;
        let all = |contacts: Vec<Contact>| contacts.iter().map(|one| peer_of(self.space, *one)).collect();
        let (predecessors, successors) = (all(predecessors), all(successors));
        Some(RingState { me: peer_of(self.space, me), predecessors, successors, records, files, file_bytes })
    }

    /// Places a file at the closest successor of its key and the peers behind it (S3.5).
    pub async fn store(
        &self,
        path: &Path,
        name: RelPath,
        mut hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingStored, RingError> {
        let shared = hashed(&self.server, path, name).await?;
        let content = shared.content();
        let _held = self.server.serve(&shared).await.ok_or(RingError::NotMember)?;
        let source = std::path::absolute(path).map_err(|error| RingError::disk(path, &error))?;
        let _pin = self.vault.pin(content.hash(), Some(source));
        let record = stored_record(&self.identity, self.space, content, &self.addresses)?;
        let space = self.space;
        let place = RingId::new(space, space.place(&record.id().key));
        let at = self.ring.store(record, |from, to| hop(peer_of(space, from), peer_of(space, to))).await?;
        Ok(RingStored {
            key: content.key(),
            place,
            at: at.into_iter().map(|one| peer_of(space, one)).collect(),
        })
    }

    /// Fetches a file that the ring keeps (S3.6), straight from those who keep it.
    pub async fn request(
        &self,
        name: &RelPath,
        output: PathBuf,
        mut hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingReceived, RingError> {
        let (space, key) = (self.space, stored_key(self.space, name));
        let (by, records) =
            self.ring.request(key, |from, to| hop(peer_of(space, from), peer_of(space, to))).await?;
        let wanted = best_of(space, &records, name).ok_or(RingError::NotFound)?;
        if let Some(here) = self.vault.path(wanted.hash) {
            let path = copy_out(here, &output, name).await?;
            return Ok(RingReceived { key: wanted, by: self.me(), path, is_own: true });
        }
        let mut keepers = vec![by];
        keepers.extend(
            self.ring.look_up(space.place(&key)).await.unwrap_or_default().into_iter().take(self.replicas),
        );
        let path = fetch(&self.means, &self.alone, &wanted, name, output, &keepers).await?;
        Ok(RingReceived { key: wanted, by: peer_of(space, by), path, is_own: false })
    }

    /// Leaves: the neighbours are told, and what is kept here is kept elsewhere (S3.3).
    pub async fn quit(&self) {
        self.ring.quit().await;
        // Others that hold the node keep nothing alive by it.
        let _ = Arc::strong_count(&self.ticket);
    }
}

/// A guest that stores and requests files through a member. Clones are the same.
#[derive(Clone)]
pub struct RingGuest {
    guest: Guest,
    server: FileServer,
    means: Means,
    alone: Network,
    identity: Identity,
    addresses: Vec<SocketAddr>,
}

/// Finds a member of the ring of an invite.
pub(crate) async fn visit(around: Surroundings, invite: &Invite) -> Result<RingGuest, RingError> {
    let (guest, secret) = guest(&around, invite).await?;
    let addresses = own_socket_addresses(around.listen_addr);
    let invite = Invite { network: secret.network(), ..invite.clone() };
    let server = FileServer {
        hub: around.means.hub.clone(),
        index: around.means.index.clone(),
        network: secret.network(),
    };
    let alone = Network::alone(invite, around.joiner);
    Ok(RingGuest { guest, server, means: around.means, alone, identity: around.identity, addresses })
}

/// A guest of the ring of an invite, with the ring's secret; one member has answered.
pub(crate) async fn guest(around: &Surroundings, invite: &Invite) -> Result<(Guest, RingSecret), RingError> {
    let secret = secret_of(&around.dialer, invite).await?;
    around.joiner.memberships.renew(secret.ticket(around.identity.id()));
    let introduction = Introduction {
        memberships: around.joiner.memberships.clone(),
        network: secret.network(),
        listen_port: around.listen_addr.port().try_into().ok(),
        member: None,
    };
    let guest = Guest::new(around.dialer.clone(), introduction, invite.addresses.clone());
    guest.space().await?;
    Ok((guest, secret))
}

impl RingGuest {
    /// As [`RingNode::store`].
    pub async fn store(
        &self,
        path: &Path,
        name: RelPath,
        mut hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingStored, RingError> {
        let space = self.guest.space().await?;
        let shared = hashed(&self.server, path, name).await?;
        let content = shared.content();
        let _held = self.server.serve(&shared).await.ok_or(RingError::NotMember)?;
        let record = stored_record(&self.identity, space, content, &self.addresses)?;
        let place = RingId::new(space, space.place(&record.id().key));
        let at = self.guest.keep(record, |from, to| hop(peer_of(space, from), peer_of(space, to))).await?;
        Ok(RingStored {
            key: content.key(),
            place,
            at: at.into_iter().map(|one| peer_of(space, one)).collect(),
        })
    }

    /// As [`RingNode::request`].
    pub async fn request(
        &self,
        name: &RelPath,
        output: PathBuf,
        mut hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingReceived, RingError> {
        let space = self.guest.space().await?;
        let found = self
            .guest
            .find(stored_key(space, name), |from, to| hop(peer_of(space, from), peer_of(space, to)))
            .await?;
        let wanted = best_of(space, &found.records, name).ok_or(RingError::NotFound)?;
        let mut keepers = vec![found.by];
        keepers.extend(found.keepers);
        let path = fetch(&self.means, &self.alone, &wanted, name, output, &keepers).await?;
        Ok(RingReceived { key: wanted, by: peer_of(space, found.by), path, is_own: false })
    }

    /// Where the member stands that is asked. What it keeps is for it alone to know.
    pub async fn state(&self) -> Result<RingState, RingError> {
        let space = self.guest.space().await?;
        let (me, predecessors, successors) = self.guest.neighbours().await?;
        let all = |contacts: Vec<Contact>| contacts.iter().map(|one| peer_of(space, *one)).collect();
        let (predecessors, successors) = (all(predecessors), all(successors));
        let me = peer_of(space, me);
        Ok(RingState { me, predecessors, successors, records: 0, files: 0, file_bytes: 0 })
    }
}

pub(crate) fn own_socket_addresses(listen: SocketAddr) -> Vec<SocketAddr> {
    own_addresses(listen).iter().filter_map(|address| address.to_string().parse().ok()).collect()
}

fn peer_of(space: Space, contact: Contact) -> RingPeer {
    let Contact { position, peer, address } = contact;
    RingPeer { id: RingId::new(space, position), peer, address }
}

async fn hashed(
    server: &FileServer,
    path: &Path,
    name: RelPath,
) -> Result<Arc<drizzle_store::Shared>, RingError> {
    let disk = |reason: String| RingError::Disk { path: path.to_owned(), reason };
    let shared = server.hash(path.to_owned(), name).await.map_err(|error| disk(error.to_string()))?;
    match shared.content().kind() {
        ContentKind::File => Ok(shared),
        ContentKind::Folder => {
            Err(disk("a ring stores files, and this is a folder; share it instead".into()))
        }
    }
}

fn stored_record(
    identity: &Identity,
    space: Space,
    content: &drizzle_store::Content,
    addresses: &[SocketAddr],
) -> Result<drizzle_ring::Record, RingError> {
    let (key, mtime) = (content.key(), content.metadata().mtime);
    let have = Bitmap::full(key.chunks);
    let text = CardText { kind: CardKind::Stored, key: &key, mtime, have: &have, addresses };
    record_of(identity, space, text, Standing::WithFile).ok_or_else(|| RingError::NotTaken {
        reason: format!("a name in a ring has at most {} bytes", drizzle_wire::CARD_NAME_BYTES_MAX),
    })
}

/// The newest file of that name.
fn best_of(space: Space, records: &[Offered], name: &RelPath) -> Option<FileKey> {
    let cards = records.iter().filter_map(|offer| card_of(space, &offer.record));
    cards
        .map(|(_, card)| card)
        .find(|card| card.kind == CardKind::Stored && card.key.name == *name)
        .map(|card| card.key)
}

async fn fetch(
    means: &Means,
    alone: &Network,
    key: &FileKey,
    name: &RelPath,
    output: PathBuf,
    keepers: &[Contact],
) -> Result<PathBuf, RingError> {
    let mut peers: Vec<Address> = Vec::new();
    for address in keepers.iter().map(|keeper| Address::from(keeper.address)) {
        if !peers.contains(&address) {
            peers.push(address);
        }
    }
    let (hash, kind, size): (ContentHash, ContentKind, u64) = (key.hash, key.kind, key.size);
    let link = Link { hash, kind, name: name.clone(), size, invite: None, peers };
    let request = FetchRequest {
        what: What::Link(Box::new(link)),
        output,
        partial_dir: None,
        afterwards: Afterwards::Leave,
        case_clashes: CaseClashes::Allowed,
    };
    let fetched = means.fetch(alone, request).await;
    fetched.map(|fetched| fetched.path).map_err(|error| RingError::Other { reason: error.to_string() })
}

/// Copies a file that is kept here to where it is wanted. What stands there under the name stays.
async fn copy_out(from: PathBuf, output: &Path, name: &RelPath) -> Result<PathBuf, RingError> {
    let to = output.join(name.as_str());
    let target = to.clone();
    let copying = move || -> std::io::Result<()> {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut new = std::fs::OpenOptions::new().write(true).create_new(true).open(&target)?;
        std::io::copy(&mut std::fs::File::open(from)?, &mut new)?;
        Ok(())
    };
    let copied = tokio::task::spawn_blocking(copying).await;
    match copied {
        Ok(Ok(())) => Ok(to),
        Ok(Err(error)) => Err(RingError::disk(to, &error)),
        Err(_) => Err(RingError::NotMember),
    }
}
