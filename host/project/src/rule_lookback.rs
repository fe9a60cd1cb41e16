//! Warnings about hand-written rules whose lookback is longer than the retention.

use muster_definition::{Body, Duration, yaml_duration};
use muster_document::Diagnostics;

use crate::modules::LoadedModule;
use crate::project::Project;
use crate::retention::warning;

/// Warns of hand-written rules whose lookback is longer than the retention. Only a loaded rule says
/// its lookback.
#[must_use]
pub fn warnings(project: &Project, loaded: &[LoadedModule]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let Some(retention) = project.config.retention else {
        return diagnostics;
    };
    for one in loaded {
        let Ok(module) = &one.module else {
            continue;
        };
        let reaches = module
            .description()
            .streams
            .iter()
            .map(|stream| stream.reach);
        // A lookback of `None` means all of history, which is longer than any length.
        let Some(reach) = reaches.max_by_key(|reach| reach.unwrap_or(u64::MAX)) else {
            continue;
        };
        for definition in &project.definitions {
            let is_its = one.cohorts.iter().any(|cohort| cohort.id == definition.id);
            if is_its && matches!(definition.body, Body::Rule(_)) {
                let window = reach.map(|ms| {
                    let length = yaml_duration(Duration::from_millis(ms));
                    format!("the lookback of {length}")
                });
                let short = warning(definition, reach, window, "", retention);
                short.into_iter().for_each(|short| diagnostics.push(short));
            }
        }
    }
    diagnostics
}
