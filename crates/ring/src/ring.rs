//! A node of the ring: everything put together, behind `handle`, `poll` and `next_deadline`.
//!
//! ```text
//!     outside --Form--> member --Quit--> leaving --told its neighbours--> left
//!        |                ^
//!        `--Join--> joining (look up the own place, take the predecessor's list)
//!                     `--taken, or no answer--> outside
//! ```
//!
//! What keeps the ring is in `upkeep`, what seeks in `seek`, what the user asked for in `jobs`, what keeps the records
//! where they belong in `keep`, and what answers others in `answer`. These only add to [`Ring`]; what its fields are
//! made of is in `purpose`, `stage`, `task`, `replicas` and `counted`, which know nothing of it.

mod answer;
mod counted;
mod jobs;
mod join;
mod keep;
mod purpose;
mod replicas;
mod reunite;
mod seek;
mod stage;
mod task;
mod upkeep;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use drizzle_model::{PeerId, Time};

use crate::acquaintances::Acquaintances;
use crate::blobs::{BlobWork, Source};
use crate::calls::{Call, Calls, Overdue, Tries};
use crate::config::Config;
use crate::contact::Contact;
use crate::event::{Input, Notice, Operation, Output};
use crate::fingers::Fingers;
use crate::message::{Answer, Ask, CONTACTS_MAX, CallId, Message, Tell};
use crate::neighbours::{Neighbours, View};
use crate::position::{Arc, Position};
use crate::random::Random;
use crate::record::{Record, RecordId};
use crate::search::Search;
use crate::shelf::Shelf;

use self::counted::Counted;
use self::purpose::{AIMS_MAX, Aim, Purpose};
use self::replicas::Replicas;
use self::stage::Stage;
use self::task::{JOBS_MAX, Job};

/// When what comes again comes next.
#[derive(Debug, Clone, Copy)]
struct Timers {
    join: Option<Time>,
    stabilize: Time,
    finger: Time,
    reunite: Time,
    compare: Time,
    jobs: Option<Time>,
}

/// What was last told of the neighbours, with a version that others compare.
#[derive(Debug)]
struct Shown {
    version: u64,
    predecessor: Option<Contact>,
    predecessors: Vec<Contact>,
    successors: Vec<Contact>,
}

/// One that said goodbye a moment ago.
#[derive(Debug)]
struct Departed {
    peer: PeerId,
    until: Time,
    /// It has spoken since, so it is there; that it left is not told again so soon.
    is_back: bool,
}

/// A node of the ring.
#[derive(Debug)]
pub struct Ring {
    config: Config,
    random: Random,
    stage: Stage,
    through: Vec<Contact>,
    neighbours: Neighbours<Contact>,
    /// Those before the predecessor, as it tells them.
    further_before: Vec<Contact>,
    heard_predecessor: Time,
    last_stabilized: Time,
    /// The first successor's last full answer, with its version.
    seen: Option<(PeerId, u64, View<Contact>)>,
    shown: Shown,
    fingers: Fingers,
    calls: Calls<Purpose>,
    searches: BTreeMap<u64, (Search, Aim)>,
    next_search: u64,
    jobs: BTreeMap<Operation, Job>,
    shelf: Shelf,
    replicas: Replicas,
    counted: Counted,
    /// Those who said goodbye, until so long after: others may not have heard it yet, and name them.
    departed: Vec<Departed>,
    old: Acquaintances,
    last_reunited: Option<Time>,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl Ring {
    /// A node that is in no ring.
    pub fn new(now: Time, config: Config) -> Self {
        let config = config.bounded();
        let mut random = Random::from_seed(config.seed);
        let timers =
            Timers { join: None, stabilize: now, finger: now, reunite: now, compare: now, jobs: None };
        Self {
            stage: Stage::Outside,
            through: Vec::new(),
            neighbours: Neighbours::outside(config.me, config.successors),
            further_before: Vec::new(),
            heard_predecessor: now,
            last_stabilized: now,
            seen: None,
            // A node that comes back must not give its versions again: others may remember what they stood for.
            shown: Shown {
                version: random.next(),
                predecessor: None,
                predecessors: Vec::new(),
                successors: Vec::new(),
            },
            fingers: Fingers::new(config.space, config.me.position),
            calls: Calls::new(random.next()),
            searches: BTreeMap::new(),
            next_search: 0,
            jobs: BTreeMap::new(),
            shelf: Shelf::new(config.space, config.quotas.clone()),
            replicas: Replicas::default(),
            counted: Counted::none(now),
            departed: Vec::new(),
            old: Acquaintances::default(),
            last_reunited: None,
            timers,
            outputs: VecDeque::new(),
            random,
            config,
        }
    }

    /// Takes in what happened at `now`. Afterwards, [`Self::poll`] until it gives nothing.
    pub fn handle(&mut self, now: Time, input: Input) {
        if self.stage == Stage::Left {
            return;
        }
        self.departed.retain(|one| one.until > now);
        match input {
            Input::Wake => {}
            Input::Message { from, message } => self.take_message(now, from, message),
            Input::Unreachable(peer) => self.unreachable(now, peer),
            Input::Form { others } => self.form(now, &others),
            Input::Join { through } => self.begin_join(now, through),
            Input::Quit => self.quit(now),
            Input::LookUp { operation, target } => self.begin_look_up(now, operation, target),
            Input::Store { operation, record } => self.begin_store(now, operation, record),
            Input::Request { operation, key } => self.begin_request(now, operation, key),
            Input::Cancel(operation) => self.cancel(operation),
            Input::BlobArrived(blob) => self.blob_arrived(now, blob),
            Input::BlobLost(blob) => self.blob_lost(now, blob),
            Input::BlobUnwritable(blob) => self.shelf.blobs().unwritable(now, blob),
            Input::BlobNotGiven { blob, from } => self.shelf.blobs().not_given(blob, from),
        }
        self.take_deadlines(now);
        self.show_changes(now);
    }

    /// Says what the wall clock shows at `now`. The clock of `now` may stand still while a machine sleeps, and the wall
    /// clock may be set; leases end by the latter.
    pub fn set_unix_seconds(&mut self, now: Time, unix_seconds: u64) {
        self.config.unix_seconds_at_origin = unix_seconds.saturating_sub(now.since_origin().as_secs());
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        self.shelf.next_work().map(|work| match work {
            BlobWork::Fetch(blob, Source { bytes, from }) => Output::FetchBlob { blob, bytes, from },
            BlobWork::Drop(blob) => Output::DropBlob(blob),
        })
    }

    /// When to call [`Self::handle`] with [`Input::Wake`], if nothing happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        let timers = self.timers;
        let of_stage = match self.stage {
            Stage::Left => return None,
            Stage::Outside => [None; 4],
            Stage::Joining { .. } => [timers.join, None, None, None],
            Stage::Member => {
                [Some(timers.stabilize), Some(timers.finger), Some(timers.reunite), Some(timers.compare)]
            }
            Stage::Leaving { until } => [Some(until), Some(timers.compare), None, None],
        };
        of_stage.into_iter().flatten().chain(self.calls.next_deadline()).chain(timers.jobs).min()
    }

    /// Whether this node is in the ring.
    pub fn is_member(&self) -> bool {
        self.neighbours.is_member()
    }

    /// This node.
    pub fn me(&self) -> Contact {
        self.config.me
    }

    /// Those before this node, the closest first.
    pub fn predecessors(&self) -> Vec<Contact> {
        let mut before: Vec<Contact> =
            self.neighbours.predecessor().into_iter().chain(self.further_before.iter().copied()).collect();
        before.truncate(self.config.replicas + 1);
        before
    }

    /// Those after this node, the closest first.
    pub fn successors(&self) -> &[Contact] {
        self.neighbours.successors()
    }

    /// Records here that name a file, and the bytes of all those files, whether they have come or not: what quotas
    /// count.
    pub fn promised(&self) -> (usize, u64) {
        self.shelf.promised()
    }

    /// How many records this node keeps.
    pub fn record_count(&self) -> usize {
        self.shelf.len()
    }

    /// The records that this node keeps.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.shelf.records()
    }

    /// The records that this node keeps behind one, in the order of the circle.
    pub fn records_after(&self, id: RecordId) -> impl Iterator<Item = &Record> {
        self.shelf.records_after(id)
    }

    /// Recounts everything; an error is a bug.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        self.calls.check()?;
        self.shelf.check()?;
        let me = self.config.me;
        let list = self.neighbours.successors();
        if list.len() > self.config.successors || list.contains(&me) {
            return Err("the successor list is too long, or names its owner");
        }
        let space = self.config.space;
        if !list.is_sorted_by_key(|entry| space.distance(me.position, entry.position)) {
            return Err("the successor list does not go clockwise");
        }
        let is_waiting = self.neighbours.asked().is_some();
        let has_call = self.calls.any(|call| matches!(call.purpose, Purpose::Stabilize | Purpose::Join));
        if is_waiting != has_call {
            return Err("a query about the neighbours and its call must be open together");
        }
        let aims = self.searches.values().filter(|(_, aim)| !matches!(aim, Aim::Operation(_))).count();
        if aims > AIMS_MAX || self.jobs.len() > JOBS_MAX {
            return Err("too many look-ups or jobs are open");
        }
        Ok(())
    }

    fn take_message(&mut self, now: Time, from: Contact, message: Message) {
        if from.peer == self.config.me.peer || !self.config.space.contains(from.position) {
            return;
        }
        if self.neighbours.predecessor() == Some(from) {
            self.heard_predecessor = now;
        }
        // Who left and speaks has come back.
        if matches!(message, Message::Ask(..)) {
            self.departed.iter_mut().filter(|one| one.peer == from.peer).for_each(|one| one.is_back = true);
        }
        match message {
            Message::Ask(id, ask) => {
                let answer = self.answer(now, from, ask);
                self.send(from, Message::Answer(id, answer));
            }
            Message::Answer(id, answer) => self.take_answer(now, from, id, answer),
            Message::Tell(tell) => self.take_notice(now, from, tell),
        }
    }

    fn take_answer(&mut self, now: Time, from: Contact, id: CallId, answer: Answer) {
        let Some((call, round_trip)) = self.calls.answered(now, id, from.peer) else { return };
        let Call { to, ask, purpose, .. } = call;
        match purpose {
            Purpose::Join => self.join_answered(now, to, answer),
            Purpose::CheckTwin => self.twin_lives(to, &answer),
            Purpose::Stabilize => self.stabilize_answered(now, to, round_trip, answer),
            Purpose::Ping => self.ping_answered(now, to, round_trip, &answer),
            Purpose::CheckPredecessor { notifier } => self.predecessor_answered(now, to, notifier, &answer),
            Purpose::Route(search) | Purpose::Owner(search) => self.search_answered(now, search, to, answer),
            Purpose::Put(operation) => self.put_answered(now, operation, to, &answer),
            Purpose::Get(operation) => self.get_answered(now, operation, to, answer),
            Purpose::Compare(arc) => self.compare_answered(now, to, arc, &ask, answer),
            Purpose::HandOver => self.handed_over(&ask, &answer),
            Purpose::Pull => self.pulled(now, to, answer),
            Purpose::Settle => self.settled(now, to, &ask, &answer),
        }
    }

    fn take_notice(&mut self, now: Time, from: Contact, tell: Tell) {
        match tell {
            Tell::Notify { predecessors } => self.notified(now, from, predecessors),
            Tell::Stabilize => self.stabilize_soon(now),
            Tell::Quit => self.peer_quit(now, from),
            Tell::Merge(contact) => self.hear_of_other_ring(now, contact),
        }
    }

    fn call_failed(&mut self, now: Time, call: Call<Purpose>) {
        match call.purpose {
            Purpose::Join => self.join_unanswered(now, call.to),
            Purpose::CheckTwin => self.try_join_again(now),
            Purpose::Stabilize | Purpose::Ping => self.peer_gone(now, call.to),
            Purpose::CheckPredecessor { notifier } => self.predecessor_gone(now, call.to, notifier),
            Purpose::Route(search) | Purpose::Owner(search) => self.search_unanswered(now, search, call.to),
            Purpose::Put(operation) => self.put_unanswered(now, operation, call.to),
            Purpose::Get(operation) => self.get_unanswered(now, operation),
            Purpose::Compare(_) | Purpose::HandOver | Purpose::Pull | Purpose::Settle => {}
        }
    }

    fn take_deadlines(&mut self, now: Time) {
        while let Some(overdue) = self.calls.overdue(now) {
            match overdue {
                Overdue::Retry { id, to, ask, purpose } => {
                    self.send(to, Message::Ask(id, ask));
                    self.call_missed(now, to, purpose);
                }
                Overdue::Failed(call) => self.call_failed(now, call),
            }
        }
        match self.stage {
            Stage::Joining { .. } => self.join_on_time(now),
            Stage::Member => {
                self.upkeep_on_time(now);
                self.keep_on_time(now);
            }
            Stage::Leaving { .. } => self.leave_on_time(now),
            Stage::Outside | Stage::Left => {}
        }
        self.jobs_on_time(now);
    }

    fn unreachable(&mut self, now: Time, peer: PeerId) {
        for neighbour in self.known_places(peer) {
            self.peer_gone(now, neighbour);
        }
        for asked in self.calls.places_of(peer) {
            self.remove_peer(now, asked);
        }
    }

    /// Where this node has a peer among its neighbours and fingers.
    fn known_places(&self, peer: PeerId) -> Vec<Contact> {
        let known = self.neighbours.successors().iter().copied();
        let known = known.chain(self.neighbours.predecessor()).chain(self.fingers.contacts());
        let mut places: Vec<Contact> = known.filter(|one| one.peer == peer).collect();
        places.sort_by_key(|one| one.position);
        places.dedup();
        places
    }

    /// Tells of new neighbours, and sees that what is kept follows them.
    fn show_changes(&mut self, now: Time) {
        if self.is_shown() && self.predecessors() == self.shown.predecessors {
            return;
        }
        self.shown.version = self.shown.version.wrapping_add(1);
        self.shown.predecessor = self.neighbours.predecessor();
        self.shown.predecessors = self.predecessors();
        self.shown.successors = self.successors().to_vec();
        let (predecessors, successors) = (self.shown.predecessors.clone(), self.shown.successors.clone());
        self.outputs.push_back(Output::Neighbours { predecessors, successors });
        self.compare_soon(now);
    }

    /// Whether what others are told under the present version is what is so.
    fn is_shown(&self) -> bool {
        self.shown.predecessor == self.neighbours.predecessor()
            && self.shown.successors == self.neighbours.successors()
    }

    fn ask(&mut self, now: Time, to: Contact, ask: Ask, purpose: Purpose, tries: Tries) {
        let id = self.calls.open(now, to, ask.clone(), purpose, tries);
        self.send(to, Message::Ask(id, ask));
    }

    fn tell(&mut self, to: Contact, tell: Tell) {
        self.send(to, Message::Tell(tell));
    }

    fn send(&mut self, to: Contact, message: Message) {
        self.outputs.push_back(Output::Send { to, message });
    }

    fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Noticed(notice));
    }

    /// What of a view is worth believing: contacts that can exist, and not too many.
    fn sound_view(&self, predecessor: Option<Contact>, successors: Vec<Contact>) -> View<Contact> {
        let space = self.config.space;
        let predecessor = predecessor.filter(|one| space.contains(one.position) && !self.has_departed(*one));
        View { predecessor, successors: self.sound(successors) }
    }

    fn sound(&self, mut contacts: Vec<Contact>) -> Vec<Contact> {
        contacts.truncate(CONTACTS_MAX);
        contacts.retain(|one| self.config.space.contains(one.position) && !self.has_departed(*one));
        contacts
    }

    fn has_departed(&self, who: Contact) -> bool {
        self.departed.iter().any(|one| one.peer == who.peer && !one.is_back)
    }

    fn unix_seconds(&self, now: Time) -> u64 {
        self.config.unix_seconds_at_origin.saturating_add(now.since_origin().as_secs())
    }

    /// The part of the circle that belongs to this node; unknown while its predecessor is.
    fn own_arc(&self) -> Option<Arc> {
        let me = self.config.me.position;
        self.neighbours.predecessor().map(|before| Arc { after: before.position, until: me })
    }

    fn owns(&self, position: Position) -> bool {
        match self.own_arc() {
            Some(arc) => arc.contains(position),
            None => self.neighbours.successors().is_empty(),
        }
    }
}
