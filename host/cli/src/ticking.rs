//! How a rule is asked about its users: the same for a run that commits and for a plan that only looks.

use muster_engine::{Lists, TickOptions};
use muster_model::Millis;

use crate::output::{Output, Unit};

/// Asks with a bar that shows how far it is, on all processors.
pub(crate) fn with_progress<T>(
    lists: &Lists,
    now: Millis,
    output: &Output,
    ask: impl FnOnce(&TickOptions<'_>) -> T,
) -> T {
    let bar = output.progress("evaluating", Unit::Count);
    let progress = |asked, total| {
        bar.set_length(total);
        bar.set_position(asked);
    };
    let result = ask(&TickOptions {
        progress: &progress,
        lists,
        ..TickOptions::at(now)
    });
    bar.finish_and_clear();
    result
}
