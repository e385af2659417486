//! What a member remembers of the files that it keeps, from one start to the next: their records, as they are sent.
//!
//! After a start each is stored anew: where it belongs may be elsewhere by now, and if the whole ring was down, this is
//! where its files come back from. What is not stored anew yet is written down again with what is kept, so that a
//! process that is killed early forgets nothing. What cannot be read is never overwritten, but put aside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drizzle_ring::{RECORDS_MAX, Record, RecordId, Space};
use drizzle_wire::{Reply, RingFrame, RingStage};

use super::standing::context;
use crate::membership::unix_s;

/// A longer file is not one of ours: 65,536 records take 80 MiB, and as many may wait to be stored anew.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The records. Clones are the same.
#[derive(Clone)]
pub(super) struct Memory {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// What an earlier process kept, and this one has not stored anew yet.
    left: Mutex<BTreeMap<RecordId, Record>>,
    /// The number of the snapshot that is written; held while one is, so that an older one never comes last.
    written: Mutex<u64>,
    taken: Mutex<u64>,
}

/// What there is to remember at one time.
pub(super) struct Snapshot {
    number: u64,
    records: Vec<Record>,
}

impl Memory {
    /// Reads what an earlier process wrote; and whether that was all of it. One that wrote nothing may have been killed
    /// before it could, or its disk was full: what it kept then is not known either.
    pub(super) fn open(path: PathBuf) -> io::Result<(Self, bool)> {
        let (records, is_whole) = load(&path)?;
        let is_there = path.try_exists()?;
        if !is_whole {
            let aside = path.with_extension(format!("damaged-{}", unix_s()));
            fs::rename(&path, &aside)?;
            let (read, aside) = (records.len(), aside.display());
            tracing::warn!(target: "drizzle::ring", read, %aside, "what was kept cannot be read whole: put aside");
        }
        let left = Mutex::new(records.into_iter().map(|record| (record.id(), record)).collect());
        let (written, taken) = (Mutex::new(0), Mutex::new(0));
        Ok((Self { inner: Arc::new(Inner { path, left, written, taken }) }, is_whole && is_there))
    }

    /// What an earlier process kept, and this one has not stored anew yet.
    pub(super) fn left(&self) -> Vec<Record> {
        lock(&self.inner.left).values().cloned().collect()
    }

    /// It is stored anew, or there is no file to store.
    pub(super) fn is_done(&self, id: &RecordId) {
        lock(&self.inner.left).remove(id);
    }

    /// What is to be remembered, when these are all the records that are kept.
    pub(super) fn snapshot<'a>(&self, kept: impl Iterator<Item = &'a Record>) -> Snapshot {
        let mut all = lock(&self.inner.left).clone();
        for record in kept {
            let content = record.content();
            if all.get(&content.id).is_some_and(|known| known.content().version > content.version) {
                continue;
            }
            if content.blob_bytes.is_some() && !content.withdrawn {
                all.insert(content.id, record.clone());
            } else {
                all.remove(&content.id);
            }
        }
        let mut taken = lock(&self.inner.taken);
        *taken += 1;
        Snapshot { number: *taken, records: all.into_values().collect() }
    }

    /// Writes it down, unless a later one is written already.
    pub(super) fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let mut written = lock(&self.inner.written);
        if snapshot.number > *written {
            save(&self.inner.path, &snapshot.records)?;
            *written = snapshot.number;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the records, beside their place first.
fn save(path: &Path, records: &[Record]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for part in records.chunks(RECORDS_MAX) {
        let reply = Reply::Listed { records: part.to_vec(), has_more: false };
        RingFrame::Reply(0, reply).encode(Space::FULL, &mut bytes);
    }
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// Reads them, as many as can be read; and whether those are all.
fn load(path: &Path) -> io::Result<(Vec<Record>, bool)> {
    let bytes = match fs::metadata(path) {
        Ok(metadata) if metadata.len() <= FILE_BYTES_MAX => fs::read(path)?,
        Ok(_) => return Ok((Vec::new(), false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), true)),
        Err(error) => return Err(error),
    };
    let (mut rest, mut all) = (&bytes[..], Vec::new());
    while let Some((head, behind)) = rest.split_first_chunk() {
        let Ok(len) = RingFrame::body_len(*head, RingStage::Admitted) else { break };
        let Some((body, next)) = behind.split_at_checked(len) else { break };
        match RingFrame::decode(body, context(Space::FULL)) {
            Ok(RingFrame::Reply(_, Reply::Listed { records, .. })) => all.extend(records),
            _ => break,
        }
        rest = next;
    }
    Ok((all, rest.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::ContentHash;
    use drizzle_net::Identity;
    use drizzle_ring::{Content, Key, Lease, RecordId};

    fn record(identity: &Identity, number: u64) -> Record {
        let content = Content {
            id: RecordId {
                key: Key::from_number(number),
                publisher: identity.id(),
                subject: ContentHash::from_bytes([number as u8; 32]),
            },
            version: 1,
            lease: Lease::Forever,
            rank: 0,
            blob_bytes: Some(number),
            withdrawn: false,
            value: Vec::new(),
        };
        super::super::standing::signed(identity, content).unwrap()
    }

    /// Would fail if a crash in the middle, or a flipped bit, brought back something else than was kept.
    #[test]
    fn what_is_saved_is_loaded_and_what_is_damaged_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let identity = Identity::ephemeral().unwrap();
        let records: Vec<Record> = (0..70).map(|number| record(&identity, number)).collect();
        assert_eq!(load(&path).unwrap(), (vec![], true));
        save(&path, &records).unwrap();
        assert_eq!(load(&path).unwrap(), (records.clone(), true));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(load(&path).unwrap(), (records[..64].to_vec(), false));
        let mut damaged = whole.clone();
        damaged[100] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(load(&path).unwrap(), (vec![], false));
    }

    /// Would fail if a process that is killed before all was stored anew forgot the rest, or if an older snapshot that
    /// is written late replaced a newer one.
    #[test]
    fn what_is_not_stored_anew_yet_is_written_down_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let identity = Identity::ephemeral().unwrap();
        let mut records: Vec<Record> = (0..3).map(|number| record(&identity, number)).collect();
        records.sort_by_key(Record::id);
        save(&path, &records).unwrap();
        let (memory, is_whole) = Memory::open(path.clone()).unwrap();
        assert!(is_whole);
        let early = memory.snapshot(std::iter::empty());
        memory.is_done(&records[0].id());
        memory.save(&memory.snapshot(records[..1].iter())).unwrap();
        assert_eq!(load(&path).unwrap(), (records.clone(), true));
        memory.is_done(&records[1].id());
        memory.save(&memory.snapshot(std::iter::empty())).unwrap();
        memory.save(&early).unwrap();
        assert_eq!(load(&path).unwrap(), (records[2..].to_vec(), true));
    }

    /// Would fail if what was kept by a process that was killed before it could write, or whose disk was full, were
    /// deleted.
    #[test]
    fn where_nothing_was_written_it_is_not_sure_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let (memory, is_sure) = Memory::open(path.clone()).unwrap();
        assert!(!is_sure && memory.left().is_empty());
        memory.save(&memory.snapshot(std::iter::empty())).unwrap();
        assert!(Memory::open(path).unwrap().1);
    }

    /// Would fail if the next save wrote over what could not be read.
    #[test]
    fn what_cannot_be_read_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        fs::write(&path, b"no records at all").unwrap();
        let (memory, is_whole) = Memory::open(path).unwrap();
        assert!(!is_whole);
        memory.save(&memory.snapshot(std::iter::empty())).unwrap();
        let kept = fs::read_dir(folder.path())
            .unwrap()
            .any(|entry| fs::read(entry.unwrap().path()).unwrap() == b"no records at all");
        assert!(kept);
    }
}
