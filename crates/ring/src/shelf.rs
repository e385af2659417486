//! The records that a node keeps, with their bounds, and whether their blobs are here.
//!
//! Laws: at most one version of a record; counts and bytes per key and per publisher are those of the records kept, and
//! within the quotas; a blob is wanted as long as a record names it.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::ops::Bound;

use drizzle_model::{ContentHash, PeerId};

use crate::config::Quotas;
use crate::contact::Contact;
use crate::message::{Holding, Offered, PRINTS_MAX, Put, RECORDS_MAX, Refusal};
use crate::position::{Arc, Key, Position, Space};
use crate::record::{LEASE_SECONDS_MAX, Lease, Print, Record, RecordId};

/// Peers that are remembered as sources of one blob.
const SOURCES_MAX: usize = 4;

type Slot = (Position, RecordId);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Usage {
    records: usize,
    blob_bytes: u64,
}

#[derive(Debug, Default)]
struct Blob {
    names: usize,
    is_here: bool,
    is_fetching: bool,
    sources: VecDeque<Source>,
}

/// Who can give a blob, and what size it has according to the record that came with it: another record of the same blob
/// may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) bytes: u64,
    pub(crate) from: Contact,
}

/// What a change on the shelf asks of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobWork {
    Fetch(ContentHash, Source),
    Drop(ContentHash),
}

#[derive(Debug)]
pub(crate) struct Shelf {
    space: Space,
    quotas: Quotas,
    records: BTreeMap<Slot, Record>,
    prints: BTreeMap<Print, Slot>,
    ends: BTreeSet<(u64, Slot)>,
    usage: BTreeMap<PeerId, Usage>,
    total: Usage,
    blobs: BTreeMap<ContentHash, Blob>,
    work: VecDeque<BlobWork>,
}

impl Shelf {
    pub(crate) fn new(space: Space, quotas: Quotas) -> Self {
        Self {
            space,
            quotas,
            records: BTreeMap::new(),
            prints: BTreeMap::new(),
            ends: BTreeSet::new(),
            usage: BTreeMap::new(),
            total: Usage::default(),
            blobs: BTreeMap::new(),
            work: VecDeque::new(),
        }
    }

    /// Keeps a record, if it is newer than what is here and within the bounds.
    pub(crate) fn put(&mut self, unix_seconds: u64, record: Record) -> Put {
        let slot = (self.space.place(&record.id().key), record.id());
        match self.room_for(unix_seconds, slot, &record) {
            Err(refusal) => return Put::Refused(refusal),
            Ok(Room::IsHere) => return Put::Kept { whole: self.is_whole(&record) },
            Ok(Room::Free) => {}
        }
        // Named before the old version lets go of it, a blob that both name stays.
        if let Some(blob) = record.blob() {
            self.blobs.entry(blob).or_default().names += 1;
        }
        self.remove(slot);
        let whole = self.is_whole(&record);
        self.insert(slot, record);
        Put::Kept { whole }
    }

    /// A peer can give a blob: it is fetched, unless it is here or on its way.
    pub(crate) fn add_source(&mut self, blob: ContentHash, source: Source) {
        let Some(entry) = self.blobs.get_mut(&blob).filter(|entry| !entry.is_here) else { return };
        entry.sources.retain(|known| known.from.peer != source.from.peer);
        entry.sources.push_back(source);
        if entry.sources.len() > SOURCES_MAX {
            entry.sources.pop_front();
        }
        if !entry.is_fetching {
            entry.is_fetching = true;
            self.work.push_back(BlobWork::Fetch(blob, source));
        }
    }

    /// A blob is here now: it was fetched, or is the node's own.
    pub(crate) fn blob_is_here(&mut self, blob: ContentHash) {
        if let Some(entry) = self.blobs.get_mut(&blob) {
            (entry.is_here, entry.is_fetching) = (true, false);
            entry.sources.clear();
        } else {
            self.work.push_back(BlobWork::Drop(blob));
        }
    }

    /// A source could not give a blob: the next is tried. With none left, the next comparison finds others.
    pub(crate) fn blob_not_given(&mut self, blob: ContentHash, source: PeerId) {
        let Some(entry) = self.blobs.get_mut(&blob) else { return };
        entry.sources.retain(|known| known.from.peer != source);
        entry.is_fetching = !entry.sources.is_empty() && !entry.is_here;
        if let Some(&next) = entry.sources.back().filter(|_| entry.is_fetching) {
            self.work.push_back(BlobWork::Fetch(blob, next));
        }
    }

    pub(crate) fn next_work(&mut self) -> Option<BlobWork> {
        self.work.pop_front()
    }

    /// The records under a key that are not withdrawn, the greatest rank first.
    pub(crate) fn under(&self, key: Key) -> Vec<Offered> {
        let mut found: Vec<&Record> = self
            .under_key(key)
            .map(|(_, record)| record)
            .filter(|record| !record.content().withdrawn)
            .collect();
        found.sort_by_key(|record| core::cmp::Reverse((record.content().rank, record.content().version)));
        found.into_iter().take(RECORDS_MAX).map(|record| self.offered(record)).collect()
    }

    pub(crate) fn by_print(&self, print: Print) -> Option<Offered> {
        let slot = self.prints.get(&print)?;
        self.records.get(slot).map(|record| self.offered(record))
    }

    pub(crate) fn position_of(&self, print: Print) -> Option<Position> {
        self.prints.get(&print).map(|slot| slot.0)
    }

    /// Whether a record is here with all that belongs to it.
    pub(crate) fn is_whole_print(&self, print: Print) -> bool {
        self.prints.get(&print).and_then(|slot| self.records.get(slot)).is_some_and(|one| self.is_whole(one))
    }

    /// A number that two peers share, all but certainly, only if they hold the same on an arc.
    pub(crate) fn digest(&self, arc: Arc) -> u128 {
        self.on(arc).fold(0u128, |sum, (_, record)| {
            let weight = if self.is_whole(record) { 1 } else { 3 };
            sum.wrapping_add(record.print().0.rotate_left(weight)).wrapping_add(1)
        })
    }

    /// What is held on the first part of an arc that one message can tell, and where that part ends.
    pub(crate) fn holdings(&self, arc: Arc) -> (Position, Vec<Holding>) {
        let mut holdings = Vec::new();
        let mut until = arc.until;
        let mut last = arc.after;
        for (slot, record) in self.on(arc) {
            // Never within one position; a position with more than a message holds is cut all the same.
            if holdings.len() >= PRINTS_MAX / 2 && slot.0 != last || holdings.len() >= PRINTS_MAX {
                until = last;
                break;
            }
            last = slot.0;
            holdings.push(Holding { print: record.print(), whole: self.is_whole(record) });
        }
        (until, holdings)
    }

    /// The short names of all records outside an arc, in order from its end, at most so many.
    pub(crate) fn outside(&self, arc: Arc, count: usize) -> Vec<(Position, Print)> {
        let rest = Arc { after: arc.until, until: arc.after };
        if rest.after == rest.until {
            return Vec::new();
        }
        self.on(rest).take(count).map(|(slot, record)| (slot.0, record.print())).collect()
    }

    pub(crate) fn remove_print(&mut self, print: Print) {
        if let Some(&slot) = self.prints.get(&print) {
            self.remove(slot);
        }
    }

    pub(crate) fn end_leases(&mut self, unix_seconds: u64) {
        while let Some(&(end, slot)) = self.ends.first().filter(|(end, _)| *end <= unix_seconds) {
            self.ends.remove(&(end, slot));
            self.remove(slot);
        }
    }

    pub(crate) fn next_end(&self) -> Option<u64> {
        self.ends.first().map(|&(end, _)| end)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub(crate) fn has_blob(&self, blob: ContentHash) -> bool {
        self.blobs.get(&blob).is_some_and(|entry| entry.is_here)
    }

    /// Counts everything anew.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let mut usage: BTreeMap<PeerId, Usage> = BTreeMap::new();
        let mut names: BTreeMap<ContentHash, usize> = BTreeMap::new();
        for record in self.records.values() {
            let entry = usage.entry(record.id().publisher).or_default();
            entry.records += 1;
            entry.blob_bytes += record.blob().and(record.content().blob_bytes).unwrap_or_default();
            if let Some(blob) = record.blob() {
                *names.entry(blob).or_default() += 1;
            }
        }
        if usage != self.usage || self.total.records != self.records.len() {
            return Err("the shelf's counts are not those of its records");
        }
        if self.prints.len() != self.records.len() || self.records.len() > self.quotas.records_max {
            return Err("the shelf's names are not those of its records, or there are too many");
        }
        let same = names.len() == self.blobs.len()
            && names
                .iter()
                .all(|(blob, &count)| self.blobs.get(blob).is_some_and(|entry| entry.names == count));
        if same { Ok(()) } else { Err("the shelf's blobs are not those that its records name") }
    }

    fn room_for(&self, unix_seconds: u64, slot: Slot, record: &Record) -> Result<Room, Refusal> {
        if record.has_ended(unix_seconds) {
            return Err(Refusal::Ended);
        }
        if let Lease::Until(end) = record.content().lease
            && record.blob().is_none()
            && end > unix_seconds.saturating_add(LEASE_SECONDS_MAX)
        {
            return Err(Refusal::LongLease);
        }
        match self.records.get(&slot) {
            Some(here) if here.signature() == record.signature() => return Ok(Room::IsHere),
            Some(here) if !record.replaces(here) => return Err(Refusal::Stale),
            here => self.within_quotas(record, here)?,
        }
        Ok(Room::Free)
    }

    fn within_quotas(&self, record: &Record, replaced: Option<&Record>) -> Result<(), Refusal> {
        let (quotas, id) = (&self.quotas, record.id());
        let usage = self.usage.get(&id.publisher).copied().unwrap_or_default();
        let one = usize::from(replaced.is_none());
        let old_bytes = replaced.map_or(0, counted_bytes);
        let more_bytes = counted_bytes(record).saturating_sub(old_bytes);
        if self.total.records + one > quotas.records_max
            || self.total.blob_bytes.saturating_add(more_bytes) > quotas.blob_bytes_max
        {
            return Err(Refusal::Full);
        }
        if usage.records + one > quotas.records_per_publisher_max
            || usage.blob_bytes.saturating_add(more_bytes) > quotas.blob_bytes_per_publisher_max
        {
            return Err(Refusal::PublisherFull);
        }
        let own = self.under_key(id.key).filter(|(slot, _)| slot.1.publisher == id.publisher).count();
        if own + one > quotas.records_per_key_and_publisher_max {
            return Err(Refusal::PublisherFull);
        }
        if self.under_key(id.key).count() + one > quotas.records_per_key_max {
            return Err(Refusal::KeyFull);
        }
        Ok(())
    }

    fn insert(&mut self, slot: Slot, record: Record) {
        let usage = self.usage.entry(slot.1.publisher).or_default();
        for sum in [usage, &mut self.total] {
            sum.records += 1;
            sum.blob_bytes += counted_bytes(&record);
        }
        if let Lease::Until(end) = record.content().lease {
            self.ends.insert((end, slot));
        }
        self.prints.insert(record.print(), slot);
        self.records.insert(slot, record);
    }

    fn remove(&mut self, slot: Slot) {
        let Some(record) = self.records.remove(&slot) else { return };
        self.prints.remove(&record.print());
        if let Lease::Until(end) = record.content().lease {
            self.ends.remove(&(end, slot));
        }
        self.total.records -= 1;
        self.total.blob_bytes -= counted_bytes(&record);
        if let Some(usage) = self.usage.get_mut(&slot.1.publisher) {
            usage.records -= 1;
            usage.blob_bytes -= counted_bytes(&record);
            if usage.records == 0 {
                self.usage.remove(&slot.1.publisher);
            }
        }
        if let Some(blob) = record.blob() {
            self.unname(blob);
        }
    }

    fn unname(&mut self, blob: ContentHash) {
        let Some(entry) = self.blobs.get_mut(&blob) else { return };
        entry.names -= 1;
        if entry.names == 0 {
            self.blobs.remove(&blob);
            self.work.push_back(BlobWork::Drop(blob));
        }
    }

    fn offered(&self, record: &Record) -> Offered {
        let has_blob = record.blob().is_some_and(|blob| self.has_blob(blob));
        Offered { record: record.clone(), has_blob }
    }

    fn is_whole(&self, record: &Record) -> bool {
        record.blob().is_none_or(|blob| self.has_blob(blob))
    }

    fn under_key(&self, key: Key) -> impl Iterator<Item = (&Slot, &Record)> {
        let place = self.space.place(&key);
        let least = PeerId::from_bytes([0; 32]);
        let first = (place, RecordId { key, publisher: least, subject: ContentHash::from_bytes([0; 32]) });
        self.records.range(first..).take_while(move |(slot, _)| slot.0 == place && slot.1.key == key)
    }

    /// The records on an arc, in the order of the circle.
    fn on(&self, arc: Arc) -> impl Iterator<Item = (&Slot, &Record)> {
        let wraps = arc.after >= arc.until;
        let first = self.beyond(arc.after).take_while(move |(slot, _)| wraps || slot.0 <= arc.until);
        let second = self.records.iter().take_while(move |(slot, _)| wraps && slot.0 <= arc.until);
        first.chain(second)
    }

    fn beyond(&self, after: Position) -> impl Iterator<Item = (&Slot, &Record)> {
        let most = [0xff; 32];
        let id = RecordId {
            key: Key::from_bytes(most),
            publisher: PeerId::from_bytes(most),
            subject: ContentHash::from_bytes(most),
        };
        self.records.range((Bound::Excluded((after, id)), Bound::Unbounded))
    }
}

enum Room {
    IsHere,
    Free,
}

fn counted_bytes(record: &Record) -> u64 {
    record.blob().and(record.content().blob_bytes).unwrap_or_default()
}
