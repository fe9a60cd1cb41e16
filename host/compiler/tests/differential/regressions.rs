//! Failures that random definitions found, by name and as small as possible; and the places in the
//! emitted code where a mistake is easiest.

use std::collections::BTreeMap;

use muster_definition::{Body, Clause, parse};
use muster_document::SourceFile;
use muster_model::{Event, Millis, Scalar, UserHistory, Value};
use muster_sandbox::{Sandbox, SandboxOptions};

use crate::{check, load};

const NOW: Millis = Millis(1_772_323_200_000);
const HOUR: i64 = 3_600_000;

fn clause(text: &str) -> Clause {
    let definition = parse(&SourceFile::new("c.yaml", &format!("where: {text}"))).unwrap();
    match definition.body {
        Body::Where(clause) => clause,
        _ => panic!("{text} is no clause"),
    }
}

/// Makes an event so many hours ago.
fn event(name: &str, hours: i64, amounts: &[f64]) -> Event {
    let list = amounts.iter().copied().map(Scalar::Number).collect();
    let amount = Value::list(list).map(|list| ("amount".into(), list));
    Event {
        name: name.into(),
        time: Millis(NOW.0 - hours * HOUR),
        properties: amount.into_iter().collect::<BTreeMap<_, _>>(),
    }
}

/// Checks that the module answers as the interpreter does, for each clause and each history.
fn agree(clauses: &[&str], histories: &[Vec<Event>]) {
    let clauses: Vec<_> = clauses.iter().map(|text| clause(text)).collect();
    let rule = load(&Sandbox::new(SandboxOptions::default()).unwrap(), &clauses);
    let histories: Vec<_> = histories
        .iter()
        .map(|events| UserHistory {
            events: events.clone(),
            ..UserHistory::default()
        })
        .collect();
    check(&rule, &clauses, &histories, NOW).unwrap();
}

#[test]
fn a_list_with_a_value_twice_counts_once() {
    let twice = vec![event("Cart", 1, &[-3.0, -3.0])];
    let again = vec![
        event("Cart", 2, &[-3.0, 5.0]),
        event("Cart", 1, &[-3.0, -3.0]),
    ];
    agree(
        &[
            "{did_in_order: [Cart, Cart], same: amount}",
            "{did: Cart, nth: 2, per: amount, in_last: 3 hours}",
            "{did: Cart, times: {at_least: 2}, per: amount}",
            "{did: Cart, distinct: {amount: 2}}",
        ],
        &[twice, again],
    );
}

#[test]
fn a_sequence_that_a_greedy_choice_misses_is_found() {
    // The first view is too old for the day, the second is not; the cart between them fits both.
    let events = vec![
        event("View", 30, &[]),
        event("Cart", 29, &[]),
        event("View", 20, &[]),
        event("Cart", 10, &[]),
        event("Buy", 1, &[]),
    ];
    let clauses = [
        "{did_in_order: [View, Cart, Buy], all_within: 1 day}",
        "{did_in_order: [View, Cart, Buy], all_within: 19 hours}",
        "{did_in_order: [View, Cart, Buy], each_within: 10 hours}",
        "{did_in_order: [View, Cart, Buy], each_within: 9 hours}",
        "{did_in_order: [View, Buy], without: Cart}",
        "{did_in_order: [View, Buy], without: View, in_last: 21 hours}",
    ];
    agree(&clauses, &[events]);
}

#[test]
fn steps_of_one_instant_are_different_events() {
    let both = vec![event("A", 1, &[]), event("A", 1, &[])];
    agree(
        &["{did_in_order: [A, A]}", "{did_in_order: [A, A, A]}"],
        &[both, vec![event("A", 1, &[])]],
    );
}
