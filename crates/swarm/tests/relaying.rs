//! A chunk goes on to others at the moment at which it is here, and comes once: it is told of a little before, nothing of it leaves
//! before its hash was found right, and who tells of it in vain takes it back.

#![allow(clippy::unwrap_used)] // A broken scenario is a failed test.

use std::iter::from_fn;
use std::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, ChunkRun, Time};
use drizzle_swarm::{ChunkSizes, Config, Input, Output, PeerKey, Refusal, Swarm};

const CHUNK_BYTES: u32 = 80_000;
const SEED: PeerKey = PeerKey(1);
const OTHER: PeerKey = PeerKey(2);

/// A machine that lacks all of so many chunks, at some time.
struct Scene {
    machine: Swarm,
    now: Time,
    chunks: Vec<ChunkIndex>,
}

impl Scene {
    fn new(count: u32) -> Self {
        let sizes = ChunkSizes::alike(count, CHUNK_BYTES);
        let machine = Swarm::new(Config::default(), sizes, Bitmap::empty(count), 1);
        let bitmap = Bitmap::empty(count);
        let chunks = (0..count).map(|number| bitmap.chunk(number).unwrap()).collect();
        Self { machine, now: Time::ORIGIN, chunks }
    }

    /// What comes of an input, so many milliseconds after the last.
    fn after_ms(&mut self, pause: u64, input: Input) -> Vec<Output> {
        self.now = self.now + Duration::from_millis(pause);
        self.machine.handle(self.now, input);
        self.machine.check_invariants().unwrap();
        from_fn(|| self.machine.poll()).collect()
    }

    fn meet(&mut self, peer: PeerKey, has_all: bool) -> Vec<Output> {
        let mut have = Bitmap::empty(self.chunks.len() as u32);
        self.chunks.iter().filter(|_| has_all).for_each(|&chunk| _ = have.insert(chunk));
        self.after_ms(0, Input::Connected { peer, have })
    }

    /// The first half of a chunk comes from the seed in 20 ms: the other will be there in as long.
    fn half_comes(&mut self, chunk: ChunkIndex) -> Vec<Output> {
        self.after_ms(0, Input::Progress { peer: SEED, chunk, bytes: 1 });
        self.after_ms(20, Input::Progress { peer: SEED, chunk, bytes: CHUNK_BYTES / 2 })
    }
}

fn announced(outputs: &[Output]) -> Vec<(PeerKey, u32)> {
    let told = outputs.iter().filter_map(|output| match output {
        Output::Announce { peer, run } => Some((*peer, run.first)),
        _ => None,
    });
    told.collect()
}

fn sends(outputs: &[Output]) -> usize {
    outputs.iter().filter(|output| matches!(output, Output::Send { .. })).count()
}

/// Would fail if the others heard of it only when it is whole, or twice, or if something left before it was verified, or if
/// its source heard early, which would stop sending.
#[test]
fn what_is_about_to_be_here_is_told_of_and_goes_on_when_it_is_verified() {
    let mut scene = Scene::new(1);
    let chunk = scene.chunks[0];
    scene.meet(OTHER, false);
    scene.meet(SEED, true);
    assert_eq!(announced(&scene.half_comes(chunk)), [(OTHER, 0)]);
    let late = PeerKey(3);
    scene.meet(late, false);
    let wanted = scene.after_ms(1, Input::Wanted { peer: OTHER, chunk });
    assert_eq!((sends(&wanted), wanted.len()), (0, 0), "kept, and neither sent nor refused: {wanted:?}");
    let whole = scene.after_ms(20, Input::Received { peer: SEED, chunk });
    assert_eq!(announced(&whole), [(SEED, 0), (late, 0)]);
    assert!(whole.contains(&Output::Send { peer: OTHER, chunk }), "{whole:?}");
}

/// Would fail if each of two senders were told that the chunk is here: both would stop, and if one fails, nobody sends it.
#[test]
fn what_two_are_sending_is_not_told_of() {
    let mut scene = Scene::new(2);
    let [slow, quick] = [scene.chunks[0], scene.chunks[1]];
    let second = PeerKey(3);
    let of = |chunk: ChunkIndex| ChunkRun { first: chunk.number(), last: chunk.number() };
    scene.meet(OTHER, false);
    scene.meet(second, false);
    scene.after_ms(0, Input::Have { peer: second, run: of(quick) });
    scene.after_ms(1, Input::Progress { peer: second, chunk: quick, bytes: 1 });
    scene.after_ms(30, Input::Progress { peer: second, chunk: quick, bytes: CHUNK_BYTES / 2 });
    scene.after_ms(30, Input::Received { peer: second, chunk: quick });
    // So slow that another is asked too, as soon as one has it.
    scene.meet(SEED, true);
    scene.after_ms(1, Input::Progress { peer: SEED, chunk: slow, bytes: 1 });
    scene.after_ms(400, Input::Progress { peer: SEED, chunk: slow, bytes: 1 });
    let mut outputs = scene.after_ms(0, Input::Have { peer: second, run: of(slow) });
    outputs.extend(scene.after_ms(300, Input::Tick));
    assert!(outputs.contains(&Output::Request { peer: second, chunk: slow }), "{outputs:?}");
    scene.after_ms(1, Input::Progress { peer: second, chunk: slow, bytes: 1 });
    let half = scene.after_ms(20, Input::Progress { peer: second, chunk: slow, bytes: CHUNK_BYTES / 2 });
    assert_eq!(announced(&half), []);
    let whole = announced(&scene.after_ms(20, Input::Received { peer: second, chunk: slow }));
    assert!(whole.contains(&(SEED, 0)) && whole.contains(&(OTHER, 0)), "{whole:?}");
}

/// Would fail if the size of the first piece were taken for what comes in no time: whatever it is, it says nothing of the rate.
#[test]
fn the_first_piece_says_nothing_of_the_rate() {
    let mut scene = Scene::new(1);
    let chunk = scene.chunks[0];
    scene.meet(OTHER, false);
    scene.meet(SEED, true);
    assert_eq!(
        announced(&scene.after_ms(5, Input::Progress { peer: SEED, chunk, bytes: CHUNK_BYTES / 2 })),
        []
    );
}

/// Would fail if a peer could make us tell all others again and again of what it then does not send.
#[test]
fn who_breaks_its_word_is_believed_again_after_a_right_chunk() {
    let mut scene = Scene::new(8);
    scene.meet(OTHER, false);
    scene.meet(SEED, true);
    let chunks = scene.chunks.clone();
    let told_of = |scene: &mut Scene, at: usize| !announced(&scene.half_comes(chunks[at])).is_empty();
    assert!(told_of(&mut scene, 0));
    scene.after_ms(1, Input::Refused { peer: SEED, chunk: scene.chunks[0], reason: Refusal::Missing });
    assert!(!told_of(&mut scene, 1));
    scene.after_ms(20, Input::Received { peer: SEED, chunk: scene.chunks[1] });
    assert!(told_of(&mut scene, 2));
}

/// Would fail if a chunk that is far from whole were told of: who asks for it would wait here for nothing.
#[test]
fn what_comes_slowly_is_not_told_of() {
    let mut scene = Scene::new(1);
    let chunk = scene.chunks[0];
    scene.meet(OTHER, false);
    scene.meet(SEED, true);
    scene.after_ms(0, Input::Progress { peer: SEED, chunk, bytes: 1 });
    let slow = scene.after_ms(900, Input::Progress { peer: SEED, chunk, bytes: CHUNK_BYTES / 2 });
    assert_eq!(announced(&slow), []);
}

/// Would fail if others were left waiting for a chunk whose only source is gone, or whose hash was wrong.
#[test]
fn what_does_not_come_after_all_is_taken_back() {
    let ends: [fn(ChunkIndex) -> Input; 3] = [
        |_| Input::Disconnected { peer: SEED },
        |chunk| Input::Corrupt { peer: SEED, chunk },
        |chunk| Input::Refused { peer: SEED, chunk, reason: Refusal::Changed },
    ];
    for end in ends {
        let mut scene = Scene::new(1);
        let chunk = scene.chunks[0];
        scene.meet(OTHER, false);
        scene.meet(SEED, true);
        scene.half_comes(chunk);
        scene.after_ms(1, Input::Wanted { peer: OTHER, chunk });
        let outputs = scene.after_ms(1, end(chunk));
        let run = ChunkRun { first: 0, last: 0 };
        assert!(outputs.contains(&Output::Retract { peer: OTHER, run }), "{outputs:?}");
        assert!(
            outputs.contains(&Output::Refuse { peer: OTHER, chunk, reason: Refusal::Missing }),
            "{outputs:?}"
        );
        assert_eq!(sends(&outputs), 0);
    }
}

/// Would fail if a request that waits in a peer's queue as long as all do were made to another as well: where links are full both
/// send. One that waits longer is, or the end would hang on the slowest queue.
#[test]
fn at_the_end_only_what_waits_unusually_long_is_asked_of_another() {
    let mut scene = Scene::new(2);
    let mut config = Config::default();
    config.requests_per_peer = 1;
    scene.machine = Swarm::new(config, ChunkSizes::alike(2, CHUNK_BYTES), Bitmap::empty(2), 1);
    let asked_by = |outputs: Vec<Output>| {
        let asked = outputs.into_iter().filter_map(|output| match output {
            Output::Request { peer, chunk } => Some((peer, chunk)),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    let (peer, first) = asked_by(scene.meet(SEED, true))[0];
    // The usual wait: 100 ms.
    scene.after_ms(100, Input::Progress { peer, chunk: first, bytes: 1 });
    let (_, second) = asked_by(scene.after_ms(10, Input::Received { peer, chunk: first }))[0];
    assert_eq!(asked_by(scene.meet(OTHER, true)), []);
    assert_eq!(asked_by(scene.after_ms(150, Input::Tick)), []);
    assert!(scene.machine.next_deadline().unwrap() <= scene.now + Duration::from_millis(50));
    assert_eq!(asked_by(scene.after_ms(50, Input::Tick)), [(OTHER, second)]);
}

/// Would fail if a chunk that is about to come from one peer were asked of the next that gets it. What waits at a seed goes to whoever
/// else has it.
#[test]
fn only_a_seed_is_relieved_of_what_others_have() {
    for (is_seed, expected) in [(true, 1), (false, 0)] {
        let mut scene = Scene::new(2);
        let chunk = scene.chunks[0];
        let mut have = Bitmap::empty(2);
        scene
            .chunks
            .iter()
            .filter(|&&other| is_seed || other == chunk)
            .for_each(|&chunk| _ = have.insert(chunk));
        scene.meet(OTHER, false);
        scene.after_ms(0, Input::Connected { peer: SEED, have });
        let outputs = scene.after_ms(5, Input::Have { peer: OTHER, run: ChunkRun { first: 0, last: 0 } });
        let cancels = outputs.iter().filter(|output| matches!(output, Output::Cancel { .. })).count();
        assert_eq!(cancels, expected, "{outputs:?}");
    }
}
