//! Lives that once ended with a wrong copy, or had a run at a wrong time. Where a process is killed
//! at a certain commit, the test also tries the commits around it.

use super::life::{ArrivingRow, Down, RowContent, Scenario, ScenarioStep, WaitTime};
use super::pool::{Chosen, DESTINATIONS};
use super::simulate;

const A: usize = 0;
const B: usize = 1;
const L: usize = 3;

/// The number of commits at which a process is killed, one after the other.
const COMMITS: u64 = 12;

/// Returns a definition with one destination. `cadence` is an index of the cohort's cadences.
fn cohort(cohort: usize, body: usize, cadence: usize, destination: &str) -> Chosen {
    Chosen {
        cohort,
        body,
        cadence,
        sync: DESTINATIONS.map(|name| name == destination),
        exit_on_remove: false,
    }
}

fn life(definitions: &[Chosen], steps: Vec<ScenarioStep>) -> Scenario {
    Scenario {
        seed: 0,
        chunk_users: 1,
        memtable_rows: 1_000,
        guard: None,
        definitions: definitions.to_vec(),
        list: 0,
        steps,
        restart: false,
    }
}

fn row(user: usize, what: RowContent) -> ArrivingRow {
    ArrivingRow::New {
        user,
        what,
        age: 0,
        insert: false,
    }
}

fn events(rows: &[(usize, RowContent)]) -> ScenarioStep {
    ScenarioStep::Events(rows.iter().map(|(user, what)| row(*user, *what)).collect())
}

fn wait(seconds: u64) -> ScenarioStep {
    ScenarioStep::Wait(WaitTime(seconds * 1_000))
}

/// Returns a step that kills the process after `commits` commits. The process starts again at once
/// with another list.
fn kill(commits: u64, list: usize) -> ScenarioStep {
    let down = Down {
        seconds: 0,
        edits: vec![ScenarioStep::List(list)],
    };
    ScenarioStep::Kill { commits, down }
}

#[test]
fn a_full_sync_sends_the_exits_of_users_whose_answer_expired() {
    // The cohort is hourly: the window of ten minutes passes between two runs.
    let definition = cohort(A, 0, 3, "x");
    let sync = |full| ScenarioStep::Sync { cohort: A, full };
    let steps = vec![
        events(&[(0, RowContent::Did("A"))]),
        sync(false),
        wait(660),
        sync(true),
    ];
    simulate(&life(&[definition], steps), true).unwrap();
}

#[test]
fn a_first_sync_that_a_changed_definition_interrupts_omits_no_user() {
    let definition = cohort(L, 0, 2, "y");
    for commits in 0..COMMITS {
        let steps = vec![
            kill(commits, 3),
            events(&[0, 1, 2].map(|user| (user, RowContent::Did("A")))),
            wait(2),
        ];
        simulate(&life(std::slice::from_ref(&definition), steps), true).unwrap();
    }
}

#[test]
fn a_destination_that_returns_receives_the_exits_it_missed() {
    let of = |destination| cohort(A, 3, 0, destination);
    let steps = vec![
        events(&[(0, RowContent::City("Rome")), (1, RowContent::City("Rome"))]),
        wait(5),
        ScenarioStep::Define(of("y")),
        wait(5),
        events(&[(0, RowContent::NoCity)]),
        wait(5),
        ScenarioStep::Define(of("x")),
        wait(5),
    ];
    simulate(&life(&[of("x")], steps), true).unwrap();
}

#[test]
fn a_list_that_returns_after_a_kill_is_active_again() {
    for cadence in 0..3 {
        let definition = cohort(L, 0, cadence, "x");
        for commits in 0..COMMITS {
            let steps = vec![
                events(&[0, 1, 2].map(|user| (user, RowContent::Did("A")))),
                // At the start, one run replaces a missed daily run.
                wait(90_000),
                kill(commits, 0),
                ScenarioStep::List(1),
                ScenarioStep::Sync {
                    cohort: L,
                    full: false,
                },
                wait(5),
            ];
            simulate(&life(std::slice::from_ref(&definition), steps), true).unwrap();
        }
    }
}

#[test]
fn events_in_the_middle_of_a_scheduled_run_wait_for_the_next_one() {
    let during = ScenarioStep::During {
        batches: 0,
        step: Box::new(events(&[(1, RowContent::Did("A"))])),
    };
    let steps = vec![
        wait(2),
        events(&[(0, RowContent::Did("A"))]),
        during,
        wait(7_200),
    ];
    simulate(&life(&[cohort(B, 0, 0, "x")], steps), true).unwrap();
}
