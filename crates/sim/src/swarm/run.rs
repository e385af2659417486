//! Plays a plan to its end and says how it went.

use std::time::Duration;

use drizzle_model::{Bitmap, Time};
use drizzle_swarm::{ChunkSizes, Config};

use crate::swarm::peer::CLOSED_AFTER;
use crate::swarm::{Behaviour, Peer, Plan, Role, Step};
use crate::{Delivery, Event, Failure, HostId, Random, World};

/// How a run went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When the last honest peer that is still there was done; none if one is not.
    pub makespan: Option<Duration>,
    /// Of these peers, how many are not done.
    pub unfinished: usize,
    /// When each honest peer that is still there was done, in order.
    pub completed: Vec<Duration>,
    /// What the first peer sent, in contents.
    pub seed_sent: f64,
    /// What all honest peers received, over what they needed.
    pub received: f64,
    /// How many peers were blamed for wrong bytes, and how many of the blamed were honest.
    pub blamed: (usize, usize),
    /// Events handled.
    pub events: u64,
    /// The same for the same run.
    pub digest: u64,
}

/// Plays a plan. An error names the seed and the law that was broken.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    run_watched(plan, |_| {})
}

/// Plays a plan and lets `watch` look at the world five times a second once all steps were taken.
pub fn run_watched(plan: &Plan, mut watch: impl FnMut(&World<Peer>)) -> Result<Outcome, Failure> {
    let mut world = build(plan);
    for (at, step) in &plan.steps {
        world.run_until(Time::after_origin(*at))?;
        act(&mut world, plan, *step);
    }
    let end = Time::after_origin(plan.give_up_after);
    let mut is_over = all_done(&world);
    while !is_over && world.now() < end {
        // To look at everyone after each event would cost more than the events.
        let pause = world.now() + Duration::from_millis(200);
        world.run_until(pause.min(end))?;
        watch(&world);
        is_over = all_done(&world);
    }
    Ok(outcome(&world, plan))
}

fn build(plan: &Plan) -> World<Peer> {
    let mut world = World::new(plan.seed, Delivery::Stream).segment_bytes(plan.chunk_bytes / plan.segments);
    if plan.is_checking {
        world = world.checking();
    }
    let mut random = Random::new(plan.seed ^ 0x5eed);
    let mut late = Vec::new();
    for (number, peer) in plan.peers.iter().enumerate() {
        let id = world.add(new_peer(plan, number, None, &mut random), peer.link);
        if !peer.joins_at.is_zero() {
            late.push((peer.joins_at, id));
        }
    }
    world
}

fn sizes(plan: &Plan) -> ChunkSizes {
    ChunkSizes::alike(plan.chunks, plan.chunk_bytes)
}

fn new_peer(plan: &Plan, number: usize, have: Option<Bitmap>, random: &mut Random) -> Peer {
    let hosts = plan.peers.len() as u32;
    let has = match plan.peers[number].role {
        Role::Seed => Bitmap::full(plan.chunks),
        Role::Leech => Bitmap::empty(plan.chunks),
        Role::Partial(percent) => {
            let mut some = Bitmap::empty(plan.chunks);
            for chunk in Bitmap::full(plan.chunks).iter() {
                if random.below(100) < u64::from(percent) {
                    some.insert(chunk);
                }
            }
            some
        }
    };
    let mut config = Config::default();
    config.policy = plan.policy;
    if let Some(uploads) = plan.uploads {
        config.uploads = uploads;
    }
    // Each dials half of its neighbours, and is dialled by as many.
    let dials = (plan.neighbours / 2).min(hosts - 1);
    let mut others: Vec<HostId> = Vec::new();
    while others.len() < dials as usize {
        let other = HostId(random.below(u64::from(hosts)) as u32);
        if other.position() != number && !others.contains(&other) {
            others.push(other);
        }
    }
    let seed = random.bits();
    Peer::new(config, sizes(plan), have.unwrap_or(has), plan.peers[number].behaviour, seed, hosts, others)
}

fn act(world: &mut World<Peer>, plan: &Plan, step: Step) {
    match step {
        Step::Crash(id) => {
            for peer in world.host(id).connected().collect::<Vec<_>>() {
                world.inject_after(CLOSED_AFTER, peer, Event::Closed { peer: id });
            }
            world.crash(id);
        }
        Step::Vanish(id) => world.crash(id),
        Step::Leave(id) => {
            world.with(id, |peer, _, actions| peer.leave(actions));
            world.crash(id);
        }
        Step::Restart(id) => {
            let have = world.host(id).machine().have().clone();
            let mut random = Random::new(world.random().bits());
            let peer = new_peer(plan, id.position(), Some(have), &mut random);
            world.restart(id, peer);
        }
        Step::CutOff(id, group) => world.cut_off(id, group),
        Step::Heal => world.heal(),
        Step::Relink(id, link) => world.set_link(id, link),
    }
}

fn remaining(world: &World<Peer>) -> impl Iterator<Item = &Peer> {
    world.ids().filter(|&id| world.is_up(id)).map(|id| world.host(id)).filter(|peer| peer.is_honest())
}

fn all_done(world: &World<Peer>) -> bool {
    remaining(world).all(|peer| peer.machine().is_complete())
}

fn outcome(world: &World<Peer>, plan: &Plan) -> Outcome {
    let mut completed: Vec<_> =
        remaining(world).filter_map(Peer::completed_at).map(Time::since_origin).collect();
    completed.sort_unstable();
    let unfinished = remaining(world).filter(|peer| !peer.machine().is_complete()).count();
    let size = u64::from(plan.chunks) * u64::from(plan.chunk_bytes);
    let leeches = |peer: &&Peer| peer.completed_at().is_some_and(|at| at > Time::ORIGIN);
    let received: u64 = remaining(world).filter(leeches).map(Peer::received_bytes).sum();
    let needed = remaining(world).filter(leeches).count() as u64 * size;
    let blamed = remaining(world).flat_map(|peer| peer.blamed().iter());
    let blamed: std::collections::BTreeSet<_> = blamed.copied().collect();
    let innocent =
        blamed.iter().filter(|id| plan.peers[id.position()].behaviour == Behaviour::Honest).count();
    Outcome {
        makespan: completed.last().copied().filter(|_| unfinished == 0),
        unfinished,
        completed,
        seed_sent: world.traffic(HostId(0)).transfer_bytes as f64 / size as f64,
        received: received as f64 / needed.max(1) as f64,
        blamed: (blamed.len(), innocent),
        events: world.events(),
        digest: world.digest(),
    }
}
