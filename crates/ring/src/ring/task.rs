//! What the user asked for, and how far it has come.

use alloc::boxed::Box;
use alloc::vec::Vec;

use drizzle_model::Time;

use crate::contact::Contact;
use crate::message::Put;
use crate::position::{Key, Position};
use crate::record::Record;

/// Jobs at a time; a driver that shares a large folder hands its records over in portions.
pub(super) const JOBS_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct Job {
    pub(super) target: Position,
    pub(super) searches: u8,
    /// How often somebody was asked again who was busy.
    pub(super) busy: u8,
    /// When to look up, or to ask, again.
    pub(super) again: Option<Time>,
    pub(super) task: Task,
}

#[derive(Debug)]
pub(super) enum Task {
    LookUp,
    Store { record: Box<Record>, keepers: Vec<(Contact, Keeper)>, fetching: Option<Fetching> },
    Request { key: Key, left: Vec<Contact>, answered: bool, met_busy: bool },
}

/// Keepers have the record and fetch its blob.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetching {
    /// How many had it when one more was last found to have it.
    pub(super) whole: usize,
    /// When no more is waited for the next.
    pub(super) until: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    Asked,
    /// In the middle of its own join.
    Busy,
    Said(Put),
    Silent,
}
