//! What a node remembers of the peers that keep copies of what it owns.

use alloc::collections::BTreeMap;
use core::time::Duration;

use drizzle_model::PeerId;

use crate::position::Arc;

/// How far the replicas agree with this node.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    /// By peer: the arc and its digest, as both last had them.
    pub(super) agreed: BTreeMap<PeerId, (Arc, u128)>,
    /// The wait before the next comparison, while some differ; without one it is the usual period.
    pub(super) again: Option<Duration>,
}
