//! The bytes of a manifest, whose BLAKE3 hash names a folder.
//!
//! There is one encoding for each manifest, so that peers that share the same folder share the same content; a
//! decoder that took a second one would give one folder two names. Memory is spent only on what is already there: no
//! announced count is believed.

use alloc::vec::Vec;

use drizzle_model::{
    ChunkHashes, ContentHash, Entry, EntryKind, Geometry, Manifest, ManifestError, Metadata, PathError,
    ProofError, RelPath, SymlinkTarget,
};

use crate::MANIFEST_BYTES_MAX;
use crate::field::{Field, FieldError, Fields, write_text};

/// What a manifest begins with.
const MAGIC: &[u8; 16] = b"drizzle manifest";
/// The only form there is so far.
const VERSION: u16 = 1;

const DIRECTORY: u8 = 0;
const FILE: u8 = 1;
const SYMLINK: u8 = 2;

/// A path of one byte, metadata, kind.
const ENTRY_LEN_MIN: usize = 2 + 1 + <Metadata as Field>::LEN_MIN + 1;

/// Why bytes are no manifest. The one who made them is to blame: whoever sent them could only send what has the hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestDecodeError {
    /// They are something else.
    #[error("expected the manifest of a folder, received something else")]
    Magic,
    /// They are a manifest of a form that is not known here.
    #[error("expected a manifest of version {VERSION}, received version {received}")]
    Version {
        /// The version.
        received: u16,
    },
    /// They are more than any manifest has.
    #[error("expected a manifest of at most {MANIFEST_BYTES_MAX} bytes, received {received}")]
    TooLong {
        /// How many there are.
        received: usize,
    },
    /// What stands before the entries, or behind them, is damaged.
    #[error("the manifest is damaged: {0}")]
    Frame(FieldError),
    /// An entry is damaged.
    #[error("entry {entry} of the manifest is damaged: {error}")]
    Entry {
        /// Which one, from 0.
        entry: u32,
        /// What is wrong.
        error: EntryError,
    },
    /// The entries are not those of a folder.
    #[error("the manifest is wrong: {0}")]
    Entries(ManifestError),
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A field is not what it should be.
    #[error("{0}")]
    Field(FieldError),
    /// The path would not be safe.
    #[error("{0}")]
    Path(PathError),
    /// The file is larger than any can be.
    #[error("expected a file of at most {max} bytes, received {received}", max = Geometry::SIZE_MAX)]
    Size {
        /// Its size.
        received: u64,
    },
    /// The chunk hashes do not prove the hash.
    #[error("{0}")]
    Proof(ProofError),
}

impl From<FieldError> for EntryError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

/// Writes a manifest. Who shares it checks that it is not above [`MANIFEST_BYTES_MAX`], or nobody will read it.
pub fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    let mut out = Vec::from(MAGIC);
    VERSION.write(&mut out);
    manifest.metadata().write(&mut out);
    (manifest.entries().len() as u32).write(&mut out);
    for entry in manifest.entries() {
        write_entry(entry, &mut out);
    }
    out
}

fn write_entry(entry: &Entry, out: &mut Vec<u8>) {
    write_text(entry.path.as_str(), out);
    entry.metadata.write(out);
    match &entry.kind {
        EntryKind::Directory => out.push(DIRECTORY),
        EntryKind::File { geometry, hash, chunks } => {
            out.push(FILE);
            geometry.size().write(out);
            hash.write(out);
            // One chunk has the file's hash, none needs no hash.
            if geometry.chunk_count() > 1 {
                out.extend_from_slice(chunks.as_slice().as_flattened());
            }
        }
        EntryKind::Symlink { target } => {
            out.push(SYMLINK);
            write_text(target.as_str(), out);
        }
    }
}

/// Reads what [`encode_manifest`] writes, and nothing else. The hash of the bytes is for the caller to check.
pub fn decode_manifest(bytes: &[u8]) -> Result<Manifest, ManifestDecodeError> {
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(ManifestDecodeError::TooLong { received: bytes.len() });
    }
    let rest = bytes.strip_prefix(MAGIC).ok_or(ManifestDecodeError::Magic)?;
    let mut fields = Fields::new(rest);
    let version = fields.read("version").map_err(ManifestDecodeError::Frame)?;
    if version != VERSION {
        return Err(ManifestDecodeError::Version { received: version });
    }
    let metadata = fields.read("folder").map_err(ManifestDecodeError::Frame)?;
    let count: u32 = fields.read("count").map_err(ManifestDecodeError::Frame)?;
    let entries = read_entries(&mut fields, count)?;
    fields.finish().map_err(ManifestDecodeError::Frame)?;
    Manifest::new(metadata, entries).map_err(ManifestDecodeError::Entries)
}

fn read_entries(fields: &mut Fields<'_>, count: u32) -> Result<Vec<Entry>, ManifestDecodeError> {
    let mut entries = Vec::with_capacity(fields.room_for(count as usize, ENTRY_LEN_MIN));
    for entry in 0..count {
        let read = read_entry(fields).map_err(|error| ManifestDecodeError::Entry { entry, error })?;
        entries.push(read);
    }
    Ok(entries)
}

fn read_entry(fields: &mut Fields<'_>) -> Result<Entry, EntryError> {
    let path = RelPath::new(read_text(fields, "path")?).map_err(EntryError::Path)?;
    let metadata = fields.read("metadata")?;
    let kind = match fields.read("kind")? {
        DIRECTORY => EntryKind::Directory,
        FILE => read_file(fields)?,
        SYMLINK => read_symlink(fields)?,
        other => return Err(fields.value("0 (directory), 1 (file) or 2 (symbolic link)", other).into()),
    };
    Ok(Entry { path, metadata, kind })
}

fn read_file(fields: &mut Fields<'_>) -> Result<EntryKind, EntryError> {
    let size: u64 = fields.read("size")?;
    let geometry = Geometry::for_size(size).ok_or(EntryError::Size { received: size })?;
    let hash: ContentHash = fields.read("hash")?;
    let hashes = match geometry.chunk_count() {
        0 => Vec::new(),
        1 => Vec::from([*hash.as_bytes()]),
        count => read_hashes(fields, count)?,
    };
    let chunks = ChunkHashes::prove(&hash, geometry, hashes).map_err(EntryError::Proof)?;
    Ok(EntryKind::File { geometry, hash, chunks })
}

fn read_hashes(fields: &mut Fields<'_>, count: u32) -> Result<Vec<[u8; 32]>, FieldError> {
    fields.rename("chunk hashes");
    let bytes = fields.bytes(count as usize * 32)?;
    Ok(bytes.as_chunks().0.to_vec())
}

fn read_text<'a>(fields: &mut Fields<'a>, name: &'static str) -> Result<&'a str, FieldError> {
    fields.rename(name);
    fields.text()
}

fn read_symlink(fields: &mut Fields<'_>) -> Result<EntryKind, EntryError> {
    let target = SymlinkTarget::new(read_text(fields, "target")?);
    Ok(EntryKind::Symlink {
        target: target.ok_or_else(|| fields.form("1 to 4095 bytes without a zero byte"))?,
    })
}
