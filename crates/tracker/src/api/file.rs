//! What identifies a file, its modification time, and the place of a file in a listing.

use drizzle_directory::limits::CHUNKS_MAX;
use drizzle_model::{ContentHash, ContentKind, FileKey, Mtime, ParseIdError, PathError, RelPath};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::encoding;

/// Why a value that has the right shape in JSON means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ShapeError {
    #[error("name: {0}")]
    Name(#[from] PathError),
    #[error("hash: {0}")]
    Hash(ParseIdError),
    #[error("peer: {0}")]
    Peer(ParseIdError),
    #[error("chunks: expected at most {CHUNKS_MAX}, received {0}")]
    Chunks(u32),
    #[error("mtime_ns: expected less than 1000000000, received {0}")]
    Nanoseconds(u32),
    #[error("bits: expected one bit for each of {chunks} chunks, in base64 without padding, and no other")]
    Bits { chunks: u32 },
    #[error("runs: expected runs of chunks below {chunks}")]
    Runs { chunks: u32 },
    #[error("have: the answer holds more chunks than any tracker sends")]
    TooManyChunks,
    #[error("after: expected what an earlier page gave as next")]
    Cursor,
}

/// What is shared under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Kind)]
pub(crate) enum KindDto {
    #[default]
    File,
    Folder,
}

/// A file's identity (S0.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyDto {
    /// A relative path: parts of at most 255 bytes with a slash between them, none of them `.` or `..`, at most 3,072 bytes in all.
    #[schema(min_length = 1, max_length = 3072)]
    name: String,
    /// The BLAKE3 hash of the bytes, or of a folder's manifest.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// In bytes.
    #[schema(maximum = 9007199254740991_u64)]
    size: u64,
    #[schema(maximum = 16777216)]
    chunks: u32,
    #[serde(default)]
    kind: KindDto,
}

impl From<&FileKey> for KeyDto {
    fn from(key: &FileKey) -> Self {
        Self {
            name: key.name.as_str().into(),
            hash: key.hash.to_string(),
            size: key.size,
            chunks: key.chunks,
            kind: match key.kind {
                ContentKind::File => KindDto::File,
                ContentKind::Folder => KindDto::Folder,
            },
        }
    }
}

impl TryFrom<KeyDto> for FileKey {
    type Error = ShapeError;

    fn try_from(dto: KeyDto) -> Result<Self, ShapeError> {
        if dto.chunks > CHUNKS_MAX {
            return Err(ShapeError::Chunks(dto.chunks));
        }
        Ok(Self {
            name: RelPath::new(&dto.name)?,
            hash: dto.hash.parse().map_err(ShapeError::Hash)?,
            size: dto.size,
            chunks: dto.chunks,
            kind: match dto.kind {
                KindDto::File => ContentKind::File,
                KindDto::Folder => ContentKind::Folder,
            },
        })
    }
}

/// A modification time: whole seconds since 1970, and nanoseconds above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Mtime)]
pub(crate) struct MtimeDto {
    #[schema(minimum = -9007199254740991_i64, maximum = 9007199254740991_i64)]
    mtime: i64,
    #[serde(default)]
    #[schema(maximum = 999999999)]
    mtime_ns: u32,
}

impl From<Mtime> for MtimeDto {
    fn from(mtime: Mtime) -> Self {
        Self { mtime: mtime.seconds(), mtime_ns: mtime.nanoseconds() }
    }
}

impl TryFrom<MtimeDto> for Mtime {
    type Error = ShapeError;

    fn try_from(dto: MtimeDto) -> Result<Self, ShapeError> {
        Self::new(dto.mtime, dto.mtime_ns).ok_or(ShapeError::Nanoseconds(dto.mtime_ns))
    }
}

/// A place in a listing: behind that file, whether or not it is still there. Later places are greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub(crate) FileKey);

impl Cursor {
    pub(crate) fn to_text(&self) -> String {
        Self::text_of(&self.0)
    }

    pub(crate) fn text_of(key: &FileKey) -> String {
        let FileKey { name, hash, size, chunks, kind } = key;
        encoding::encode(format!("{} {size} {chunks} {hash} {name}", kind.as_str()).as_bytes())
    }

    pub(crate) fn from_text(text: &str) -> Result<Self, ShapeError> {
        Self::parse(text).ok_or(ShapeError::Cursor)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = String::from_utf8(encoding::decode(text)?).ok()?;
        let mut parts = text.splitn(5, ' ');
        let kind: ContentKind = parts.next()?.parse().ok()?;
        let size = parts.next()?.parse().ok()?;
        let chunks = parts.next()?.parse().ok()?;
        let hash: ContentHash = parts.next()?.parse().ok()?;
        let name = RelPath::new(parts.next()?).ok()?;
        Some(Self(FileKey { name, hash, size, chunks, kind }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> FileKey {
        FileKey {
            name: RelPath::new("a b/\n\"ü").unwrap(),
            hash: ContentHash::from_bytes([0x5a; 32]),
            size: u64::MAX,
            chunks: CHUNKS_MAX,
            kind: ContentKind::Folder,
        }
    }

    #[test]
    fn an_identity_goes_there_and_back() {
        let json = serde_json::to_string(&KeyDto::from(&key())).unwrap();
        assert_eq!(FileKey::try_from(serde_json::from_str::<KeyDto>(&json).unwrap()), Ok(key()));
    }

    #[test]
    fn a_cursor_goes_there_and_back_and_nothing_else_is_one() {
        let text = Cursor(key()).to_text();
        assert_eq!(Cursor::from_text(&text).map(|cursor| cursor.0), Ok(key()));
        for end in 0..text.len() {
            // Cut within the name it may still be a place, but never a panic and never another identity.
            if let Ok(Cursor(cut)) = Cursor::from_text(&text[..end]) {
                assert_eq!((cut.hash, cut.size), (key().hash, key().size));
            }
        }
        for text in ["", "!", "AA", &encoding::encode(b"file 1 1 00 x"), &encoding::encode(b"file -1 1")] {
            assert!(Cursor::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_identity_that_would_not_be_safe_is_refused() {
        let refused = |from: &str, to: &str| {
            let json = serde_json::to_string(&KeyDto::from(&key())).unwrap().replace(from, to);
            FileKey::try_from(serde_json::from_str::<KeyDto>(&json).unwrap()).unwrap_err()
        };
        assert!(matches!(refused("a b/", "../"), ShapeError::Name(PathError::Dots)));
        assert!(matches!(refused("a b/", "/"), ShapeError::Name(PathError::Absolute)));
        assert!(matches!(refused("5a5a\"", "5a5\""), ShapeError::Hash(_)));
        assert_eq!(refused("\"chunks\":16777216", "\"chunks\":16777217"), ShapeError::Chunks(16_777_217));
    }
}
