//! Which tracker to ask, as the settings say.

use drizzle_model::Invite;

use crate::args::TrackerChoice;
use crate::config::settings;
use crate::context::Context;
use crate::exit::{Failure, Kind};

/// The tracker that is set, if one is.
pub(super) fn set(context: &Context, choice: TrackerChoice) -> Result<Option<Invite>, Failure> {
    let invite = context.sources.given(&settings::TRACKER, choice.tracker)?;
    Ok(invite.map(|invite| invite.read()).transpose()?)
}

/// The tracker that is set; one must be.
pub(super) fn required(context: &Context, choice: TrackerChoice) -> Result<Invite, Failure> {
    set(context, choice)?.ok_or_else(none)
}

/// No tracker is set, and one is needed.
pub(super) fn none() -> Failure {
    Failure::new(Kind::Usage, "no tracker is named").hint(
        "give its invite with --tracker @FILE, in DRIZZLE_TRACKER, or as tracker = \"...\" in the config file",
    )
}
