//! Plays one swarm and prints how it went: `swarm -- [--peers N] [--chunks M] [--links equal|mixed|seed-bound|upload-bound]
//! [--without tie-break|in-flight|seed-once] ...`.

use std::time::{Duration, Instant};

use drizzle_sim::swarm::{Peer, Plan, chunk_bound, fluid_bound, run_watched};
use drizzle_sim::{HostId, Link, Random, World};
use drizzle_swarm::{CountCopies, TieBreak, UploadOrder};

const MBIT: u64 = 125_000;

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn word(name: &str) -> String {
    std::env::args().skip_while(|argument| argument != name).nth(1).unwrap_or_default()
}

fn links() -> String {
    let links = word("--links");
    if links.is_empty() { "equal".to_owned() } else { links }
}

/// How many hosts have each value, with all above the last in the last.
fn histogram(values: impl Iterator<Item = usize>) -> [usize; 12] {
    values.fold([0; 12], |mut counts, value| {
        counts[value.min(11)] += 1;
        counts
    })
}

fn trace(world: &World<Peer>) {
    let all = || world.ids().map(|id| (id, world.host(id)));
    let of = |f: fn(drizzle_swarm::Status) -> usize| {
        histogram(
            all()
                .filter(|(_, peer)| !peer.machine().is_complete())
                .map(|(_, peer)| f(peer.machine().status())),
        )
    };
    let upload =
        |f: fn(drizzle_swarm::Status) -> usize| histogram(all().map(|(_, peer)| f(peer.machine().status())));
    let mib = |id: HostId| world.traffic(id).transfer_bytes >> 20;
    let least = all()
        .filter(|(id, _)| world.is_up(*id))
        .map(|(id, peer)| (peer.machine().have().count(), id.0))
        .min();
    println!(
        "{:.1} s: sent {} MiB, seed {}, least (chunks, host) {:?}, complete {}",
        world.now().since_origin().as_secs_f64(),
        world.ids().map(mib).sum::<u64>(),
        mib(HostId(0)),
        least.unwrap_or_default(),
        all().filter(|(_, peer)| peer.machine().is_complete()).count()
    );
    println!("  started {:?} ahead {:?}", of(|s| s.started), of(|s| s.ahead_half_chunks));
    println!(
        "  uploads {:?} of {:?} wants {:?}",
        upload(|s| s.uploads),
        upload(|s| s.uploads_max),
        upload(|s| s.wants)
    );
    if let Some((_, id)) = least {
        println!("  least: {:?}", world.host(HostId(id)).machine().status());
    }
}

fn main() {
    let (peers, chunks) = (argument("--peers", 100) as usize, argument("--chunks", 1024) as u32);
    let seed = argument("--seed", 1);
    let mut random = Random::new(seed);
    let equal = Link::symmetric(100 * MBIT);
    let asymmetric =
        |up: u64, down: u64| Link { up_bytes_per_s: up * MBIT, down_bytes_per_s: down * MBIT, ..equal };
    let mut of = |up: &[u64], down: u64| asymmetric(up[random.below(up.len() as u64) as usize], down);
    let kind = links();
    let (seed_link, leeches): (Link, Vec<Link>) = match kind.as_str() {
        "mixed" => (equal, (0..peers).map(|_| of(&[20, 50, 100, 200], 200)).collect()),
        "seed-bound" => (asymmetric(20, 100), vec![equal; peers]),
        "upload-bound" => (equal, (0..peers).map(|_| of(&[5, 10, 20], 100)).collect()),
        "fast-seed" => (asymmetric(1000, 1000), (0..peers).map(|_| of(&[10, 20, 40], 50)).collect()),
        _ => (equal, vec![equal; peers]),
    };
    let mut plan = Plan::simple(seed, chunks, seed_link, leeches);
    plan.neighbours = argument("--neighbours", 30) as u32;
    plan.segments = argument("--segments", 16) as u32;
    plan.uploads = Some(argument("--uploads", 3) as usize);
    plan.gather = Duration::from_millis(argument("--gather-ms", 0));
    plan.chunk_bytes = argument("--chunk-bytes", 1 << 20) as u32;
    let bound = if kind == "equal" { chunk_bound(&plan) } else { fluid_bound(&plan) };
    let churn = argument("--churn", 0) as u32;
    if churn > 0 {
        plan = plan.with_churn(churn, bound);
    }
    match word("--without").as_str() {
        "tie-break" => plan.policy.tie_break = TieBreak::LowestIndex,
        "in-flight" => plan.policy.copies = CountCopies::Delivered,
        "seed-once" => plan.policy.upload_order = UploadOrder::FirstCome,
        _ => {}
    }
    let start = Instant::now();
    let mut next = Duration::ZERO;
    let watch = |world: &World<Peer>| {
        if argument("--trace-ms", 0) > 0 && world.now().since_origin() >= next {
            next = world.now().since_origin() + Duration::from_millis(argument("--trace-ms", 0));
            trace(world);
        }
    };
    let outcome = run_watched(&plan, watch).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        std::process::exit(1)
    });
    let real = start.elapsed();
    let makespan = outcome.makespan.unwrap_or(Duration::MAX);
    let at = |percent: usize| {
        outcome.completed.get(outcome.completed.len() * percent / 100).copied().unwrap_or_default()
    };
    println!(
        "{kind} N={peers} M={chunks} seed={seed}: {:.3} of the bound {:.1} s (median {:.3}, p5 {:.3}), seed sent {:.3}, received {:.4}, unfinished {}, {:.1} M events in {:.1} s",
        makespan.as_secs_f64() / bound.as_secs_f64(),
        bound.as_secs_f64(),
        at(50).as_secs_f64() / bound.as_secs_f64(),
        at(5).as_secs_f64() / bound.as_secs_f64(),
        outcome.seed_sent,
        outcome.received,
        outcome.unfinished,
        outcome.events as f64 / 1e6,
        real.as_secs_f64(),
    );
}
