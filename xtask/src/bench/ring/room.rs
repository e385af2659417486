//! Where content and processes have their room: in memory, so that no disk takes part.

use crate::bench::subject;
use crate::stage::{RunError, Scratch};

/// What programs keep beside the content, a few MiB for each member.
const BESIDE_BYTES: u64 = 512 << 20;

/// A folder with room for that much content.
pub(super) fn with(content_bytes: u64) -> Result<Scratch, RunError> {
    Scratch::in_memory(&subject::target_dir(), content_bytes + BESIDE_BYTES)
}
