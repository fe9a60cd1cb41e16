//! Warnings about cohorts that read further back than `retention:` keeps events.

use muster_definition::{Body, Definition, Duration, lookback, yaml_duration};
use muster_document::{Diagnostic, Diagnostics, quote};

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

/// Returns a warning if a cohort's lookback is longer than the retention. `length` is the lookback
/// in ms; `None`: all of history.
pub(crate) fn warning(
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
