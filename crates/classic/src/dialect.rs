//! The dialects of the protocol, and who understands whom.

/// How a program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Nothing ends a message but that no more comes; a file is sent bare, and the close is its end.
    Unframed,
    /// An LF ends each message; a file's length goes ahead of it.
    Lf,
    /// Serves callers of either: Drizzle.
    Both,
}

impl Dialect {
    /// Whether a caller that speaks like this can fetch from a peer that speaks like `server`. With the dialects crossed
    /// both wait for ever: one for an LF, the other for a file.
    pub fn can_fetch_from(self, server: Self) -> bool {
        self == server || self == Self::Both || server == Self::Both
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect::{Both, Lf, Unframed};

    #[test]
    fn only_crossed_dialects_cannot_fetch() {
        for (caller, server) in [(Unframed, Lf), (Lf, Unframed)] {
            assert!(!caller.can_fetch_from(server));
        }
        for one in [Unframed, Lf, Both] {
            assert!(one.can_fetch_from(one) && one.can_fetch_from(Both) && Both.can_fetch_from(one));
        }
    }
}
