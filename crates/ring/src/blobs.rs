//! The blobs that records name: which are here, who can give the others, and since when they are missed.
//!
//! ```text
//!     missed --somebody can give it--> fetching --it came--> here --lost on the disk--> missed
//!        |                                |--nobody could give it--> missed
//!        |                                `--the disk does not take it--> missed, and for a while not fetched
//!        `--for too long--> overdue: the records that name it are to go
//! ```
//!
//! Laws: a blob is known as long as a record names it; each that is not here has a time at which it is given up. So a
//! record costs room for long only where there is a blob behind it, whoever signs it.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};

use crate::contact::Contact;
use crate::position::Position;
use crate::record::RecordId;

/// Peers that are remembered as sources of one blob.
const SOURCES_MAX: usize = 4;
/// A blob may be missed so long. Replicas compare every minute or so, and whoever has it offers it then; what came to
/// nobody within this time does not come.
const MISSED_MAX: Duration = Duration::from_secs(60 * 60);
/// One that was here, and is not now, may be missed longer: its disk may be away for some days, and hold the last copy.
/// What was here has cost somebody its bytes, so nobody fills a shelf by it.
const LOST_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// While somebody gives it, it may take longer: a driver fetches for twelve hours at the most, and one source may
/// follow another. Beyond this, whoever gives it only pretends to.
const FETCHED_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a fetch that takes longer is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What the disk did not take is not fetched again for so long: whoever wants it kept hears at once that it is not.
const UNWRITABLE_REST: Duration = Duration::from_secs(15);

/// Where a record lies: in the order of the circle.
pub(crate) type Slot = (Position, RecordId);

/// Who can give a blob, and what size it has according to the record that came with it: another record of the same blob
/// may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) bytes: u64,
    pub(crate) from: Contact,
}

/// What is asked of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobWork {
    Fetch(ContentHash, Source),
    Drop(ContentHash),
}

#[derive(Debug, Clone, Copy)]
struct Missed {
    /// When it is given up, or looked at again while somebody gives it.
    until: Time,
    /// When it is given up although somebody gives it.
    last: Time,
}

#[derive(Debug)]
struct Blob {
    named_by: BTreeSet<Slot>,
    /// None: it is here.
    missed: Option<Missed>,
    is_fetching: bool,
    sources: VecDeque<Source>,
    /// The disk did not take it; until then it is not fetched again.
    rests_until: Option<Time>,
}

#[derive(Debug, Default)]
pub(crate) struct Blobs {
    known: BTreeMap<ContentHash, Blob>,
    /// Those that are not here, by the time at which they are given up.
    missed: BTreeSet<(Time, ContentHash)>,
    work: VecDeque<BlobWork>,
}

impl Blobs {
    /// A record names a blob.
    pub(crate) fn name(&mut self, now: Time, blob: ContentHash, by: Slot) {
        let (until, last) = (now + MISSED_MAX, now + FETCHED_MAX);
        let entry = self.known.entry(blob).or_insert_with(|| {
            self.missed.insert((until, blob));
            Blob {
                named_by: BTreeSet::new(),
                missed: Some(Missed { until, last }),
                is_fetching: false,
                sources: VecDeque::new(),
                rests_until: None,
            }
        });
        entry.named_by.insert(by);
    }

    /// A record names it no longer. When none does, it is not wanted.
    pub(crate) fn unname(&mut self, blob: ContentHash, by: Slot) {
        let Some(entry) = self.known.get_mut(&blob) else { return };
        entry.named_by.remove(&by);
        if entry.named_by.is_empty() {
            if let Some(missed) = entry.missed {
                self.missed.remove(&(missed.until, blob));
            }
            self.known.remove(&blob);
            self.work.push_back(BlobWork::Drop(blob));
        }
    }

    pub(crate) fn is_here(&self, blob: ContentHash) -> bool {
        self.known.get(&blob).is_some_and(|entry| entry.missed.is_none())
    }

    /// A peer can give a blob: it is fetched, unless it is here or on its way.
    pub(crate) fn add_source(&mut self, blob: ContentHash, source: Source) {
        let Some(entry) = self.known.get_mut(&blob).filter(|entry| entry.missed.is_some()) else { return };
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

    /// It is here now: it was fetched, or is the node's own.
    pub(crate) fn arrived(&mut self, blob: ContentHash) {
        let Some(entry) = self.known.get_mut(&blob) else {
            return self.work.push_back(BlobWork::Drop(blob));
        };
        if let Some(missed) = entry.missed.take() {
            self.missed.remove(&(missed.until, blob));
        }
        entry.is_fetching = false;
        entry.rests_until = None;
        entry.sources.clear();
    }

    /// The disk does not take it. Another source would not help.
    pub(crate) fn unwritable(&mut self, now: Time, blob: ContentHash) {
        let Some(entry) = self.known.get_mut(&blob).filter(|entry| entry.missed.is_some()) else { return };
        entry.is_fetching = false;
        entry.sources.clear();
        entry.rests_until = Some(now + UNWRITABLE_REST);
    }

    pub(crate) fn try_again(&mut self, blob: ContentHash) {
        if let Some(entry) = self.known.get_mut(&blob) {
            entry.rests_until = None;
        }
    }

    /// Whether the disk did not take it a while ago.
    pub(crate) fn rests(&self, now: Time, blob: ContentHash) -> bool {
        self.known.get(&blob).is_some_and(|entry| entry.rests_until.is_some_and(|until| now < until))
    }

    /// It was here, and is no more.
    pub(crate) fn lost(&mut self, now: Time, blob: ContentHash) {
        let Some(entry) = self.known.get_mut(&blob).filter(|entry| entry.missed.is_none()) else { return };
        let until = now + LOST_MAX;
        entry.missed = Some(Missed { until, last: until + FETCHED_MAX });
        self.missed.insert((until, blob));
    }

    /// The records that name it.
    pub(crate) fn named_by(&self, blob: ContentHash) -> impl Iterator<Item = &Slot> {
        self.known.get(&blob).into_iter().flat_map(|entry| &entry.named_by)
    }

    /// A source could not give it: the next is tried. With none left, the next comparison finds others.
    pub(crate) fn not_given(&mut self, blob: ContentHash, source: PeerId) {
        let Some(entry) = self.known.get_mut(&blob) else { return };
        entry.sources.retain(|known| known.from.peer != source);
        entry.is_fetching = !entry.sources.is_empty() && entry.missed.is_some();
        if let Some(&next) = entry.sources.back().filter(|_| entry.is_fetching) {
            self.work.push_back(BlobWork::Fetch(blob, next));
        }
    }

    /// The records of one blob that was missed too long; they are to be removed. To be called until it gives nothing.
    pub(crate) fn overdue(&mut self, now: Time) -> Option<BTreeSet<Slot>> {
        while let Some(&(at, blob)) = self.missed.first().filter(|(at, _)| *at <= now) {
            self.missed.remove(&(at, blob));
            let Some(entry) = self.known.get_mut(&blob) else { continue };
            let Some(missed) = &mut entry.missed else { continue };
            if !entry.is_fetching || now >= missed.last {
                return Some(entry.named_by.clone());
            }
            missed.until = (now + LOOK_AGAIN).min(missed.last);
            self.missed.insert((missed.until, blob));
        }
        None
    }

    pub(crate) fn next_work(&mut self) -> Option<BlobWork> {
        self.work.pop_front()
    }

    /// Compares what is known with the records that there are, as slots by the blobs that they name.
    pub(crate) fn check(&self, named: &BTreeMap<ContentHash, BTreeSet<Slot>>) -> Result<(), &'static str> {
        let same = named.len() == self.known.len()
            && named.iter().all(|(blob, by)| self.known.get(blob).is_some_and(|entry| entry.named_by == *by));
        if !same {
            return Err("the shelf's blobs are not those that its records name");
        }
        let timed = |(blob, entry): (&ContentHash, &Blob)| {
            entry.missed.is_none_or(|missed| self.missed.contains(&(missed.until, *blob)))
        };
        let missed = self.known.values().filter(|entry| entry.missed.is_some()).count();
        match missed == self.missed.len() && self.known.iter().all(timed) {
            true => Ok(()),
            false => Err("a blob that is not here has no time at which it is given up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Key, Space};
    use core::net::{Ipv4Addr, SocketAddr};

    const BLOB: ContentHash = ContentHash::from_bytes([5; 32]);
    const MINUTE: Duration = Duration::from_secs(60);

    fn slot() -> Slot {
        let key = Key::from_number(1);
        let publisher = PeerId::from_bytes([1; 32]);
        (Space::FULL.place(&key), RecordId { key, publisher, subject: BLOB })
    }

    fn source() -> Source {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        let from = Contact { position: Position::default(), peer: PeerId::from_bytes([2; 32]), address };
        Source { bytes: 1, from }
    }

    /// What is given up at so many minutes, if somebody pretends for ever to give the blob, or nobody does.
    fn given_up_after(pretends: bool) -> u32 {
        let mut blobs = Blobs::default();
        blobs.name(Time::ORIGIN, BLOB, slot());
        if pretends {
            blobs.add_source(BLOB, source());
        }
        let is_over = |minutes: &u32| blobs.overdue(Time::ORIGIN + MINUTE * *minutes).is_some();
        (0..).find(is_over).unwrap_or_default()
    }

    /// Would fail if a record whose blob nobody has, or that somebody only pretends to give, stayed for good.
    #[test]
    fn what_never_comes_is_given_up() {
        assert_eq!(given_up_after(false), 60);
        assert_eq!(given_up_after(true), 24 * 60);
    }

    /// Would fail if what is here were given up, or what was lost were never missed.
    #[test]
    fn what_is_here_stays_and_what_is_lost_is_missed_anew() {
        let mut blobs = Blobs::default();
        blobs.name(Time::ORIGIN, BLOB, slot());
        blobs.arrived(BLOB);
        let later = Time::ORIGIN + FETCHED_MAX * 9;
        assert!(blobs.overdue(later).is_none() && blobs.is_here(BLOB));
        blobs.lost(later, BLOB);
        assert!(blobs.overdue(later + (LOST_MAX - MINUTE)).is_none() && !blobs.is_here(BLOB));
        assert_eq!(blobs.overdue(later + LOST_MAX), Some(BTreeSet::from([slot()])));
    }
}
