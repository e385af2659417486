//! The one event loop that owns a ring node's machine: it gives the machine what happens, and does what it says.
//!
//! It never waits for a peer or a disk: lines, calls and files have tasks of their own, which report back.

use std::collections::HashMap;
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId, Time};
use drizzle_net::{Dialer, Expect};
use drizzle_ring::{Contact, Input, Notice, Operation, Output, Record, RecordId, Ring, Space};
use drizzle_wire::{ByeText, CardKind, Reply, RingCard, RingFailure, RingFrame};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::greet::{Introduction, Met};
use super::happening::{Command, Happening, Neighbourhood, News, RingEvent, RingPeer};
use super::host::Host;
use super::line::{Line, LineEnd, LineId, LineNews};
use super::lines::{Lines, Way};
use super::memory::Memory;
use super::vault::{Got, Vault};
use crate::membership::unix_s;

/// How many records of names go into one answer.
const LISTED_MAX: usize = drizzle_ring::RECORDS_MAX;
/// What is kept is written down so soon after a change, once for all changes in between.
const SAVE_AFTER: Duration = Duration::from_millis(500);
/// Between two times of writing it down lies so often what the last one took: who lets files come and go all the time
/// does not keep the disk busy.
const SAVE_RESTS: u32 = 20;
/// When the disk did not take it, it is tried again after so long.
const SAVE_AGAIN: Duration = Duration::from_secs(5);
/// Goodbyes take at most so long to be said.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

/// What the driver needs of the node.
pub(super) struct Means {
    pub(super) dialer: Dialer,
    pub(super) introduction: Introduction,
    pub(super) vault: Vault,
    pub(super) host: Host,
    pub(super) events: mpsc::UnboundedSender<RingEvent>,
    /// The records of files, from one start to the next.
    pub(super) memory: Memory,
    /// What is kept for others at the most.
    pub(super) file_bytes_max: u64,
}

pub(super) struct Driver {
    ring: Ring,
    space: Space,
    origin: Instant,
    means: Means,
    lines: Lines,
    operations: HashMap<Operation, mpsc::UnboundedSender<News>>,
    last_operation: u64,
    quitting: Vec<oneshot::Sender<()>>,
    happenings: mpsc::Sender<Happening>,
    has_left: bool,
    /// Since when the files that are kept are other ones than was written down.
    unsaved_since: Option<Instant>,
    saving: Saving,
    has_warned: bool,
    has_warned_of_disk: bool,
}

/// Whether what is kept is being written down.
#[derive(Clone, Copy)]
enum Saving {
    Now,
    NotBefore(Instant),
}

impl Driver {
    pub(super) fn new(
        ring: Ring,
        space: Space,
        origin: Instant,
        means: Means,
        happenings: mpsc::Sender<Happening>,
    ) -> Self {
        Self {
            ring,
            space,
            origin,
            means,
            lines: Lines::default(),
            operations: HashMap::new(),
            last_operation: 0,
            quitting: Vec::new(),
            happenings,
            has_left: false,
            unsaved_since: None,
            saving: Saving::NotBefore(origin),
            has_warned: false,
            has_warned_of_disk: false,
        }
    }

    /// Begins, with a line or without, and goes on until the node has left its ring.
    pub(super) async fn run(
        mut self,
        mut happened: mpsc::Receiver<Happening>,
        first: Option<Met>,
        begin: Input,
    ) {
        if let Some(met) = first {
            self.open(met);
        }
        self.handle(begin);
        while !self.has_left {
            let deadline = self.ring.next_deadline().map(|at| self.origin + at.since_origin());
            let save_at = match (self.saving, self.unsaved_since) {
                (Saving::NotBefore(rested), Some(since)) => Some((since + SAVE_AFTER).max(rested)),
                _ => None,
            };
            tokio::select! {
                // The driver itself holds a sender.
                Some(happening) = happened.recv() => self.take(happening),
                () = sleep_until(save_at.unwrap_or(self.origin)), if save_at.is_some() => self.save(),
                () = sleep_until(deadline.unwrap_or(self.origin)), if deadline.is_some() => {
                    self.handle(Input::Wake);
                }
            }
        }
        self.say_goodbye(happened).await;
    }

    async fn say_goodbye(mut self, mut happened: mpsc::Receiver<Happening>) {
        let mut open = self.lines.hang_up();
        let end = Instant::now() + GOODBYE_MAX;
        while !open.is_empty() || self.lines.is_calling_anybody() {
            match timeout_at(end, happened.recv()).await {
                Ok(Some(Happening::Line { line, news: LineNews::Down(_) })) => drop(open.remove(&line)),
                // A neighbour to whom there was no line is told as well.
                Ok(Some(Happening::Dialled { to, met: Ok(met) })) if met.member == Some(to) => {
                    self.open(*met);
                    open.extend(self.lines.hang_up());
                }
                Ok(Some(Happening::Dialled { to, .. })) => self.lines.call_failed(&to.peer),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        for quitting in self.quitting.drain(..) {
            // Whoever asked may be gone.
            let _ = quitting.send(());
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Called(met) => self.open(*met),
            Happening::Dialled { to, met } => match met {
                Ok(met) if met.member == Some(to) => self.open(*met),
                Ok(_) => self.unreachable(to, "somebody else is there"),
                Err(error) => self.unreachable(to, &error.to_string()),
            },
            Happening::Line { line, news: LineNews::Frame(frame) } => self.hear(line, *frame),
            Happening::Line { line, news: LineNews::Down(end) } => self.line_down(line, end),
            Happening::Command(command) => self.obey(command),
            Happening::File { blob, from, got } => self.take_file(blob, from, got),
            Happening::FileLost(blob) => self.handle(Input::BlobLost(blob)),
            Happening::FileBack(blob) => self.handle(Input::BlobArrived(blob)),
            Happening::Saved { took, is_done } => self.saved(took, is_done),
        }
    }

    fn take_file(&mut self, blob: ContentHash, from: PeerId, got: Got) {
        match got {
            Got::Here => {
                tracing::debug!(target: "drizzle::ring", ?blob, ?from, "keeps a file");
                self.has_warned_of_disk = false;
                self.handle(Input::BlobArrived(blob));
            }
            Got::NotGiven => self.handle(Input::BlobNotGiven { blob, from }),
            Got::Unwritable => {
                if !std::mem::replace(&mut self.has_warned_of_disk, true) {
                    let text = "this peer's disk is full, or cannot be written to: it keeps no more files for the ring";
                    self.tell(RingEvent::Notice(text.to_owned()));
                }
                self.handle(Input::BlobUnwritable(blob));
            }
        }
    }

    /// Writes down which files are kept, on another thread. A node that leaves has handed them over.
    fn save(&mut self) {
        self.unsaved_since = None;
        let memory = self.means.memory.clone();
        let began = Instant::now();
        let snapshot = memory.snapshot(self.ring.records());
        self.saving = Saving::Now;
        let happenings = self.happenings.clone();
        tokio::task::spawn_blocking(move || {
            let saved = memory.save(&snapshot);
            if let Err(error) = &saved {
                tracing::warn!(target: "drizzle::ring", %error, "cannot write down what is kept");
            }
            // A driver that has ended writes no more.
            let _ =
                happenings.blocking_send(Happening::Saved { took: began.elapsed(), is_done: saved.is_ok() });
        });
    }

    /// What could not be written down is written again, even when nothing changes any more: a later start knows nothing
    /// else.
    fn saved(&mut self, took: Duration, is_done: bool) {
        let mut rest = took * SAVE_RESTS;
        if !is_done {
            self.unsaved_since.get_or_insert_with(Instant::now);
            rest = rest.max(SAVE_AGAIN);
        }
        self.saving = Saving::NotBefore(Instant::now() + rest);
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        self.ring.set_unix_seconds(now, unix_s());
        self.ring.handle(now, input);
        while let Some(output) = self.ring.poll() {
            self.carry_out(output);
        }
    }

    fn now(&self) -> Time {
        Time::after_origin(self.origin.elapsed())
    }

    fn open(&mut self, met: Met) {
        let id = self.lines.next_id();
        let happenings = self.happenings.clone();
        let line =
            Line::open(met, &self.lines.backlog, happenings, move |news| Happening::Line { line: id, news });
        self.lines.add(id, line);
    }

    fn unreachable(&mut self, to: Contact, why: &str) {
        tracing::debug!(target: "drizzle::ring", ?to, why, "cannot be reached");
        self.lines.call_failed(&to.peer);
        if !self.lines.is_connected(&to.peer) {
            self.handle(Input::Unreachable(to.peer));
        }
    }

    fn hear(&mut self, id: LineId, frame: RingFrame) {
        let Some((line, wishes)) = self.lines.used(id) else { return };
        match (frame, line.member) {
            (RingFrame::Message(message), Some(from)) => self.handle(Input::Message { from, message }),
            (RingFrame::Wish(number, wish), _) => match wishes.try_acquire_owned() {
                Ok(permit) => {
                    let host = self.means.host.clone();
                    tokio::spawn(async move {
                        host.grant(&line, number, wish).await;
                        drop(permit);
                    });
                }
                Err(_) => {
                    let text = ByeText::clip("too many wishes at a time");
                    let busy = Reply::Failed { why: RingFailure::Busy, text };
                    let _ = line.say(RingFrame::Reply(number, busy));
                }
            },
            // Nobody says that here.
            _ => drop(self.lines.remove(id)),
        }
    }

    /// A line that broke is tried once more: if nobody is there, the peer is gone.
    fn line_down(&mut self, id: LineId, end: LineEnd) {
        let Some(line) = self.lines.remove(id) else { return };
        if let Some(member) = line.member
            && end == LineEnd::Broken
            && !self.lines.is_connected(&member.peer)
            && !self.lines.is_calling(&member.peer)
        {
            self.lines.calls(member.peer);
            self.call(member);
        }
    }

    fn call(&self, to: Contact) {
        let (dialer, introduction) = (self.means.dialer.clone(), self.means.introduction.clone());
        let happenings = self.happenings.clone();
        tokio::spawn(async move {
            let met = introduction.call(&dialer, &to.address.into(), Expect::Peer(to.peer)).await;
            // A driver that has ended has no use for it.
            let _ = happenings.send(Happening::Dialled { to, met: met.map(Box::new) }).await;
        });
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::LookUp { target, news } => {
                let operation = self.operation(news);
                self.handle(Input::LookUp { operation, target });
            }
            Command::Store { record, news } => {
                let operation = self.operation(news);
                self.handle(Input::Store { operation, record: *record });
            }
            Command::Request { key, news } => {
                let operation = self.operation(news);
                self.handle(Input::Request { operation, key });
            }
            Command::GiveUp => self.give_up_unheard(),
            Command::State(reply) => drop(reply.send(self.neighbourhood())),
            Command::Kept(reply) => drop(reply.send(self.kept())),
            Command::List { after, reply } => drop(reply.send(self.names(after))),
            Command::Quit(reply) => {
                self.quitting.push(reply);
                self.handle(Input::Quit);
            }
        }
    }

    /// Ends the operations whose asker has gone.
    fn give_up_unheard(&mut self) {
        let given_up: Vec<Operation> =
            self.operations.iter().filter(|(_, news)| news.is_closed()).map(|(id, _)| *id).collect();
        for operation in given_up {
            self.operations.remove(&operation);
            self.handle(Input::Cancel(operation));
        }
    }

    fn operation(&mut self, news: mpsc::UnboundedSender<News>) -> Operation {
        // Word of some may not have found room.
        self.give_up_unheard();
        self.last_operation += 1;
        let operation = Operation(self.last_operation);
        self.operations.insert(operation, news);
        operation
    }

    fn neighbourhood(&self) -> Neighbourhood {
        let (_, promised_bytes) = self.ring.promised();
        Neighbourhood {
            me: self.ring.me(),
            predecessors: self.ring.predecessors(),
            successors: self.ring.successors().to_vec(),
            is_member: self.ring.is_member(),
            records: self.ring.record_count(),
            promised_bytes,
            file_bytes_max: self.means.file_bytes_max,
        }
    }

    /// A file counts once, and when all of it has come. This looks at every record, so it is for the owner alone.
    fn kept(&self) -> (usize, u64) {
        let here = self.means.vault.here();
        let contents = self.ring.records().map(Record::content).filter(|content| !content.withdrawn);
        let files = contents.filter_map(|content| Some((content.id.subject, content.blob_bytes?)));
        let files: HashMap<ContentHash, u64> = files.filter(|(blob, _)| here.contains(blob)).collect();
        (files.len(), files.values().sum())
    }

    /// In the order of the circle, so that nothing is looked at twice, however long the list.
    fn names(&self, after: Option<RecordId>) -> (Vec<Record>, bool) {
        let behind: Box<dyn Iterator<Item = &Record> + '_> = match after {
            None => Box::new(self.ring.records()),
            Some(after) => Box::new(self.ring.records_after(after)),
        };
        // Only the first byte of a card is looked at: a guest reads the rest, and there may be tens of thousands.
        let is_name = |record: &&Record| {
            let kind = RingCard::kind_of(&record.content().value);
            !record.content().withdrawn && matches!(kind, Some(CardKind::Name | CardKind::Stored))
        };
        let mut names: Vec<Record> = behind.filter(is_name).take(LISTED_MAX + 1).cloned().collect();
        let has_more = names.len() > LISTED_MAX;
        names.truncate(LISTED_MAX);
        (names, has_more)
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { to, message } => {
                if let Way::Call = self.lines.say(to, message) {
                    self.call(to);
                }
            }
            Output::Joined => self.tell(RingEvent::Joined),
            Output::JoinFailed(error) => {
                self.has_left = true;
                self.tell(RingEvent::JoinFailed(error));
            }
            Output::Left => {
                self.has_left = true;
                self.tell(RingEvent::Left);
            }
            Output::Neighbours { predecessors, successors } => {
                self.warn_of_loopback(predecessors.iter().chain(&successors));
                self.tell(RingEvent::Neighbours {
                    me: self.peer(self.ring.me()),
                    predecessors: RingPeer::all_of(self.space, predecessors),
                    successors: RingPeer::all_of(self.space, successors),
                });
            }
            Output::Noticed(notice) => self.notice(notice),
            Output::Hop { operation, from, to } => self.progress(operation, News::Hop { from, to }),
            Output::Found { operation, owners, .. } => self.end(operation, News::Found { owners }),
            Output::Stored { operation, at } => self.end(operation, News::Stored { at }),
            Output::Received { operation, from, records } => {
                self.end(operation, News::Received { from, records });
            }
            Output::Failed { operation, error } => self.end(operation, News::Failed(error)),
            Output::FetchBlob { blob, bytes, from } => {
                self.unsaved_since.get_or_insert_with(Instant::now);
                let own = (from == self.ring.me()).then_some(());
                let (vault, happenings) = (self.means.vault.clone(), self.happenings.clone());
                tokio::spawn(async move {
                    let got = match own {
                        Some(()) => vault.keep_own(blob).await,
                        None => vault.fetch(blob, bytes, from).await,
                    };
                    let from = from.peer;
                    let _ = happenings.send(Happening::File { blob, from, got }).await;
                });
            }
            Output::DropBlob(blob) => {
                self.unsaved_since.get_or_insert_with(Instant::now);
                self.means.vault.release(blob);
            }
        }
    }

    /// A member that others cannot call takes a place in the ring, and nobody comes past it.
    fn warn_of_loopback<'a>(&mut self, mut others: impl Iterator<Item = &'a Contact>) {
        let me = self.ring.me().address.ip();
        if !self.has_warned && me.is_loopback() && others.any(|other| !other.address.ip().is_loopback()) {
            self.has_warned = true;
            let text = "this peer listens on loopback alone, and members on other machines cannot call it: give it \
                another --listen";
            self.tell(RingEvent::Notice(text.to_owned()));
        }
    }

    fn progress(&mut self, operation: Operation, news: News) {
        if let Some(sink) = self.operations.get(&operation) {
            // Whoever asked may be gone; the operation ends all the same.
            let _ = sink.send(news);
        }
    }

    fn end(&mut self, operation: Operation, news: News) {
        self.progress(operation, news);
        self.operations.remove(&operation);
    }

    fn notice(&mut self, notice: Notice) {
        let id = |contact: Contact| self.peer(contact).id;
        let text = match notice {
            Notice::Alive { peer, round_trip } => {
                return self.tell(RingEvent::Pong { peer: self.peer(peer), round_trip });
            }
            Notice::Missed(peer) => format!("peer {} missed a ping", id(peer)),
            Notice::Gone(peer) => format!("peer {} is gone without a word", id(peer)),
            Notice::Quit(peer) => format!("peer {} left", id(peer)),
            Notice::Reuniting(peer) => {
                format!("another part of the ring was found through peer {}", id(peer))
            }
        };
        self.tell(RingEvent::Notice(text));
    }

    fn peer(&self, contact: Contact) -> RingPeer {
        RingPeer::of(self.space, contact)
    }

    fn tell(&self, event: RingEvent) {
        // Nobody listening is no reason to stop.
        let _ = self.means.events.send(event);
    }
}
