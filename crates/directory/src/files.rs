//! The files that somebody holds, found by identity (in the order of names) and by hash.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

use drizzle_model::{ContentHash, ContentKind, FileKey, Mtime, PeerId, RelPath};

use crate::version::Version;

/// Where a file is in the table. Used again for another file when this one is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(u32);

impl FileId {
    pub(crate) const MIN: Self = Self(0);
    pub(crate) const MAX: Self = Self(u32::MAX);
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) key: Arc<FileKey>,
    /// The newest that anybody registered it with.
    pub(crate) mtime: Mtime,
    /// Who registered it first.
    pub(crate) registrar: PeerId,
    /// When that was; tells which content of one name came first.
    pub(crate) registered: Version,
    /// Peers that registered it, with or without a chunk.
    pub(crate) holders: u32,
    /// Those of them that have something of it.
    pub(crate) sources: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    slots: Vec<Option<File>>,
    free: Vec<FileId>,
    by_key: BTreeMap<Arc<FileKey>, FileId>,
    by_hash: BTreeSet<(ContentHash, FileId)>,
}

impl Files {
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn id(&self, key: &FileKey) -> Option<FileId> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn file(&self, id: FileId) -> Option<&File> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn file_mut(&mut self, id: FileId) -> Option<&mut File> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Puts in a file that is not there yet.
    pub(crate) fn add(&mut self, file: File) -> FileId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            FileId(self.slots.len() as u32 - 1)
        });
        self.by_key.insert(Arc::clone(&file.key), id);
        self.by_hash.insert((file.key.hash, id));
        self.slots[id.0 as usize] = Some(file);
        id
    }

    pub(crate) fn remove(&mut self, id: FileId) -> Option<File> {
        let file = self.slots.get_mut(id.0 as usize)?.take()?;
        self.by_key.remove(&file.key);
        self.by_hash.remove(&(file.key.hash, id));
        self.free.push(id);
        Some(file)
    }

    /// The files behind `after`, in the order of their names. Where each is in the table is not looked up, which would cost
    /// more than to look at its name.
    pub(crate) fn after(&self, after: Option<&FileKey>) -> impl Iterator<Item = (&Arc<FileKey>, FileId)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_key.range::<FileKey, _>((start, Bound::Unbounded)).map(|(key, &id)| (key, id))
    }

    /// All files of that name.
    pub(crate) fn named<'a>(&'a self, name: &'a RelPath) -> impl Iterator<Item = (FileId, &'a File)> {
        let least = least_of_name(name);
        self.by_key
            .range::<FileKey, _>((Bound::Included(&least), Bound::Unbounded))
            .take_while(move |(key, _)| key.name == *name)
            .filter_map(|(_, &id)| Some((id, self.file(id)?)))
    }

    /// All files of that content, whatever their names.
    pub(crate) fn of_hash(&self, hash: ContentHash) -> impl Iterator<Item = (FileId, &File)> {
        let ids = self.by_hash.range((hash, FileId::MIN)..=(hash, FileId::MAX));
        ids.filter_map(|&(_, id)| Some((id, self.file(id)?)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FileId, &File)> {
        let numbered = self.slots.iter().zip(0..);
        numbered.filter_map(|(file, slot)| Some((FileId(slot), file.as_ref()?)))
    }

    pub(crate) fn check_invariants(&self) {
        for (id, file) in self.iter() {
            assert_eq!(self.id(&file.key), Some(id), "the file {:?} by identity", file.key.name);
            assert!(self.by_hash.contains(&(file.key.hash, id)), "the file {:?} by hash", file.key.name);
            assert!(0 < file.holders && file.sources <= file.holders, "holders of {:?}", file.key.name);
        }
        let count = self.iter().count();
        assert_eq!((self.by_key.len(), self.by_hash.len()), (count, count), "both ways to a file");
        assert_eq!(self.free.len() + count, self.slots.len(), "every slot is taken or free");
    }
}

/// The first key that a file of that name can have.
pub(crate) fn least_of_name(name: &RelPath) -> FileKey {
    FileKey {
        name: name.clone(),
        hash: ContentHash::from_bytes([0; 32]),
        size: 0,
        chunks: 0,
        kind: ContentKind::File,
    }
}
