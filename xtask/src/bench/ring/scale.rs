//! How much is measured, and how often.

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Members of the ring in which a hash is looked up.
    pub(crate) members: usize,
    /// How often it is looked up, each time through another member.
    pub(crate) finds: usize,
    /// Members of the ring by which the large file is found.
    pub(crate) few: usize,
    /// The size of that file.
    pub(crate) bytes: u64,
    /// Counted fetches of it on each side.
    pub(crate) runs: u32,
}
