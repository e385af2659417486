//! Which tracker to ask, as the settings say.

use std::time::Duration;

use drizzle_model::Invite;

use crate::args::{TrackerChoice, WhomChoice};
use crate::config::settings;
use crate::context::Context;
use crate::exit::{Failure, Kind};

/// The tracker that is set, if one is.
pub(super) fn set(context: &Context, choice: TrackerChoice) -> Result<Option<Invite>, Failure> {
    let invite = context.sources.given(&settings::TRACKER, choice.tracker)?;
    Ok(invite.map(|invite| invite.read()).transpose()?)
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    /// The network of this invite.
    Named(Invite),
    /// All that are found on the local network, within so long.
    Nearby(Duration),
}

/// The tracker that is set, or else those on the local network, unless that is not wanted either.
pub(super) fn whom(context: &Context, choice: WhomChoice) -> Result<Option<Whom>, Failure> {
    if let Some(invite) = set(context, choice.tracker)? {
        return Ok(Some(Whom::Named(invite)));
    }
    let is_wanted = context.sources.value(&settings::DISCOVERY, choice.discovery.discovery)?.is_on();
    let patience = context.sources.value(&settings::DISCOVERY_WAIT, choice.discovery_wait)?.duration();
    Ok(is_wanted.then_some(Whom::Nearby(patience)))
}

/// No tracker is set, and one is needed.
pub(super) fn none() -> Failure {
    Failure::new(Kind::Usage, "no tracker is named").hint(
        "give its invite with --tracker @FILE, in DRIZZLE_TRACKER, or as tracker = \"...\" in the config file",
    )
}
