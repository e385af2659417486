//! The laws of the directory, recounted from nothing.

use alloc::collections::BTreeMap;

use crate::directory::{Directory, usage};
use crate::holdings::Holding;
use crate::peers::PeerNumber;
use crate::quota::Usage;

impl Directory {
    /// Recounts everything.
    ///
    /// # Panics
    /// If a law of the directory does not hold: a bug here.
    pub fn check_invariants(&self) {
        self.peers.check_invariants();
        self.files.check_invariants();
        self.holdings.check_invariants();
        self.past.check_invariants();
        self.changes.check_invariants(self.version);
        for key in self.past.keys() {
            assert_eq!(self.files.id(key), None, "{} is held and of the past", key.name);
        }
        self.check_counts_of_files();
        self.check_usage();
        for (file, source) in self.suspicions.pairs() {
            assert!(
                self.holdings.get(file, source).is_some(),
                "a report of {source} outlived what it is about"
            );
        }
    }

    fn check_counts_of_files(&self) {
        for (id, file) in self.files.iter() {
            let holders = self.holdings.of_file(id).count();
            let sources = self.holdings.of_file(id).filter(|(_, holding)| holding.is_source()).count();
            let name = &file.key.name;
            assert_eq!(
                (file.holders as usize, file.sources as usize),
                (holders, sources),
                "holders of {name}"
            );
            assert!(file.registered <= self.version, "{name} is from the future");
        }
    }

    fn check_usage(&self) {
        let mut counted: BTreeMap<PeerNumber, Usage> = BTreeMap::new();
        for (id, number, holding) in self.holdings.iter() {
            let file = self.files.file(id);
            assert!(file.is_some(), "{id:?} is held by {number} and not there");
            if let Some(file) = file {
                let of_peer = counted.entry(number).or_default();
                *of_peer = of_peer.plus(usage(&file.key, holding.partial_chunks()));
                let is_sized = !matches!(holding, Holding::Part(part) if part.len() != file.key.chunks);
                assert!(is_sized, "the bitmap of {number} is of another file");
            }
        }
        for (number, peer) in self.peers.iter() {
            let expected = counted.remove(&number).unwrap_or_default();
            assert_eq!(peer.usage, expected, "what peer {number} uses");
            assert_eq!(peer.usage.exceeds(), None, "what peer {number} may use");
            assert!(
                expected.files == 0 || peer.address.is_some(),
                "peer {number} holds files but is nowhere"
            );
        }
        let partial_chunks: u64 = self.holdings.iter().map(|(_, _, holding)| holding.partial_chunks()).sum();
        assert_eq!(self.partial_chunks, partial_chunks, "chunks held in part");
        counted.retain(|number, _| !self.leaving.contains(number));
        assert!(counted.is_empty(), "peers that are not there hold {counted:?}");
    }
}
