//! What there is in a network, page by page: first what native peers have, in the order of names, then the files of classic ones.
//!
//! Nothing is gathered here, so what a tracker lists takes no more memory than a page, though it go on without end. A ring is walked round
//! as a whole, and its list is one page.

use drizzle_model::{FileKey, Mtime};
use drizzle_tracker::{ClassicListed, Cursor, Search};

use crate::discovery::{Discovery, DiscoveryError};
use crate::error::TrackerError;

/// How many files a page has at most.
const PAGE_FILES: usize = 1000;

/// Something in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What it is.
    pub key: FileKey,
    /// When it changed last.
    pub mtime: Mtime,
    /// How many peers have some of it.
    pub peers: u32,
}

/// A part of what there is; maybe empty although there is more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingPage {
    /// What native peers have.
    Native(Vec<Listing>),
    /// Files of classic peers, which have no hash.
    Classic(Vec<ClassicListed>),
}

/// All pages, or those of a search.
pub struct Listings {
    discovery: Discovery,
    search: Option<Search>,
    at: At,
}

/// Where the next page begins.
enum At {
    Native(Option<Cursor>),
    Classic(Option<String>),
    End,
}

impl Listings {
    pub(crate) fn new(discovery: Discovery, search: Option<Search>) -> Self {
        Self { discovery, search, at: At::Native(None) }
    }

    /// The next page; none when there is no more.
    pub async fn next(&mut self) -> Result<Option<ListingPage>, TrackerError> {
        let page = match std::mem::replace(&mut self.at, At::End) {
            At::Native(after) => Some(self.native(after).await?),
            At::Classic(after) => Some(self.classic(after).await?),
            At::End => None,
        };
        Ok(page)
    }

    async fn native(&mut self, after: Option<Cursor>) -> Result<ListingPage, DiscoveryError> {
        let search = self.search.as_ref();
        let (listed, next) = match &self.discovery {
            Discovery::Tracker(client) => {
                let page = match search {
                    None => client.files(after.as_ref(), PAGE_FILES).await?,
                    Some(search) => client.search(search, after.as_ref(), PAGE_FILES).await?,
                };
                (page.files, page.next)
            }
            Discovery::Ring(ring) => match search {
                None => (ring.list().await?, None),
                Some(search) => (ring.search(search).await?, None),
            },
            Discovery::Nobody => (Vec::new(), None),
        };
        self.at = match next {
            Some(next) => At::Native(Some(next)),
            None if self.discovery.is_classic() => At::Classic(None),
            None => At::End,
        };
        let listing = |listed: drizzle_tracker::Listed| Listing {
            key: listed.key,
            mtime: listed.mtime,
            peers: listed.peers,
        };
        Ok(ListingPage::Native(listed.into_iter().map(listing).collect()))
    }

    async fn classic(&mut self, after: Option<String>) -> Result<ListingPage, DiscoveryError> {
        let Discovery::Tracker(client) = &self.discovery else { return Ok(ListingPage::Classic(Vec::new())) };
        let page = client.classic_files(self.search.as_ref(), after.as_deref(), PAGE_FILES).await?;
        self.at = page.next.map_or(At::End, |next| At::Classic(Some(next)));
        Ok(ListingPage::Classic(page.files))
    }
}

impl std::fmt::Debug for Listings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listings").field("search", &self.search).finish_non_exhaustive()
    }
}
