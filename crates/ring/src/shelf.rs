//! The records that a node keeps, with their bounds.
//!
//! Laws: at most one version of a record; counts and bytes per key and per publisher are those of the records kept, and
//! within the quotas. A record is whole when the blob that it names, if it names one, is here; only whole ones are
//! compared with other peers, and handed on: a copy of a record alone is of no use to anybody.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Bound;

use drizzle_model::{ContentHash, PeerId, Time};

use crate::blobs::{BlobWork, Blobs, Slot, Source};
use crate::config::Quotas;
use crate::ledger::Ledger;
use crate::message::{Offered, Put, RECORDS_MAX, Refusal};
use crate::position::{Arc, Key, Position, Space};
use crate::record::{LEASE_SECONDS_MAX, Lease, Print, RANK_AHEAD_SECONDS_MAX, Record, RecordId};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Usage {
    records: usize,
    /// Of the records those that name a blob.
    files: usize,
    blob_bytes: u64,
}

impl Usage {
    fn of(record: &Record) -> Self {
        let bytes = record.blob().and(record.content().blob_bytes);
        Self { records: 1, files: usize::from(bytes.is_some()), blob_bytes: bytes.unwrap_or_default() }
    }

    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.files += other.files;
        self.blob_bytes += other.blob_bytes;
    }

    fn take(&mut self, other: Self) {
        self.records -= other.records;
        self.files -= other.files;
        self.blob_bytes -= other.blob_bytes;
    }

    /// What it would be with one record, in the place of another.
    fn with(self, new: Self, old: Self) -> Self {
        let files = (self.files + new.files).saturating_sub(old.files);
        let blob_bytes = self.blob_bytes.saturating_add(new.blob_bytes).saturating_sub(old.blob_bytes);
        Self { records: (self.records + new.records).saturating_sub(old.records), files, blob_bytes }
    }
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
    blobs: Blobs,
    /// None: something has changed since it was made.
    ledger: Option<Ledger>,
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
            blobs: Blobs::default(),
            ledger: None,
        }
    }

    /// Keeps a record, if it is newer than what is here and within the bounds.
    pub(crate) fn put(&mut self, now: Time, unix_seconds: u64, record: Record) -> Put {
        let slot = (self.space.place(&record.id().key), record.id());
        match self.room_for(unix_seconds, slot, &record) {
            Err(refusal) => return Put::Refused(refusal),
            Ok(Room::IsHere) => return Put::Kept { whole: self.is_whole(&record) },
            Ok(Room::Free) => {}
        }
        // Two versions of a record name the same blob, if any: what both name stays.
        let before = self.take(slot).and_then(|old| old.blob());
        match (before, record.blob()) {
            (_, Some(blob)) => self.blobs.name(now, blob, slot),
            (Some(blob), None) => self.blobs.unname(blob, slot),
            (None, None) => {}
        }
        let whole = self.is_whole(&record);
        self.insert(slot, record);
        Put::Kept { whole }
    }

    pub(crate) fn blobs(&mut self) -> &mut Blobs {
        // What comes or goes makes records whole, or takes that from them.
        self.ledger = None;
        &mut self.blobs
    }

    pub(crate) fn next_work(&mut self) -> Option<BlobWork> {
        self.blobs.next_work()
    }

    /// Whether the disk did not take a blob a while ago.
    pub(crate) fn rests(&self, now: Time, blob: ContentHash) -> bool {
        self.blobs.rests(now, blob)
    }

    /// What the disk did not take may be tried again.
    pub(crate) fn try_again(&mut self, blob: ContentHash) {
        self.blobs.try_again(blob);
    }

    /// Records that name a blob, and the bytes of all those blobs: what the quotas count.
    pub(crate) fn promised(&self) -> (usize, u64) {
        (self.total.files, self.total.blob_bytes)
    }

    /// A peer can give a blob that a record here names.
    pub(crate) fn add_source(&mut self, blob: ContentHash, source: Source) {
        self.blobs.add_source(blob, source);
    }

    /// The records under a key that are not withdrawn, the greatest rank first. When there are more than can be told,
    /// each publisher has its say before any has a second one.
    pub(crate) fn under(&self, key: Key) -> Vec<Offered> {
        let mut found: Vec<&Record> = self
            .under_key(key)
            .map(|(_, record)| record)
            .filter(|record| !record.content().withdrawn)
            .collect();
        let rank = |record: &Record| Reverse((record.content().rank, record.content().version));
        found.sort_by_key(|record| rank(record));
        if found.len() > RECORDS_MAX {
            let mut said: BTreeMap<PeerId, usize> = BTreeMap::new();
            let mut in_turn: Vec<(usize, &Record)> = Vec::new();
            for record in found {
                let turn = said.entry(record.id().publisher).or_default();
                *turn += 1;
                in_turn.push((*turn, record));
            }
            in_turn.sort_by_key(|(turn, _)| *turn);
            in_turn.truncate(RECORDS_MAX);
            found = in_turn.into_iter().map(|(_, record)| record).collect();
            found.sort_by_key(|record| rank(record));
        }
        found.into_iter().map(|record| self.offered(record)).collect()
    }

    pub(crate) fn by_print(&self, print: Print) -> Option<Offered> {
        let slot = self.prints.get(&print)?;
        self.records.get(slot).map(|record| self.offered(record))
    }

    /// The short names of records that name a blob, as many as one message asks for.
    pub(crate) fn naming(&self, blob: ContentHash) -> Vec<Print> {
        let records = self.blobs.named_by(blob).filter_map(|slot| self.records.get(slot));
        records.take(RECORDS_MAX).map(Record::print).collect()
    }

    pub(crate) fn position_of(&self, print: Print) -> Option<Position> {
        self.prints.get(&print).map(|slot| slot.0)
    }

    /// Whether a record is here with all that belongs to it.
    pub(crate) fn is_whole_print(&self, print: Print) -> bool {
        self.prints.get(&print).and_then(|slot| self.records.get(slot)).is_some_and(|one| self.is_whole(one))
    }

    /// What is whole here, counted; see [`Self::is_counted`].
    pub(crate) fn ledger(&mut self) -> &Ledger {
        let (records, blobs) = (&self.records, &self.blobs);
        self.ledger.get_or_insert_with(|| Ledger::of(whole_rows(records, blobs)))
    }

    /// Whether [`Self::ledger`] is there already, and costs nothing.
    pub(crate) fn is_counted(&self) -> bool {
        self.ledger.is_some()
    }

    /// The short names of all that is held outside an arc, in order from its end, at most so many.
    pub(crate) fn outside(&self, arc: Arc, count: usize) -> Vec<(Position, Print)> {
        let rest = Arc { after: arc.until, until: arc.after };
        if rest.after == rest.until {
            return Vec::new();
        }
        self.whole_on(rest).take(count).map(|(slot, record)| (slot.0, record.print())).collect()
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

    /// Removes the records whose blobs were missed too long.
    pub(crate) fn give_up_missed(&mut self, now: Time) {
        while let Some(slots) = self.blobs.overdue(now) {
            slots.into_iter().for_each(|slot| self.remove(slot));
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

    /// The records behind one, in the order of the circle.
    pub(crate) fn records_after(&self, id: RecordId) -> impl Iterator<Item = &Record> {
        let slot = (self.space.place(&id.key), id);
        self.records.range((Bound::Excluded(slot), Bound::Unbounded)).map(|(_, record)| record)
    }

    /// Counts everything anew.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let mut usage: BTreeMap<PeerId, Usage> = BTreeMap::new();
        let mut total = Usage::default();
        let mut named: BTreeMap<ContentHash, BTreeSet<Slot>> = BTreeMap::new();
        for (&slot, record) in &self.records {
            usage.entry(record.id().publisher).or_default().add(Usage::of(record));
            total.add(Usage::of(record));
            if let Some(blob) = record.blob() {
                named.entry(blob).or_default().insert(slot);
            }
        }
        if usage != self.usage || total != self.total {
            return Err("the shelf's counts are not those of its records");
        }
        if self.prints.len() != self.records.len() || self.records.len() > self.quotas.records_max {
            return Err("the shelf's names are not those of its records, or there are too many");
        }
        if self
            .ledger
            .as_ref()
            .is_some_and(|ledger| *ledger != Ledger::of(whole_rows(&self.records, &self.blobs)))
        {
            return Err("the shelf's ledger is not what it holds");
        }
        self.blobs.check(&named)
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
        // The greatest rank comes first: one that lies in the future would stand there for good.
        let rank_max = unix_seconds.saturating_add(RANK_AHEAD_SECONDS_MAX);
        let is_ahead = u64::try_from(record.content().rank).is_ok_and(|rank| rank > rank_max);
        if is_ahead && !record.content().withdrawn {
            return Err(Refusal::Ahead);
        }
        match self.records.get(&slot) {
            Some(here) if here.signature() == record.signature() => return Ok(Room::IsHere),
            Some(here) if !record.replaces(here) => {
                return Err(Refusal::Stale { whole: self.is_whole(here) });
            }
            here => self.within_quotas(record, here)?,
        }
        Ok(Room::Free)
    }

    fn within_quotas(&self, record: &Record, replaced: Option<&Record>) -> Result<(), Refusal> {
        let (quotas, id) = (&self.quotas, record.id());
        let (new, old) = (Usage::of(record), replaced.map(Usage::of).unwrap_or_default());
        let own = self.usage.get(&id.publisher).copied().unwrap_or_default();
        let (own, all) = (own.with(new, old), self.total.with(new, old));
        // What takes no more than before is let in, though the bounds may have become narrower.
        let grows = |new: u64, old: u64, sum: u64, max: u64| new > old && sum > max;
        let beyond = |sum: Usage, records_max: usize, files_max: usize, bytes_max: u64| {
            grows(new.records as u64, old.records as u64, sum.records as u64, records_max as u64)
                || grows(new.files as u64, old.files as u64, sum.files as u64, files_max as u64)
                || grows(new.blob_bytes, old.blob_bytes, sum.blob_bytes, bytes_max)
        };
        if beyond(all, quotas.records_max, quotas.files_max, quotas.blob_bytes_max) {
            return Err(Refusal::Full);
        }
        let (records, files) = (quotas.records_per_publisher_max, quotas.files_per_publisher_max);
        if beyond(own, records, files, quotas.blob_bytes_per_publisher_max) {
            return Err(Refusal::PublisherFull);
        }
        let one = usize::from(replaced.is_none());
        let of_key = self.under_key(id.key).filter(|(slot, _)| slot.1.publisher == id.publisher).count();
        if of_key + one > quotas.records_per_key_and_publisher_max {
            return Err(Refusal::PublisherFull);
        }
        if self.under_key(id.key).count() + one > quotas.records_per_key_max {
            return Err(Refusal::KeyFull);
        }
        Ok(())
    }

    fn insert(&mut self, slot: Slot, record: Record) {
        self.ledger = None;
        self.usage.entry(slot.1.publisher).or_default().add(Usage::of(&record));
        self.total.add(Usage::of(&record));
        if let Lease::Until(end) = record.content().lease {
            self.ends.insert((end, slot));
        }
        self.prints.insert(record.print(), slot);
        self.records.insert(slot, record);
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(blob) = self.take(slot).and_then(|record| record.blob()) {
            self.blobs.unname(blob, slot);
        }
    }

    /// Takes a record out; the blob that it names is the caller's affair.
    fn take(&mut self, slot: Slot) -> Option<Record> {
        let record = self.records.remove(&slot)?;
        self.ledger = None;
        self.prints.remove(&record.print());
        if let Lease::Until(end) = record.content().lease {
            self.ends.remove(&(end, slot));
        }
        self.total.take(Usage::of(&record));
        if let Some(usage) = self.usage.get_mut(&slot.1.publisher) {
            usage.take(Usage::of(&record));
            if usage.records == 0 {
                self.usage.remove(&slot.1.publisher);
            }
        }
        Some(record)
    }

    fn offered(&self, record: &Record) -> Offered {
        let has_blob = record.blob().is_some_and(|blob| self.blobs.is_here(blob));
        Offered { record: record.clone(), has_blob }
    }

    fn is_whole(&self, record: &Record) -> bool {
        is_whole(record, &self.blobs)
    }

    fn under_key(&self, key: Key) -> impl Iterator<Item = (&Slot, &Record)> {
        let place = self.space.place(&key);
        let least = PeerId::from_bytes([0; 32]);
        let first = (place, RecordId { key, publisher: least, subject: ContentHash::from_bytes([0; 32]) });
        self.records.range(first..).take_while(move |(slot, _)| slot.0 == place && slot.1.key == key)
    }

    fn whole_on(&self, arc: Arc) -> impl Iterator<Item = (&Slot, &Record)> {
        self.on(arc).filter(|(_, record)| self.is_whole(record))
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

fn is_whole(record: &Record, blobs: &Blobs) -> bool {
    record.blob().is_none_or(|blob| blobs.is_here(blob))
}

fn whole_rows(records: &BTreeMap<Slot, Record>, blobs: &Blobs) -> Vec<(Position, Print)> {
    let whole = records.iter().filter(|(_, record)| is_whole(record, blobs));
    whole.map(|(slot, record)| (slot.0, record.print())).collect()
}

enum Room {
    IsHere,
    Free,
}
