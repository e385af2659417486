//! The lines of a ring node: a small structure that knows who is connected, and whom to let go when there are many.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use drizzle_model::PeerId;
use drizzle_ring::{Answer, Ask, Contact, Message};
use drizzle_wire::RingFrame;
use tokio::sync::Semaphore;

use super::backlog::Backlog;
use super::line::{Line, LineId};

/// Lines to members that stay open. A node speaks regularly to its neighbours and fingers: some forty in a ring of
/// thousands.
const MEMBERS_MAX: usize = 256;
/// Lines to guests at a time.
const GUESTS_MAX: usize = 512;
/// What one guest may have open at a time.
const WISHES_MAX: usize = 64;
/// What may wait for one call to be answered.
const WAITING_MAX: usize = 64;
/// Records that may wait for calls to be answered, of all together, each of some 1.3 KiB at the most. What finds no
/// room is not said: the machine asks again, or compares again later.
const RECORDS_WAITING_MAX: usize = 16_384;

struct Entry {
    line: Line,
    wishes: Arc<Semaphore>,
    used: u64,
}

/// What is to be done for something to be said.
pub(super) enum Way {
    /// It is said.
    Said,
    /// It waits for a call that is under way, or for which there is no room.
    Waits,
    /// It waits for a call that must be made.
    Call,
}

#[derive(Default)]
pub(super) struct Lines {
    lines: HashMap<LineId, Entry>,
    by_peer: HashMap<PeerId, Vec<LineId>>,
    /// What is to be said to those who are being called.
    calling: HashMap<PeerId, Vec<RingFrame>>,
    pub(super) backlog: Backlog,
    clock: u64,
    last_id: u64,
}

impl Lines {
    /// The name of the next line.
    pub(super) fn next_id(&mut self) -> LineId {
        self.last_id += 1;
        LineId(self.last_id)
    }

    /// Takes a line into use, and says on it what waited for it.
    pub(super) fn add(&mut self, id: LineId, line: Line) {
        self.clock += 1;
        let peer = line.peer;
        if line.member.is_some() {
            for frame in self.calling.remove(&peer).unwrap_or_default() {
                // A new line takes all that may wait.
                let _ = line.say(frame);
            }
            self.by_peer.entry(peer).or_default().push(id);
        }
        let wishes = Arc::new(Semaphore::new(WISHES_MAX));
        self.lines.insert(id, Entry { line, wishes, used: self.clock });
        self.let_go();
    }

    /// Beyond the bounds, whoever was silent longest is let go, with a goodbye.
    fn let_go(&mut self) {
        for (is_member, max) in [(true, MEMBERS_MAX), (false, GUESTS_MAX)] {
            let of_kind = || self.lines.iter().filter(|(_, entry)| entry.line.member.is_some() == is_member);
            if of_kind().count() > max
                && let Some(&id) = of_kind().min_by_key(|(_, entry)| entry.used).map(|(id, _)| id)
            {
                self.remove(id);
            }
        }
    }

    /// Gives a line up.
    pub(super) fn remove(&mut self, id: LineId) -> Option<Line> {
        let entry = self.lines.remove(&id)?;
        if let Some(ids) = self.by_peer.get_mut(&entry.line.peer) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_peer.remove(&entry.line.peer);
            }
        }
        Some(entry.line)
    }

    /// The line, marked as used; and what its end may still wish.
    pub(super) fn used(&mut self, id: LineId) -> Option<(Line, Arc<Semaphore>)> {
        self.clock += 1;
        let entry = self.lines.get_mut(&id)?;
        entry.used = self.clock;
        Some((entry.line.clone(), Arc::clone(&entry.wishes)))
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.by_peer.contains_key(peer)
    }

    pub(super) fn is_calling(&self, peer: &PeerId) -> bool {
        self.calling.contains_key(peer)
    }

    /// Says something to a member, now or when there is a line.
    pub(super) fn say(&mut self, to: Contact, message: Message) -> Way {
        let frame = RingFrame::Message(message);
        self.clock += 1;
        while let Some(&id) = self.by_peer.get(&to.peer).and_then(|ids| ids.last()) {
            let Some(entry) = self.lines.get_mut(&id) else { break };
            entry.used = self.clock;
            if entry.line.say(frame.clone()) {
                return Way::Said;
            }
            // It does not read: the machine's time-outs judge the peer, the line is given up.
            self.remove(id);
        }
        let waits = self.records_waiting() + records_in(&frame) <= RECORDS_WAITING_MAX;
        match self.calling.get_mut(&to.peer) {
            Some(waiting) if waits && waiting.len() < WAITING_MAX => {
                waiting.push(frame);
                Way::Waits
            }
            Some(_) => Way::Waits,
            None => {
                let waiting = if waits { vec![frame] } else { Vec::new() };
                self.calling.insert(to.peer, waiting);
                Way::Call
            }
        }
    }

    fn records_waiting(&self) -> usize {
        self.calling.values().flatten().map(records_in).sum()
    }

    /// Notes that a peer is being called although nothing is to be said.
    pub(super) fn calls(&mut self, peer: PeerId) {
        self.calling.entry(peer).or_default();
    }

    /// A call came to nothing.
    pub(super) fn call_failed(&mut self, peer: &PeerId) {
        self.calling.remove(peer);
    }

    /// Gives all up, each with a goodbye; which they were. Calls go on to those to whom something is to be said.
    pub(super) fn hang_up(&mut self) -> HashSet<LineId> {
        self.by_peer.clear();
        self.calling.retain(|_, waiting| !waiting.is_empty());
        self.lines.drain().map(|(id, _)| id).collect()
    }

    pub(super) fn is_calling_anybody(&self) -> bool {
        !self.calling.is_empty()
    }
}

/// Of all that members say records alone are large.
fn records_in(frame: &RingFrame) -> usize {
    match frame {
        RingFrame::Message(
            Message::Ask(_, Ask::Put(offers)) | Message::Answer(_, Answer::Records(offers)),
        ) => offers.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use drizzle_ring::{Position, Tell};

    use super::*;

    fn member(number: u8) -> Contact {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        Contact { position: Position::default(), peer: PeerId::from_bytes([number; 32]), address }
    }

    /// Would fail if who leaves forgot the neighbours that it has no line to, or waited for calls on which nothing is
    /// to be said.
    #[test]
    fn a_goodbye_waits_for_a_call_that_has_something_to_say() {
        let mut lines = Lines::default();
        lines.calls(member(1).peer);
        assert!(lines.hang_up().is_empty() && !lines.is_calling_anybody());
        assert!(matches!(lines.say(member(2), Message::Tell(Tell::Quit)), Way::Call));
        assert!(lines.hang_up().is_empty() && lines.is_calling_anybody());
        lines.call_failed(&member(2).peer);
        assert!(!lines.is_calling_anybody());
    }
}
