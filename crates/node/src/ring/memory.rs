//! What a ring node remembers of the files that it keeps, from one start to the next: their records, as they are sent.
//!
//! After a start each is stored anew: where it belongs may be elsewhere by now, and if the whole ring was down, this is where
//! its files come back from. A file that is damaged is passed over, since the replicas have the records too.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use drizzle_ring::{RECORDS_MAX, Record, Space};
use drizzle_wire::{Reply, RingFrame, RingStage};

use super::standing::context;

/// A longer file is not one of ours: 65,536 records take 80 MiB.
const FILE_BYTES_MAX: u64 = 128 << 20;

/// Writes the records, beside their place first.
pub(super) fn save(path: &Path, records: &[Record]) -> io::Result<()> {
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

/// Reads them; as many as can be read.
pub(super) fn load(path: &Path) -> Vec<Record> {
    let is_ours = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
    let bytes = if is_ours { fs::read(path).unwrap_or_default() } else { Vec::new() };
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
    all
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
        assert!(load(&path).is_empty());
        save(&path, &records).unwrap();
        assert_eq!(load(&path), records);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(load(&path), records[..64]);
        let mut damaged = whole.clone();
        damaged[100] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert!(load(&path).is_empty());
    }
}
