//! What keeps the records where they belong: at the owner of their key, and at the R-1 peers after it.
//!
//! An owner compares its arc with each of the next R-1 peers, by one number. Where they differ, the other tells what it
//! holds, and each gets from the other what it lacks; so a peer that just came gets its records, a new replica gets its
//! copy, and two halves of a ring that was parted agree. What a node holds beyond the arcs of itself and the R-1 before
//! it is a leftover: it asks the owner whether that one keeps it well, hands over what it does not, and drops the rest.
//! It also drops what the owner has in a newer version.
//!
//! A record is kept well when its owner has it, with its blob, and so had all R-1 replicas when they last compared. A
//! record whose blob is not here takes no part in all this. It goes when the blob does not come; when the blob was here
//! and is lost, the next comparison brings it again.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{ContentHash, Time};

use super::Ring;
use super::purpose::{Aim, Purpose};
use super::stage::Stage;
use crate::blobs::Source;
use crate::calls::Tries;
use crate::contact::Contact;
use crate::message::{Answer, Ask, Offered, PRINTS_MAX, Put, RECORDS_MAX, Refusal};
use crate::position::{Arc, Position};
use crate::record::Print;
use crate::search::Found;

/// How soon neighbours that changed are compared with.
const SOON: Duration = Duration::from_millis(300);
/// How soon others are compared with when files have come.
const ARRIVALS: Duration = Duration::from_secs(2);
/// How soon a comparison that differed is made again; doubled each time, up to the period.
const AGAIN_FIRST: Duration = Duration::from_millis(500);
/// Messages of records that one comparison sets off, each way.
const BATCHES_MAX: usize = 16;
/// Questions for lost files that are open at a time.
const PULLS_MAX: usize = 64;
/// Leftovers that are settled at a time.
const LEFTOVERS_MAX: usize = 256;

/// A part of an arc names so many at least, unless it is the last: nobody leads a comparison on by tiny steps.
const PART_MIN: usize = PRINTS_MAX / 2;

impl Ring {
    pub(super) fn compare_soon(&mut self, now: Time) {
        self.replicas.again = None;
        self.timers.compare = self.timers.compare.min(now + self.random.around(SOON));
    }

    pub(super) fn keep_on_time(&mut self, now: Time) {
        let unix_seconds = self.unix_seconds(now);
        if self.shelf.next_end().is_some_and(|end| end <= unix_seconds) {
            self.shelf.end_leases(unix_seconds);
        }
        self.shelf.give_up_missed(now);
        if self.timers.compare <= now {
            let period = self.replicas.again.unwrap_or(self.config.compare).min(self.config.compare);
            self.timers.compare = now + self.random.around(period);
            self.compare_with_replicas(now);
            self.settle_leftovers(now);
        }
    }

    /// Whether a record of this key is taken in: one arc more is taken than is kept, since neighbours change at
    /// different times for different peers.
    pub(super) fn accepts(&self, position: Position) -> bool {
        self.arc_of(self.config.replicas + 1).is_none_or(|arc| arc.contains(position))
    }

    /// The arcs of this node and the `count - 1` before it; nothing if those are all there are, or are not known.
    fn arc_of(&self, count: usize) -> Option<Arc> {
        self.neighbours.predecessor()?;
        let before = self.predecessors();
        let last = before.get(count.checked_sub(1)?)?;
        Some(Arc { after: last.position, until: self.config.me.position })
    }

    /// Keeps a record, and has its blob fetched.
    pub(super) fn keep(&mut self, now: Time, from: Contact, offer: Offered) -> Put {
        let unix_seconds = self.unix_seconds(now);
        let blob = offer.record.blob().filter(|_| offer.has_blob);
        let bytes = offer.record.content().blob_bytes.unwrap_or_default();
        let count = self.shelf.len();
        let result = self.shelf.put(now, unix_seconds, offer.record);
        // An older version names the same blob, so whoever has that one can give it too.
        let is_wanted =
            matches!(result, Put::Kept { whole: false } | Put::Refused(Refusal::Stale { whole: false }));
        if self.shelf.len() != count {
            self.compare_soon(now);
        }
        if let Some(blob) = blob.filter(|_| is_wanted) {
            // The record stays, as any that is missed: the disk may have room before it is given up.
            if self.shelf.rests(now, blob) {
                return Put::Refused(Refusal::Unwritable);
            }
            self.shelf.add_source(blob, Source { bytes, from });
        }
        result
    }

    /// Only what is whole is compared, so this is news. It can wait for more of its kind: what others fetch at this
    /// time is offered to them again in each comparison.
    pub(super) fn blob_arrived(&mut self, now: Time, blob: ContentHash) {
        self.shelf.blobs().arrived(blob);
        self.timers.compare = self.timers.compare.min(now + self.random.around(ARRIVALS));
    }

    /// The next comparison brings what is this node's own. For the rest the owner is among those before, who are asked
    /// at once; when a whole disk was lost, the others come as the owners compare.
    pub(super) fn blob_lost(&mut self, now: Time, blob: ContentHash) {
        self.shelf.blobs().lost(now, blob);
        self.compare_soon(now);
        let prints = self.shelf.naming(blob);
        let open = self.calls.count(|call| call.purpose == Purpose::Pull);
        if self.stage != Stage::Member || prints.is_empty() || open >= PULLS_MAX {
            return;
        }
        for peer in self.predecessors().into_iter().take(self.config.replicas - 1) {
            self.ask(now, peer, Ask::Pull(prints.clone()), Purpose::Pull, Tries::Once);
        }
    }

    /// Those that keep copies of what this node owns. A node that leaves wants one at least.
    fn replica_peers(&self) -> Vec<Contact> {
        let copies = if matches!(self.stage, Stage::Leaving { .. }) { 1 } else { 0 };
        let count = (self.config.replicas - 1).max(copies);
        self.neighbours.successors().iter().take(count).copied().collect()
    }

    fn compare_with_replicas(&mut self, now: Time) {
        let peers = self.replica_peers();
        self.replicas.agreed.retain(|peer, _| peers.iter().any(|one| one.peer == *peer));
        let Some(arc) = self.own_arc() else { return };
        let digest = self.shelf.ledger().digest(arc);
        for peer in peers {
            let is_open = |purpose: Purpose| matches!(purpose, Purpose::Compare(_));
            if !self.calls.any(|call| call.to == peer && is_open(call.purpose)) {
                self.ask(now, peer, Ask::Compare { arc, digest }, Purpose::Compare(arc), Tries::Once);
            }
        }
    }

    pub(super) fn compare(&mut self, now: Time, arc: Arc, digest: u128) -> Answer {
        if !self.counts_for_others(now) {
            return Answer::Busy;
        }
        let ledger = self.shelf.ledger();
        if ledger.digest(arc) == digest {
            return Answer::Same;
        }
        let (until, holdings) = ledger.holdings(arc);
        Answer::Differs { until, holdings }
    }

    /// Whether others' questions may make this node count what it holds. Who changes it and asks, again and again,
    /// keeps the node from nothing else.
    pub(super) fn counts_for_others(&mut self, now: Time) -> bool {
        self.shelf.is_counted() || self.counted.allows(now, self.shelf.len())
    }

    pub(super) fn compare_answered(&mut self, now: Time, from: Contact, arc: Arc, ask: &Ask, answer: Answer) {
        match (answer, ask) {
            (Answer::Same, Ask::Compare { digest, .. }) => {
                self.replicas.agreed.insert(from.peer, (arc, *digest));
                self.note_in_step();
            }
            (Answer::Differs { until, mut holdings }, _)
                if arc.contains(until) && (until == arc.until || holdings.len() >= PART_MIN) =>
            {
                holdings.truncate(PRINTS_MAX);
                self.even_out(now, from, Arc { after: arc.after, until }, &holdings);
                self.compare_again(now);
                if until != arc.until {
                    let rest = Arc { after: until, until: arc.until };
                    let digest = self.shelf.ledger().digest(rest);
                    self.ask(
                        now,
                        from,
                        Ask::Compare { arc: rest, digest },
                        Purpose::Compare(rest),
                        Tries::Once,
                    );
                }
            }
            (Answer::Busy, _) => self.compare_again(now),
            _ => {}
        }
    }

    fn note_in_step(&mut self) {
        if self.is_in_step() {
            self.replicas.again = None;
        }
    }

    /// What differed is compared again soon, and ever later as long as it does: a replica may have no room.
    fn compare_again(&mut self, now: Time) {
        let wait = self.replicas.again.map_or(AGAIN_FIRST, |wait| wait * 2).min(self.config.compare);
        self.replicas.again = Some(wait);
        self.timers.compare = self.timers.compare.min(now + self.random.around(wait));
    }

    /// Gives and takes what the two do not both have.
    fn even_out(&mut self, now: Time, other: Contact, arc: Arc, theirs: &[Print]) {
        let there: BTreeSet<Print> = theirs.iter().copied().collect();
        let (_, mine) = self.shelf.ledger().holdings(arc);
        let here: BTreeSet<Print> = mine.iter().copied().collect();
        let give: Vec<Print> = mine.iter().copied().filter(|print| !there.contains(print)).collect();
        let take: Vec<Print> = theirs.iter().copied().filter(|print| !here.contains(print)).collect();
        self.hand_over(now, other, &give);
        for batch in take.chunks(RECORDS_MAX).take(BATCHES_MAX) {
            self.ask(now, other, Ask::Pull(batch.to_vec()), Purpose::Pull, Tries::Once);
        }
    }

    fn hand_over(&mut self, now: Time, to: Contact, prints: &[Print]) {
        for batch in prints.chunks(RECORDS_MAX).take(BATCHES_MAX) {
            let offers: Vec<Offered> = batch.iter().filter_map(|&print| self.shelf.by_print(print)).collect();
            if !offers.is_empty() {
                self.ask(now, to, Ask::Put(offers), Purpose::HandOver, Tries::Once);
            }
        }
    }

    /// A leftover that the owner has in a newer version, with its blob, is of no use. Of what is this node's own to
    /// keep nothing goes on another's word: the newer version is pulled, and when a lease ends the own clock says.
    pub(super) fn handed_over(&mut self, ask: &Ask, answer: &Answer) {
        let (Ask::Put(offers), Answer::Put(results)) = (ask, answer) else { return };
        for (offer, result) in offers.iter().zip(results) {
            let print = offer.record.print();
            if *result == Put::Refused(Refusal::Stale { whole: true }) && self.is_leftover(print) {
                self.shelf.remove_print(print);
            }
        }
    }

    fn is_leftover(&self, print: Print) -> bool {
        let own = self.arc_of(self.config.replicas);
        let at = self.shelf.position_of(print);
        own.zip(at).is_some_and(|(own, at)| !own.contains(at))
    }

    pub(super) fn pulled(&mut self, now: Time, from: Contact, answer: Answer) {
        let Answer::Records(records) = answer else { return };
        for offer in records.into_iter().take(RECORDS_MAX) {
            if self.accepts(self.config.space.place(&offer.record.id().key)) {
                self.keep(now, from, offer);
            }
        }
    }

    /// Whether all replicas held the same as this node when they last compared: a blob that is not here either did not
    /// come to anybody.
    pub(super) fn is_in_step(&mut self) -> bool {
        let Some(arc) = self.own_arc() else { return self.neighbours.successors().is_empty() };
        let state = (arc, self.shelf.ledger().digest(arc));
        self.replica_peers().iter().all(|peer| self.replicas.agreed.get(&peer.peer) == Some(&state))
    }

    pub(super) fn may_leave_records(&mut self) -> bool {
        self.is_in_step()
    }

    fn settle_leftovers(&mut self, now: Time) {
        let Some(arc) = self.arc_of(self.config.replicas) else { return };
        if let Some(&(first, _)) = self.shelf.outside(arc, 1).first() {
            self.begin_own_search(now, first, Aim::Settle);
        }
    }

    /// The owner of the first leftover is known: all that lie before it are its.
    pub(super) fn settle_with(&mut self, now: Time, first: Position, found: &Found) {
        let (Some(&owner), Some(arc)) = (found.owners.first(), self.arc_of(self.config.replicas)) else {
            return;
        };
        if owner == self.config.me {
            return;
        }
        let space = self.config.space;
        let way = space.distance(first, owner.position);
        let leftovers = self.shelf.outside(arc, LEFTOVERS_MAX).into_iter();
        let prints: Vec<Print> = leftovers
            .filter(|(position, _)| space.distance(first, *position) <= way)
            .map(|(_, print)| print)
            .collect();
        if !prints.is_empty() {
            self.ask(now, owner, Ask::Settled(prints), Purpose::Settle, Tries::Once);
        }
    }

    pub(super) fn settled(&mut self, now: Time, owner: Contact, ask: &Ask, answer: &Answer) {
        let (Ask::Settled(asked), Answer::Settled(kept)) = (ask, answer) else { return };
        // While the question was under way, what it asked about may have become this node's own to keep.
        let leftovers: Vec<Print> = asked.iter().copied().filter(|&print| self.is_leftover(print)).collect();
        if leftovers.is_empty() {
            return;
        }
        let (done, left): (Vec<Print>, Vec<Print>) =
            leftovers.into_iter().partition(|print| kept.contains(print));
        for print in done {
            self.shelf.remove_print(print);
        }
        self.hand_over(now, owner, &left);
        self.compare_again(now);
    }
}
