//! Which hash is meant, under which name it is to appear, and who may have it.

use drizzle_model::RelPath;
use tracing::debug;

use super::request::What;
use crate::describe::Subject;
use crate::error::FetchError;
use crate::input::Candidate;
use crate::network::Network;

/// What is to be fetched, from whom.
pub(super) struct Resolved {
    pub(super) subject: Subject,
    pub(super) name: RelPath,
    /// Whether the tracker knows it; a link's own peers may have it all the same.
    pub(super) is_registered: bool,
    pub(super) candidates: Vec<Candidate>,
}

pub(super) async fn resolve(network: &Network, what: &What) -> Result<Resolved, FetchError> {
    match what {
        What::Name(name) => by_name(network, name).await,
        What::Link(link) => {
            let mut is_registered = true;
            let mut candidates = match network.candidates(link.hash).await {
                Ok(candidates) => candidates,
                // Nobody need have registered it while a peer of the link has it.
                Err(error) if error.is_not_found() && !link.peers.is_empty() => {
                    is_registered = false;
                    Vec::new()
                }
                Err(error) if error.is_not_found() => {
                    return Err(FetchError::NotFound { what: link.name.to_string() });
                }
                Err(error) if !link.peers.is_empty() => {
                    debug!(target: "drizzle::tracker", %error, "asking the link's peers alone");
                    Vec::new()
                }
                Err(error) => return Err(FetchError::Tracker { what: link.name.to_string(), error }),
            };
            let known: Vec<_> = candidates.iter().map(|candidate| candidate.address.clone()).collect();
            let of_link = link.peers.iter().filter(|address| !known.contains(address));
            candidates.extend(of_link.map(|address| Candidate { address: address.clone(), peer: None }));
            let subject = Subject { hash: link.hash, kind: link.kind, size: link.size };
            Ok(Resolved { subject, name: link.name.clone(), is_registered, candidates })
        }
    }
}

/// The newest content of that name that somebody has (S2.3).
async fn by_name(network: &Network, name: &RelPath) -> Result<Resolved, FetchError> {
    let found = network.find_name(name).await.map_err(|error| match error.is_not_found() {
        true => FetchError::NotFound { what: name.to_string() },
        false => FetchError::Tracker { what: name.to_string(), error },
    })?;
    // A tracker must not choose the name under which it appears here.
    let newest = found
        .into_iter()
        .find(|(key, _)| key.name == *name)
        .ok_or_else(|| FetchError::NotFound { what: name.to_string() })?;
    let (key, candidates) = newest;
    if candidates.is_empty() {
        return Err(FetchError::NoSource { name: name.clone(), reasons: Vec::new() });
    }
    let subject = Subject { hash: key.hash, kind: key.kind, size: key.size };
    Ok(Resolved { subject, name: key.name, is_registered: true, candidates })
}
