//! What is said of a chunk when all its bytes were looked at.

/// Whether a chunk was right. Who sent a corrupt one is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Its bytes have the hash they must have, and are kept.
    Verified,
    /// They have not, or they were too many or too few. What was right among them may be kept.
    Corrupt,
}
