//! What runs in the world.

use std::time::Duration;

use drizzle_model::Time;

/// A host of the world, numbered in the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl HostId {
    /// The number as a position in a slice.
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

/// What happens to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<M> {
    /// It was added, or came up again.
    Started,
    /// A message came.
    Message {
        /// From whom.
        from: HostId,
        /// What.
        message: M,
    },
    /// Bytes of a transfer came.
    Arrived {
        /// From whom.
        from: HostId,
        /// What the sender called the transfer.
        tag: u64,
        /// How many bytes.
        bytes: u32,
        /// Whether these were the last.
        is_last: bool,
    },
    /// A transfer's last byte has left, or it was stopped.
    Sent {
        /// To whom.
        to: HostId,
        /// What it was called.
        tag: u64,
    },
    /// The connection to a peer broke, and this was noticed.
    Closed {
        /// Whose.
        peer: HostId,
    },
    /// The deadline that the host gave has come.
    Wake,
}

/// What a host does in answer to an event.
#[derive(Debug)]
pub(crate) enum Action<M> {
    Send { to: HostId, message: M, after: Duration },
    Transfer { to: HostId, tag: u64, bytes: u64 },
    Stop { to: HostId, tag: u64 },
}

/// Takes what a host wants to do.
#[derive(Debug)]
pub struct Actions<M>(pub(crate) Vec<Action<M>>);

impl<M> Actions<M> {
    /// Sends a message. It takes the latency of the two links, and none of their rate.
    pub fn send(&mut self, to: HostId, message: M) {
        self.0.push(Action::Send { to, message, after: Duration::ZERO });
    }

    /// Sends a message after a while.
    pub fn send_after(&mut self, after: Duration, to: HostId, message: M) {
        self.0.push(Action::Send { to, message, after });
    }

    /// Starts to send bytes, which share the links with other transfers. No two at once to one host by the same tag.
    pub fn transfer(&mut self, to: HostId, tag: u64, bytes: u64) {
        self.0.push(Action::Transfer { to, tag, bytes });
    }

    /// Stops a transfer; what has left arrives.
    pub fn stop(&mut self, to: HostId, tag: u64) {
        self.0.push(Action::Stop { to, tag });
    }
}

/// What a message does where hosts take several at once: see [`crate::World::gathering`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// It comes at once, and may pass those that wait.
    Passes,
    /// It comes at once, and after all that were sent before it.
    Follows,
    /// It may wait for others.
    Waits,
}

/// One host: a machine and what drives it.
pub trait Host {
    /// What hosts send each other.
    type Message;

    /// How a message comes where hosts take several at once.
    fn haste(_message: &Self::Message) -> Haste {
        Haste::Follows
    }

    /// Takes messages in that have waited, in the order in which they came.
    fn handle_gathered(
        &mut self,
        now: Time,
        messages: std::vec::Drain<'_, (HostId, Self::Message)>,
        actions: &mut Actions<Self::Message>,
    ) {
        for (from, message) in messages {
            self.handle(now, Event::Message { from, message }, actions);
        }
    }

    /// Takes an event in.
    fn handle(&mut self, now: Time, event: Event<Self::Message>, actions: &mut Actions<Self::Message>);

    /// When it wants to be woken.
    fn next_deadline(&self) -> Option<Time>;

    /// What is wrong inside, if anything is. Called after every event when the world is told to check.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// How many bytes a message has, for [`crate::Traffic`].
    fn message_bytes(_message: &Self::Message) -> u32 {
        0
    }
}
