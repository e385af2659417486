//! A guest's way into a ring: a line to one member that asks the ring on its behalf, and to another when that one is gone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drizzle_model::Address;
use drizzle_net::{Dialer, Expect};
use drizzle_ring::{Contact, Key, Offered, Record, RecordId, Space};
use drizzle_wire::{Reply, RingFrame, Wish};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::backlog::Backlog;
use super::error::RingError;
use super::greet::{GreetError, Introduction};
use super::line::{Line, LineNews};
use crate::event::Event;

/// An answer to a question that needs no file may take so long: a member goes round the dead in this time.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// One member may take so long to tell all the names that it keeps: they may be tens of thousands.
const TELL_MAX: Duration = Duration::from_secs(120);
/// Members that are tried for one question before it fails, one after the other was gone.
const UNREACHABLE_MAX: usize = 2;
/// How often somebody is asked again who is joining, after which pause: a join takes a second or two.
const JOINING_MAX: usize = 10;
const MOMENT: Duration = Duration::from_millis(500);
/// More hops than this no question takes: a look-up asks 128 members at the most, and is made a few times.
const HOPS_MAX: usize = 1024;
/// To keep a file means to fetch it several times.
const KEEP_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// Members that are remembered, to go to when the present one is gone.
const MEMBERS_MAX: usize = 32;
/// What waits on one line to be read.
const NEWS_MAX: usize = 64;

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

/// How complete a walk round the ring was.
#[derive(Debug, Default)]
struct Walked {
    /// Members that did not answer.
    silent: usize,
    /// There are more members, or more names, than are asked for.
    is_cut_off: bool,
}

impl Walked {
    fn cut_off(self) -> Self {
        Self { is_cut_off: true, ..self }
    }

    /// What is missing, in words.
    fn gaps(&self) -> Vec<String> {
        let members = if self.silent == 1 { "member" } else { "members" };
        let silent = self.silent;
        let silence = (silent > 0).then(|| {
            format!("{silent} {members} of the ring did not answer: what nobody else keeps is missing")
        });
        let cut = "the ring has more members, or more names, than one list asks for: the rest is missing";
        silence.into_iter().chain(self.is_cut_off.then(|| cut.to_owned())).collect()
    }

    fn missed(&mut self, who: Contact, why: &str) {
        tracing::debug!(target: "drizzle::ring", ?who, why, "a member does not tell what it keeps");
        self.silent += 1;
    }
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
    pub(crate) async fn neighbours(&self) -> Result<(Contact, Vec<Contact>, Vec<Contact>), RingError> {
        match self.ask(Wish::Members, ANSWER_MAX, |_, _| {}).await? {
            Reply::Members { me, predecessors, successors } => Ok((me, predecessors, successors)),
            other => Err(unexpected(&other)),
        }
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

    /// Goes from member to member, as long as `visit` says so; each tells what names it keeps. Those who do not answer are gone
    /// round, and how many they are is told as an event. False from `visit` ends it.
    pub(crate) async fn walk(
        &self,
        members_max: usize,
        visit: impl FnMut(Vec<Record>) -> bool,
    ) -> Result<(), RingError> {
        let walked = self.walked(members_max, visit).await?;
        for reason in walked.gaps() {
            // Nobody listening is no reason to stop.
            let _ = self.inner.events.send(Event::Incomplete { reason });
        }
        Ok(())
    }

    async fn walked(
        &self,
        members_max: usize,
        mut visit: impl FnMut(Vec<Record>) -> bool,
    ) -> Result<Walked, RingError> {
        let (mut line, mut ahead) = self.beginning().await?;
        let first = line.host;
        let mut walked = Walked::default();
        for _ in 0..members_max {
            match timeout(TELL_MAX, told_by(&line, &mut visit))
                .await
                .unwrap_or(Err(RingError::late(TELL_MAX)))
            {
                Ok(true) => {}
                Ok(false) => return Ok(walked.cut_off()),
                Err(error) => walked.missed(line.host, &error.to_string()),
            }
            loop {
                let Some(next) = self.next_of(&mut ahead, &line, first, &mut walked).await else {
                    return Ok(walked);
                };
                line = next;
                match line.members().await {
                    Ok((_, successors)) => {
                        ahead = successors.into();
                        break;
                    }
                    // Those behind it are known from the one before.
                    Err(error) => walked.missed(line.host, &error.to_string()),
                }
            }
        }
        Ok(walked.cut_off())
    }

    /// A member that answers, and those behind it.
    async fn beginning(&self) -> Result<(GuestLine, VecDeque<Contact>), RingError> {
        let (line, reply) = self.answered(Wish::Members, ANSWER_MAX, |_, _| {}).await?;
        let Reply::Members { successors, .. } = reply else { return Err(unexpected(&reply)) };
        Ok((line, successors.into()))
    }

    /// A line to the first of those ahead that answers; none when the way has come round, or nobody does.
    async fn next_of(
        &self,
        ahead: &mut VecDeque<Contact>,
        line: &GuestLine,
        first: Contact,
        walked: &mut Walked,
    ) -> Option<GuestLine> {
        let at = line.host.position;
        let is_round = |to: Contact| {
            let way = drizzle_ring::Arc { after: at, until: to.position };
            to == first || to.peer == line.host.peer || way.contains(first.position) && at != first.position
        };
        while let Some(next) = ahead.pop_front().filter(|next| !is_round(*next)) {
            match self.open(&next.address.into(), Expect::Peer(next.peer)).await {
                Ok(open) if open.space == line.space => return Some(open),
                Ok(_) => walked.missed(next, "its ring has ids of another size"),
                Err(error) => walked.missed(next, &error.to_string()),
            }
        }
        None
    }

    async fn ask(
        &self,
        wish: Wish,
        patience: Duration,
        hop: impl FnMut(Contact, Contact),
    ) -> Result<Reply, RingError> {
        self.answered(wish, patience, hop).await.map(|(_, reply)| reply)
    }

    /// Asks a member; who answered, and what. When it is gone, about to go, or has no room, another one is asked; when it is joining, it is
    /// asked again after a moment, a few times.
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
        let Ok((_, successors)) = line.members().await else { return };
        let mut members = self.members();
        for address in successors.into_iter().map(|one| Address::from(one.address)) {
            members.learn(address);
        }
    }

    async fn open(&self, address: &Address, expect: Expect) -> Result<GuestLine, GreetError> {
        let met = self.inner.introduction.call(&self.inner.dialer, address, expect).await?;
        let (space, host) = (met.space, met.member.ok_or(GreetError::NoHello)?);
        let (sender, mut news) = mpsc::channel(NEWS_MAX);
        let line = Line::open(met, &self.inner.backlog, sender, |news| news);
        let calls: Calls = Arc::new(Mutex::new(Some(HashMap::new())));
        let of_reader = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Some(LineNews::Frame(frame)) = news.recv().await {
                let RingFrame::Reply(number, reply) = *frame else { continue };
                if let Some(calls) = lock(&of_reader).as_mut() {
                    let is_last = !matches!(reply, Reply::Hop { .. });
                    // Whoever asked may have given up.
                    if let Some(call) = calls.get(&number) {
                        let _ = call.send(reply);
                    }
                    if is_last {
                        calls.remove(&number);
                    }
                }
            }
            // Whoever still waits learns that nothing comes.
            *lock(&of_reader) = None;
        });
        Ok(GuestLine { line, address: address.clone(), space, host, calls, last: Arc::default() })
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.inner.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where members are, in the order in which they are tried.
struct Members {
    known: Vec<Address>,
    /// Those of the invite: they come back at their addresses, so they are never forgotten.
    invited: Vec<Address>,
}

impl Members {
    fn new(invited: Vec<Address>) -> Self {
        Self { known: invited.clone(), invited }
    }

    fn learn(&mut self, address: Address) {
        if self.known.len() < MEMBERS_MAX && !self.known.contains(&address) {
            self.known.push(address);
        }
    }

    /// One that did not do is tried after all others; one that was only heard of is forgotten.
    fn put_off(&mut self, address: &Address) {
        self.known.retain(|known| known != address);
        if self.invited.contains(address) {
            self.known.push(address.clone());
        }
    }
}

/// Those who wait for an answer, by the number of their question; none when the line is down.
type Calls = Arc<Mutex<Option<HashMap<u64, mpsc::UnboundedSender<Reply>>>>>;

fn lock(calls: &Calls) -> MutexGuard<'_, Option<HashMap<u64, mpsc::UnboundedSender<Reply>>>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct GuestLine {
    line: Line,
    address: Address,
    space: Space,
    host: Contact,
    calls: Calls,
    last: Arc<std::sync::atomic::AtomicU64>,
}

/// Has a member tell all the names that it keeps; false when `visit` has enough.
async fn told_by(line: &GuestLine, visit: &mut impl FnMut(Vec<Record>) -> bool) -> Result<bool, RingError> {
    // In the order of the circle, in which members tell them.
    let place = |id: RecordId| (line.space.place(&id.key), id);
    let mut after: Option<RecordId> = None;
    loop {
        let reply = line.ask(Wish::List { after }, ANSWER_MAX, |_, _| {}).await?;
        let Reply::Listed { records, has_more } = reply else { return Err(unexpected(&reply)) };
        let last = records.last().map(Record::id);
        // A member that names what it named already would lead in a circle.
        let goes_on =
            has_more && last.is_some_and(|last| after.is_none_or(|after| place(last) > place(after)));
        if !visit(records) {
            return Ok(false);
        }
        if !goes_on {
            return Ok(true);
        }
        after = last;
    }
}

/// A question's place on its line, which is given up with it.
struct Asked<'a> {
    calls: &'a Calls,
    number: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(calls) = lock(self.calls).as_mut() {
            calls.remove(&self.number);
        }
    }
}

impl GuestLine {
    /// Those before the member, and those behind it.
    async fn members(&self) -> Result<(Vec<Contact>, Vec<Contact>), RingError> {
        match self.ask(Wish::Members, ANSWER_MAX, |_, _| {}).await? {
            Reply::Members { predecessors, successors, .. } => Ok((predecessors, successors)),
            other => Err(unexpected(&other)),
        }
    }

    fn is_open(&self) -> bool {
        lock(&self.calls).is_some()
    }

    async fn ask(
        &self,
        wish: Wish,
        patience: Duration,
        mut hop: impl FnMut(Contact, Contact),
    ) -> Result<Reply, RingError> {
        let gone = || RingError::Unreachable { reason: format!("{} hung up", self.address) };
        let number = self.last.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, mut replies) = mpsc::unbounded_channel();
        lock(&self.calls).as_mut().ok_or_else(gone)?.insert(number, sender);
        let _asked = Asked { calls: &self.calls, number };
        if !self.line.say(RingFrame::Wish(number, wish)) {
            return Err(gone());
        }
        let mut hops = 0;
        let asking = async {
            loop {
                match replies.recv().await {
                    Some(Reply::Hop { from, to }) => {
                        hops += 1;
                        if hops > HOPS_MAX {
                            return Err(unexpected(&Reply::Hop { from, to }));
                        }
                        hop(from, to);
                    }
                    Some(Reply::Failed { why, text }) => {
                        return Err(RingError::of_failure(&self.address, why, text.as_str()));
                    }
                    Some(reply) => return Ok(reply),
                    None => return Err(gone()),
                }
            }
        };
        timeout(patience, asking).await.unwrap_or(Err(RingError::late(patience)))
    }
}

fn unexpected(reply: &Reply) -> RingError {
    tracing::debug!(target: "drizzle::ring", ?reply, "an answer to another question");
    RingError::Other { reason: "the member of the ring does not answer what it was asked".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a guest that lost its only member for a moment could never ask it again.
    #[test]
    fn members_of_the_invite_are_put_off_and_never_forgotten() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        let (first, second, heard) = (address("10.0.0.1:1"), address("10.0.0.2:1"), address("10.0.0.3:1"));
        let mut members = Members::new(vec![first.clone(), second.clone()]);
        members.learn(heard.clone());
        members.put_off(&first);
        assert_eq!(members.known, [second.clone(), heard.clone(), first.clone()]);
        members.put_off(&heard);
        members.put_off(&second);
        members.put_off(&first);
        assert_eq!(members.known, [second, first]);
    }

    /// Would fail if a list that is not whole passed for one.
    #[test]
    fn gaps_are_told() {
        let whole = Walked::default();
        assert_eq!(whole.gaps(), [""; 0]);
        let gaps = Walked { silent: 2, is_cut_off: false }.cut_off().gaps();
        assert!(
            gaps.len() == 2 && gaps[0].starts_with("2 members") && gaps[1].contains("the rest is missing")
        );
    }
}
