//! How a record lies among the bytes of a connection: a header, which says how many sealed bytes follow, and these.

/// How many bytes stand before the sealed ones of a record: type, version and length.
pub(crate) const HEADER_LEN: usize = 5;

/// The most sealed bytes that a record may have (RFC 8446, section 5.2).
pub(crate) const SEALED_LEN_MAX: usize = (1 << 14) + 256;

/// The most bytes of content that a record may have (section 5.1).
pub(super) const CONTENT_LEN_MAX: usize = 1 << 14;

/// How many sealed bytes follow a header.
pub(crate) fn sealed_len(header: &[u8; HEADER_LEN]) -> usize {
    usize::from(u16::from_be_bytes([header[3], header[4]]))
}
