//! Tells of what is shared: at first, and whenever it changed.

use drizzle_model::ContentHash;
use drizzle_node::SharedItem;

use crate::exit::Stop;
use crate::output::Output;
use crate::output::report::Report;

/// Tells of something that is shared from now on, and of all that is left out of it.
pub(super) fn tell_first(output: &mut Output, item: &SharedItem) -> Result<(), Stop> {
    for skipped in &item.skipped {
        output.warning(&format!("{} is left out: {}", skipped.path.display(), skipped.reason));
    }
    tell(output, item, None)
}

/// Tells how it is shared now. What is left out is only counted: it was named before, or is still being written.
pub(super) fn tell(
    output: &mut Output,
    item: &SharedItem,
    replaces: Option<&ContentHash>,
) -> Result<(), Stop> {
    item.warnings.iter().for_each(|warning| output.warning(warning));
    Ok(output.report(&Report::shared(&item.key, &item.link, item.skipped.len(), replaces))?)
}
