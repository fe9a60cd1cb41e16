//! The options and the progress bar of an evaluation, which runs that commit and plans share.

use muster_engine::{RunOptions, StaticLists};
use muster_model::Millis;

use crate::output::{Output, ProgressUnit};

/// Evaluates on all processors, with a progress bar.
pub(crate) fn with_progress<T>(
    lists: &StaticLists,
    now: Millis,
    output: &Output,
    evaluate: impl FnOnce(&RunOptions<'_>) -> T,
) -> T {
    let bar = output.progress("evaluating", ProgressUnit::Count);
    let progress = |evaluated, total| {
        bar.set_length(total);
        bar.set_position(evaluated);
    };
    let result = evaluate(&RunOptions {
        progress: &progress,
        lists,
        ..RunOptions::at(now)
    });
    bar.finish_and_clear();
    result
}
