//! What the ring stores: small signed records, and the knowledge of who holds the big blobs that some of them name.
//!
//! A record belongs to its publisher. Its name is (key, publisher, subject), and a newer version replaces an older
//! one. It has a lease that ends at a time on the wall clock; only a record with a blob may stay for ever, and only
//! where the blob is.
//!
//! A [`Record`] exists only after somebody checked its signature: [`Record::checked`] is the one door. So nothing in
//! this crate asks again, and a forged record cannot be told apart from a message that never came.

use alloc::vec::Vec;

use drizzle_model::{ContentHash, PeerId};

use crate::position::Key;

/// The greatest value a record may carry. An address list or a file's description fits; content does not.
pub const VALUE_BYTES_MAX: usize = 1024;

/// The longest lease of a record without a blob, counted from now. Publishers renew; what nobody renews goes away.
pub const LEASE_SECONDS_MAX: u64 = 24 * 60 * 60;

/// So far ahead of a keeper's clock a rank may lie, where it is a time: as far as clocks usually differ, and as far as
/// a tracker allows.
pub const RANK_AHEAD_SECONDS_MAX: u64 = 5 * 60;

/// What a signature is made over begins with this, so that it can mean nothing elsewhere.
const SIGNED_PREFIX: &[u8] = b"drizzle ring record 1\0";

/// Which record: at most one version of each is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// What it lies under.
    pub key: Key,
    /// Who signed it.
    pub publisher: PeerId,
    /// What it speaks of; tells the records of one publisher under one key apart. A blob's own hash.
    pub subject: ContentHash,
}

/// When a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lease {
    /// At so many seconds since 1970.
    Until(u64),
    /// Never. For records with a blob, whose publisher may leave.
    Forever,
}

/// What a record says, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Which record.
    pub id: RecordId,
    /// A greater version replaces a smaller one.
    pub version: u64,
    /// When it ends.
    pub lease: Lease,
    /// Where it stands among the records of its key: the greatest first. For names, the file's modification time. None
    /// that lies in the future, as seconds since 1970, is kept.
    pub rank: i64,
    /// The size of the blob that goes with it, whose hash is the subject; `None` when there is none.
    pub blob_bytes: Option<u64>,
    /// The publisher takes the record back: it is kept, so that older versions are refused, and shown to nobody.
    pub withdrawn: bool,
    /// What the application says; at most [`VALUE_BYTES_MAX`].
    pub value: Vec<u8>,
}

impl Content {
    /// The bytes that the publisher signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIGNED_PREFIX.len() + 140 + self.value.len());
        bytes.extend_from_slice(SIGNED_PREFIX);
        bytes.extend_from_slice(self.id.key.as_bytes());
        bytes.extend_from_slice(self.id.publisher.as_bytes());
        bytes.extend_from_slice(self.id.subject.as_bytes());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        push_option(
            &mut bytes,
            match self.lease {
                Lease::Until(unix_seconds) => Some(unix_seconds),
                Lease::Forever => None,
            },
        );
        bytes.extend_from_slice(&self.rank.to_le_bytes());
        push_option(&mut bytes, self.blob_bytes);
        bytes.push(u8::from(self.withdrawn));
        bytes.extend_from_slice(&self.value);
        bytes
    }
}

fn push_option(bytes: &mut Vec<u8>, number: Option<u64>) {
    bytes.push(u8::from(number.is_some()));
    bytes.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
}

/// Why a content and a signature do not make a record. The fault is always the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The value is too long.
    #[error("expected a value of at most {VALUE_BYTES_MAX} bytes, received {received}")]
    Value {
        /// Its length in bytes.
        received: usize,
    },
    /// Only a blob may stay for ever, and who takes one back wants it gone.
    #[error("expected a lease that ends, received one without an end and without a blob, or withdrawn")]
    Lease,
    /// The publisher has not signed this.
    #[error("the signature is not the publisher's")]
    Forged,
}

/// A content that its publisher has signed. The law: the signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    content: Content,
    signature: [u8; 64],
}

impl Record {
    /// Makes a record of a content and its signature, if `is_signed(publisher, bytes, signature)` says so.
    pub fn checked(
        content: Content,
        signature: [u8; 64],
        is_signed: impl FnOnce(&PeerId, &[u8], &[u8; 64]) -> bool,
    ) -> Result<Self, RecordError> {
        if content.value.len() > VALUE_BYTES_MAX {
            return Err(RecordError::Value { received: content.value.len() });
        }
        if content.lease == Lease::Forever && (content.blob_bytes.is_none() || content.withdrawn) {
            return Err(RecordError::Lease);
        }
        if !is_signed(&content.id.publisher, &content.signed_bytes(), &signature) {
            return Err(RecordError::Forged);
        }
        Ok(Self { content, signature })
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The publisher's signature over [`Content::signed_bytes`].
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Which record it is.
    pub fn id(&self) -> RecordId {
        self.content.id
    }

    pub(crate) fn print(&self) -> Print {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.signature[..16]);
        Print(u128::from_le_bytes(bytes))
    }

    /// The blob that goes with it.
    pub(crate) fn blob(&self) -> Option<ContentHash> {
        let wanted = self.content.blob_bytes.is_some() && !self.content.withdrawn;
        wanted.then_some(self.content.id.subject)
    }

    pub(crate) fn has_ended(&self, unix_seconds: u64) -> bool {
        matches!(self.content.lease, Lease::Until(end) if end <= unix_seconds)
    }

    /// Of two versions of one record the greater replaces the other; the signature decides among equals, so that all
    /// peers decide alike.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        (self.content.version, &self.signature) > (other.content.version, &other.signature)
    }
}

/// A record's short name among replicas: the first half of its signature's first half. To make one that is like
/// another's takes some 2^128 steps, since it begins a point that only its signer can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Print(pub u128);
