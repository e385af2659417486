//! The swarm machine in the world: peers that speak with each other as the real driver does, good ones and bad ones.

mod bounds;
mod chaos;
mod checks;
mod peer;
mod plan;
mod run;

pub use bounds::{chunk_bound, fluid_bound};
pub use chaos::chaos;
pub use checks::laws_hold;
pub use peer::{Behaviour, Message, Peer};
pub use plan::{PeerPlan, Plan, Role, Step};
pub use run::{Outcome, run, run_watched};
