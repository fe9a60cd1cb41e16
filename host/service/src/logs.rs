//! Log lines that several parts of the service write.

use muster_document::Diagnostics;
use muster_engine::ChangedAddress;
use muster_model::number;
use muster_store::PRUNE_PERCENT;

use crate::api::RefusedPrune;

/// Logs the warnings about a project's files.
pub fn warn_of_files(diagnostics: &Diagnostics) {
    if !diagnostics.is_empty() {
        tracing::warn!(
            "the project's files:\n{}",
            diagnostics.render(false).trim_end()
        );
    }
}

/// Logs that the address of a destination has changed.
pub(crate) fn address_changed(moved: &ChangedAddress) {
    tracing::warn!(
        destination = moved.destination,
        from = moved.from,
        to = moved.to,
        dropped = moved.dropped,
        "the address of the destination changed: it receives every cohort in full, and messages for the old address are dropped"
    );
}

/// Returns the reason why the retention drops nothing, and what to do.
#[must_use]
pub fn refused_prune(refusal: &RefusedPrune) -> String {
    let RefusedPrune { before, events, of } = refusal;
    format!(
        "the retention drops nothing: {} of {} events are from before {before}, more than {PRUNE_PERCENT} % at once; if the system's \
         clock and `retention:` are right, drop them with `muster prune --anyway`",
        number(*events),
        number(*of)
    )
}
