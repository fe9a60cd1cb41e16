//! `retention:`: what a cohort looks at and is dropped by then, and what is dropped when.

use anyhow::bail;
use muster_definition::{
    Body, Definition, Diagnostic, Diagnostics, Duration, lookback, quote, yaml_duration,
};
use muster_model::Millis;
use muster_store::{PRUNE_PERCENT, Pruned, RetentionRefusal, Store, StoreError};
use serde_json::{Value, json};

use crate::config::Config;
use crate::modules::LoadedModule;
use crate::output::number;
use crate::output_json::field;
use crate::project::Project;

/// Whether events may be dropped on request at all. `real`: the clock is the system's.
pub(crate) fn may_prune(config: &Config, real: bool) -> anyhow::Result<()> {
    if config.retention.is_none() {
        bail!("muster.yaml has no `retention:`, so events are kept for ever");
    }
    if !real {
        bail!(
            "nothing is dropped under another clock than the system's: leave out `--now`, `--speed` and `clock:`"
        );
    }
    Ok(())
}

/// Drops what is too old by the system's clock, piece by piece, and says what it did.
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

/// A refusal for machines.
pub(crate) fn refusal_json(refusal: &RetentionRefusal) -> Value {
    json!({ "before": refusal.before.to_string(), "events": refusal.events, "of": refusal.of })
}

/// A refusal in words; `None`: it is none.
pub(crate) fn refused(refusal: &Value) -> Option<String> {
    let before = field(refusal, "before").as_str()?;
    let of = |key: &str| number(field(refusal, key).as_u64().unwrap_or_default());
    Some(format!(
        "the retention drops nothing: {} of {} events are from before {before}, more than {PRUNE_PERCENT} % at once; if the system's clock and \
         `retention:` are right, `muster prune --anyway` drops them",
        of("events"),
        of("of")
    ))
}

/// Warns of definitions whose clauses look further back than events are kept.
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
        // Where a clause stands is not known, but what it says is.
        let said = match furthest.clause == whole {
            true => String::new(),
            false => format!("in {}", quote(&furthest.clause.to_string())),
        };
        let short = warning(definition, furthest.length, window, &said, retention);
        short.into_iter().for_each(|short| diagnostics.push(short));
    }
    diagnostics
}

/// Warns of hand-written rules that look further back than events are kept.
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
        // All of history is further than any length.
        let Some(reach) = reaches.max_by_key(|reach| reach.unwrap_or(u64::MAX)) else {
            continue;
        };
        for definition in &project.definitions {
            let is_its = one.cohorts.iter().any(|cohort| cohort.id == definition.id);
            if is_its && matches!(definition.body, Body::Rule(_)) {
                let window = reach.map(|ms| {
                    let length = yaml_duration(Duration::from_millis(ms));
                    format!("the reach of {length}")
                });
                let short = warning(definition, reach, window, "", retention);
                short.into_iter().for_each(|short| diagnostics.push(short));
            }
        }
    }
    diagnostics
}

/// The warning, if a cohort looks further back than events are kept; `length` is in ms, `None`: at
/// all of them.
fn warning(
    definition: &Definition,
    length: Option<u64>,
    window: Option<String>,
    said: &str,
    retention: Duration,
) -> Option<Diagnostic> {
    if length.is_some_and(|ms| ms <= retention.millis()) {
        return None;
    }
    let kept = yaml_duration(retention);
    let message = match window {
        Some(window) => format!("{window} is longer than the retention of {kept}"),
        None => format!("this looks at all events ever, and the retention is {kept}"),
    };
    let help = format!(
        "the answers will be as if there had been no event before the last {kept}: keep events for longer by \
         `retention:` in muster.yaml, or look less far back"
    );
    let warning = Diagnostic::warning(message);
    Some(
        warning
            .at(&definition.source, definition.spans.body, said)
            .help(help),
    )
}

#[cfg(test)]
mod tests {
    use muster_definition::{SourceFile, parse};

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
    fn what_looks_further_back_than_events_are_kept_is_warned_of() {
        insta::assert_snapshot!(explained("{did: A, in_last: 90 days}", 30));
        insta::assert_snapshot!(explained(
            "{all: [{did: A, in_last: 7 days}, {did_not: B}, {user: {city: Reno}}]}",
            30
        ));
    }

    #[test]
    fn what_is_kept_long_enough_is_not() {
        for clause in [
            "{did: A, in_last: 30 days}",
            "{did: A, in_last: 29 calendar days}",
            "{user: {city: Reno}}",
            "{first_seen: {in_last: 90 days}}",
        ] {
            assert_eq!(explained(clause, 30), "", "{clause}");
        }
        // Thirty days of the calendar have an hour more where clocks are put back.
        assert_ne!(explained("{did: A, in_last: 30 calendar days}", 30), "");
        let all = parse(&SourceFile::new("a.yaml", "where: {did: A}")).unwrap();
        assert!(of_definitions(&[all], None).is_empty());
    }
}
