//! A scenario as data: who takes part, and what befalls them when.

use std::time::Duration;

use drizzle_swarm::Policy;

use crate::swarm::Behaviour;
use crate::{HostId, Link, Random};

/// What a peer has at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Seed,
    /// Nothing.
    Leech,
    /// A random part, so many percent.
    Partial(u32),
}

/// One peer of a plan.
#[derive(Debug, Clone, Copy)]
pub struct PeerPlan {
    /// Its link.
    pub link: Link,
    /// What it has.
    pub role: Role,
    /// What it is like.
    pub behaviour: Behaviour,
    /// When it comes.
    pub joins_at: Duration,
}

/// Something that befalls a swarm.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A process dies; its peers notice soon.
    Crash(HostId),
    /// A machine dies; nobody is told.
    Vanish(HostId),
    /// A peer says goodbye and goes.
    Leave(HostId),
    /// A peer that was down comes up again, with what it had verified.
    Restart(HostId),
    /// A host is cut off from all that are not in the same group.
    CutOff(HostId, u32),
    /// The network is whole again.
    Heal,
    /// A link changes.
    Relink(HostId, Link),
}

/// A scenario.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides all that is random.
    pub seed: u64,
    /// How many chunks the content has.
    pub chunks: u32,
    /// How many bytes each has, at least 64 KiB and a power of two, so that a geometry has it.
    pub chunk_bytes: u32,
    /// Into how many segments the world cuts a chunk.
    pub segments: u32,
    /// How many neighbours a peer has, on average.
    pub neighbours: u32,
    /// The peers.
    pub peers: Vec<PeerPlan>,
    /// What happens, by time.
    pub steps: Vec<(Duration, Step)>,
    /// The rules.
    pub policy: Policy,
    /// Uploads at once.
    pub uploads: Option<usize>,
    /// What peers have got is heard by the others this much later at most, so that each hears of much at once: for large
    /// worlds, in which this is most of the work. Zero for the truth.
    pub gather: Duration,
    /// Whether every machine recounts itself after every step.
    pub is_checking: bool,
    /// When it is given up.
    pub give_up_after: Duration,
}

impl Plan {
    /// One seed and so many leeches with these links, 30 neighbours, nothing else.
    pub fn simple(
        seed: u64,
        chunks: u32,
        seed_link: Link,
        leech_links: impl IntoIterator<Item = Link>,
    ) -> Self {
        let peer =
            |role, link| PeerPlan { link, role, behaviour: Behaviour::Honest, joins_at: Duration::ZERO };
        let leeches = leech_links.into_iter().map(|link| peer(Role::Leech, link));
        Self {
            seed,
            chunks,
            chunk_bytes: 1 << 20,
            segments: 16,
            neighbours: 30,
            peers: std::iter::once(peer(Role::Seed, seed_link)).chain(leeches).collect(),
            steps: Vec::new(),
            policy: Policy::default(),
            uploads: None,
            gather: Duration::ZERO,
            is_checking: false,
            give_up_after: Duration::from_secs(24 * 3600),
        }
    }

    /// Lets so many percent of the leeches go at random times before `end`, half of them without a word.
    pub fn with_churn(mut self, percent: u32, end: Duration) -> Self {
        let mut random = Random::new(self.seed ^ 0xc4);
        let mut leeches: Vec<u32> = (1..self.peers.len() as u32).collect();
        random.shuffle(&mut leeches);
        for &leech in &leeches[..leeches.len() * percent as usize / 100] {
            let at = Duration::from_nanos(random.below(end.as_nanos() as u64));
            let step =
                if random.below(2) == 0 { Step::Crash(HostId(leech)) } else { Step::Leave(HostId(leech)) };
            self.steps.push((at, step));
        }
        self.steps.sort_by_key(|(at, _)| *at);
        self
    }
}
