//! What commands report, as values; [`super::json`] and [`super::plain`] write each in their way.
//!
//! The names of the events and of their fields are a contract with scripts: they are only ever added to. Ids and
//! hashes are hexadecimal, sizes bytes, rates bytes a second, times seconds (of `mtime`: since 1970).

use std::collections::BTreeMap;

use drizzle_model::{Bitmap, ContentHash, FileKey, Link, Mtime};
use serde::Serialize;

pub(crate) use super::field::PathText;

use super::classic_fields::{ClassicDoneFields, ClassicFileFields, ClassicLocationFields};
use super::field::seconds;
use super::ring_fields::{HopFields, IdField, NeighboursFields, ReceivedFields, StoredFields};

/// One line of results.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub(crate) enum Report {
    /// The command serves now.
    Ready {
        /// The command: `tracker`, `share` or `ring`.
        role: &'static str,
        /// The address it listens on.
        listen: String,
        /// Its key.
        peer: String,
        /// The invite to the tracker that runs here.
        #[serde(skip_serializing_if = "Option::is_none")]
        invite: Option<String>,
    },
    /// Something is shared.
    Shared {
        #[serde(flatten)]
        file: FileFields,
        /// The link to it.
        link: String,
        /// How many things in the folder are left out.
        skipped: usize,
        /// The hash of what was shared there before it changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
    },
    /// What was shared is gone.
    Unshared {
        #[serde(flatten)]
        file: FileFields,
    },
    /// Something can be fetched.
    File {
        #[serde(flatten)]
        file: FileFields,
        /// When it changed last.
        mtime: f64,
        /// How many peers have some of it.
        peers: u32,
    },
    /// A file of classic peers can be fetched.
    #[serde(rename = "file")]
    ClassicFile(ClassicFileFields),
    /// A network that was found on the local network is asked.
    Found {
        /// Its key.
        network: String,
        /// Where its tracker is.
        address: String,
    },
    /// A peer has some of it.
    Location {
        /// What it has some of.
        name: String,
        /// Its hash.
        hash: String,
        /// The peer's key.
        peer: String,
        /// The peer's number at the tracker.
        number: u32,
        /// Where it serves.
        address: String,
        /// Which chunks: first and last of each run.
        chunks: Vec<[u32; 2]>,
        /// How many chunks there are.
        of: u32,
    },
    /// A classic peer has it.
    #[serde(rename = "location")]
    ClassicLocation(ClassicLocationFields),
    /// A chunk came.
    Chunk {
        /// Of what.
        name: String,
        /// Its number, from 0.
        index: u32,
        /// From whom.
        peer: String,
    },
    /// How far it is.
    Progress {
        /// What.
        name: String,
        /// Bytes that are there and verified.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// Bytes a second.
        rate: u64,
        /// How many peers it comes from.
        peers: usize,
    },
    /// Something a peer sent was refused.
    Refused {
        /// Of what.
        name: String,
        /// Who sent it.
        peer: String,
        /// Why.
        reason: String,
    },
    /// It is all there.
    Done {
        /// What.
        name: String,
        /// Its hash.
        hash: String,
        /// Where it is.
        path: PathText,
        /// Its size.
        size: u64,
        /// How long it took.
        seconds: f64,
        /// How many bytes came from whom.
        from: BTreeMap<String, u64>,
        /// Symbolic links that were not made, since they lead out of the folder.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<String>,
    },
    /// It came from a classic peer, and nothing of it could be verified.
    #[serde(rename = "done")]
    ClassicDone(ClassicDoneFields),
    /// A synced folder took something over from a peer.
    Applied {
        /// Which file.
        path: String,
        /// What became of it: a word.
        action: &'static str,
        /// Who had it.
        peer: String,
    },
    /// A synced folder has all that the others have.
    InSync {
        /// How many files there are here.
        files: usize,
        /// How many bytes they have.
        bytes: u64,
    },
    /// A step of a question's way through the ring.
    Hop(HopFields),
    /// The ring keeps a file.
    Stored(StoredFields),
    /// A file came from the ring.
    Received(ReceivedFields),
    /// Who is near a ring node.
    Neighbours(NeighboursFields),
    /// A successor in the ring answered a ping.
    Ping {
        /// Its place.
        id: IdField,
        /// Its key.
        peer: String,
        /// After how long.
        seconds: f64,
    },
    /// Something happened in a demonstration.
    Step {
        /// In which.
        scenario: &'static str,
        /// What, for a person.
        text: String,
    },
    /// What runs here.
    Status(StatusFields),
    /// One setting.
    Setting {
        /// Its key.
        key: String,
        /// Its value; none when it is not set.
        value: Option<String>,
        /// Where that was said.
        origin: String,
    },
    /// A path that was asked for.
    Path {
        /// The path.
        path: PathText,
    },
    /// Something failed.
    Error {
        /// What kind of failure: a word.
        kind: &'static str,
        /// What happened.
        message: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// What identifies a shared thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FileFields {
    name: String,
    hash: String,
    size: u64,
    chunks: u32,
    kind: &'static str,
}

impl From<&FileKey> for FileFields {
    fn from(key: &FileKey) -> Self {
        Self {
            name: key.name.to_string(),
            hash: key.hash.to_string(),
            size: key.size,
            chunks: key.chunks,
            kind: key.kind.as_str(),
        }
    }
}

impl FileFields {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn chunks(&self) -> u32 {
        self.chunks
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}

/// What `drizzle status` tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StatusFields {
    /// Drizzle's version.
    pub(crate) version: &'static str,
    /// Where keys, known hashes and what runs are kept.
    pub(crate) state: PathText,
    /// Where the config file is, or would be.
    pub(crate) config: PathText,
    /// The key that the next process will have.
    pub(crate) identity: Option<String>,
    /// This user's processes.
    pub(crate) processes: Vec<ProcessFields>,
    /// The tracker that is set; none when none is.
    pub(crate) tracker: Option<TrackerFields>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ProcessFields {
    /// Its number.
    pub(crate) pid: u32,
    /// What it does: the command.
    pub(crate) role: String,
    /// When it started, in seconds since 1970.
    pub(crate) started: u64,
    /// Where it listens.
    pub(crate) listen: Option<String>,
    /// Its key.
    pub(crate) peer: Option<String>,
    /// What it shares or fetches.
    pub(crate) names: Vec<String>,
}

/// A tracker and whether it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TrackerFields {
    /// Where it is, tried in this order.
    pub(crate) addresses: Vec<String>,
    /// The key of its network.
    pub(crate) network: String,
    /// Whether it answered.
    pub(crate) answers: bool,
    /// How many files and folders it knows.
    pub(crate) files: Option<u64>,
    /// How many different peers have them.
    pub(crate) peers: Option<u64>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Report {
    /// A thing that is shared now.
    pub(crate) fn shared(key: &FileKey, link: &Link, skipped: usize, replaces: Option<&ContentHash>) -> Self {
        let replaces = replaces.map(ToString::to_string);
        Self::Shared { file: key.into(), link: link.to_string(), skipped, replaces }
    }

    /// A thing that can be fetched.
    pub(crate) fn file(key: &FileKey, mtime: Mtime, peers: u32) -> Self {
        Self::File { file: key.into(), mtime: seconds(mtime), peers }
    }
}

/// A set of chunks as first and last of each run.
pub(crate) fn runs(have: &Bitmap) -> Vec<[u32; 2]> {
    have.runs().map(|run| [run.first, run.last]).collect()
}
