//! Two holders, one of them partial: whoever fetches asks the full one first for what the partial one lacks.
//!
//! The fetch has few requests at a time at each holder, so the order in which chunks come is nearly that of its requests.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::stage::{Stage, is, noise, not_seen};
use crate::exit::Stop;
use crate::output::Output;

/// 128 chunks.
/// So much that the first requests, made before both holders are known, do not decide what is seen.
const BYTES: usize = 8 << 20;
const NAME: &str = "film.bin";
/// How many chunks the partial holder has when the fetch begins, at the least.
const HELD: usize = 48;
/// The partial holder gets a chunk every 65 ms or so, ...
const CRAWL: &str = "1M";
/// ... and whoever fetches is through before that gives it many more, but not before it knows both of them.
const WALK: &str = "6M";
/// Enough that the partial holder, which hears a request only between two chunks that it gets itself, always has some.
const REQUESTS: &str = "16";
/// The share of rare chunks among the first ones from the full holder; by chance alone it would be some half.
const RARE_PERCENT_MIN: usize = 85;
/// Less than this on either side would show nothing.
const CHUNKS_MIN: usize = 8;
/// The partial holder tells the tracker of itself within a second or so.
const LOOKS_MAX: usize = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(super) async fn play(stage: &mut Stage, output: &mut Output) -> Result<(), Stop> {
    let (_tracker, invite) = stage.tracker(output).await?;
    let path = stage.put("Full", NAME, &noise(4, BYTES))?;
    let full = stage.share(output, "Full", &path, &invite).await?;
    stage.tell(output, "Part fetches it slowly, and serves what it has.")?;
    let _part = stage.get("Part", &full.link, &["--limit-down", CRAWL])?;
    while stage.chunks("Part").len() < HELD {
        let is_chunk = |event: &Value| is(event, "chunk").then_some(());
        stage.until(output, "Part", "fetch some chunks", is_chunk).await?;
    }
    meet_partial(stage, output, &invite).await?;
    stage.expect_stranger("Eve");

    let before = stage.chunks("Part");
    stage.tell(
        output,
        format!(
            "Part has {} chunks now. Eve fetches it, asking for a few chunks at a time of each.",
            before.len()
        ),
    )?;
    let eve = stage.get("Eve", &full.link, &["--max-requests", REQUESTS, "--limit-down", WALK])?;
    let events = stage.until_end(output, "Eve").await?;
    let code = eve.code();
    if code != Some(0) {
        return Err(not_seen("Eve", "end with exit code 0", format!("received {code:?}")).into());
    }
    let seen = judge(stage, &events, &before, &stage.chunks("Part"))?;
    stage.tell(output, seen)
}

/// Waits until the tracker knows of the partial holder.
async fn meet_partial(stage: &mut Stage, output: &mut Output, invite: &str) -> Result<(), Stop> {
    for _ in 0..LOOKS_MAX {
        let _asking = stage.enter("asker", &["locate", NAME, "--tracker", invite])?;
        let events = stage.until_end(output, "asker").await?;
        let peers =
            events.iter().filter(|event| is(event, "location")).filter_map(|event| event["peer"].as_str());
        if let Some(part) = peers.into_iter().find(|peer| stage.name(peer) != "Full") {
            stage.introduce("Part", part.to_owned());
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err(not_seen("Part", "tell the tracker what it has", "it did not").into())
}

/// What is rare is what the partial holder did not have at the end either; what it got meanwhile counts for nothing.
fn judge(
    stage: &Stage,
    events: &[Value],
    before: &BTreeSet<u64>,
    after: &BTreeSet<u64>,
) -> Result<String, Stop> {
    let from = |who: &str| -> Vec<u64> {
        let chunks = events.iter().filter(|event| is(event, "chunk"));
        let chunks = chunks.filter(|event| stage.name(event["peer"].as_str().unwrap_or_default()) == who);
        chunks.filter_map(|event| event["index"].as_u64()).collect()
    };
    let (from_full, from_part) = (from("Full"), from("Part").len());
    let told: Vec<bool> = from_full
        .iter()
        .filter(|chunk| before.contains(chunk) || !after.contains(chunk))
        .map(|chunk| !after.contains(chunk))
        .collect();
    let rare = told.iter().filter(|is_rare| **is_rare).count();
    let rare_first = told.iter().take(rare).filter(|is_rare| **is_rare).count();
    if rare < CHUNKS_MIN || from_part < CHUNKS_MIN {
        let instead = format!("received {rare} rare chunks, and {from_part} from Part");
        return Err(not_seen("Eve", "get many chunks from both", instead).into());
    }
    if rare_first * 100 < rare * RARE_PERCENT_MIN {
        let instead = format!("of the first {rare} chunks from Full only {rare_first} were rare");
        return Err(not_seen("Eve", "ask Full for the rare chunks first", instead).into());
    }
    Ok(format!(
        "Seen: of the first {rare} chunks from Full {rare_first} were those that only Full had; {from_part} came from Part meanwhile."
    ))
}
