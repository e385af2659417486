//! Files that come from others: from members for keeping, and from guests who are to be relieved of them.

use std::time::Duration;

use drizzle_model::{Address, ContentHash, ContentKind, Link, PeerId, RelPath};
use drizzle_ring::Contact;
use tokio::time::timeout;

use super::{Got, Vault};
use crate::error::FetchError;
use crate::fetch::{Afterwards, CaseClashes, FetchRequest, What};

/// A fetch may take so long, and as long as its bytes take at a rate that a slow uplink has.
const FETCH_MAX: Duration = Duration::from_secs(60);
const RATE_MIN: u64 = 64 << 10;
/// A size is only said; no fetch takes longer.
const LONGEST_MAX: Duration = Duration::from_secs(12 * 60 * 60);

impl Vault {
    /// Fetches a file from a member, for keeping.
    pub(crate) async fn fetch(&self, blob: ContentHash, bytes: u64, from: Contact) -> Got {
        self.entries().entry(blob).or_default().is_kept = true;
        if self.inner.liars.has(blob, from.peer) {
            return Got::NotGiven;
        }
        let Some(_turn) = self.inner.sources.turn_of(from.peer).await else { return Got::NotGiven };
        self.obtain(blob, bytes, vec![from.address.into()]).await
    }

    /// Takes a file over from a guest, whose turn it may not be yet. Pin it before: what fails is gone with the pin.
    pub(crate) async fn take_over(&self, guest: PeerId, key: (ContentHash, u64), peers: Vec<Address>) -> Got {
        let Some(_turn) = self.inner.guests.turn_of(guest).await else { return Got::NotGiven };
        self.obtain(key.0, key.1, peers).await
    }

    async fn obtain(&self, blob: ContentHash, bytes: u64, peers: Vec<Address>) -> Got {
        if self.path(blob).is_some() {
            return Got::Here;
        }
        let Ok(name) = RelPath::new(&blob.to_string()) else { return Got::NotGiven };
        let link = Link { hash: blob, kind: ContentKind::File, name, size: bytes, invite: None, peers };
        let request = FetchRequest {
            what: What::Link(Box::new(link)),
            output: self.inner.folder.clone(),
            partial_dir: Some(self.inner.partial.clone()),
            afterwards: Afterwards::Leave,
            case_clashes: CaseClashes::Allowed,
        };
        let longest = (FETCH_MAX + Duration::from_secs(bytes / RATE_MIN)).min(LONGEST_MAX);
        match timeout(longest, self.inner.means.fetch(&self.inner.network, request)).await {
            Ok(Ok(fetched)) if fetched.key.size == bytes && self.take_up(blob).await => Got::Here,
            Ok(Ok(_)) => Got::NotGiven,
            Err(_) => {
                tracing::debug!(target: "drizzle::ring", ?blob, ?longest, "a file was not given in time");
                Got::NotGiven
            }
            Ok(Err(FetchError::Disk { error, .. })) => {
                tracing::warn!(target: "drizzle::ring", %error, "a file that is to be kept cannot be written");
                Got::Unwritable
            }
            Ok(Err(error)) => {
                if let FetchError::Integrity { peers, .. } = &error {
                    peers.iter().for_each(|&peer| self.inner.liars.add(blob, peer));
                }
                tracing::debug!(target: "drizzle::ring", %error, "a file was not given");
                Got::NotGiven
            }
        }
    }
}
