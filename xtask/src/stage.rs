//! What a run needs on this machine and clears away: processes, folders, content to move, network namespaces.

mod compare;
mod corpus;
mod error;
pub(crate) mod gate;
pub(crate) mod leftovers;
mod namespace;
mod process;
mod scratch;

pub use compare::same;
pub use corpus::{Corpus, Shape};
pub use error::RunError;
pub use leftovers::watch;
pub(crate) use namespace::Namespace;
pub use process::{Ended, Line, Running};
pub use scratch::Scratch;
