//! The calls of the API: from a request to the directory and back.

pub(crate) mod batches;
pub(crate) mod classic;
pub(crate) mod events;
mod failures;
pub(crate) mod membership;
pub(crate) mod questions;
pub(crate) mod upkeep;
