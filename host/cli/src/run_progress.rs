//! How a rule is asked about its users: the same for a run that commits and for a plan that only
//! looks.

use muster_engine::{RunOptions, StaticLists};
use muster_model::Millis;

use crate::output::{Output, ProgressUnit};

/// Asks with a bar that shows how far it is, on all processors.
pub(crate) fn with_progress<T>(
    lists: &StaticLists,
    now: Millis,
    output: &Output,
    ask: impl FnOnce(&RunOptions<'_>) -> T,
) -> T {
    let bar = output.progress("evaluating", ProgressUnit::Count);
    let progress = |asked, total| {
        bar.set_length(total);
        bar.set_position(asked);
    };
    let result = ask(&RunOptions {
        progress: &progress,
        lists,
        ..RunOptions::at(now)
    });
    bar.finish_and_clear();
    result
}
