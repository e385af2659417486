//! How a node becomes a member of a ring.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{ContentHash, Invite, Place as InvitePlace};
use drizzle_net::Expect;
use drizzle_ring::{Config, Contact, Input, Quotas, Ring, Space};
use drizzle_tracker::own_addresses;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::comeback::{AGAIN_FIRST, bring_back};
use super::door::{Entrance, RingDoor};
use super::driver::{self, Driver};
use super::entry::{own_secret, secret_of};
use super::error::RingError;
use super::filing::Filer;
use super::greet::{GreetError, Introduction, Met, Place, contact_of};
use super::handle::RingHandle;
use super::happening::RingEvent;
use super::host::{Host, Turns};
use super::member::{RingNode, keep_ticket};
use super::memory::Memory;
use super::serve::FileServer;
use super::standing::{Door, RingSecret, dialable, version_now};
use super::surroundings::{Surroundings, own_socket_addresses};
use super::vault::{Equipment, Leftovers, Vault};
use super::vigil::watch_over;
use crate::fetch::Means;
use crate::membership::unix_s;
use crate::network::Network;

/// What waits for the driver. Whoever sends more waits.
const HAPPENINGS_MAX: usize = 1024;
/// Files that wait to be looked into since their server found them changed; what finds no place is found by the next
/// look.
const SUSPECTS_MAX: usize = 64;
/// How long a source of a file to be kept may be silent.
const KEEP_PATIENCE: Duration = Duration::from_secs(10);

/// How a member takes its place.
#[derive(Debug, Clone)]
pub struct RingSettings {
    /// Through whom; without it a ring begins.
    pub join: Option<Invite>,
    /// Whether whoever asks is let in.
    pub is_open: bool,
    /// The bits of a small ring's ids, and this node's; none: the ring of hashes, or that of the one through whom it
    /// joins.
    pub place: Option<(u16, u64)>,
    /// How often neighbours are pinged.
    pub ping: Duration,
    /// The length of the successor list.
    pub successors: usize,
    /// How many peers keep each record and file.
    pub replicas: usize,
    /// Bytes of files that are kept for others at the most; a quarter of it for one publisher.
    pub quota_bytes: u64,
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
    let addresses = own_socket_addresses(around.listen_addr);
    let ticket = Arc::new(keep_ticket(&secret, &around));
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
    let quotas = Quotas::default().with_blob_bytes(settings.quota_bytes);
    let (suspects, suspected) = mpsc::channel(SUSPECTS_MAX);
    let equipment = Equipment { network: alone.clone(), means, server: server.clone(), quotas, suspects };
    let vault = Vault::new(&of_ring, equipment, left).map_err(disk)?;

    let (happenings, happened) = mpsc::channel(HAPPENINGS_MAX);
    let ring = RingHandle::new(happenings.clone());
    let (events, told) = mpsc::unbounded_channel();
    let replicas = settings.replicas;
    let (turns, space) = (Turns::default(), place.space);
    let host = Host { ring: ring.clone(), vault: vault.clone(), space, me, replicas, turns };
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
        file_bytes_max: settings.quota_bytes,
    };
    let driver = Driver::new(machine, place.space, origin, of_driver, happenings);
    let begin = match first.as_ref().and_then(|met| met.member) {
        Some(member) => Input::Join { through: vec![member] },
        None => Input::Form { others: Vec::new() },
    };
    tokio::spawn(driver.run(happened, first, begin));
    tokio::spawn(bring_back(ring.clone(), vault.clone(), memory, AGAIN_FIRST));
    tokio::spawn(watch_over(vault.clone(), ring.clone(), suspected));
    let node = RingNode {
        ring,
        vault,
        filer: Filer { server, means: around.means, alone, identity: around.identity, addresses },
        invite,
        space: place.space,
        replicas,
        me,
        _ticket: ticket,
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
        quotas: Quotas::default().with_blob_bytes(settings.quota_bytes),
        unix_seconds_at_origin: unix_s(),
        ..Config::new(me, u64::from_le_bytes(seed) ^ version_now())
    }
}
