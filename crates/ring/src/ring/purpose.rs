//! What a node's open questions and look-ups are for: by it, each answer and each silence finds its way.

use crate::contact::Contact;
use crate::event::Operation;
use crate::position::Arc;

/// Look-ups of the node's own that may be open at once: joining, fingers, reuniting and settling, some of each.
pub(super) const AIMS_MAX: usize = 16;

/// What an open question is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    Join,
    CheckTwin,
    Stabilize,
    Ping,
    CheckPredecessor { notifier: Option<Contact> },
    Route(u64),
    Owner(u64),
    Put(Operation),
    Get(Operation),
    Compare(Arc),
    HandOver,
    Pull,
    Settle,
}

/// What a look-up is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Aim {
    Join,
    Finger(u16),
    Reunite,
    Operation(Operation),
    Settle,
}
