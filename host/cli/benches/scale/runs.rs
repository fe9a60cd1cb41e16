//! Runs of all users, of few changed users, and of none; of one cohort and of many.

use muster_definition::Clause;
use muster_model::{EventBuffer, Millis, ScalarRef};
use muster_sandbox::Sandbox;
use muster_store::Store;

use crate::data::{self, Data, NOW};
use crate::{BenchArguments, R1, R2, best, clause, full_run, module, once, row};

/// Measures runs of one cohort and of many.
pub(crate) fn runs(
    store: &Store,
    sandbox: &Sandbox,
    data: &Data,
    arguments: &BenchArguments,
) -> anyhow::Result<()> {
    let hundred: Vec<_> = (0..100).map(numbered_cohort).collect();
    let modules = [
        ("R1", vec![clause(R1)]),
        ("R2", vec![clause(R2)]),
        ("100 cohorts", hundred),
    ];
    for (name, clauses) in modules {
        few_changes(store, sandbox, data, arguments, (name, &clauses))?;
    }
    Ok(())
}

/// Measures runs after 0.1 % of the users changed.
fn few_changes(
    store: &Store,
    sandbox: &Sandbox,
    data: &Data,
    arguments: &BenchArguments,
    (name, clauses): (&str, &[Clause]),
) -> anyhow::Result<()> {
    let (module, cohorts) = module(sandbox, clauses);
    let fulls: Vec<_> = (0..arguments.turns)
        .map(|_| full_run(store, &module, &cohorts).0)
        .collect();
    let full = best(&fulls);
    row(&format!("{name}, all users"), full, None);
    let mut costs = Vec::new();
    let mut buffer = EventBuffer::default();
    for turn in 0..arguments.turns as u64 {
        buffer.clear();
        for number in 0..data.users / 1000 {
            let user = Data::user((number * 1000 + turn * 7) % data.users);
            buffer.event(&user, "Purchase", Millis(NOW - 1), None);
            buffer.property("amount", ScalarRef::Number(60.0));
        }
        store.append(&buffer, None)?;
        let (cost, report) = once(store, &module, &cohorts);
        anyhow::ensure!(
            report.candidates == data.users / 1000,
            "{} candidates",
            report.candidates
        );
        costs.push(cost);
    }
    row(
        &format!("{name}, a run after 0.1 % of the users changed"),
        best(&costs),
        Some(("all users", full)),
    );
    let (idle, report) = once(store, &module, &cohorts);
    anyhow::ensure!(report.candidates == 0, "no user changed");
    row(
        &format!("{name}, a run without changed users"),
        idle,
        Some(("all users", full)),
    );
    Ok(())
}

/// Returns one of many cohorts over the same streams.
fn numbered_cohort(number: usize) -> Clause {
    clause(&format!(
        "where: {{all: [{{did: Purchase, with: {{amount: {{at_least: {}}}}}, times: {{at_least: {}}}, in_last: {} days}}, \
         {{not: {{did: Refund, in_last: {} days}}}}, {{user: {{city: {}}}}}]}}",
        number % 50,
        1 + number % 4,
        1 + number % 30,
        1 + number % 7,
        data::CITIES[number % data::CITIES.len()],
    ))
}

/// Measures 10 and 1,000 different cohorts over the same streams.
pub(crate) fn many(
    store: &Store,
    sandbox: &Sandbox,
    arguments: &BenchArguments,
) -> anyhow::Result<()> {
    let clauses: Vec<_> = (0..1000).map(numbered_cohort).collect();
    let (ten, many) = (module(sandbox, &clauses[..10]), module(sandbox, &clauses));
    let (mut tens, mut manys) = (Vec::new(), Vec::new());
    for _ in 0..arguments.turns {
        tens.push(full_run(store, &ten.0, &ten.1).0);
        manys.push(full_run(store, &many.0, &many.1).0);
    }
    let ten = best(&tens);
    row("10 cohorts over shared streams, all users", ten, None);
    row(
        "1,000 cohorts over shared streams, all users",
        best(&manys),
        Some(("10 cohorts", ten)),
    );
    Ok(())
}
