//! What a peer serves, however it is kept. Calls may block on a disk.

use std::io;

/// Finds what is served by its name.
pub trait Wares: Send + Sync {
    /// The file of that name, if it is served. The name is a stranger's: it may be anything.
    fn open(&self, name: &str) -> Option<Box<dyn Ware>>;
}

/// One file that is served.
pub trait Ware: Send {
    /// How many bytes it has.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset` on and says how many bytes there were: none only at the end. An error when the file is no longer
    /// what it was.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}
