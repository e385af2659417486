//! A file on its way into a ring and out of it: what members and guests do alike.

use std::fs::{self, Permissions};
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use drizzle_model::{Address, Bitmap, ContentHash, ContentKind, FileKey, Link, RelPath};
use drizzle_net::Identity;
use drizzle_ring::{Contact, Offered, Record, Space};
use drizzle_wire::CardKind;
use tokio::sync::mpsc;

use super::copy;
use super::error::RingError;
use super::happening::RingPeer;
use super::naming::{CardText, Standing, card_of, record_of};
use super::outcome::{RingReceived, RingStored};
use super::serve::FileServer;
use super::standing::RingId;
use crate::error::{ErrorKind, FetchError, ShareError};
use crate::fetch::{Afterwards, CaseClashes, FetchRequest, Means, What};
use crate::hub_handle::Held;
use crate::network::Network;

/// Tells hops from contact to contact as hops from peer to peer.
pub(super) fn hops_of(
    space: Space,
    mut hop: impl FnMut(RingPeer, RingPeer) + Send,
) -> impl FnMut(Contact, Contact) + Send {
    move |from, to| hop(RingPeer::of(space, from), RingPeer::of(space, to))
}

/// What giving files and getting them needs.
#[derive(Clone)]
pub(super) struct Filer {
    pub(super) server: FileServer,
    pub(super) means: Means,
    /// Where nobody is asked and nothing is told: what the ring keeps is found by the ring.
    pub(super) alone: Network,
    pub(super) identity: Identity,
    pub(super) addresses: Vec<SocketAddr>,
}

/// A file that is offered to a ring, and served as long as this is held.
pub(super) struct Offer {
    pub(super) record: Record,
    key: FileKey,
    place: RingId,
    space: Space,
    _held: Held,
}

impl Offer {
    /// What came of it, when these took it.
    pub(super) fn stored(&self, at: Vec<Contact>) -> RingStored {
        let at = RingPeer::all_of(self.space, at);
        RingStored { key: self.key.clone(), place: self.place.clone(), at }
    }
}

/// Who gives a file.
pub(super) struct Keepers {
    /// The one who said what it is.
    pub(super) by: Contact,
    pub(super) others: Vec<Contact>,
}

impl Filer {
    /// Hashes a file, serves it, and signs what is to be told of it.
    pub(super) async fn offer(&self, space: Space, path: &Path, name: RelPath) -> Result<Offer, RingError> {
        let disk = |reason: String| RingError::Disk { path: path.to_owned(), reason };
        let shared = self.server.hash(path.to_owned(), name).await.map_err(failed_share)?;
        let content = shared.content();
        if content.kind() == ContentKind::Folder {
            return Err(disk("a ring stores files, and this is a folder; share it instead".into()));
        }
        let (key, mtime) = (content.key(), content.metadata().mtime);
        // That it changes shows when it is read, and whoever fetches it hears of it.
        let (watcher, _) = mpsc::unbounded_channel();
        let _held = self.server.serve(&shared, &watcher).await.ok_or(RingError::NotMember)?;
        let have = Bitmap::full(key.chunks);
        let addresses = &self.addresses;
        let text = CardText { kind: CardKind::Stored, key: &key, mtime, have: &have, addresses };
        let record = record_of(&self.identity, space, text, Standing::WithFile).ok_or_else(|| {
            RingError::NotTaken {
                reason: format!("a name in a ring has at most {} bytes", drizzle_wire::CARD_NAME_BYTES_MAX),
            }
        })?;
        let place = RingId::new(space, space.place(&record.id().key));
        Ok(Offer { record, key, place, space, _held })
    }

    /// Fetches a file from those who keep it.
    pub(super) async fn receive(
        &self,
        space: Space,
        key: FileKey,
        output: PathBuf,
        from: Keepers,
    ) -> Result<RingReceived, RingError> {
        let mut peers: Vec<Address> = Vec::new();
        let keepers = iter::once(from.by).chain(from.others);
        for address in keepers.map(|keeper| Address::from(keeper.address)) {
            if !peers.contains(&address) {
                peers.push(address);
            }
        }
        let (hash, kind, size): (ContentHash, ContentKind, u64) = (key.hash, key.kind, key.size);
        let link = Link { hash, kind, name: key.name.clone(), size, invite: None, peers };
        let request = FetchRequest {
            what: What::Link(Box::new(link)),
            output,
            partial_dir: None,
            afterwards: Afterwards::Leave,
            case_clashes: CaseClashes::Allowed,
        };
        let fetched = self.means.fetch(&self.alone, request).await.map_err(failed_fetch)?;
        Ok(RingReceived { key, by: RingPeer::of(space, from.by), path: fetched.path, is_own: false })
    }
}

/// What cannot be shared cannot be stored. Its message names the path.
fn failed_share(error: ShareError) -> RingError {
    let reason = error.to_string();
    match error.kind() {
        ErrorKind::Usage => RingError::Id { reason },
        _ => RingError::Unreadable { reason },
    }
}

/// A fetch that failed, in a ring's terms: a script tells a full disk from a liar by it.
fn failed_fetch(error: FetchError) -> RingError {
    let reason = error.to_string();
    match error {
        FetchError::NoSource { .. } => RingError::Unreachable { reason },
        FetchError::Integrity { .. } | FetchError::Content { .. } => RingError::Integrity { reason },
        // It names the path.
        FetchError::Disk { error, .. } => RingError::Write { reason: error.to_string() },
        _ => RingError::Other { reason },
    }
}

/// The newest file of that name.
pub(super) fn best_of(space: Space, records: &[Offered], name: &RelPath) -> Option<FileKey> {
    let cards = records.iter().filter_map(|offer| card_of(space, &offer.record));
    cards
        .map(|(_, card)| card)
        .find(|card| card.kind == CardKind::Stored && card.key.name == *name)
        .map(|card| card.key)
}

/// Copies a file that is kept here to where it is wanted; it comes there whole. What stands there under the name stays,
/// and is enough if it is that file.
pub(super) async fn copy_out(from: PathBuf, output: &Path, wanted: &FileKey) -> Result<PathBuf, RingError> {
    let to = output.join(wanted.name.as_str());
    let (target, hash) = (to.clone(), wanted.hash);
    let copying = move || copy_beside(&from, &target).or_else(|error| keep_same(error, &target, hash));
    match tokio::task::spawn_blocking(copying).await {
        Ok(Ok(())) => Ok(to),
        Ok(Err(error)) => Err(RingError::disk(to, &error)),
        Err(_) => Err(RingError::NotMember),
    }
}

fn copy_beside(from: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    // As any file that is made anew, less what the umask takes away.
    let mode = Permissions::from_mode(0o666);
    let mut new = tempfile::Builder::new().prefix(".drizzle-").permissions(mode).tempfile_in(folder)?;
    io::copy(&mut fs::File::open(from)?, &mut new)?;
    new.persist_noclobber(target).map(drop).map_err(|error| error.error)
}

fn keep_same(error: io::Error, target: &Path, hash: ContentHash) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::AlreadyExists if matches!(copy::read(target, hash), copy::Read::Right(_)) => Ok(()),
        io::ErrorKind::AlreadyExists => Err(io::Error::other("another file is there already")),
        _ => Err(error),
    }
}
