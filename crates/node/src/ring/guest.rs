//! A guest's way into a ring: a line to one member that asks the ring on its behalf, and to another when that one is
//! gone.
//!
//! `asking` is the line, `members` are those whom it can lead to; `walk` goes from one to the next, for what no single
//! member knows.

mod asking;
mod members;
mod walk;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drizzle_model::Address;
use drizzle_net::{Dialer, Expect};
use drizzle_ring::{Contact, Key, Offered, Record, Space};
use drizzle_wire::{Reply, Wish};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::backlog::Backlog;
use super::error::RingError;
use super::greet::{GreetError, Introduction};
use super::near::Near;
use crate::event::Event;
use asking::{ANSWER_MAX, GuestLine, near_of, unexpected};
use members::{MEMBERS_MAX, Members};

/// Members that are tried for one question before it fails, one after the other was gone.
const UNREACHABLE_MAX: usize = 2;
/// How often somebody is asked again who is joining, after which pause: a join takes a second or two.
const JOINING_MAX: usize = 10;
const MOMENT: Duration = Duration::from_millis(500);
/// To keep a file means to fetch it several times.
const KEEP_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// A guest. Clones are the same.
#[derive(Clone)]
pub(crate) struct Guest {
    inner: Arc<Inner>,
}

struct Inner {
    dialer: Dialer,
    introduction: Introduction,
    backlog: Backlog,
    events: mpsc::UnboundedSender<Event>,
    members: Mutex<Members>,
    /// Held while one is being opened, so that many questions at once open one.
    line: tokio::sync::Mutex<Option<GuestLine>>,
}

/// What is stored under a key.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) by: Contact,
    pub(crate) keepers: Vec<Contact>,
    pub(crate) records: Vec<Offered>,
}

impl Guest {
    /// A guest that knows these members. Nothing is sent yet.
    pub(crate) fn new(
        dialer: Dialer,
        introduction: Introduction,
        events: mpsc::UnboundedSender<Event>,
        members: Vec<Address>,
    ) -> Self {
        let (members, line) = (Mutex::new(Members::new(members)), tokio::sync::Mutex::new(None));
        let backlog = Backlog::default();
        Self { inner: Arc::new(Inner { dialer, introduction, backlog, events, members, line }) }
    }

    /// How many positions the ring has.
    pub(crate) async fn space(&self) -> Result<Space, RingError> {
        Ok(self.line().await?.space)
    }

    /// Whether the member that is asked is reached by loopback, and so on this machine.
    pub(crate) async fn is_loopback(&self) -> Result<bool, RingError> {
        Ok(self.line().await?.line.reach.is_loopback())
    }

    /// The member that is asked, those before it and those behind it.
    pub(crate) async fn neighbours(&self) -> Result<Near, RingError> {
        near_of(self.ask(Wish::Members, ANSWER_MAX, |_, _| {}).await?)
    }

    /// What is stored under a key.
    pub(crate) async fn find(&self, key: Key, hop: impl FnMut(Contact, Contact)) -> Result<Found, RingError> {
        match self.ask(Wish::Find(key), ANSWER_MAX, hop).await? {
            Reply::Found { by, keepers, records } => Ok(Found { by, keepers, records }),
            other => Err(unexpected(&other)),
        }
    }

    /// Places a record.
    pub(crate) async fn publish(&self, record: Record) -> Result<(), RingError> {
        match self.ask(Wish::Publish(record), ANSWER_MAX, |_, _| {}).await? {
            Reply::Kept { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Has a file kept that this peer serves; who keeps it.
    pub(crate) async fn keep(
        &self,
        record: Record,
        hop: impl FnMut(Contact, Contact),
    ) -> Result<Vec<Contact>, RingError> {
        match self.ask(Wish::Keep(record), KEEP_MAX, hop).await? {
            Reply::Kept { at, .. } => Ok(at),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(
        &self,
        wish: Wish,
        patience: Duration,
        hop: impl FnMut(Contact, Contact),
    ) -> Result<Reply, RingError> {
        self.answered(wish, patience, hop).await.map(|(_, reply)| reply)
    }

    /// Asks a member; who answered, and what. When it is gone, about to go, or has no room, another one is asked; when
    /// it is joining, it is asked again after a moment, a few times.
    async fn answered(
        &self,
        wish: Wish,
        patience: Duration,
        mut hop: impl FnMut(Contact, Contact),
    ) -> Result<(GuestLine, Reply), RingError> {
        let mut first = None;
        let (mut unreachable, mut joining, mut full) = (0, 0, Vec::new());
        while unreachable < UNREACHABLE_MAX && joining < JOINING_MAX && full.len() < MEMBERS_MAX {
            let line = match self.line().await {
                Ok(line) => line,
                // Nobody else is there: what the first said tells more.
                Err(RingError::Unreachable { .. }) if first.is_some() => break,
                Err(error) => return Err(error),
            };
            match line.ask(wish.clone(), patience, &mut hop).await {
                Err(error @ (RingError::Unreachable { .. } | RingError::NotMember)) => {
                    self.give_up(&line).await;
                    if matches!(error, RingError::NotMember) {
                        joining += 1;
                        sleep(MOMENT).await;
                    } else {
                        unreachable += 1;
                    }
                    first.get_or_insert(error);
                }
                Err(error @ RingError::Full { .. }) => {
                    // All that are known were asked.
                    if full.contains(&line.address) {
                        return Err(error);
                    }
                    self.learn_from(&line).await;
                    self.give_up(&line).await;
                    full.push(line.address.clone());
                    first.get_or_insert(error);
                }
                other => return other.map(|reply| (line, reply)),
            }
        }
        Err(first.unwrap_or(RingError::NotMember))
    }

    async fn give_up(&self, line: &GuestLine) {
        self.inner.line.lock().await.take_if(|open| open.host == line.host);
        self.members().put_off(&line.address);
    }

    async fn line(&self) -> Result<GuestLine, RingError> {
        let mut slot = self.inner.line.lock().await;
        if let Some(line) = slot.as_ref().filter(|line| line.is_open()) {
            return Ok(line.clone());
        }
        let members = self.members().known.clone();
        let mut failures = Vec::new();
        for address in members {
            match self.open(&address, Expect::AnyPeer).await {
                Ok(line) => {
                    *slot = Some(line.clone());
                    self.learn_members(line.clone());
                    return Ok(line);
                }
                Err(error) => failures.push(error),
            }
        }
        Err(RingError::from_failures(failures))
    }

    /// Remembers others of the ring, soon.
    fn learn_members(&self, line: GuestLine) {
        let guest = self.clone();
        tokio::spawn(async move { guest.learn_from(&line).await });
    }

    async fn learn_from(&self, line: &GuestLine) {
        let Ok(Near { successors, .. }) = line.members().await else { return };
        let mut members = self.members();
        for address in successors.into_iter().map(|one| Address::from(one.address)) {
            members.learn(address);
        }
    }

    async fn open(&self, address: &Address, expect: Expect) -> Result<GuestLine, GreetError> {
        let met = self.inner.introduction.call(&self.inner.dialer, address, expect).await?;
        GuestLine::open(met, address.clone(), &self.inner.backlog)
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.inner.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
