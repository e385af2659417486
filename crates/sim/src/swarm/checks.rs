//! What must hold of every run, whatever befell the swarm.

use crate::swarm::{Behaviour, Outcome, Plan};

/// An error is the first law that the run broke, in words.
///
/// 1. Everyone has everything: each honest peer that is still there has each chunk that another of them has.
/// 2. Nobody is wronged: only peers that send wrong bytes are blamed for them.
/// 3. Nobody gets away: whoever sent a whole chunk of wrong bytes is blamed by the one who got it.
pub fn laws_hold(plan: &Plan, outcome: &Outcome) -> Result<(), String> {
    if outcome.unfinished > 0 {
        return Err(format!("{} honest peers lack what others of them have", outcome.unfinished));
    }
    let lies = |behaviour| behaviour == Behaviour::WrongBytes;
    if let Some(id) = outcome.blamed.iter().find(|id| !lies(plan.peers[id.position()].behaviour)) {
        return Err(format!("host {} sent no wrong bytes, and is blamed", id.0));
    }
    match outcome.misjudging.first() {
        Some(id) => Err(format!("host {} did not blame just those who sent it wrong bytes", id.0)),
        None => Ok(()),
    }
}
