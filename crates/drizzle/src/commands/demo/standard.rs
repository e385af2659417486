//! Two peers swap files: each shares one and fetches the other's.

use std::fs;

use super::actor::Actor;
use super::stage::{Stage, is, noise, not_seen};
use crate::exit::{Failure, Stop};
use crate::output::Output;

const BYTES: usize = 1 << 20;

/// One half of the swap.
struct Half {
    who: &'static str,
    name: &'static str,
    from: &'static str,
    bytes: Vec<u8>,
}

pub(super) async fn play(stage: &mut Stage, output: &mut Output) -> Result<(), Stop> {
    let (alpha, beta) = (noise(1, BYTES), noise(2, BYTES));
    let (_tracker, invite) = stage.tracker(output).await?;
    stage.tell(output, "The tracker knows who has what. It never sees a byte of any file.")?;
    let path = stage.put("Ann", "alpha.bin", &alpha)?;
    let _ann = stage.share(output, "Ann", &path, &invite).await?;
    let path = stage.put("Bob", "beta.bin", &beta)?;
    let _bob = stage.share(output, "Bob", &path, &invite).await?;

    stage.tell(output, "Each asks for the other's file by its name.")?;
    let ann_gets = stage.get("Ann", "beta.bin", &["--tracker", &invite])?;
    let bob_gets = stage.get("Bob", "alpha.bin", &["--tracker", &invite])?;
    let of_ann = Half { who: "Ann", name: "beta.bin", from: "Bob", bytes: beta };
    let of_bob = Half { who: "Bob", name: "alpha.bin", from: "Ann", bytes: alpha };
    check(stage, output, ann_gets, &of_ann).await?;
    check(stage, output, bob_gets, &of_bob).await?;
    let seen =
        "Seen: each has the other's file, byte for byte, and every chunk came straight from its owner.";
    stage.tell(output, seen)
}

async fn check(stage: &mut Stage, output: &mut Output, getting: Actor, half: &Half) -> Result<(), Stop> {
    let Half { who, name, from, bytes } = half;
    let events = stage.until_end(output, who).await?;
    let code = getting.code();
    if code != Some(0) {
        return Err(not_seen(who, "end with exit code 0", format!("received {code:?}")).into());
    }
    let chunks = events.iter().filter(|event| is(event, "chunk"));
    let senders: Vec<&str> =
        chunks.map(|event| stage.name(event["peer"].as_str().unwrap_or_default())).collect();
    if senders.is_empty() || senders.iter().any(|sender| sender != from) {
        let expected = format!("get every chunk from {from}");
        return Err(not_seen(who, &expected, format!("received from {senders:?}")).into());
    }
    let path = stage.home(who)?.join("out").join(name);
    let arrived = fs::read(&path).map_err(|error| Failure::at_path(&path, &error))?;
    if arrived != *bytes {
        return Err(not_seen(who, &format!("get {name} as it is"), "received other bytes").into());
    }
    Ok(())
}
