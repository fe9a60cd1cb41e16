//! Failures that random definitions found, by name and as small as possible; and the places in the
//! emitted code where a mistake is easiest.

use muster_model::Millis;
use muster_sandbox::{Sandbox, SandboxOptions};
use muster_testkit::definition::clause;
use muster_testkit::history::history;

use super::{check, load};

const NOW: Millis = Millis(1_772_323_200_000);

/// Checks that the module answers as the interpreter does, for each clause and each history.
fn agree(clauses: &[&str], histories: &[&str]) {
    let clauses: Vec<_> = clauses.iter().map(|text| clause(text)).collect();
    let rule = load(&Sandbox::new(SandboxOptions::default()).unwrap(), &clauses);
    let histories: Vec<_> = histories.iter().map(|text| history(text, NOW)).collect();
    check(&rule, &clauses, &histories, NOW).unwrap();
}

#[test]
fn a_list_with_a_value_twice_counts_once() {
    agree(
        &[
            "{did_in_order: [Cart, Cart], same: amount}",
            "{did: Cart, nth: 2, per: amount, in_last: 3 hours}",
            "{did: Cart, times: {at_least: 2}, per: amount}",
            "{did: Cart, distinct: {amount: 2}}",
        ],
        &[
            "-1h Cart amount=[-3,-3]",
            "-2h Cart amount=[-3,5]; -1h Cart amount=[-3,-3]",
        ],
    );
}

#[test]
fn a_sequence_that_a_greedy_choice_misses_is_found() {
    // The first view is too old for the day, the second is not; the cart between them fits both.
    let events = "-30h View; -29h Cart; -20h View; -10h Cart; -1h Buy";
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
    agree(
        &["{did_in_order: [A, A]}", "{did_in_order: [A, A, A]}"],
        &["-1h A; -1h A", "-1h A"],
    );
}

#[test]
fn events_of_one_instant_take_steps_in_any_order() {
    agree(
        &[
            "{did_in_order: [A, \"*\", A]}",
            "{did_in_order: [\"A*\", \"*B\", \"*\"]}",
            "{did_in_order: [A, B, A, B], each_within: 1 hour, in_last: 3 hours}",
            "{did_in_order: [A, B, C], without: [{did: R, between: [1, 2]}, {did: S, between: [2, 3]}]}",
            "{did_in_order: [A, B, A, C], without: {did: R, between: [2, 4]}, all_within: 2 hours}",
            "{did_in_order: [A, B, C], strictly: true}",
            "{did_in_order: [A, B, A], strictly: true, same: p, in_last: 4 hours}",
            "{in_any_order: [A, \"*\", \"A*\"], all_within: 1 hour}",
            "{in_any_order: [A, B, C], same: p, before_last: 1 hour}",
        ],
        &[
            "-1h AB; -1h A; -1h B",
            "-1h A; -1h AB",
            "-2h A p=1; -2h B p=1; -1h A p=[1,2]; -1h B p=2",
            "-3h A; -2h B; -2h R; -1h C; -1h S",
            "-4h A; -3h B; -3h S; -2h B; -2h A; -1h R; -30m C",
            "-4h A p=1; -3h X p=2; -2h B p=1; -1h A p=1",
            "-4h C p=1; -3h B p=1; -2h A p=[1,3]; -1h C p=3",
        ],
    );
}

#[test]
fn relations_find_the_nearest_event_on_each_side() {
    agree(
        &[
            "{did: A, followed_by: B, times: 2}",
            "{did: A, followed_by: {did: B, within: 1 hour}}",
            "{did: A, not_followed_by: {did: B, same: p}, before_last: 2 hours}",
            "{did: A, preceded_by: A, in_last: 2 hours}",
            "{did: A, preceded_by: {did: B, within: 1 hour}, in_last: 2 hours}",
            "{did: A, not_preceded_by: A, not_followed_by: B, per: p}",
            "{did: A, followed_by: B, nth: 2, in_last: 1 hour}",
            "{did: A, followed_by: {did: B, with: {p: {in_last: 3 hours}}}}",
        ],
        &[
            "-3h A p=1; -2h B p=2; -1h A p=1; -1h B p=1; -30m A p=[1,2]",
            "-1h B; -1h A",
            "-1h A; -1h A",
            "-2h A; -1h B p='2026-02-28T22:30:00Z'",
            "",
        ],
    );
}

#[test]
fn a_user_property_is_read_at_the_instant_of_the_event() {
    agree(
        &[
            "{did: A, with_user: {plan: pro}}",
            "{did: A, with_user: {plan: {not: pro}}, times: {between: [1, 2]}}",
            "{did: A, with_user: {plan: {set: false}}, in_last: 2 hours}",
            "{did: A, with_user: {plan: {in_last: 2 hours}}}",
            "{did: A, with_user: {plan: {same_as: {user: plan}}}}",
            "{did_in_order: [A, {did: A, with_user: {plan: [pro, free]}}]}",
        ],
        &[
            "-4h A; -3h .plan=pro; -2h A; -1h .plan=free; -1h A",
            "-2h A; -2h .plan=pro; -2h .plan=free",
            "-2h A; -1h .plan='2026-02-28T23:00:00Z'; -1h A",
            "-2h A",
            "-1h .plan=pro",
        ],
    );
}
