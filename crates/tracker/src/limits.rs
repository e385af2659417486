//! How much and how long a stranger can ask of a tracker.

use std::time::Duration;

/// Connections at one time. Beyond it new ones are closed at once; those that are silent end after
/// [`HEADER_TIMEOUT`]. A connection costs some 30 kB.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Connections at one time from one host: an IPv4 address, or the 64 bits of an IPv6 one that a network gives to a host. A quarter of
/// all, so that no single host can keep the others out, while thousands of peers behind one translator still get in.
pub const CONNECTIONS_PER_HOST_MAX: usize = CONNECTIONS_MAX / 4;

/// How long a connection stays on which nobody has joined, or shown what lets them in. An honest peer does so with its first
/// request.
pub const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be silent between two requests, and how long the head of a request may take. Longer
/// than two renewals at the usual interval, so that a peer's connection stays.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request may take from its head to its answer, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the reader of an answer may not take a byte.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// How large the body of a request may be, in bytes.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// The body of a request to join, which anyone can send.
pub const JOIN_BYTES_MAX: usize = 1 << 10;

/// Bodies up to this size, in bytes, are read whatever else is going on.
pub const SMALL_BODY_BYTES: usize = 64 << 10;

/// What all larger bodies may take together, in bytes; when it is used up, askers are told to come back.
pub const LARGE_BODIES_BYTES: usize = 128 << 20;

/// The buffer for the head of a request, and the largest head, in bytes. A name of 3,072 bytes fits, percent-encoded.
pub const HEAD_BYTES_MAX: usize = 32 << 10;

/// How long the reason of a report may be, in bytes: it stands in a line of the tracker's log.
pub const REASON_BYTES_MAX: usize = 256;

/// How large an answer a client reads, in bytes: a tracker is a stranger too.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long a client waits for an answer once there is a connection; longer than [`REQUEST_TIMEOUT`].
pub const CALL_TIMEOUT: Duration = Duration::from_secs(25);

/// How far one address of an invite is ahead of the next when it does not answer.
pub const ADDRESS_HEAD_START: Duration = Duration::from_millis(400);

/// How many bytes of a batch a client puts into one request, as far as it can tell beforehand.
pub const BATCH_BYTES_AIM: usize = 48 << 10;

/// How many files of a batch are worked on under one hold of the directory's lock, so that others wait a millisecond at most.
pub const FILES_PER_TURN: usize = 128;

/// How many runs of chunks, and words of 64 chunks within them, take as long as a file does otherwise.
pub const WORDS_LIKE_A_FILE: u64 = 1 << 10;

/// How far ahead of the tracker's clock a file may have been modified. Clocks of honest machines differ by less; whoever could
/// name any day would have the newest file of a name until that day.
pub const MTIME_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

/// How long a ticket lasts. Longer than a tracker is down, shorter than it takes to forget who was invited.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a ticket that was checked on a connection is taken there without looking at its signature again: that
/// costs more than all the rest of a renewal.
pub const TICKET_TRUST: Duration = Duration::from_secs(60);

/// How much of what changed goes into one transaction of the catalogue, in bytes that it takes or stands for: about 10,000
/// registrations, and some 50 ms.
pub const TRANSACTION_WEIGHT_MAX: usize = 2 << 20;

/// How much of what changed may wait for a disk that does not answer, in the same bytes; beyond it nothing more may change.
pub const PENDING_WEIGHT_MAX: usize = 128 << 20;

/// Connections of classic peers at one time, which nobody has let in. One costs up to [`SMALL_BODY_BYTES`] and some.
pub const CLASSIC_CONNECTIONS_MAX: usize = 4096;

/// The same from one host: a quarter, as for all connections.
pub const CLASSIC_CONNECTIONS_PER_HOST_MAX: usize = CLASSIC_CONNECTIONS_MAX / 4;

/// How many files of native peers a classic peer is shown: each of its replies holds them all.
pub const CLASSIC_NATIVE_FILES_MAX: usize = 10_000;

/// How many classic holders of a name an answer tells of. They all have the same, so nobody tries more.
pub const CLASSIC_HOLDERS_MAX: usize = 64;

/// How often peers are asked to renew their leases.
pub const RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// How long what is looked for in names may be, in characters. More would only make looking slow.
pub const PATTERN_CHARS_MAX: usize = 512;

/// Changes in one answer.
pub const CHANGES_PER_ANSWER_MAX: usize = 1000;

/// Changes that are written to a listener at once. Names are up to 3 kB, so a listener costs 100 kB at worst, twice.
pub const CHANGES_PER_FRAME_MAX: usize = 32;

/// Streams of events at one time, and those of one host, counted like [`CONNECTIONS_PER_HOST_MAX`]: some 50 MB at worst.
pub const LISTENERS_MAX: usize = 256;

/// See [`LISTENERS_MAX`].
pub const LISTENERS_PER_HOST_MAX: usize = LISTENERS_MAX / 4;

/// How often a listener hears something at least. Shorter than proxies wait, and than it takes to forget who listens.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How often the directory is asked for changes for one listener, at most: all listeners together must not keep peers waiting.
pub const EVENTS_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long a stream of events lasts. Then its listener comes again, and shows again what lets it in.
pub const STREAM_LIFETIME: Duration = Duration::from_secs(60 * 60);
