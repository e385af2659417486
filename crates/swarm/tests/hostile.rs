//! Whatever is said to a machine, by whomever and in whatever order, it keeps its laws and its limits, and does not panic.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

use std::collections::BTreeSet;
use std::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Time};
use drizzle_swarm::{
    ChunkSizes, Config, Input, Mode, Output, PeerKey, REQUESTS_PER_PEER_MAX, Refusal, Swarm,
};
use proptest::prelude::*;

const CHUNKS: u32 = 70;
const PEERS: u32 = 6;
const CHUNK_BYTES: u32 = 1 << 16;

/// Any chunk, of this content or beyond its end.
fn chunks() -> impl Strategy<Value = ChunkIndex> {
    (0..CHUNKS + 10).prop_map(|number| Bitmap::full(CHUNKS + 10).chunk(number).unwrap())
}

fn runs() -> impl Strategy<Value = ChunkRun> {
    let ends = prop_oneof![0..CHUNKS + 10, Just(u32::MAX)];
    (0..CHUNKS + 10, ends).prop_map(|(first, last)| ChunkRun { first, last })
}

/// Any bitmap, mostly of the right length.
fn bitmaps() -> impl Strategy<Value = Bitmap> {
    let some = prop::collection::vec(0..CHUNKS, 0..60).prop_map(|numbers| {
        let mut bitmap = Bitmap::empty(CHUNKS);
        numbers.into_iter().for_each(|number| _ = bitmap.insert(Bitmap::full(CHUNKS).chunk(number).unwrap()));
        bitmap
    });
    prop_oneof![4 => some, 3 => Just(Bitmap::full(CHUNKS)), 1 => Just(Bitmap::full(CHUNKS + 1))]
}

fn refusals() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Missing),
        Just(Refusal::Changed),
        Just(Refusal::Busy),
        Just(Refusal::Unreadable)
    ]
}

fn inputs() -> impl Strategy<Value = Input> {
    let peer = || (0..PEERS).prop_map(PeerKey);
    let bytes = prop_oneof![0..CHUNK_BYTES, Just(u32::MAX)];
    prop_oneof![
        4 => (peer(), bitmaps()).prop_map(|(peer, have)| Input::Connected { peer, have }),
        1 => peer().prop_map(|peer| Input::Disconnected { peer }),
        4 => (peer(), runs()).prop_map(|(peer, run)| Input::Have { peer, run }),
        1 => (peer(), runs()).prop_map(|(peer, run)| Input::Lost { peer, run }),
        8 => (peer(), chunks(), bytes)
            .prop_map(|(peer, chunk, bytes)| Input::Progress { peer, chunk, bytes }),
        4 => (peer(), chunks()).prop_map(|(peer, chunk)| Input::Received { peer, chunk }),
        1 => (peer(), chunks()).prop_map(|(peer, chunk)| Input::Corrupt { peer, chunk }),
        2 => (peer(), chunks(), refusals())
            .prop_map(|(peer, chunk, reason)| Input::Refused { peer, chunk, reason }),
        8 => (peer(), chunks()).prop_map(|(peer, chunk)| Input::Wanted { peer, chunk }),
        2 => (peer(), chunks()).prop_map(|(peer, chunk)| Input::Unwanted { peer, chunk }),
        4 => (peer(), chunks()).prop_map(|(peer, chunk)| Input::Sent { peer, chunk }),
        1 => (peer(), chunks()).prop_map(|(peer, chunk)| Input::Unsent { peer, chunk }),
        1 => runs().prop_map(|run| Input::Withdrawn { run }),
        1 => runs().prop_map(|run| Input::Available { run }),
        2 => Just(Input::Tick),
    ]
}

/// Times between inputs: mostly none, sometimes long enough for every patience to end.
fn pauses_ms() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..20u64, 2 => 0..3_000u64, 1 => 0..70_000u64]
}

/// What a driver sees: uploads that run. More than the places, since slow ones lose theirs; never two alike.
#[derive(Default)]
struct Uploads(BTreeSet<(PeerKey, ChunkIndex)>);

impl Uploads {
    fn before(&mut self, input: &Input) {
        match input {
            Input::Sent { peer, chunk } | Input::Unsent { peer, chunk } => {
                _ = self.0.remove(&(*peer, *chunk));
            }
            Input::Connected { peer, .. } | Input::Disconnected { peer } => self.forget(*peer),
            _ => {}
        }
    }

    fn after(&mut self, output: &Output) {
        match *output {
            Output::Send { peer, chunk } => assert!(self.0.insert((peer, chunk)), "{output:?} twice"),
            Output::Stop { peer, chunk } => assert!(self.0.contains(&(peer, chunk)), "{output:?}"),
            Output::Drop { peer, .. } => self.forget(peer),
            _ => {}
        }
    }

    fn forget(&mut self, peer: PeerKey) {
        self.0.retain(|(of, _)| *of != peer);
    }
}

proptest! {
    #[test]
    fn a_machine_keeps_its_laws_and_limits_whatever_it_is_told(
        have in bitmaps(),
        serves_only in any::<bool>(),
        seed in any::<u64>(),
        steps in prop::collection::vec((pauses_ms(), inputs()), 1..300),
    ) {
        let mut config = Config::default();
        config.mode = if serves_only { Mode::ServeOnly } else { Mode::Fetch };
        config.requests_max = 64;
        let mut machine = Swarm::new(config, ChunkSizes::alike(CHUNKS, CHUNK_BYTES), have, seed);
        let (mut now, mut uploads) = (Time::ORIGIN, Uploads::default());
        for (pause_ms, input) in steps {
            now = now + Duration::from_millis(pause_ms);
            uploads.before(&input);
            machine.handle(now, input);
            let outputs: Vec<_> = std::iter::from_fn(|| machine.poll()).collect();
            outputs.iter().for_each(|output| uploads.after(output));
            prop_assert!(machine.check_invariants().is_ok(), "{:?}", machine.check_invariants());
            prop_assert!(outputs.len() <= 8 * (CHUNKS * PEERS) as usize, "{} outputs", outputs.len());
            let status = machine.status();
            prop_assert!(status.wants <= 2 * REQUESTS_PER_PEER_MAX * PEERS as usize);
            prop_assert!(status.requests <= 64 + PEERS as usize * CHUNKS as usize);
            prop_assert!(status.uploads <= uploads.0.len());
            prop_assert!(status.uploads <= status.uploads_max.max(3));
        }
    }
}
