//! How much and how long a stranger can ask. Nobody proves anything in this protocol, so all of them are strangers.

use std::time::Duration;

/// How long a peer's entries stay without a word of it (S2.2).
pub const LEASE: Duration = Duration::from_secs(180);

/// How long a message to the tracker may be, in bytes: 16,384 files with names of some 80 bytes.
pub const MESSAGE_BYTES_MAX: usize = 2 << 20;

/// How long a directory may be that a peer reads, in bytes: a tracker is a stranger too.
pub const DIRECTORY_BYTES_MAX: usize = 32 << 20;

/// How deep a message may nest. The deepest that has a meaning has three levels.
pub const DEPTH_MAX: usize = 8;

/// How long the name of a file may be, in bytes: what every file system takes.
pub const NAME_BYTES_MAX: usize = 255;

/// Peers on a board. Each reply holds the whole directory, so this protocol is for small networks.
pub const PEERS_MAX: usize = 4096;

/// Peers of one host on a board: a quarter, so that no single host can keep the others out.
pub const PEERS_PER_HOST_MAX: usize = PEERS_MAX / 4;

/// Files that one peer can register.
pub const FILES_PER_PEER_MAX: usize = 16_384;

/// Pairs of a file and a peer on a board: some 20 MB of memory, and a directory that its readers can still take.
pub const FILES_MAX: usize = 65_536;

/// The same of one host: half, so that no single host can keep the others out.
pub const FILES_PER_HOST_MAX: usize = FILES_MAX / 2;

/// How long a file is held back from askers who could not fetch it, while somebody is there who can pass it on to them.
pub const BRIDGE_PATIENCE: Duration = Duration::from_secs(60);

/// How long a peer's connection to the tracker may be silent. Longer than a lease, since a keepalive comes only when a
/// round of fetching is over.
pub const TRACKER_IDLE: Duration = Duration::from_secs(200);

/// How long one message may take from its first byte to its last.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a reader may not take a byte.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to a serving peer at one time, and those of one host. Each holds a buffer of [`PIECE_BYTES`]. On one
/// machine all peers are one host.
pub const SERVED_MAX: usize = 64;
/// See [`SERVED_MAX`].
pub const SERVED_PER_HOST_MAX: usize = 48;

/// How long a request may take to come.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a request without LF is waited on for more, or for its LF. Long enough for the next segment of a slow writer,
/// short enough that nobody minds.
pub const LF_WAIT: Duration = Duration::from_millis(300);

/// How long the header of a framed reply goes ahead of the bytes: some programs take the header with one read, and
/// are confused by what else is in it.
pub const HEADER_LEAD: Duration = Duration::from_millis(20);

/// How long the other side's goodbye is waited for after the last byte. Closed with something unread, a connection is
/// torn down, and what was sent may be lost.
pub const LINGER: Duration = Duration::from_secs(5);

/// How much is read from a file or socket at once, in bytes.
pub const PIECE_BYTES: usize = 128 << 10;

/// How long making a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a framed reply may be silent.
pub const FRAMED_IDLE: Duration = Duration::from_secs(20);

/// How long a peer is waited for that was asked for what nobody has.
pub const NOTHING_IDLE: Duration = Duration::from_secs(3);

/// How long an unframed reply may be silent until it is taken for ended, at the first try; twice as long at each
/// further one.
pub const UNFRAMED_IDLE: Duration = Duration::from_millis(1500);

/// How often a reply is asked for until it is believed, or given up.
pub const TRIES_MAX: usize = 4;

/// The longest header of a framed reply, in bytes.
pub const HEADER_BYTES_MAX: usize = 128;

/// The largest unframed reply, in bytes: nothing announces its end, so a stranger could fill a disk with it.
pub const UNFRAMED_BYTES_MAX: u64 = 64 << 30;

/// From this age on a fetch must have brought [`SLOWEST_BYTES_PER_S`] on average: whoever sends a byte now and then would
/// keep its place for ever.
pub const SLOW_AFTER: Duration = Duration::from_secs(60);
/// See [`SLOW_AFTER`].
pub const SLOWEST_BYTES_PER_S: u64 = 1 << 10;

/// While others have the same file a fetch of it must be faster from an earlier age on: whoever drips could take years for a file otherwise that the
/// next one gives in a moment.
pub const WITH_OTHERS_AFTER: Duration = Duration::from_secs(10);
/// See [`WITH_OTHERS_AFTER`].
pub const WITH_OTHERS_BYTES_PER_S: u64 = 64 << 10;

/// Holders that are left for being slow, until the fastest of them is good enough. The line here may be what is slow.
pub const SLOW_LEFT_MAX: usize = 4;

/// Peers that are fetched from at once. From each comes one file at a time: some serve one caller after the other.
pub const FETCHED_FROM_MAX: usize = 8;

/// How long nobody may have written to a file before others are told of it.
pub const AT_REST_AFTER: Duration = Duration::from_secs(2);

/// How far ahead of this machine's clock a file's time may be and still be that of somebody who writes now: disks elsewhere have
/// clocks of their own. What is later was set on purpose.
pub const AHEAD_MAX: Duration = Duration::from_secs(60);

/// How long the synchronizer waits after a round before its next keepalive.
pub const KEEPALIVE_PAUSE: Duration = Duration::from_secs(5);

/// How long a round may take until a keepalive is sent although files are still being fetched: the lease goes on.
pub const ROUND_MAX: Duration = Duration::from_secs(30);

/// How long the tracker's reply is waited for.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long after a tracker's first reply its LF is waited for, by which its dialect is told.
pub const REPLY_LF_WAIT: Duration = Duration::from_millis(200);

/// When a tracker is lost it is called again this soon, and less often when it does not answer.
pub const RECALL_MIN: Duration = Duration::from_secs(1);
/// See [`RECALL_MIN`].
pub const RECALL_MAX: Duration = Duration::from_secs(15);

/// A fetch that failed is tried again this soon, and less often when it fails again.
pub const RETRY_MIN: Duration = Duration::from_secs(2);
/// See [`RETRY_MIN`].
pub const RETRY_MAX: Duration = Duration::from_secs(60);
