//! `drizzle demo SCENARIO`: what Drizzle is about, played by processes of this very program on loopback, in a folder
//! that is gone afterwards.
//!
//! Each scenario tells what happens as it happens, and ends with 0 only when what it is to show was seen. Nothing of the
//! user's settings or state takes part.

mod actor;
mod integrity;
mod rarest;
mod stage;
mod standard;

use super::session::signals;
use crate::args::{DemoArgs, DemoScenario};
use crate::context::Context;
use crate::exit::{End, Outcome};
use stage::Stage;

pub(super) async fn run(context: &mut Context, args: DemoArgs) -> Outcome {
    let mut stage = Stage::set(args.scenario.name(), signals()?)?;
    let output = &mut context.output;
    match args.scenario {
        DemoScenario::Standard => standard::play(&mut stage, output).await?,
        DemoScenario::Integrity => integrity::play(&mut stage, output).await?,
        DemoScenario::Rarest => rarest::play(&mut stage, output).await?,
    }
    Ok(End::Done)
}
