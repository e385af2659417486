//! Every limit of the protocol, with its reason. What is beyond one of them is refused before memory is spent on it.

use core::time::Duration;

/// The version of the messages that is spoken here. An incompatible protocol gets another ALPN name.
pub const PROTOCOL_VERSION: u16 = 1;

/// The name of the protocol in the TLS handshake (ALPN).
pub const ALPN: &[u8] = b"drizzle/1";

/// The most chunks that one content may have: at the smallest chunk size that is 1 TiB of files below 64 MiB, at the
/// largest a file of 256 TiB. A bitmap of them has 2 MiB, which is what a stranger can make one frame cost.
pub const CHUNKS_MAX: u32 = 1 << 24;

/// The most bytes of content in one frame: large enough that headers and system calls do not count, small enough that a
/// control frame behind it waits for milliseconds on a slow link.
pub const PAYLOAD_BYTES_MAX: u32 = 256 << 10;

/// The most bytes that a chunk has: the largest chunk of a file. The chunks of a folder are no larger.
pub const CHUNK_BYTES_MAX: u32 = 16 << 20;

/// The most bytes of a ticket, which is opaque here: room for half as much again as there are.
pub const TICKET_BYTES_MAX: usize = 256;

/// The most bytes of the name of the remote's program: it stands in a line of a log.
pub const AGENT_BYTES_MAX: usize = 64;

/// The most bytes of the text in a goodbye: it stands in a line of a log.
pub const BYE_BYTES_MAX: usize = 256;

/// The most chunks that one frame asks for or cancels; who wants more sends more frames.
pub const WANTS_MAX: usize = 256;

/// The most runs of chunks in one frame; 8 KiB of them.
pub const RUNS_MAX: usize = 1024;

/// The most chunk hashes that are asked for and sent at once: 512 KiB, the hashes of 1 GiB to 256 GiB of content.
pub const HASHES_MAX: usize = 16_384;

/// The most peers passed on in one frame: twice as many as a peer keeps as neighbours.
pub const PEERS_MAX: usize = 64;

/// The most channels that one side has open on one connection at a time: many files share it, and each costs memory.
pub const CHANNELS_MAX: usize = 1024;

/// The most chunks that one side has asked for on one connection and not got. At the smallest chunk size it is 256 MiB
/// under way, 20 Gbit/s at 100 ms.
pub const WANTS_PENDING_MAX: usize = 4096;

/// The most bytes of an encoded manifest: the hashes of [`CHUNKS_MAX`] chunks take half of it, and as much is
/// left for the names of some five million files.
pub const MANIFEST_BYTES_MAX: usize = 1 << 30;

/// How long after the handshake the remote's first frame may take: whoever was not admitted holds a connection no
/// longer than this.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// A side that has sent nothing for so long sends a ping, and so shows that it is there, and finds out whether the other is.
pub const PING_AFTER: Duration = Duration::from_secs(15);

/// After so long without a frame from the remote it is taken for gone: two pings are lost by then.
pub const SILENCE_MAX: Duration = Duration::from_secs(45);

/// The version of a ring's frames that is spoken here.
pub const RING_VERSION: u16 = 1;

/// The name of a ring's protocol in the TLS handshake (ALPN).
pub const RING_ALPN: &[u8] = b"drizzle-ring/1";

/// The longest frame of a ring: 32 records with their values of 1 KiB take 39 KiB, 2,048 short names 34 KiB.
pub const RING_FRAME_BYTES_MAX: u32 = 64 << 10;

/// The longest frame of one who has not yet said hello: a ticket or a goodbye, and some numbers.
pub const RING_HELLO_BYTES_MAX: u32 = 512;
