//! What the user asked for: look-ups, storing and requesting.
//!
//! Each job is first a look-up of the owners. Storing then puts the record to all peers that should keep it, and asks
//! again until each of those that took it has the blob as well. Requesting asks the owner, then the replicas, until one
//! has something. Who is busy with its own join is asked again, a few times: neither its word nor its silence is an
//! answer.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::Time;

use super::Ring;
use super::purpose::{Aim, Purpose};
use super::stage::Stage;
use super::task::{Fetching, JOBS_MAX, Job, Keeper, Task};
use crate::calls::Tries;
use crate::contact::Contact;
use crate::event::{Operation, OperationError, Output};
use crate::message::{Answer, Ask, Offered, Put, RECORDS_MAX, Refusal};
use crate::position::{Key, Position};
use crate::record::Record;
use crate::search::Found;

/// How soon a peer that is fetching a blob is asked again whether it has it.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Look-ups of one job, before nobody can be said to answer. A peer that just died may cost one or two.
const SEARCHES_MAX: u8 = 4;
/// How often those are asked again who are busy: a join takes a second or two, and here are five.
const BUSY_MAX: u8 = 10;
/// How long one more keeper may take to fetch a blob: so long, and what the slowest usual uplink takes, shared by
/// three.
const FETCH_PATIENCE: Duration = Duration::from_secs(60);
const FETCH_RATE_MIN: u64 = 32 << 10;
/// A size is only said; longer than this nobody is waited for.
const FETCH_PATIENCE_MAX: Duration = Duration::from_secs(12 * 60 * 60);

impl Ring {
    pub(super) fn begin_look_up(&mut self, now: Time, operation: Operation, target: Position) {
        if self.owns(target) && self.is_member() {
            let mut owners = alloc::vec![self.config.me];
            owners.extend_from_slice(self.neighbours.successors());
            self.outputs.push_back(Output::Found { operation, owners, hops: 0, silent: 0 });
        } else {
            self.begin_job(now, operation, target, Task::LookUp);
        }
    }

    pub(super) fn begin_store(&mut self, now: Time, operation: Operation, record: Record) {
        let target = self.config.space.place(&record.id().key);
        // Whoever asks anew may have made room.
        if let Some(blob) = record.blob() {
            self.shelf.try_again(blob);
        }
        let task = Task::Store { record: Box::new(record), keepers: Vec::new(), fetching: None };
        self.begin_job(now, operation, target, task);
    }

    pub(super) fn begin_request(&mut self, now: Time, operation: Operation, key: Key) {
        let records = self.shelf.under(key);
        if self.is_member() && !records.is_empty() {
            return self.outputs.push_back(Output::Received { operation, from: self.config.me, records });
        }
        let target = self.config.space.place(&key);
        self.begin_job(
            now,
            operation,
            target,
            Task::Request { key, left: Vec::new(), answered: false, met_busy: false },
        );
    }

    pub(super) fn cancel(&mut self, operation: Operation) {
        self.jobs.remove(&operation);
        self.searches.retain(|_, (_, aim)| *aim != Aim::Operation(operation));
    }

    fn begin_job(&mut self, now: Time, operation: Operation, target: Position, task: Task) {
        if self.stage != Stage::Member {
            return self.fail(operation, OperationError::NotMember);
        }
        if self.jobs.len() >= JOBS_MAX {
            return self.fail(operation, OperationError::TooMany { max: JOBS_MAX });
        }
        self.cancel(operation);
        self.jobs.insert(operation, Job { target, searches: 1, busy: 0, again: None, task });
        self.begin_own_search(now, target, Aim::Operation(operation));
    }

    pub(super) fn job_found(&mut self, now: Time, operation: Operation, found: Option<Found>) {
        let Some(found) = found else { return self.search_again(now, operation) };
        self.show_route(operation, &found);
        let replicas = self.config.replicas;
        let Some(job) = self.jobs.get_mut(&operation) else { return };
        match &mut job.task {
            Task::LookUp => {
                self.jobs.remove(&operation);
                let (hops, silent) = (found.route.len(), found.silent);
                self.outputs.push_back(Output::Found { operation, owners: found.owners, hops, silent });
            }
            Task::Store { keepers, .. } => {
                *keepers = found.owners.iter().take(replicas).map(|&owner| (owner, Keeper::Asked)).collect();
                self.put_to_keepers(now, operation);
            }
            Task::Request { left, .. } => {
                *left = found.owners.into_iter().take(replicas).rev().collect();
                self.get_next(now, operation);
            }
        }
    }

    fn show_route(&mut self, operation: Operation, found: &Found) {
        let mut from = self.config.me;
        for &to in found.route.iter().filter(|one| **one != self.config.me) {
            self.outputs.push_back(Output::Hop { operation, from, to });
            from = to;
        }
    }

    fn search_again(&mut self, now: Time, operation: Operation) {
        let again = now + self.random.around(ASK_AGAIN);
        let Some(job) = self.jobs.get_mut(&operation) else { return };
        if job.searches >= SEARCHES_MAX {
            return self.fail(operation, OperationError::NoAnswer);
        }
        job.searches += 1;
        self.ask_again_at(operation, again);
    }

    /// Whether those who are busy may be asked once more. If so, the job goes on in a moment.
    fn asks_the_busy_again(&mut self, now: Time, operation: Operation) -> bool {
        let again = now + self.random.around(ASK_AGAIN);
        let Some(job) = self.jobs.get_mut(&operation).filter(|job| job.busy < BUSY_MAX) else { return false };
        job.busy += 1;
        self.ask_again_at(operation, again);
        true
    }

    fn ask_again_at(&mut self, operation: Operation, at: Time) {
        if let Some(job) = self.jobs.get_mut(&operation) {
            job.again = Some(at);
            self.timers.jobs = Some(self.timers.jobs.map_or(at, |before| before.min(at)));
        }
    }

    pub(super) fn jobs_on_time(&mut self, now: Time) {
        if self.timers.jobs.is_none_or(|at| at > now) {
            return;
        }
        let due: Vec<Operation> = self
            .jobs
            .iter_mut()
            .filter_map(|(&operation, job)| job.again.take_if(|at| *at <= now).map(|_| operation))
            .collect();
        self.timers.jobs = self.jobs.values().filter_map(|job| job.again).min();
        for operation in due {
            self.go_on(now, operation);
        }
    }

    fn go_on(&mut self, now: Time, operation: Operation) {
        let Some(job) = self.jobs.get(&operation) else { return };
        match &job.task {
            Task::Store { keepers, .. } if !keepers.is_empty() => self.put_to_keepers(now, operation),
            _ => {
                let target = job.target;
                self.begin_own_search(now, target, Aim::Operation(operation));
            }
        }
    }

    /// Puts the record to every keeper of which it is not certain that it has all.
    fn put_to_keepers(&mut self, now: Time, operation: Operation) {
        let me = self.config.me;
        let Some(Job { task: Task::Store { record, keepers, .. }, .. }) = self.jobs.get_mut(&operation)
        else {
            return;
        };
        let offer = Offered { has_blob: record.blob().is_some(), record: Record::clone(record) };
        let mut asked = Vec::new();
        for (contact, keeper) in keepers.iter_mut() {
            if matches!(keeper, Keeper::Asked | Keeper::Busy | Keeper::Said(Put::Kept { whole: false })) {
                *keeper = Keeper::Asked;
                asked.push(*contact);
            }
        }
        for contact in asked {
            if contact == me {
                let result = self.keep(now, me, offer.clone());
                self.keeper_is(now, operation, me, Keeper::Said(result));
            } else {
                let ask = Ask::Put(alloc::vec![offer.clone()]);
                self.ask(now, contact, ask, Purpose::Put(operation), Tries::Thrice);
            }
        }
    }

    pub(super) fn put_answered(&mut self, now: Time, operation: Operation, from: Contact, answer: &Answer) {
        let keeper = match answer {
            Answer::Put(results) => results.first().map_or(Keeper::Silent, |&result| Keeper::Said(result)),
            Answer::Busy => Keeper::Busy,
            _ => Keeper::Silent,
        };
        self.keeper_is(now, operation, from, keeper);
    }

    pub(super) fn put_unanswered(&mut self, now: Time, operation: Operation, to: Contact) {
        self.keeper_is(now, operation, to, Keeper::Silent);
    }

    fn keeper_is(&mut self, now: Time, operation: Operation, who: Contact, is: Keeper) {
        let Some(Job { task: Task::Store { keepers, .. }, .. }) = self.jobs.get_mut(&operation) else {
            return;
        };
        for (_, keeper) in keepers.iter_mut().filter(|(contact, _)| *contact == who) {
            *keeper = is;
        }
        if keepers.iter().any(|(_, keeper)| *keeper == Keeper::Asked) {
            return;
        }
        let is_any_busy = keepers.iter().any(|(_, keeper)| *keeper == Keeper::Busy);
        if is_any_busy && self.asks_the_busy_again(now, operation) {
            return;
        }
        let Some(Job { task: Task::Store { keepers, .. }, .. }) = self.jobs.get(&operation) else { return };
        let at: Vec<Contact> = keepers
            .iter()
            .filter(|(_, keeper)| matches!(keeper, Keeper::Said(Put::Kept { .. })))
            .map(|&(contact, _)| contact)
            .collect();
        let is_whole = !keepers.iter().any(|(_, keeper)| *keeper == Keeper::Said(Put::Kept { whole: false }));
        let refusal = keepers.iter().find_map(|(_, keeper)| match keeper {
            Keeper::Said(Put::Refused(refusal)) => Some(*refusal),
            _ => None,
        });
        let unwritable = keepers.iter().find_map(|&(contact, keeper)| {
            (keeper == Keeper::Said(Put::Refused(Refusal::Unwritable))).then_some(contact)
        });
        match (at.is_empty(), refusal) {
            (false, _) if is_whole => self.finish(Output::Stored { operation, at }, operation),
            (false, _) => self.wait_for_blob(now, operation),
            (true, Some(refusal)) if refusal != Refusal::NotMine => {
                let error = unwritable.map_or(OperationError::Refused(refusal), OperationError::Unwritable);
                self.fail(operation, error);
            }
            // The ring has moved under the look-up, or its end is gone: look again.
            (true, _) => {
                if let Some(Job { task: Task::Store { keepers, .. }, .. }) = self.jobs.get_mut(&operation) {
                    keepers.clear();
                }
                self.search_again(now, operation);
            }
        }
    }

    /// Some that took the record have not fetched its blob yet. They are asked on as long as one after the other gets
    /// it.
    fn wait_for_blob(&mut self, now: Time, operation: Operation) {
        let Some(Job { task: Task::Store { record, keepers, fetching }, .. }) = self.jobs.get_mut(&operation)
        else {
            return;
        };
        let has_all = |keeper: Keeper| keeper == Keeper::Said(Put::Kept { whole: true });
        let at: Vec<Contact> =
            keepers.iter().filter(|(_, keeper)| has_all(*keeper)).map(|&(contact, _)| contact).collect();
        let until = now + patience(record);
        let fetch = fetching.get_or_insert(Fetching { whole: at.len(), until });
        if at.len() > fetch.whole {
            *fetch = Fetching { whole: at.len(), until };
        }
        if now < fetch.until {
            self.ask_again_at(operation, now + ASK_AGAIN);
        } else if at.is_empty() {
            self.fail(operation, OperationError::NoFile);
        } else {
            // The others get it from these, when replicas are compared.
            self.finish(Output::Stored { operation, at }, operation);
        }
    }

    fn get_next(&mut self, now: Time, operation: Operation) {
        let Some(Job { task: Task::Request { key, left, answered, met_busy }, .. }) =
            self.jobs.get_mut(&operation)
        else {
            return;
        };
        let (key, answered, is_any_busy) = (*key, *answered, *met_busy);
        match left.pop() {
            // What this node keeps itself was looked at first of all.
            Some(keeper) if keeper == self.config.me => {
                self.note_answer(operation);
                self.get_next(now, operation);
            }
            Some(keeper) => self.ask(now, keeper, Ask::Get(key), Purpose::Get(operation), Tries::Once),
            None if is_any_busy && self.asks_the_busy_again(now, operation) => {
                if let Some(Job { task: Task::Request { met_busy, .. }, .. }) = self.jobs.get_mut(&operation)
                {
                    *met_busy = false;
                }
            }
            None if answered => self.fail(operation, OperationError::NotFound),
            None => self.search_again(now, operation),
        }
    }

    pub(super) fn get_answered(&mut self, now: Time, operation: Operation, from: Contact, answer: Answer) {
        match answer {
            Answer::Records(mut records) if !records.is_empty() => {
                records.truncate(RECORDS_MAX);
                self.finish(Output::Received { operation, from, records }, operation);
            }
            Answer::Records(_) => {
                self.note_answer(operation);
                self.get_next(now, operation);
            }
            Answer::Busy => {
                if let Some(Job { task: Task::Request { met_busy, .. }, .. }) = self.jobs.get_mut(&operation)
                {
                    *met_busy = true;
                }
                self.get_next(now, operation);
            }
            _ => self.get_next(now, operation),
        }
    }

    pub(super) fn get_unanswered(&mut self, now: Time, operation: Operation) {
        self.get_next(now, operation);
    }

    fn note_answer(&mut self, operation: Operation) {
        if let Some(Job { task: Task::Request { answered, .. }, .. }) = self.jobs.get_mut(&operation) {
            *answered = true;
        }
    }

    /// An operation that was cancelled, or has ended, ends only once.
    fn finish(&mut self, output: Output, operation: Operation) {
        if self.jobs.remove(&operation).is_some() {
            self.outputs.push_back(output);
        }
    }

    fn fail(&mut self, operation: Operation, error: OperationError) {
        self.jobs.remove(&operation);
        self.outputs.push_back(Output::Failed { operation, error });
    }

    pub(super) fn fail_all_jobs(&mut self) {
        self.timers.jobs = None;
        for operation in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.fail(operation, OperationError::NotMember);
        }
    }
}

fn patience(record: &Record) -> Duration {
    let bytes = record.content().blob_bytes.unwrap_or_default();
    (FETCH_PATIENCE + Duration::from_secs(bytes / FETCH_RATE_MIN)).min(FETCH_PATIENCE_MAX)
}
