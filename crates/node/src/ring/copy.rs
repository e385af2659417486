//! A file that is kept: what it looks like from outside, and whether it is what its name says.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use drizzle_model::ContentHash;

/// Read at a time: what the hash is fast with.
const BUFFER_BYTES: usize = 256 << 10;

/// What a file looks like. One that was written to looks otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
}

/// What is found in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// What its name says.
    Right(Look),
    /// Something else.
    Wrong,
    /// Nothing.
    Gone,
    /// It cannot be read now.
    Unreadable,
}

impl Look {
    /// None when nothing is there, or nothing can be seen.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::symlink_metadata(path).ok().map(|metadata| Self::of(&metadata))
    }

    fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { bytes: metadata.size(), inode: metadata.ino(), modified }
    }
}

/// Reads a file to its end.
pub(crate) fn read(path: &Path, named: ContentHash) -> Read {
    match hash(path) {
        Ok((look, hash)) if hash == named => Read::Right(look),
        Ok(_) => Read::Wrong,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Read::Gone,
        Err(error) => {
            tracing::warn!(target: "drizzle::ring", path = %path.display(), %error, "cannot read what is kept");
            Read::Unreadable
        }
    }
}

fn hash(path: &Path) -> io::Result<(Look, ContentHash)> {
    let mut file = File::open(path)?;
    let look = Look::of(&file.metadata()?);
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => drop(hasher.update(&buffer[..len])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((look, ContentHash::from_bytes(*hasher.finalize().as_bytes())))
}
