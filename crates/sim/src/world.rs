//! The world: hosts, their links, and what is on its way between them.
//!
//! Messages take the latency of the two links, and no rate: they are small. Transfers take the links' rates as well
//! ([`crate::transfer`]). What the world does not model: bottlenecks between the links, and messages that wait behind data.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use drizzle_model::Time;

use crate::host::{Action, Actions, Event, Haste, Host, HostId};
use crate::inbox::Inbox;
use crate::link::Link;
use crate::queue::Queue;
use crate::random::{Random, mix};
use crate::transfers::Transfers;

/// What becomes of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// They come in order and none is lost; one that cannot get through now comes when it can, as over TCP.
    Stream,
    /// They are lost, and pass each other, as over UDP.
    Datagram,
}

/// What a host has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Their bytes, as [`Host::message_bytes`] counts them.
    pub message_bytes: u64,
    /// Bytes of transfers that left.
    pub transfer_bytes: u64,
}

/// A law that was broken, with the seed that shows it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: host {host} at {at_ms} ms: {what}", host = host.0, at_ms = at.since_origin().as_millis())]
pub struct Failure {
    /// The world's seed.
    pub seed: u64,
    /// When.
    pub at: Time,
    /// Where.
    pub host: HostId,
    /// What was wrong.
    pub what: String,
}

pub(crate) enum Happening<M> {
    Deliver { to: HostId, event: Event<M> },
    Send { from: HostId, to: HostId, message: M },
    Wake { host: HostId },
    Gathered { host: HostId },
    UplinkDone { host: HostId, transfer: u32, bytes: u32 },
    AtDownlink { transfer: u32, bytes: u32 },
    Through { transfer: u32, bytes: u32 },
}

/// How a host is reached.
struct Way {
    latency_ns: u64,
    /// Hosts of different groups cannot reach each other.
    group: u32,
}

pub(crate) struct Place<H: Host> {
    host: H,
    is_up: bool,
    pub(crate) link: Link,
    wake_at: Option<Time>,
    inbox: Inbox<H::Message>,
    /// Transfers that have a segment to send, in turn.
    pub(crate) ready: VecDeque<u32>,
    pub(crate) is_uplink_busy: bool,
    pub(crate) downlink_free_ns: u64,
    pub(crate) traffic: Traffic,
}

/// Hosts that live in virtual time.
pub struct World<H: Host> {
    seed: u64,
    delivery: Delivery,
    pub(crate) segment_bytes: u32,
    /// Messages that may wait come at multiples of this time; 0: at once.
    gather_ns: u64,
    is_checking: bool,
    pub(crate) now_ns: u64,
    random: Random,
    pub(crate) queue: Queue<Happening<H::Message>>,
    pub(crate) places: Vec<Place<H>>,
    /// Of each host, what every message to it asks for: apart from all else, so that it stays in the processor's cache.
    ways: Vec<Way>,
    pub(crate) transfers: Transfers,
    /// What could not get through, to be sent again when the network is whole.
    pub(crate) held: Vec<Happening<H::Message>>,
    actions: Vec<Action<H::Message>>,
    gathered: Vec<(HostId, H::Message)>,
    failure: Option<Failure>,
    digest: u64,
    events: u64,
}

impl<H: Host> World<H> {
    /// An empty world.
    pub fn new(seed: u64, delivery: Delivery) -> Self {
        Self {
            seed,
            delivery,
            segment_bytes: 64 << 10,
            gather_ns: 0,
            is_checking: false,
            now_ns: 0,
            random: Random::new(seed),
            queue: Queue::new(),
            places: Vec::new(),
            ways: Vec::new(),
            transfers: Transfers::default(),
            held: Vec::new(),
            actions: Vec::new(),
            gathered: Vec::new(),
            failure: None,
            digest: mix(seed),
            events: 0,
        }
    }

    /// Sets the size of the segments that transfers are cut into: small for truth, large for speed.
    pub fn segment_bytes(mut self, bytes: u32) -> Self {
        self.segment_bytes = bytes.max(1);
        self
    }

    /// Lets messages that are in no haste wait for each other, at most so long.
    pub fn gathering(mut self, span: Duration) -> Self {
        self.gather_ns = span.as_nanos() as u64;
        self
    }

    /// Has every host check itself after each of its events.
    pub fn checking(mut self) -> Self {
        self.is_checking = true;
        self
    }

    /// Adds a host, which starts now.
    pub fn add(&mut self, host: H, link: Link) -> HostId {
        let id = HostId(self.places.len() as u32);
        self.ways.push(Way { latency_ns: link.latency.as_nanos() as u64, group: 0 });
        self.places.push(Place {
            host,
            is_up: true,
            link,
            wake_at: None,
            inbox: Inbox::default(),
            ready: VecDeque::new(),
            is_uplink_busy: false,
            downlink_free_ns: 0,
            traffic: Traffic::default(),
        });
        self.inject(id, Event::Started);
        id
    }

    /// The time it is.
    pub fn now(&self) -> Time {
        Time::after_origin(Duration::from_nanos(self.now_ns))
    }

    /// The seed that replays this world.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The world's own random numbers, for scenarios.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// How many events were handled.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A number in which every event that was handled has its part: the same for the same run.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// All hosts, up or not.
    pub fn ids(&self) -> impl Iterator<Item = HostId> + use<H> {
        (0..self.places.len() as u32).map(HostId)
    }

    /// One host.
    ///
    /// # Panics
    /// If it was never added.
    pub fn host(&self, id: HostId) -> &H {
        &self.places[id.position()].host
    }

    /// Whether a host is up.
    pub fn is_up(&self, id: HostId) -> bool {
        self.places.get(id.position()).is_some_and(|place| place.is_up)
    }

    /// What a host has sent so far.
    pub fn traffic(&self, id: HostId) -> Traffic {
        self.places[id.position()].traffic
    }

    /// Lets a host do something now: `action` gets it with the time and a place for what it sends.
    pub fn with<R>(
        &mut self,
        id: HostId,
        action: impl FnOnce(&mut H, Time, &mut Actions<H::Message>) -> R,
    ) -> R {
        let now = self.now();
        let mut actions = Actions(std::mem::take(&mut self.actions));
        let result = action(&mut self.places[id.position()].host, now, &mut actions);
        self.after_handling(id, actions);
        result
    }

    /// Lets an event happen to a host now, if it is up.
    pub fn inject(&mut self, id: HostId, event: Event<H::Message>) {
        self.queue.push(self.now_ns, Happening::Deliver { to: id, event });
    }

    /// Lets an event happen to a host after a while, if it is up then.
    pub fn inject_after(&mut self, after: Duration, id: HostId, event: Event<H::Message>) {
        self.queue.push(self.now_ns + after.as_nanos() as u64, Happening::Deliver { to: id, event });
    }

    /// A host vanishes without a word, and its transfers with it.
    pub fn crash(&mut self, id: HostId) {
        let place = &mut self.places[id.position()];
        place.is_up = false;
        place.wake_at = None;
        place.inbox.clear();
        self.transfers.crash(id);
    }

    /// A host that crashed comes up again, as `host`.
    pub fn restart(&mut self, id: HostId, host: H) {
        let place = &mut self.places[id.position()];
        (place.host, place.is_up) = (host, true);
        self.inject(id, Event::Started);
    }

    /// Changes a host's link from now on.
    pub fn set_link(&mut self, id: HostId, link: Link) {
        self.places[id.position()].link = link;
        self.ways[id.position()].latency_ns = link.latency.as_nanos() as u64;
    }

    /// Puts a host into a group: hosts of different groups do not reach each other until [`World::heal`].
    pub fn cut_off(&mut self, id: HostId, group: u32) {
        self.ways[id.position()].group = group;
    }

    /// Makes the network whole again.
    pub fn heal(&mut self) {
        self.ways.iter_mut().for_each(|way| way.group = 0);
        for happening in std::mem::take(&mut self.held) {
            self.queue.push(self.now_ns, happening);
        }
    }

    /// Runs until a time; an error if a host's check fails.
    pub fn run_until(&mut self, end: Time) -> Result<(), Failure> {
        self.run_while(end, |_| true)
    }

    /// Runs as long as `goes_on` says so after an event, at most until a time.
    pub fn run_while(&mut self, end: Time, mut goes_on: impl FnMut(&Self) -> bool) -> Result<(), Failure> {
        let end_ns = end.since_origin().as_nanos() as u64;
        while self.queue.next_ns().is_some_and(|next| next <= end_ns) {
            let stays = self.step();
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if stays && !goes_on(self) {
                return Ok(());
            }
        }
        self.now_ns = self.now_ns.max(end_ns);
        Ok(())
    }

    /// Lets the next thing happen; says whether a host was told of it.
    fn step(&mut self) -> bool {
        let Some((at_ns, happening)) = self.queue.pop() else { return false };
        self.now_ns = at_ns;
        match happening {
            Happening::Deliver { to, event } => self.deliver(to, event),
            Happening::Send { from, to, message } => self.is_up(from) && self.send(from, to, message),
            Happening::Wake { host } => self.wake(host),
            Happening::Gathered { host } => self.gathered(host),
            Happening::UplinkDone { host, transfer, bytes } => self.uplink_done(host, transfer, bytes),
            Happening::AtDownlink { transfer, bytes } => self.at_downlink(transfer, bytes),
            Happening::Through { transfer, bytes } => self.through(transfer, bytes),
        }
    }

    pub(crate) fn deliver(&mut self, to: HostId, event: Event<H::Message>) -> bool {
        let now = self.now();
        if let Event::Message { message, .. } = &event
            && H::haste(message) == Haste::Follows
            && self.places.get(to.position()).is_some_and(|place| !place.inbox.is_empty())
        {
            self.hand_over(to);
        }
        let Some(place) = self.places.get_mut(to.position()).filter(|place| place.is_up) else {
            return false;
        };
        self.events += 1;
        self.digest = mix(self.digest ^ self.now_ns ^ (u64::from(to.0) << 40) ^ fingerprint(&event));
        let mut actions = Actions(std::mem::take(&mut self.actions));
        place.host.handle(now, event, &mut actions);
        self.after_handling(to, actions);
        true
    }

    fn after_handling(&mut self, id: HostId, mut actions: Actions<H::Message>) {
        let place = &mut self.places[id.position()];
        if self.is_checking
            && let Err(what) = place.host.check()
        {
            let at = Time::after_origin(Duration::from_nanos(self.now_ns));
            self.failure = Some(Failure { seed: self.seed, at, host: id, what });
        }
        if let Some(at) = place.host.next_deadline()
            && place.wake_at.is_none_or(|wake_at| at < wake_at)
        {
            place.wake_at = Some(at);
            let at_ns = (at.since_origin().as_nanos() as u64).max(self.now_ns);
            self.queue.push(at_ns, Happening::Wake { host: id });
        }
        for action in actions.0.drain(..) {
            self.act(id, action);
        }
        self.actions = actions.0;
    }

    fn wake(&mut self, id: HostId) -> bool {
        let now = self.now();
        let place = &mut self.places[id.position()];
        // The host may have put its deadline off since, or another wake may have come before.
        if !place.is_up || place.wake_at.is_none_or(|at| at > now) {
            return false;
        }
        place.wake_at = None;
        match place.host.next_deadline() {
            Some(at) if at <= now => self.deliver(id, Event::Wake),
            Some(at) => {
                place.wake_at = Some(at);
                self.queue.push(at.since_origin().as_nanos() as u64, Happening::Wake { host: id });
                false
            }
            None => false,
        }
    }

    fn act(&mut self, from: HostId, action: Action<H::Message>) {
        match action {
            Action::Send { to, message, after } if after.is_zero() => _ = self.send(from, to, message),
            Action::Send { to, message, after } => {
                let at_ns = self.now_ns + after.as_nanos() as u64;
                self.queue.push(at_ns, Happening::Send { from, to, message });
            }
            Action::Transfer { to, tag, bytes } => self.start_transfer(from, to, tag, bytes),
            Action::Stop { to, tag } => self.stop_transfer(from, to, tag),
        }
    }

    fn send(&mut self, from: HostId, to: HostId, message: H::Message) -> bool {
        let traffic = &mut self.places[from.position()].traffic;
        traffic.messages += 1;
        traffic.message_bytes += u64::from(H::message_bytes(&message));
        let mut delay_ns = self.latency_ns(from, to);
        if self.delivery == Delivery::Datagram {
            if self.is_lost(from) || self.is_lost(to) || !self.can_reach(from, to) {
                return false;
            }
            delay_ns += self.jitter_ns(from) + self.jitter_ns(to);
        } else if !self.can_reach(from, to) {
            self.held.push(Happening::Send { from, to, message });
            return false;
        }
        if self.gather_ns > 0 && H::haste(&message) == Haste::Waits {
            self.let_wait(from, to, message, self.now_ns + delay_ns);
            return false;
        }
        let event = Event::Message { from, message };
        self.queue.push(self.now_ns + delay_ns, Happening::Deliver { to, event });
        false
    }

    fn let_wait(&mut self, from: HostId, to: HostId, message: H::Message, at_ns: u64) {
        let place = &mut self.places[to.position()];
        if place.is_up {
            place.inbox.push(at_ns, from, message);
            self.wake_for_inbox(to, at_ns);
        }
    }

    fn wake_for_inbox(&mut self, host: HostId, at_ns: u64) {
        let place = &mut self.places[host.position()];
        if !std::mem::replace(&mut place.inbox.is_due, true) {
            self.queue.push(at_ns.next_multiple_of(self.gather_ns), Happening::Gathered { host });
        }
    }

    /// It is time for the messages that waited for a host.
    fn gathered(&mut self, host: HostId) -> bool {
        self.places[host.position()].inbox.is_due = false;
        let is_told = self.hand_over(host);
        if let Some(first_ns) = self.places[host.position()].inbox.first_ns() {
            self.wake_for_inbox(host, first_ns);
        }
        is_told
    }

    /// Hands a host the messages that have come and waited for it.
    fn hand_over(&mut self, to: HostId) -> bool {
        let now = self.now();
        let mut gathered = std::mem::take(&mut self.gathered);
        let place = &mut self.places[to.position()];
        place.inbox.take(self.now_ns, &mut gathered);
        if !place.is_up || gathered.is_empty() {
            gathered.clear();
            self.gathered = gathered;
            return false;
        }
        for (from, _) in &gathered {
            self.digest =
                mix(self.digest ^ self.now_ns ^ (u64::from(to.0) << 40) ^ (2 | u64::from(from.0) << 8));
        }
        self.events += gathered.len() as u64;
        let mut actions = Actions(std::mem::take(&mut self.actions));
        place.host.handle_gathered(now, gathered.drain(..), &mut actions);
        self.gathered = gathered;
        self.after_handling(to, actions);
        true
    }

    fn is_lost(&mut self, id: HostId) -> bool {
        let ppm = self.places[id.position()].link.loss_ppm;
        self.random.chance_ppm(ppm)
    }

    fn jitter_ns(&mut self, id: HostId) -> u64 {
        match self.places[id.position()].link.jitter.as_nanos() as u64 {
            0 => 0,
            jitter => self.random.below(jitter),
        }
    }

    pub(crate) fn latency_ns(&self, from: HostId, to: HostId) -> u64 {
        self.ways[from.position()].latency_ns + self.ways[to.position()].latency_ns
    }

    pub(crate) fn can_reach(&self, from: HostId, to: HostId) -> bool {
        self.ways[from.position()].group == self.ways[to.position()].group
    }
}

/// What of an event goes into the digest.
fn fingerprint<M>(event: &Event<M>) -> u64 {
    match event {
        Event::Started => 1,
        Event::Message { from, .. } => 2 | u64::from(from.0) << 8,
        Event::Arrived { from, tag, bytes, .. } => {
            3 | u64::from(from.0) << 8 ^ tag << 20 ^ u64::from(*bytes) << 3
        }
        Event::Sent { to, tag } => 4 | u64::from(to.0) << 8 ^ tag << 20,
        Event::Closed { peer } => 5 | u64::from(peer.0) << 8,
        Event::Wake => 6,
    }
}

impl<H: Host> fmt::Debug for World<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .field("hosts", &self.places.len())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
