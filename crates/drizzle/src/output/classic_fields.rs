//! What is reported of classic peers and their files: events of the same names as those of native ones, with null where classic peers
//! know of nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use drizzle_model::Mtime;
use drizzle_node::ClassicFetched;
use drizzle_tracker::{ClassicHolder, ClassicListed, Dialect};
use serde::Serialize;

use super::field::{PathText, seconds};

/// What a classic peer has none of; null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Unknown;

/// A file of classic peers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ClassicFileFields {
    pub(super) name: String,
    hash: Unknown,
    size: Unknown,
    chunks: Unknown,
    kind: &'static str,
    classic: bool,
    mtime: f64,
    pub(super) peers: u32,
}

impl From<&ClassicListed> for ClassicFileFields {
    fn from(listed: &ClassicListed) -> Self {
        Self {
            name: listed.name.to_string(),
            hash: Unknown,
            size: Unknown,
            chunks: Unknown,
            kind: "file",
            classic: true,
            mtime: seconds(listed.mtime),
            peers: listed.peers,
        }
    }
}

/// A classic peer that has a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ClassicLocationFields {
    name: String,
    hash: Unknown,
    peer: Unknown,
    number: Unknown,
    pub(super) address: String,
    chunks: Unknown,
    of: Unknown,
    classic: bool,
    mtime: f64,
    /// How it must be asked: a word.
    pub(super) dialect: &'static str,
}

impl ClassicLocationFields {
    pub(crate) fn new(name: &str, mtime: Mtime, holder: &ClassicHolder) -> Self {
        Self {
            name: name.to_owned(),
            hash: Unknown,
            peer: Unknown,
            number: Unknown,
            address: holder.address.to_string(),
            chunks: Unknown,
            of: Unknown,
            classic: true,
            mtime: seconds(mtime),
            dialect: match holder.dialect {
                Dialect::Unframed => "unframed",
                Dialect::Lf => "lf",
                Dialect::Both => "both",
            },
        }
    }
}

/// A file that came from a classic peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ClassicDoneFields {
    pub(super) name: String,
    hash: Unknown,
    pub(super) path: PathText,
    pub(super) size: u64,
    pub(super) seconds: f64,
    /// By the address, since that is all the name that a classic peer has.
    pub(super) from: BTreeMap<String, u64>,
    classic: bool,
}

impl From<ClassicFetched> for ClassicDoneFields {
    fn from(fetched: ClassicFetched) -> Self {
        let ClassicFetched { name, path, size, elapsed, from } = fetched;
        Self {
            name: name.to_string(),
            hash: Unknown,
            path: PathText::from(path),
            size,
            seconds: elapsed.as_secs_f64(),
            from: from.into_iter().map(|from: SocketAddr| (from.to_string(), size)).collect(),
            classic: true,
        }
    }
}
