//! The board of classic peers, where the calls of the API can look at it as well as the classic protocol.
//!
//! Putting a directory together for classic peers holds the board for tens of milliseconds, so whoever asks by the API waits for it
//! on a thread that may, one asker at a time: the others wait without a thread.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drizzle_classic::{Board, Dialect, Stamp};
use drizzle_directory::limits::{PAGE_SCAN_MAX, PAGE_STEPS_MAX};
use drizzle_model::{Mtime, Time};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::limits::CLASSIC_HOLDERS_MAX;
use crate::problem::{Problem, ProblemKind};
use crate::search::Search;

/// Seconds that every reader of JSON holds.
const SECONDS_MAX: u64 = (1 << 53) - 1;

/// What classic peers have.
pub(crate) struct ClassicBoard {
    board: Mutex<Board>,
    asking: Semaphore,
}

/// A file that classic peers have.
pub(crate) struct ClassicFile {
    pub(crate) name: String,
    pub(crate) mtime: Mtime,
    pub(crate) peers: usize,
}

/// A part of them.
pub(crate) struct ClassicPage {
    pub(crate) files: Vec<ClassicFile>,
    /// The name behind which the next page begins.
    pub(crate) next: Option<String>,
}

/// Who has one of them.
pub(crate) struct ClassicHolders {
    pub(crate) mtime: Mtime,
    pub(crate) holders: Vec<(SocketAddr, Dialect)>,
    pub(crate) total: usize,
}

impl ClassicBoard {
    pub(crate) fn new() -> Self {
        Self { board: Mutex::default(), asking: Semaphore::new(1) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Board> {
        // A method that panics between two steps leaves a name or a count behind at worst, and no disorder that could panic.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks something of the board as it is now.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        now: Time,
        question: impl FnOnce(&Board) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // It is never closed.
        let _turn = self.asking.acquire().await.map_err(Problem::busy)?;
        let this = Arc::clone(self);
        let asked = spawn_blocking(move || {
            let mut board = this.lock();
            board.expire(now);
            question(&board)
        });
        asked.await.map_err(|error| Problem::new(ProblemKind::Other, error))
    }
}

/// The files that are looked for, behind a name, and at most so many. Like a page of the directory it ends when enough names were
/// looked at.
pub(crate) fn page(board: &Board, search: &Search, after: Option<&str>, files_max: usize) -> ClassicPage {
    let filter = search.filter();
    let mut page = ClassicPage { files: Vec::new(), next: None };
    let mut steps = 0;
    for (scanned, held) in board.held_after(after).enumerate() {
        if page.files.len() == files_max || scanned == PAGE_SCAN_MAX || steps > PAGE_STEPS_MAX {
            return page;
        }
        let name = held.name.as_str();
        // What a glob costs at most.
        steps += name.len() * (search.pattern.len() + 1);
        page.next = Some(name.to_owned());
        if let Some(mtime) = time_of(held.mtime).filter(|_| filter.is_for(name)) {
            page.files.push(ClassicFile { name: name.to_owned(), mtime, peers: held.holders });
        }
    }
    page.next = None;
    page
}

/// Who has the newest of that name, from a different one on for each `seed`; none when nobody has it.
pub(crate) fn holders(board: &Board, name: &str, seed: u64) -> Option<ClassicHolders> {
    let (stamp, holders) = board.holders(name)?;
    let mtime = time_of(stamp)?;
    let mut holders: Vec<_> = holders.collect();
    let total = holders.len();
    let first = usize::try_from(seed % (total.max(1) as u64)).unwrap_or(0);
    holders.rotate_left(first);
    holders.truncate(CLASSIC_HOLDERS_MAX);
    Some(ClassicHolders { mtime, holders, total })
}

/// The time that a file can be given. Of one that no file can have nothing is told: it could not be put in its place.
fn time_of(stamp: &Stamp) -> Option<Mtime> {
    stamp.mtime().filter(|mtime| mtime.seconds().unsigned_abs() <= SECONDS_MAX)
}
