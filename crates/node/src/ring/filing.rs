//! A file on its way into a ring and out of it: what members and guests do alike.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drizzle_model::{Address, Bitmap, ContentHash, ContentKind, FileKey, Link, RelPath};
use drizzle_net::Identity;
use drizzle_ring::{Contact, Offered, Space};
use drizzle_wire::CardKind;

use super::error::RingError;
use super::happening::RingPeer;
use super::naming::{CardText, Standing, card_of, record_of};
use super::serve::FileServer;
use super::standing::RingId;
use crate::fetch::{Afterwards, CaseClashes, FetchRequest, Means, What};
use crate::network::Network;

pub(super) fn peer_of(space: Space, contact: Contact) -> RingPeer {
    let Contact { position, peer, address } = contact;
    RingPeer { id: RingId::new(space, position), peer, address }
}

pub(super) async fn hashed(
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

pub(super) fn stored_record(
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
pub(super) fn best_of(space: Space, records: &[Offered], name: &RelPath) -> Option<FileKey> {
    let cards = records.iter().filter_map(|offer| card_of(space, &offer.record));
    cards
        .map(|(_, card)| card)
        .find(|card| card.kind == CardKind::Stored && card.key.name == *name)
        .map(|card| card.key)
}

pub(super) async fn fetch(
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
pub(super) async fn copy_out(from: PathBuf, output: &Path, name: &RelPath) -> Result<PathBuf, RingError> {
    let to = output.join(name.as_str());
    let target = to.clone();
    let copying = move || -> std::io::Result<()> {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut new = std::fs::OpenOptions::new().write(true).create_new(true).open(&target)?;
        let copied = std::fs::File::open(from).and_then(|mut from| std::io::copy(&mut from, &mut new));
        if copied.is_err() {
            // It was made here a moment ago; what is only half there must not stand under the name.
            let _ = std::fs::remove_file(&target);
        }
        copied.map(drop)
    };
    let copied = tokio::task::spawn_blocking(copying).await;
    match copied {
        Ok(Ok(())) => Ok(to),
        Ok(Err(error)) => Err(RingError::disk(to, &error)),
        Err(_) => Err(RingError::NotMember),
    }
}
