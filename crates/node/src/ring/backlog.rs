//! How many bytes wait to be written, on one line and on all of a node: whoever does not read fills no memory.
//!
//! A line may have much waiting, for when neighbours change records go over it by hundreds. When all together have too
//! much, each may have only a little: so those who do not read take nothing from those who do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What may wait on one line: all batches of records that a comparison sets off, in both directions.
const LINE_BYTES_MAX: usize = 2 << 20;
/// What may wait on all lines, before each is held short.
const ALL_BYTES_MAX: usize = 64 << 20;
/// What may wait on a line that is held short: two of the largest frames.
const SHORT_BYTES_MAX: usize = 128 << 10;

/// What waits on all lines of a node. Clones count the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backlog(Arc<AtomicUsize>);

/// What waits on one of them. Clones count the same.
#[derive(Debug, Clone)]
pub(crate) struct LineBacklog {
    all: Backlog,
    own: Arc<AtomicUsize>,
}

/// Bytes that wait; dropped when they are written, or never will be.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) bytes: Vec<u8>,
    counted_by: LineBacklog,
}

impl Backlog {
    pub(crate) fn line(&self) -> LineBacklog {
        LineBacklog { all: self.clone(), own: Arc::default() }
    }
}

impl LineBacklog {
    /// Lets bytes wait; none when there are too many.
    pub(crate) fn wait(&self, bytes: Vec<u8>) -> Option<Waiting> {
        let is_short = self.all.0.load(Ordering::Relaxed) > ALL_BYTES_MAX;
        let max = if is_short { SHORT_BYTES_MAX } else { LINE_BYTES_MAX };
        if self.own.load(Ordering::Relaxed) + bytes.len() > max {
            return None;
        }
        for sum in [&self.own, &self.all.0] {
            sum.fetch_add(bytes.len(), Ordering::Relaxed);
        }
        Some(Waiting { bytes, counted_by: self.clone() })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for sum in [&self.counted_by.own, &self.counted_by.all.0] {
            sum.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 64 << 10;

    fn fill(line: &LineBacklog) -> Vec<Waiting> {
        std::iter::from_fn(|| line.wait(vec![0; FRAME])).collect()
    }

    /// Would fail if a line, or all together, could hold any number of bytes, or if those who read had no room left.
    #[test]
    fn bytes_are_bounded_on_each_line_and_on_all() {
        let all = Backlog::default();
        let deaf: Vec<LineBacklog> = (0..100).map(|_| all.line()).collect();
        let waiting: Vec<Vec<Waiting>> = deaf.iter().map(fill).collect();
        assert_eq!(waiting[0].len() * FRAME, LINE_BYTES_MAX);
        let bytes = waiting.iter().flatten().count() * FRAME;
        assert!(bytes <= ALL_BYTES_MAX + LINE_BYTES_MAX + deaf.len() * SHORT_BYTES_MAX, "{bytes}");
        assert_eq!(fill(&all.line()).len() * FRAME, SHORT_BYTES_MAX);
        drop(waiting);
        assert_eq!(fill(&deaf[0]).len() * FRAME, LINE_BYTES_MAX);
    }
}
