//! What is wished for, and what came of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use drizzle_model::{Address, FileKey, Link, PeerId, RelPath};

/// What is to be fetched.
#[derive(Debug, Clone)]
pub enum What {
    /// What a link names.
    Link(Box<Link>),
    /// What is registered under a name; the newest, if there are several.
    Name(RelPath),
}

impl What {
    /// The peers that it names itself.
    pub(crate) fn named_peers(&self) -> &[Address] {
        match self {
            Self::Link(link) => &link.peers,
            Self::Name(_) => &[],
        }
    }
}

/// Whether names that differ only in letter case are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseClashes {
    /// They are different files, as on Linux.
    Allowed,
    /// They are an error, found before anything is fetched.
    Refused,
}

/// What happens with a content when it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// It is no longer served.
    Leave,
    /// It is served until the node ends.
    Seed,
}

/// A wish to fetch.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// What.
    pub what: What,
    /// The folder in which it is to appear; made if need be.
    pub output: PathBuf,
    /// Where unfinished data is kept; in the output folder if not said.
    pub partial_dir: Option<PathBuf>,
    /// Whether it is served when it is there.
    pub afterwards: Afterwards,
    /// Whether names may differ only in letter case.
    pub case_clashes: CaseClashes,
}

/// A content that is there, whole and verified.
#[derive(Debug)]
pub struct Fetched {
    /// What it is.
    pub key: FileKey,
    /// Where it is.
    pub path: PathBuf,
    /// How long it took.
    pub elapsed: Duration,
    /// Content bytes by the peer that sent them.
    pub from: BTreeMap<PeerId, u64>,
    /// Symbolic links that were not made, since they point out of the folder.
    pub refused: Vec<RelPath>,
}
