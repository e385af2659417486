//! Messages that wait for a host until it takes several at once.
//!
//! To wake a host for each of many small messages costs more than what it does with them. So a world can be told to let
//! messages wait that are in no haste: a host is woken once for all that came within a span of time. What it
//! costs is the truth about this span: a message is heard so much later at most.

use crate::host::HostId;

/// What waits for one host.
pub(crate) struct Inbox<M> {
    /// With the time at which each came or comes.
    waiting: Vec<(u64, HostId, M)>,
    /// Whether the host is to be woken for them.
    pub(crate) is_due: bool,
}

impl<M> Default for Inbox<M> {
    fn default() -> Self {
        Self { waiting: Vec::new(), is_due: false }
    }
}

impl<M> Inbox<M> {
    pub(crate) fn push(&mut self, at_ns: u64, from: HostId, message: M) {
        self.waiting.push((at_ns, from, message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets all: the host is gone.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// When the first of those comes that are left.
    pub(crate) fn first_ns(&self) -> Option<u64> {
        self.waiting.iter().map(|(at_ns, ..)| *at_ns).min()
    }

    /// Moves out what has come, in the order in which it was sent.
    pub(crate) fn take(&mut self, now_ns: u64, taken: &mut Vec<(HostId, M)>) {
        if self.waiting.iter().all(|(at_ns, ..)| *at_ns <= now_ns) {
            taken.extend(self.waiting.drain(..).map(|(_, from, message)| (from, message)));
            return;
        }
        for (at_ns, from, message) in std::mem::take(&mut self.waiting) {
            if at_ns <= now_ns {
                taken.push((from, message));
            } else {
                self.waiting.push((at_ns, from, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a message were heard before it came, or those of one sender changed places.
    #[test]
    fn what_has_come_is_taken_in_order_and_the_rest_stays() {
        let (mut inbox, mut taken) = (Inbox::default(), Vec::new());
        for (at_ns, from, message) in [(5, 1, 'a'), (9, 2, 'b'), (5, 1, 'c'), (7, 3, 'd')] {
            inbox.push(at_ns, HostId(from), message);
        }
        inbox.take(7, &mut taken);
        assert_eq!(taken, [(HostId(1), 'a'), (HostId(1), 'c'), (HostId(3), 'd')]);
        assert_eq!(inbox.first_ns(), Some(9));
        inbox.take(9, &mut taken);
        assert!(inbox.is_empty() && taken.len() == 4);
    }
}
