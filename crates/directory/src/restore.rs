//! What an earlier directory knew, put into a new one: files in the order in which they were first registered, then who holds them.
//!
//! Between the first file and [`Directory::restored`] there are files that nobody holds, so nothing else is to be called but
//! [`Directory::join`]. Who holds what is said without looking anything up by name, since there may be millions of pairs.

use alloc::sync::Arc;
use alloc::vec::Vec;

use drizzle_model::{FileKey, Mtime, PeerId, Time};

use crate::change_log::ChangeLog;
use crate::directory::Directory;
use crate::files::{File, FileId};
use crate::past::Origin;
use crate::peers::PeerNumber;
use crate::register::{Claim, RegisterError, check_shape, holding_of};

/// A file that was put in.
#[derive(Debug, Clone, Copy)]
pub struct RestoredFile(FileId);

impl Directory {
    /// Puts a file in, behind those that were first registered before it. None when it is there already, or could not be
    /// registered today.
    pub fn restore(&mut self, key: FileKey, mtime: Mtime, registrar: PeerId) -> Option<RestoredFile> {
        if self.files.id(&key).is_some() || check_shape(&key).is_err() {
            return None;
        }
        self.version.advance();
        let registered = self.version;
        let file = File { key: Arc::new(key), mtime, registrar, registered, holders: 0, sources: 0 };
        Some(RestoredFile(self.files.add(file)))
    }

    /// Says that a peer, which has joined with an address, holds a file.
    pub fn restore_holding(
        &mut self,
        peer: PeerNumber,
        RestoredFile(id): RestoredFile,
        claim: Claim,
    ) -> Result<(), RegisterError> {
        let Some(key) = self.files.file(id).map(|file| Arc::clone(&file.key)) else { return Ok(()) };
        self.check_room(peer, &key, Some(id), &claim)?;
        let holding = holding_of(&key, claim)?;
        self.hold(id, peer, holding);
        Ok(())
    }

    /// Everything is in. What nobody holds belongs to the past. Leases begin now: a large catalogue takes its time, perhaps more
    /// than a lease, and nobody could renew meanwhile.
    pub fn restored(&mut self, now: Time) {
        let there: Vec<PeerNumber> = self.peers.iter().map(|(number, _)| number).collect();
        there.into_iter().for_each(|number| self.peers.extend(now, number, Self::LEASE));
        let held_by_nobody = self.files.iter().filter(|(_, file)| file.holders == 0);
        let past: Vec<FileId> = held_by_nobody.map(|(id, _)| id).collect();
        for id in past {
            if let Some(File { key, mtime, registrar, registered, .. }) = self.files.remove(id) {
                self.past.put(key, Origin { mtime, registrar, registered });
            }
        }
        self.past.trim();
        self.version.advance();
        // Nobody has a copy from before this moment.
        self.changes = ChangeLog::since(self.version);
    }
}
