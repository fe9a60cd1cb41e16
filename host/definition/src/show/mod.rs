//! Writes clauses as an analyst writes them, in one line of YAML that reads back to the same
//! meaning.
//!
//! A [`Clause`], a [`Step`], a [`Comparison`] and a [`Predicate`] become values (`{did: Purchase}`,
//! `Purchase`, `{at_least: 3}`). A [`Window`] and a [`Measure`] become keys of a map (`in_last: 30
//! days, before_last: 7 days`). A time zone is not shown: it stands at the top of a definition.

mod did;
mod predicate;
pub(crate) mod text;

use std::fmt;

use self::predicate::properties;
use self::text::{entry, list, map, quoted};
use crate::{Clause, DidInOrder, InAnyOrder, Sample, Start, UserClause, When, Window, Without};

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = match self {
            Self::All(clauses) => vec![entry("all", list(clauses))],
            Self::Any(clauses) => vec![entry("any", list(clauses))],
            Self::Not(clause) => vec![entry("not", clause)],
            Self::Everyone => vec![entry("everyone", true)],
            Self::Did(did) => did::entries(did),
            Self::DidInOrder(order) => in_order(order),
            Self::InAnyOrder(order) => in_any_order(order),
            Self::User(user) => self::user(user),
            Self::FirstSeen(window) => vec![entry("first_seen", map(&did::window(window)))],
            Self::Sample(sample) => vec![entry("sample", self::sample(sample))],
            Self::InCohort(id) | Self::Listed(id) => vec![entry("in_cohort", quoted(id.as_str()))],
        };
        f.write_str(&map(&entries))
    }
}

fn in_order(order: &DidInOrder) -> Vec<String> {
    let mut entries = vec![entry("did_in_order", list(&order.steps))];
    let length = |key: &str, length: &Option<_>| length.map(|l| entry(key, text::duration(l)));
    entries.extend(length("all_within", &order.all_within));
    entries.extend(length("each_within", &order.each_within));
    entries.extend(order.strictly.then(|| entry("strictly", true)));
    let without = order.without.iter();
    let without: Vec<_> = without
        .map(|without| self::without(without, order.steps.len()))
        .collect();
    if !without.is_empty() {
        entries.push(entry("without", text::one_or_list(&without)));
    }
    entries.extend(order.same.iter().map(|same| entry("same", quoted(same))));
    entries.extend(did::window(&order.window));
    entries
}

fn without(without: &Without, steps: usize) -> String {
    let Without { step, from, to } = without;
    if (*from, *to) == (1, steps) {
        return step.to_string();
    }
    let between = entry("between", list([from, to]));
    map(&[did::step(step), vec![between]].concat())
}

fn in_any_order(order: &InAnyOrder) -> Vec<String> {
    let mut entries = vec![entry("in_any_order", list(&order.steps))];
    let within = order.all_within.map(text::duration);
    entries.extend(within.map(|within| entry("all_within", within)));
    entries.extend(order.same.iter().map(|same| entry("same", quoted(same))));
    entries.extend(did::window(&order.window));
    entries
}

fn user(user: &UserClause) -> Vec<String> {
    let mut entries = vec![entry("user", properties(&user.properties))];
    match &user.when {
        When::Now => {}
        When::Ever => entries.push(entry("ever", true)),
        When::During(start) => entries.extend(did::start(start)),
        When::HeldFor(length) => entries.push(entry("held_for", text::duration(*length))),
    }
    entries
}

fn sample(sample: &Sample) -> String {
    let mut entries = vec![entry("percent", sample.percent)];
    if !sample.seed.is_empty() {
        entries.push(entry("seed", quoted(&sample.seed)));
    }
    map(&entries)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&did::window(self).join(", "))
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&did::start(self).unwrap_or_default())
    }
}
