//! The metrics for Prometheus. docs/operations.md lists them.

use std::sync::atomic::{AtomicI64, AtomicU64};

use muster_engine::{Reason, RunReport};
use muster_model::CohortId;
use muster_publish::DrainReport;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OfCohort {
    pub(super) cohort: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRun {
    cohort: String,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OfSource {
    pub(super) source: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OfDestination {
    pub(super) destination: String,
}

pub(super) type Counters<L> = Family<L, Counter<u64, AtomicU64>>;
type Gauges<L> = Family<L, Gauge<i64, AtomicI64>>;

/// Bounds of a run's duration in seconds, from an idle run to the first run of millions of users.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// All metrics of the service.
pub(crate) struct Metrics {
    pub(super) registry: Registry,
    runs: Counters<OfRun>,
    failures: Counters<OfCohort>,
    entered: Counters<OfCohort>,
    exited: Counters<OfCohort>,
    pub(super) members: Gauges<OfCohort>,
    pub(super) held: Gauges<OfCohort>,
    pub(super) last_run: Gauges<OfCohort>,
    candidates: Counter,
    skipped: Counter,
    seconds: Histogram,
    pub(super) events: Counters<OfSource>,
    pub(super) anonymous: Counters<OfSource>,
    pub(super) malformed: Counters<OfSource>,
    pub(super) groups: Counters<OfSource>,
    pub(super) mappings: Counters<OfSource>,
    pub(super) refused: Counters<OfSource>,
    pub(super) commits: Counters<OfSource>,
    pub(super) lag: Gauges<OfSource>,
    pub(super) source_up: Gauges<OfSource>,
    messages: Counters<OfDestination>,
    bytes: Counters<OfDestination>,
    calls: Counters<OfDestination>,
    retried: Counters<OfDestination>,
    throttled: Counters<OfDestination>,
    maybe_duplicates: Counters<OfDestination>,
    rejected: Counters<OfDestination>,
    pub(super) dead_letters: Gauges<OfDestination>,
    pub(super) backlog: Gauges<OfDestination>,
    pub(super) backlog_bytes: Gauges<OfDestination>,
    pub(super) destination_up: Gauges<OfDestination>,
    pub(super) users: Gauge<i64, AtomicI64>,
    pub(super) stored: Gauge<i64, AtomicI64>,
    pub(super) disk: Gauge<i64, AtomicI64>,
    pub(super) definitions: Gauge<i64, AtomicI64>,
    /// A lock that lets one text be written at a time: each text reads the state of the cohorts
    /// again.
    pub(super) writing: Mutex<()>,
}

/// The reasons of finished runs: each cohort has a series for each reason.
const REASONS: [Reason; 11] = [
    Reason::First,
    Reason::DefinitionChanged,
    Reason::Scheduled,
    Reason::Full,
    Reason::Missed,
    Reason::Requested,
    Reason::Approved,
    Reason::Rejected,
    Reason::Forgotten,
    Reason::Removed,
    Reason::Reconciled,
];

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("muster"),
            runs: Family::default(),
            failures: Family::default(),
            entered: Family::default(),
            exited: Family::default(),
            members: Family::default(),
            held: Family::default(),
            last_run: Family::default(),
            candidates: Counter::default(),
            skipped: Counter::default(),
            seconds: Histogram::new(SECONDS),
            events: Family::default(),
            anonymous: Family::default(),
            malformed: Family::default(),
            groups: Family::default(),
            mappings: Family::default(),
            refused: Family::default(),
            commits: Family::default(),
            lag: Family::default(),
            source_up: Family::default(),
            messages: Family::default(),
            bytes: Family::default(),
            calls: Family::default(),
            retried: Family::default(),
            throttled: Family::default(),
            maybe_duplicates: Family::default(),
            rejected: Family::default(),
            dead_letters: Family::default(),
            backlog: Family::default(),
            backlog_bytes: Family::default(),
            destination_up: Family::default(),
            users: Gauge::default(),
            stored: Gauge::default(),
            disk: Gauge::default(),
            definitions: Gauge::default(),
            writing: Mutex::default(),
        };
        metrics.registered()
    }

    /// Registers every metric. The registry adds `_total` to counters.
    fn registered(mut self) -> Self {
        macro_rules! register {
            ($($field:ident $name:literal $help:literal)*) => {
                $(self.registry.register($name, $help, self.$field.clone());)*
            };
        }
        register! {
            runs "cohort_runs" "Finished runs of a cohort, by reason"
            failures "cohort_failures" "Runs that failed as a whole; membership was kept"
            entered "cohort_entered" "Users who entered"
            exited "cohort_exited" "Users who exited"
            members "cohort_members" "Members after the latest run"
            held "cohort_held" "1 while the guard holds a run"
            last_run "cohort_last_run_timestamp_seconds" "The clock of the latest run"
            candidates "run_candidates" "Candidates of all runs: changed users, due users, or all users"
            skipped "run_skipped_users" "Users whose evaluation failed; membership was kept"
            seconds "run_seconds" "Seconds that a run of a module took"
            events "source_events" "Events that are durably stored"
            anonymous "source_anonymous_events" "Events without a user id, skipped"
            malformed "source_malformed_events" "Lines, records and events that could not be read, skipped"
            groups "source_group_events" "Events about groups of users, skipped"
            mappings "source_user_mappings" "User ids that were to count as others, skipped"
            refused "source_refused_requests" "Requests that were refused"
            commits "source_commits" "Durable commits"
            lag "source_lag_milliseconds" "How far the source is behind its origin"
            source_up "source_up" "1 while the source makes progress"
            messages "destination_messages" "Messages that arrived"
            bytes "destination_bytes" "Bytes of messages that arrived"
            calls "destination_calls" "Calls made to the destination"
            retried "destination_retried_messages" "Messages that were sent again"
            throttled "destination_throttled_messages" "Messages that the destination refused for now"
            maybe_duplicates "destination_maybe_duplicate_messages" "Messages that were sent again although they may have arrived"
            rejected "destination_rejected_messages" "Messages that became dead letters"
            dead_letters "destination_dead_letters" "Dead letters"
            backlog "destination_backlog_messages" "Messages that wait in the outbox"
            backlog_bytes "destination_backlog_bytes" "Bytes that wait in the outbox"
            destination_up "destination_up" "1 while the destination takes messages"
            users "store_users" "Users in the store"
            stored "store_events" "Events in the store"
            disk "store_disk_bytes" "Bytes that the store takes on the disk"
            definitions "definitions_up" "1 while the definitions on disk are the active ones"
        }
        self
    }

    /// Counts a run that has ended.
    pub(crate) fn ran(&self, report: &RunReport) {
        self.candidates.inc_by(report.candidates);
        let failed = report.skipped.iter().filter(|skipped| !skipped.is_known());
        self.skipped
            .inc_by(failed.map(|skipped| skipped.users).sum());
        self.seconds.observe(report.duration.as_secs_f64());
        for cohort in &report.cohorts {
            let of = OfCohort {
                cohort: cohort.id.to_string(),
            };
            self.entered.get_or_create(&of).inc_by(cohort.entered);
            self.exited.get_or_create(&of).inc_by(cohort.exited);
            let reason = cohort.reason.as_str();
            let of = OfRun {
                cohort: of.cohort,
                reason,
            };
            self.runs.get_or_create(&of).inc();
        }
    }

    /// Counts a run that has failed.
    pub(crate) fn failed<'a>(&self, cohorts: impl Iterator<Item = &'a CohortId>) {
        for cohort in cohorts {
            let cohort = cohort.to_string();
            self.failures.get_or_create(&OfCohort { cohort }).inc();
        }
    }

    /// Begins the series of a cohort that is active from now on, at 0: an alert on an increase sees
    /// the first failure then.
    pub(crate) fn added(&self, cohort: &CohortId) {
        let of = OfCohort {
            cohort: cohort.to_string(),
        };
        for family in [&self.failures, &self.entered, &self.exited] {
            drop(family.get_or_create(&of));
        }
    }

    /// Removes the series of a cohort that is no longer active.
    pub(crate) fn removed(&self, cohort: &CohortId) {
        let of = OfCohort {
            cohort: cohort.to_string(),
        };
        for family in [&self.failures, &self.entered, &self.exited] {
            family.remove(&of);
        }
        for reason in REASONS {
            let of = OfRun {
                cohort: of.cohort.clone(),
                reason: reason.as_str(),
            };
            self.runs.remove(&of);
        }
    }

    /// Counts the progress of a drain between two reports.
    pub(crate) fn delivered(&self, destination: &str, before: &DrainReport, now: &DrainReport) {
        let of = OfDestination {
            destination: destination.to_owned(),
        };
        self.messages
            .get_or_create(&of)
            .inc_by(now.messages - before.messages);
        self.bytes
            .get_or_create(&of)
            .inc_by(now.bytes - before.bytes);
        self.calls
            .get_or_create(&of)
            .inc_by(now.attempts - before.attempts);
        self.retried
            .get_or_create(&of)
            .inc_by(now.retried - before.retried);
        self.throttled
            .get_or_create(&of)
            .inc_by(now.throttled - before.throttled);
        self.maybe_duplicates
            .get_or_create(&of)
            .inc_by(now.maybe_duplicates - before.maybe_duplicates);
        self.rejected
            .get_or_create(&of)
            .inc_by(now.dead - before.dead);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prometheus_client::encoding::text::encode;

    use super::*;

    /// Returns the names in the registry's own text. A family is in it once it has a series.
    fn registered() -> BTreeSet<String> {
        let metrics = Metrics::new();
        let name = String::new;
        let of_cohort = OfCohort { cohort: name() };
        let of_run = OfRun {
            cohort: name(),
            reason: "first",
        };
        let of_source = OfSource { source: name() };
        let of_destination = OfDestination {
            destination: name(),
        };
        macro_rules! touch {
            ($labels:ident: $($field:ident)*) => {
                $(let _ = metrics.$field.get_or_create(&$labels);)*
            };
        }
        touch!(of_run: runs);
        touch!(of_cohort: failures entered exited members held last_run);
        touch!(of_source: events anonymous malformed groups mappings refused commits lag source_up);
        touch!(of_destination: messages bytes calls retried throttled maybe_duplicates rejected dead_letters backlog backlog_bytes destination_up);
        let mut text = String::new();
        encode(&mut text, &metrics.registry).unwrap();
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let mut names: BTreeSet<String> = types
            .map(|line| match line.split_once(' ').unwrap() {
                // OpenMetrics: the series of a counter have the suffix.
                (name, "counter") => format!("{name}_total"),
                (name, _) => name.to_owned(),
            })
            .collect();
        // It has a label and no series of its own in the registry.
        names.insert("muster_build".to_owned());
        names
    }

    #[test]
    fn the_page_lists_every_metric_and_no_other() {
        let page = include_str!("../../../docs/operations.md");
        let table = page.split("## Metrics").nth(1).unwrap();
        let table = table.split("Counters begin").next().unwrap();
        let listed: BTreeSet<String> = table
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
            .collect();
        assert_eq!(listed, registered());
    }

    #[test]
    fn the_dashboard_and_the_alerts_name_metrics_that_exist() {
        let pages = [
            include_str!("../../../examples/operations/grafana.json"),
            include_str!("../../../examples/operations/alerts.yml"),
        ];
        let exist = registered();
        for page in pages {
            let words = page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let named = words.filter(|word| word.starts_with("muster_"));
            // A histogram has the series of its buckets.
            let named = named.map(|name| name.trim_end_matches("_bucket").to_owned());
            let named: BTreeSet<String> = named.collect();
            assert!(named.len() >= 6, "{named:?}");
            let missing: Vec<_> = named.difference(&exist).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }
}
