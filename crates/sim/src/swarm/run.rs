//! Plays a plan to its end and says how it went.

use std::collections::BTreeSet;
use std::time::Duration;

use drizzle_model::{Bitmap, Time};
use drizzle_swarm::{ChunkSizes, Config};

use crate::swarm::peer::CLOSED_AFTER;
use crate::swarm::{Peer, Plan, Role, Step};
use crate::{Delivery, Event, Failure, HostId, Random, World};

/// How a run went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When the last honest peer that is still there had everything; none if one has not.
    pub makespan: Option<Duration>,
    /// Of these peers, how many lack a chunk that another of them has.
    pub unfinished: usize,
    /// When each honest peer that is still there was done, in order.
    pub completed: Vec<Duration>,
    /// What the first peer sent, in contents.
    pub seed_sent: f64,
    /// What all honest peers received, over what they needed.
    pub received: f64,
    /// Whether the honest peers that are still there have all chunks between them.
    pub is_whole: bool,
    /// Honest peers that blamed another set of peers than sent them wrong bytes.
    pub misjudging: Vec<HostId>,
    /// Who was blamed for wrong bytes.
    pub blamed: BTreeSet<HostId>,
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
    for (at, step) in steps(plan) {
        world.run_until(Time::after_origin(at))?;
        act(&mut world, plan, step);
    }
    let end = Time::after_origin(plan.give_up_after);
    let mut is_over = all_done(&world, plan);
    while !is_over && world.now() < end {
        // To look at everyone after each event would cost more than the events.
        let pause = world.now() + Duration::from_millis(200);
        world.run_until(pause.min(end))?;
        watch(&world);
        is_over = all_done(&world, plan);
    }
    Ok(outcome(&world, plan))
}

fn build(plan: &Plan) -> World<Peer> {
    let mut world = World::new(plan.seed, Delivery::Stream)
        .segment_bytes(plan.chunk_bytes / plan.segments)
        .gathering(plan.gather);
    if plan.is_checking {
        world = world.checking();
    }
    let mut random = Random::new(plan.seed ^ 0x5eed);
    for (number, peer) in plan.peers.iter().enumerate() {
        let id = world.add(new_peer(plan, number, None, &mut random), peer.link);
        if !peer.joins_at.is_zero() {
            world.crash(id);
        }
    }
    world
}

/// What happens by time, and who comes later.
fn steps(plan: &Plan) -> Vec<(Duration, Step)> {
    let late = plan.peers.iter().enumerate().filter(|(_, peer)| !peer.joins_at.is_zero());
    let joins = late.map(|(number, peer)| (peer.joins_at, Step::Restart(HostId(number as u32))));
    let mut steps: Vec<_> = joins.chain(plan.steps.iter().copied()).collect();
    steps.sort_by_key(|(at, _)| *at);
    steps
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
            let is_connected = |of: &HostId| world.host(*of).connected().any(|peer| peer == id);
            for peer in world.ids().filter(is_connected).collect::<Vec<_>>() {
                world.inject_after(CLOSED_AFTER, peer, Event::Closed { peer: id });
            }
            world.crash(id);
        }
        Step::Vanish(id) => world.crash(id),
        Step::Leave(id) => {
            world.with(id, |peer, _, actions| peer.leave(actions));
            world.crash(id);
        }
        Step::Restart(id) if world.is_up(id) => {}
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

/// What the honest peers that are there have between them: more than this nobody can ask for.
fn between_them(world: &World<Peer>, plan: &Plan) -> Bitmap {
    let mut all = Bitmap::empty(plan.chunks);
    for peer in remaining(world) {
        if peer.machine().is_complete() {
            return Bitmap::full(plan.chunks);
        }
        peer.machine().have().iter().for_each(|chunk| _ = all.insert(chunk));
    }
    all
}

fn all_done(world: &World<Peer>, plan: &Plan) -> bool {
    let all = between_them(world, plan);
    remaining(world).all(|peer| *peer.machine().have() == all)
}

fn outcome(world: &World<Peer>, plan: &Plan) -> Outcome {
    let mut completed: Vec<_> =
        remaining(world).filter_map(Peer::completed_at).map(Time::since_origin).collect();
    completed.sort_unstable();
    let all = between_them(world, plan);
    let unfinished = remaining(world).filter(|peer| *peer.machine().have() != all).count();
    let size = u64::from(plan.chunks) * u64::from(plan.chunk_bytes);
    let leeches = |peer: &&Peer| peer.completed_at().is_some_and(|at| at > Time::ORIGIN);
    let received: u64 = remaining(world).filter(leeches).map(Peer::received_bytes).sum();
    let needed = remaining(world).filter(leeches).count() as u64 * size;
    let judges = || world.ids().map(|id| (id, world.host(id))).filter(|(_, peer)| peer.is_honest());
    let misjudges = |(_, peer): &(HostId, &Peer)| peer.blamed() != peer.liars();
    Outcome {
        makespan: completed.last().copied().filter(|_| unfinished == 0 && all.is_full()),
        unfinished,
        completed,
        seed_sent: world.traffic(HostId(0)).transfer_bytes as f64 / size as f64,
        received: received as f64 / needed.max(1) as f64,
        is_whole: all.is_full(),
        misjudging: judges().filter(misjudges).map(|(id, _)| id).collect(),
        blamed: judges().flat_map(|(_, peer)| peer.blamed().iter().copied()).collect(),
        events: world.events(),
        digest: world.digest(),
    }
}
