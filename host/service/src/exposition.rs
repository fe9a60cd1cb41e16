//! The text of the metrics, with the current state of the store, the cohorts and the sources.

use std::fmt::Write;

use muster_model::{CohortId, Millis};
use prometheus_client::encoding::text::encode;

use super::metrics::{Counters, Metrics, OfCohort, OfDestination, OfSource};
use super::state::ServiceState;
use crate::queries::RunningCohort;
use crate::requests::held_removals;

impl Metrics {
    /// Reads the state of the active cohorts from the store, also of cohorts that have not run
    /// since the service began.
    fn note_cohorts(&self, state: &ServiceState) -> anyhow::Result<()> {
        let cohorts: Vec<(CohortId, Option<Millis>)> = {
            let active = state.active();
            let of = |(id, cohort): (&CohortId, &RunningCohort)| (id.clone(), cohort.last);
            active.cohorts.iter().map(of).collect()
        };
        for family in [&self.members, &self.held, &self.last_run] {
            family.clear();
        }
        let snapshot = state.store.snapshot()?;
        for (id, last) in cohorts {
            let status = muster_engine::status(&snapshot, &id)?;
            let of = OfCohort {
                cohort: id.to_string(),
            };
            let members = snapshot.members_len(&id)?;
            self.members.get_or_create(&of).set(signed(members));
            let held = i64::from(status.held.is_some());
            self.held.get_or_create(&of).set(held);
            if let Some(last) = last.max(status.ran) {
                self.last_run.get_or_create(&of).set(last.as_second());
            }
        }
        // The guard can also hold the removal of a cohort that is no longer active.
        for end in held_removals(&snapshot)? {
            let cohort = end.id;
            self.held.get_or_create(&OfCohort { cohort }).set(1);
        }
        Ok(())
    }

    /// Returns all metrics in the format of Prometheus, with the current state of the store and the
    /// sources.
    pub(crate) fn text(&self, state: &ServiceState) -> anyhow::Result<String> {
        let _one = self.writing.lock();
        self.note_cohorts(state)?;
        for (name, stats) in &state.sources {
            let of = OfSource {
                source: name.clone(),
            };
            let counts = stats.counts();
            let raise = |family: &Counters<OfSource>, to: u64| {
                let counter = family.get_or_create(&of);
                counter.inc_by(to.saturating_sub(counter.get()));
            };
            raise(&self.events, counts.events);
            raise(&self.anonymous, counts.anonymous);
            raise(&self.groups, counts.groups);
            raise(&self.mappings, counts.mappings);
            raise(&self.malformed, counts.malformed);
            raise(&self.refused, stats.refusals());
            raise(&self.commits, stats.commits());
            self.lag.get_or_create(&of).set(stats.lag());
            let up = stats.error().is_none();
            self.source_up.get_or_create(&of).set(i64::from(up));
        }
        let backlog = state.store.backlog()?;
        for (name, destination) in &state.destinations {
            let of = OfDestination {
                destination: name.clone(),
            };
            let waiting = backlog.iter().find(|(other, ..)| other == name);
            let (messages, bytes) =
                waiting.map_or((0, 0), |(_, messages, bytes)| (*messages, *bytes));
            self.backlog.get_or_create(&of).set(signed(messages));
            self.backlog_bytes.get_or_create(&of).set(signed(bytes));
            let dead = state.store.count_dead_letters(name)?;
            self.dead_letters.get_or_create(&of).set(signed(dead));
            let health = destination.health();
            self.destination_up
                .get_or_create(&of)
                .set(i64::from(health.error.is_none()));
        }
        let statistics = state.store.statistics()?;
        self.users.set(signed(statistics.users));
        self.stored.set(signed(statistics.events));
        self.disk.set(signed(statistics.disk_bytes));
        self.definitions
            .set(i64::from(state.active().definitions.is_none()));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        let version = env!("CARGO_PKG_VERSION");
        let end = text.find("# EOF").unwrap_or(text.len());
        text.truncate(end);
        writeln!(
            text,
            "# HELP muster_build The version that runs.\n# TYPE muster_build gauge\nmuster_build{{version=\"{version}\"}} 1\n# EOF"
        )?;
        Ok(text)
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
