//! Calls that may block, such as reading a file: made in place while they are as quick as memory, and out of the way
//! of other tasks once one was not.
//!
//! To make way costs a wake-up of another thread each time, which is as much as reading a piece that is in memory.

use std::time::Duration;

use tokio::task::block_in_place;
use tokio::time::Instant;

/// What takes no longer holds nobody up.
const QUICK: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct Courtesy {
    was_slow: bool,
}

impl Courtesy {
    pub(super) fn call<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = if self.was_slow { block_in_place(work) } else { work() };
        self.was_slow = start.elapsed() > QUICK;
        done
    }
}
