//! Fetching: from a link or name to the whole content on disk, verified.
//!
//! 1. Resolve: which hash is meant, and who may have it (`resolve`).
//! 2. Describe: the first source that answers says what the hash stands for (`first_source`).
//! 3. Open: what is on disk already counts once it is hashed.
//! 4. Run: the hub fetches the rest; this task keeps it supplied with candidates, tells the tracker what is here now, and
//!    decides when to give up (`running`).
//! 5. Finish: modes, times, links, and nothing left behind.
//!
//! What classic peers alone have goes another way (`classic`), for there is nothing by which it could be verified.

mod classic;
mod fetcher;
mod first_source;
mod means;
mod request;
mod resolve;
mod running;
mod tally;

pub use classic::ClassicFetched;
pub(crate) use classic::ClassicMeans;
pub(crate) use means::Means;
pub use request::{Afterwards, CaseClashes, FetchRequest, Fetched, What};
