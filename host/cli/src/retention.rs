//! `retention:`: the dropping of old events, and warnings about cohorts that read further back.

use anyhow::bail;
use muster_definition::{Body, Definition, Duration, lookback, yaml_duration};
use muster_document::{Diagnostic, Diagnostics, quote};
use muster_model::Millis;
use muster_store::{PRUNE_PERCENT, Pruned, RetentionRefusal, Store, StoreError};
use serde_json::{Value, json};

use crate::config::Config;
use crate::modules::LoadedModule;
use crate::output::number;
use crate::output_json::field;
use crate::project::Project;

/// Refuses to drop events on request if there is no retention, or if the clock is not the system's
/// (`real` is false).
pub(crate) fn may_prune(config: &Config, real: bool) -> anyhow::Result<()> {
    if config.retention.is_none() {
        bail!("muster.yaml has no `retention:`, so events are kept for ever");
    }
    if !real {
        bail!(
            "events are dropped only by the system's clock: leave out `--now`, `--speed` and `clock:`"
        );
    }
    Ok(())
}

/// Drops the events that are too old by the system's clock, piece by piece. Returns the counts.
pub(crate) fn prune(
    store: &Store,
    anyway: bool,
    stopped: &dyn Fn() -> bool,
) -> Result<Value, StoreError> {
    let before = store.statistics()?.events;
    let refusal = loop {
        match store.prune(Millis::now(), anyway)? {
            Pruned::More if !stopped() => {}
            Pruned::More | Pruned::Done => break None,
            Pruned::Refused(refusal) => break Some(refusal),
        }
    };
    let dropped = before.saturating_sub(store.statistics()?.events);
    Ok(json!({ "dropped": dropped, "refused": refusal.as_ref().map(refusal_json) }))
}

/// Returns a refusal as JSON.
pub(crate) fn refusal_json(refusal: &RetentionRefusal) -> Value {
    json!({ "before": refusal.before.to_string(), "events": refusal.events, "of": refusal.of })
}

/// Returns a refusal as text; `None`: there is no refusal.
pub(crate) fn refused(refusal: &Value) -> Option<String> {
    let before = field(refusal, "before").as_str()?;
    let of = |key: &str| number(field(refusal, key).as_u64().unwrap_or_default());
    Some(format!(
        "the retention drops nothing: {} of {} events are from before {before}, more than {PRUNE_PERCENT} % at once; if the system's \
         clock and `retention:` are right, drop them with `muster prune --anyway`",
        of("events"),
        of("of")
    ))
}

/// Warns of definitions whose lookback is longer than the retention.
pub(crate) fn of_definitions(
    definitions: &[Definition],
    retention: Option<Duration>,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let Some(retention) = retention else {
        return diagnostics;
    };
    for definition in definitions {
        let Body::Where(whole) = &definition.body else {
            continue;
        };
        let Some(furthest) = lookback(whole) else {
            continue;
        };
        let window = furthest
            .window
            .map(|window| format!("the window of {window}"));
        // The place of a clause is not known, so the warning quotes its text.
        let label = match furthest.clause == whole {
            true => String::new(),
            false => format!("in {}", quote(&furthest.clause.to_string())),
        };
        let short = warning(definition, furthest.length, window, &label, retention);
        short.into_iter().for_each(|short| diagnostics.push(short));
    }
    diagnostics
}

/// Warns of hand-written rules whose lookback is longer than the retention.
pub(crate) fn of_modules(project: &Project, loaded: &[LoadedModule]) -> Diagnostics {
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

/// Returns a warning if a cohort's lookback is longer than the retention. `length` is the lookback
/// in ms; `None`: all of history.
fn warning(
    definition: &Definition,
    length: Option<u64>,
    window: Option<String>,
    label: &str,
    retention: Duration,
) -> Option<Diagnostic> {
    if length.is_some_and(|ms| ms <= retention.millis()) {
        return None;
    }
    let kept = yaml_duration(retention);
    let message = match window {
        Some(window) => format!("{window} is longer than the retention of {kept}"),
        None => format!("this reads all events ever, but the retention is {kept}"),
    };
    let help = format!(
        "the answers will miss all events before the last {kept}: keep events for longer with \
         `retention:` in muster.yaml, or use a shorter window"
    );
    let warning = Diagnostic::warning(message);
    Some(
        warning
            .at(&definition.source, definition.spans.body, label)
            .help(help),
    )
}

#[cfg(test)]
mod tests {
    use muster_definition::parse;
    use muster_document::SourceFile;

    use super::*;

    fn explained(clause: &str, days: u64) -> String {
        let definition = parse(&SourceFile::new(
            "cohorts/a.yaml",
            &format!("where: {clause}\n"),
        ));
        let retention = Duration::from_millis(days * 86_400_000);
        of_definitions(&[definition.unwrap()], Some(retention)).to_string()
    }

    #[test]
    fn a_lookback_longer_than_the_retention_is_warned_of() {
        insta::assert_snapshot!(explained("{did: A, in_last: 90 days}", 30));
        insta::assert_snapshot!(explained(
            "{all: [{did: A, in_last: 7 days}, {did_not: B}, {user: {city: Reno}}]}",
            30
        ));
    }

    #[test]
    fn a_lookback_within_the_retention_is_not_warned_of() {
        for clause in [
            "{did: A, in_last: 30 days}",
            "{did: A, in_last: 29 calendar days}",
            "{user: {city: Reno}}",
            "{first_seen: {in_last: 90 days}}",
        ] {
            assert_eq!(explained(clause, 30), "", "{clause}");
        }
        // Thirty calendar days have one hour more if the clocks are set back among them.
        assert_ne!(explained("{did: A, in_last: 30 calendar days}", 30), "");
        let all = parse(&SourceFile::new("a.yaml", "where: {did: A}")).unwrap();
        assert!(of_definitions(&[all], None).is_empty());
    }
}
