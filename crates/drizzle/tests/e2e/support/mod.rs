//! What the tests are written in: homes, processes, folders, and peers that do not keep to the rules.

pub(crate) mod contract;
pub(crate) mod folder;
pub(crate) mod home;
pub(crate) mod lie;
pub(crate) mod noise;
pub(crate) mod peer;
pub(crate) mod port;
pub(crate) mod process;
pub(crate) mod raw_manifest;
pub(crate) mod swarm;
pub(crate) mod wares;

/// A list of words for a command line, whatever each is made of.
macro_rules! words {
    ($($word:expr),* $(,)?) => { vec![$(std::ffi::OsString::from($word)),*] };
}

pub(crate) use words;
