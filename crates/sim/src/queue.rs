//! What will happen, in the order of time; of equal times, in the order in which it was put in.
//!
//! Most events lie in the near future, and there are many of them. So the next second and a half is cut into slots, an
//! event is put into its slot without being compared with others, and only the slot that time has reached is kept as
//! a heap. What lies beyond the slots waits in another heap.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Slots, and the time that each spans: 2^17 ns, some 0.13 ms.
const SLOTS: usize = 1 << 14;
const SLOT_NS_LOG2: u32 = 17;

/// An event with its time in nanoseconds.
struct Entry<E> {
    at_ns: u64,
    turn: u64,
    event: E,
}

impl<E> Entry<E> {
    fn slot(&self) -> u64 {
        self.at_ns >> SLOT_NS_LOG2
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest, as the heap wants it.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ns, other.turn).cmp(&(self.at_ns, self.turn))
    }
}

/// A queue of events.
pub(crate) struct Queue<E> {
    /// The slot that time has reached, and anything put in for an earlier time.
    now: BinaryHeap<Entry<E>>,
    now_slot: u64,
    /// The slots after it, each at its number modulo [`SLOTS`].
    near: Vec<Vec<Entry<E>>>,
    near_len: usize,
    far: BinaryHeap<Entry<E>>,
    turn: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        let near = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { now: BinaryHeap::new(), now_slot: 0, near, near_len: 0, far: BinaryHeap::new(), turn: 0 }
    }

    pub(crate) fn push(&mut self, at_ns: u64, event: E) {
        self.turn += 1;
        self.place(Entry { at_ns, turn: self.turn, event });
    }

    /// The time of the next event.
    pub(crate) fn next_ns(&mut self) -> Option<u64> {
        self.advance();
        self.now.peek().map(|entry| entry.at_ns)
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, E)> {
        self.advance();
        self.now.pop().map(|entry| (entry.at_ns, entry.event))
    }

    fn place(&mut self, entry: Entry<E>) {
        let slot = entry.slot();
        if slot <= self.now_slot {
            self.now.push(entry);
        } else if slot - self.now_slot < SLOTS as u64 {
            self.near[slot as usize % SLOTS].push(entry);
            self.near_len += 1;
        } else {
            self.far.push(entry);
        }
    }

    /// Moves on to the next slot that holds something, when the present one is used up.
    fn advance(&mut self) {
        while self.now.is_empty() {
            if self.near_len > 0 {
                self.now_slot += 1;
            } else if let Some(first) = self.far.peek() {
                self.now_slot = first.slot();
            } else {
                return;
            }
            self.open_slot();
        }
    }

    /// Takes what belongs to the slot that time has come to, and what is now near enough out of the far heap.
    fn open_slot(&mut self) {
        let opened = std::mem::take(&mut self.near[self.now_slot as usize % SLOTS]);
        self.near_len -= opened.len();
        self.now = BinaryHeap::from(opened);
        while self.far.peek().is_some_and(|entry| entry.slot() < self.now_slot + SLOTS as u64) {
            if let Some(entry) = self.far.pop() {
                self.place(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use std::collections::BTreeSet;

    /// Times from all three ranges, put in while others are taken out, come out as a sorted list would give them.
    #[test]
    fn events_come_in_the_order_of_time_and_turn() {
        let mut random = Random::new(3);
        let (mut queue, mut model) = (Queue::new(), BTreeSet::new());
        let mut now = 0;
        for number in 0..50_000u64 {
            let range = [0, 1 << 16, 1 << 28, 1 << 34][random.below(4) as usize];
            let at = now + random.below(range + 1);
            queue.push(at, number);
            model.insert((at, number));
            if random.below(3) > 0 {
                let first = model.pop_first();
                assert_eq!(queue.next_ns(), first.map(|(at, _)| at));
                assert_eq!(queue.pop(), first);
                now = first.map_or(now, |(at, _)| at);
            }
        }
        assert!(model.into_iter().eq(std::iter::from_fn(|| queue.pop())));
    }
}
