//! Where a node stands between being in no ring and having left one; its parent draws the way through.

use drizzle_model::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Outside,
    Joining { since: Time },
    Member,
    Leaving { until: Time },
    Left,
}
