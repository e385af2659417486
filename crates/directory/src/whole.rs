//! The single files that somebody has all of, each with one place to get it: for peers that know neither hashes nor chunks.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use drizzle_model::{ContentKind, FileKey, Mtime, Time};

use crate::directory::Directory;
use crate::files::{File, FileId};
use crate::holdings::Holding;
use crate::quota::limits::{LOCATED_SCAN_MAX, PAGE_SCAN_MAX};

/// A file and one who has all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Which file.
    pub key: Arc<FileKey>,
    /// The newest modification time that it was registered with.
    pub mtime: Mtime,
    /// Where that one serves.
    pub address: SocketAddr,
}

impl Directory {
    /// At most `files_max` files right at the top (no `/` in their names), in the order of names; of those of one name the newest
    /// (S2.3).
    pub fn whole_files(&mut self, now: Time, files_max: usize) -> Vec<Whole> {
        self.expire(now);
        let mut whole: Vec<Whole> = Vec::new();
        for (key, id) in self.files.after(None).take(PAGE_SCAN_MAX) {
            let is_flat = key.kind == ContentKind::File && !key.name.as_str().contains('/');
            let file = self.files.file(id).filter(|_| is_flat);
            let Some((file, address)) = file.and_then(|file| Some((file, self.whole_at(id, file)?))) else {
                continue;
            };
            let found = Whole { key: Arc::clone(key), mtime: file.mtime, address };
            let count = whole.len();
            match whole.last_mut().filter(|last| last.key.name == key.name) {
                Some(last) if last.mtime < found.mtime => *last = found,
                Some(_) => {}
                None if count == files_max => break,
                None => whole.push(found),
            }
        }
        whole
    }

    /// Where somebody serves who has all of it: its first registrar, if that one is still there.
    fn whole_at(&self, id: FileId, file: &File) -> Option<SocketAddr> {
        let registrar = self.peers.number(&file.registrar).and_then(|number| {
            let holding = self.holdings.get(id, number)?;
            Some((number, holding))
        });
        let mut holders = registrar.into_iter().chain(self.holdings.of_file(id).take(LOCATED_SCAN_MAX));
        holders.find_map(|(number, holding)| match holding {
            Holding::All => self.peers.peer(number)?.address,
            Holding::Part(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claim, Registration};
    use drizzle_model::{ChunkRun, ContentHash, PeerId, RelPath};

    fn file(name: &str, hash: u8, kind: ContentKind, claim: Claim) -> Registration {
        let (name, hash) = (RelPath::new(name).unwrap(), ContentHash::from_bytes([hash; 32]));
        let key = FileKey { name, hash, size: 4 << 16, chunks: 4, kind };
        Registration { key, mtime: Mtime::from_seconds(hash_of(&hash)), claim }
    }

    fn hash_of(hash: &ContentHash) -> i64 {
        i64::from(hash.as_bytes()[0])
    }

    /// Would fail if a folder, a file within one, a part, an older one, or one beyond the limit were shown, or one
    /// who fetched it before the one who registered it first.
    #[test]
    fn only_whole_files_at_the_top_are_shown_the_newest_of_each_name() {
        let mut directory = Directory::new();
        let (now, peer) = (Time::ORIGIN, PeerId::from_bytes([1; 32]));
        let fetcher = PeerId::from_bytes([2; 32]);
        directory.join(now, fetcher, Some("10.0.0.2:1".parse().unwrap())).unwrap();
        directory.join(now, peer, Some("10.0.0.1:2".parse().unwrap())).unwrap();
        let part = Claim::Runs(alloc::vec![ChunkRun { first: 0, last: 1 }]);
        let files = alloc::vec![
            file("a", 9, ContentKind::File, Claim::All),
            file("a", 3, ContentKind::File, Claim::All),
            file("b", 1, ContentKind::Folder, Claim::All),
            file("c/d", 1, ContentKind::File, Claim::All),
            file("e", 1, ContentKind::File, part),
            file("f", 1, ContentKind::File, Claim::All),
            file("g", 1, ContentKind::File, Claim::All),
        ];
        directory.register(now, &peer, files, Mtime::from_seconds(100)).unwrap();
        let shown = |directory: &mut Directory, max| -> Vec<_> {
            let whole = directory.whole_files(now, max);
            whole
                .iter()
                .map(|whole| (alloc::string::String::from(whole.key.name.as_str()), whole.mtime.seconds()))
                .collect()
        };
        assert_eq!(shown(&mut directory, 2), [("a".into(), 9), ("f".into(), 1)]);
        assert_eq!(shown(&mut directory, 9).len(), 3);
        let fetched = alloc::vec![file("a", 9, ContentKind::File, Claim::All)];
        directory.register(now, &fetcher, fetched, Mtime::from_seconds(100)).unwrap();
        let at = |directory: &mut Directory| directory.whole_files(now, 1)[0].address.port();
        assert_eq!(at(&mut directory), 2);
        directory.leave(now, &peer).unwrap();
        assert_eq!((shown(&mut directory, 9), at(&mut directory)), (alloc::vec![("a".into(), 9)], 1));
        directory.leave(now, &fetcher).unwrap();
        assert!(shown(&mut directory, 9).is_empty());
    }
}
