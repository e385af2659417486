//! Files that a ring was given, and what has become of them.

use std::time::Duration;

use drizzle_model::ContentHash;
use drizzle_ring::{Input, Key, Operation, Output, Record};
use drizzle_sim::HostId;

use crate::net::Net;
use crate::peer::host_of;
use crate::stand_ins::{blob_record, random_bytes};

/// What was stored, to be asked for later.
#[derive(Default)]
pub(crate) struct Shelved {
    records: Vec<Record>,
}

impl Shelved {
    /// Stores files from members at random, and waits until all are.
    pub(crate) fn store(&mut self, net: &mut Net, count: usize) {
        let mut open = Vec::new();
        for _ in 0..count {
            let by = net.any_member();
            let key = Key::from_bytes(random_bytes(&mut net.random));
            let blob = ContentHash::from_bytes(random_bytes(&mut net.random));
            let record = blob_record(key, net.contact(by).peer, blob, 1 << 20);
            net.world.with(by, |peer, _, _| _ = peer.blobs.insert(blob));
            self.records.push(record.clone());
            open.push((by, net.start(by, |operation| Input::Store { operation, record })));
        }
        net.run(Duration::from_secs(10));
        for (by, operation) in open {
            let outcome = net.outcome(by, operation);
            assert!(matches!(outcome, Some(Output::Stored { .. })), "{outcome:?}");
        }
    }

    /// How many cannot be had, record and blob, by asking some member.
    pub(crate) fn lost(&self, net: &mut Net) -> usize {
        let asked: Vec<(HostId, Operation, &Record)> = self
            .records
            .iter()
            .map(|record| {
                let by = net.any_member();
                let key = record.id().key;
                (by, net.start(by, |operation| Input::Request { operation, key }), record)
            })
            .collect();
        net.run(Duration::from_secs(10));
        let is_there =
            |(by, operation, record): &(HostId, Operation, &Record)| match net.outcome(*by, *operation) {
                Some(Output::Received { from, records, .. }) => {
                    let whole = records.iter().any(|offer| offer.record == **record && offer.has_blob);
                    whole && net.world.host(host_of(*from)).blobs.contains(&record.id().subject)
                }
                _ => false,
            };
        asked.iter().filter(|one| !is_there(one)).count()
    }

    /// The least, the mean and the greatest number of whole copies.
    pub(crate) fn copies(&self, net: &Net) -> (usize, f64, usize) {
        let count = |record: &&Record| {
            let holds = |id: HostId| {
                let peer = net.world.host(id);
                peer.blobs.contains(&record.id().subject) && peer.ring.records().any(|held| held == *record)
            };
            net.members().iter().filter(|&&(_, id)| holds(id)).count()
        };
        let counts: Vec<usize> = self.records.iter().map(|record| count(&record)).collect();
        let sum: usize = counts.iter().sum();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        (least.copied().unwrap_or(0), sum as f64 / counts.len().max(1) as f64, most.copied().unwrap_or(0))
    }
}
