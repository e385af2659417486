//! What can be set, with its defaults.

use core::time::Duration;

use crate::contact::Contact;
use crate::position::Space;

/// A node's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node, as others shall know it.
    pub me: Contact,
    /// How many positions the ring has.
    pub space: Space,
    /// The length of the successor list, 2 to 64. Sixteen survive the loss of half of thousands of nodes at once.
    pub successors: usize,
    /// How many peers keep each record, 1 to 16.
    pub replicas: usize,
    /// How often the successors are pinged and the ring is stabilized.
    pub ping: Duration,
    /// How often one finger is looked up anew.
    pub finger: Duration,
    /// How often what is stored is compared with the replicas, when nothing has changed.
    pub compare: Duration,
    /// How often the own place is looked up through an old contact, to find a ring that has come apart.
    pub reunite: Duration,
    /// How many peers a look-up asks at a time, 1 to 8.
    pub parallel: usize,
    /// The wall clock at [`drizzle_model::Time::ORIGIN`], in seconds since 1970: leases end by it.
    pub unix_seconds_at_origin: u64,
    /// What this node keeps for others.
    pub quotas: Quotas,
    /// Where its random numbers begin. Two nodes should not have the same.
    pub seed: u64,
}

impl Config {
    /// The defaults, for a node of the full ring.
    pub fn new(me: Contact, seed: u64) -> Self {
        Self {
            me,
            space: Space::FULL,
            successors: 16,
            replicas: 3,
            ping: Duration::from_secs(5),
            finger: Duration::from_secs(15),
            compare: Duration::from_secs(60),
            reunite: Duration::from_secs(30),
            parallel: 3,
            unix_seconds_at_origin: 0,
            quotas: Quotas::default(),
            seed,
        }
    }

    /// The same with every number within its bounds.
    pub(crate) fn bounded(mut self) -> Self {
        const SHORTEST: Duration = Duration::from_millis(100);
        self.successors = self.successors.clamp(2, crate::message::CONTACTS_MAX);
        self.replicas = self.replicas.clamp(1, 16).min(self.successors);
        self.parallel = self.parallel.clamp(1, 8);
        for period in [&mut self.ping, &mut self.finger, &mut self.compare, &mut self.reunite] {
            *period = (*period).max(SHORTEST);
        }
        self
    }
}

/// Bounds of what a node keeps, so that no stranger can fill it.
#[derive(Debug, Clone)]
pub struct Quotas {
    /// Records in all. At some 1.3 KiB for the largest, the default is 80 MiB.
    pub records_max: usize,
    /// Records under one key: as many sources of one file as anybody needs to begin.
    pub records_per_key_max: usize,
    /// Records of one publisher under one key: no single one fills a key for all others.
    pub records_per_key_and_publisher_max: usize,
    /// Records of one publisher.
    pub records_per_publisher_max: usize,
    /// Of the records those with a blob, which stay for ever: others have room, whatever is stored.
    pub files_max: usize,
    /// Of one publisher those with a blob.
    pub files_per_publisher_max: usize,
    /// Bytes of blobs in all.
    pub blob_bytes_max: u64,
    /// Bytes of blobs of one publisher.
    pub blob_bytes_per_publisher_max: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            records_max: 65_536,
            records_per_key_max: 256,
            records_per_key_and_publisher_max: 64,
            records_per_publisher_max: 16_384,
            files_max: 32_768,
            files_per_publisher_max: 8_192,
            blob_bytes_max: 64 << 30,
            blob_bytes_per_publisher_max: 16 << 30,
        }
    }
}

impl Quotas {
    /// The same, with so much room for blobs, of which no publisher gets more than a quarter.
    pub fn with_blob_bytes(self, blob_bytes_max: u64) -> Self {
        Self { blob_bytes_max, blob_bytes_per_publisher_max: blob_bytes_max / 4, ..self }
    }
}
