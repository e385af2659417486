//! A source changes its file after registering it. Nobody gets the changed bytes: beside an honest source the file comes
//! from there, and without one the fetch fails and leaves nothing.

use std::fs;
use std::path::Path;

use super::stage::{Source, Stage, is, noise, not_seen};
use crate::exit::{Failure, Kind, Stop};
use crate::output::Output;

const BYTES: usize = 1 << 20;
/// Ann and Mallory share it.
const SHARED_BY_TWO: &str = "report.bin";
/// Slow enough that both are asked before everything has come.
const PACE: &str = "2M";
/// Mallory alone shares it.
const SHARED_BY_ONE: &str = "notes.bin";

pub(super) async fn play(stage: &mut Stage, output: &mut Output) -> Result<(), Stop> {
    let (_tracker, invite) = stage.tracker(output).await?;
    let _sources = beside_an_honest_source(stage, output, &invite).await?;
    without_one(stage, output, &invite).await?;
    let seen = "Seen: Bob has what was registered, all of it from Ann; Mallory was named; Carl got an error and no file.";
    stage.tell(output, seen)
}

/// Both sources go on serving.
async fn beside_an_honest_source(
    stage: &mut Stage,
    output: &mut Output,
    invite: &str,
) -> Result<[Source; 2], Stop> {
    let bytes = noise(3, BYTES);
    let honest = stage.put("Ann", SHARED_BY_TWO, &bytes)?;
    let ann = stage.share(output, "Ann", &honest, invite).await?;
    let changing = stage.put("Mallory", SHARED_BY_TWO, &bytes)?;
    let mallory = stage.share(output, "Mallory", &changing, invite).await?;
    change(&changing)?;
    stage.tell(output, "Mallory changes the file on disk, after it was registered. Bob fetches it.")?;

    let bob = stage.get("Bob", &ann.link, &["--limit-down", PACE])?;
    let events = stage.until_end(output, "Bob").await?;
    let code = bob.code();
    if code != Some(0) {
        return Err(not_seen("Bob", "end with exit code 0", format!("received {code:?}")).into());
    }
    let of = |kind: &str| -> Vec<&'static str> {
        let events = events.iter().filter(|event| is(event, kind));
        events.map(|event| stage.name(event["peer"].as_str().unwrap_or_default())).collect()
    };
    let (named, senders) = (of("refused"), of("chunk"));
    if named.is_empty() || named.iter().any(|who| *who != "Mallory") {
        return Err(not_seen("Bob", "name Mallory", format!("named were {named:?}")).into());
    }
    if senders.iter().any(|who| *who != "Ann") {
        return Err(
            not_seen("Bob", "take chunks from Ann alone", format!("received from {senders:?}")).into()
        );
    }
    let path = stage.home("Bob")?.join("out").join(SHARED_BY_TWO);
    if fs::read(&path).map_err(|error| Failure::at_path(&path, &error))? != bytes {
        return Err(not_seen("Bob", "have what was registered", "received other bytes").into());
    }
    Ok([ann, mallory])
}

async fn without_one(stage: &mut Stage, output: &mut Output, invite: &str) -> Result<(), Stop> {
    let changing = stage.put("Mallory", SHARED_BY_ONE, &noise(4, BYTES))?;
    let mallory = stage.share(output, "Mallory", &changing, invite).await?;
    change(&changing)?;
    stage.tell(output, "Mallory changes that one too. Carl fetches it, and nobody else has it.")?;

    let carl = stage.get("Carl", &mallory.link, &[])?;
    stage.until_end(output, "Carl").await?;
    let code = carl.code();
    if code != Some(i32::from(Kind::Integrity.code())) {
        return Err(not_seen("Carl", "end with exit code 4", format!("received {code:?}")).into());
    }
    let path = stage.home("Carl")?.join("out").join(SHARED_BY_ONE);
    if path.exists() {
        return Err(not_seen("Carl", "have nothing", format!("{SHARED_BY_ONE} is there")).into());
    }
    Ok(())
}

/// One byte in the middle.
fn change(path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::at_path(path, &error);
    let mut bytes = fs::read(path).map_err(failed)?;
    if let Some(byte) = bytes.get_mut(BYTES / 2) {
        *byte ^= 1;
    }
    fs::write(path, bytes).map_err(failed)
}
