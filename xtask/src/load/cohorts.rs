//! The project that is put under load: cohorts of many kinds, all in real time.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context;

/// Writes the project, and returns the address at which it receives events.
pub(super) fn project(folder: &Path, cohorts: usize, key: &str) -> anyhow::Result<SocketAddr> {
    let definitions = folder.join("cohorts");
    std::fs::create_dir_all(&definitions)
        .with_context(|| format!("cannot make {}", definitions.display()))?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let config = format!(
        "guard: off\nsources: [{{http: {{listen: \"{address}\", api_keys: [{key}]}}}}]\ndestinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
    );
    std::fs::write(folder.join("muster.yaml"), config)?;
    write(&definitions, "probe", "where: {did: Probe, in_last: 1 day}")?;
    for number in 0..cohorts.saturating_sub(1) {
        write(&definitions, &format!("cohort-{number}"), &body(number))?;
    }
    Ok(address)
}

fn write(folder: &Path, id: &str, body: &str) -> anyhow::Result<()> {
    let mut text = String::from("cadence: real_time\nsync: [{to: out}]\n");
    writeln!(text, "{body}")?;
    Ok(std::fs::write(folder.join(format!("{id}.yaml")), text)?)
}

/// Returns the body of a cohort of one of ten kinds, with numbers of its own.
fn body(number: usize) -> String {
    let (kind, nth) = (number % 10, number / 10);
    let (event, least, minutes) = (nth % 5, 2 + nth, 5 + 7 * nth);
    match kind {
        0 => format!(
            "where: {{did: Event {event}, times: {{at_least: {least}}}, in_last: {minutes} minutes}}"
        ),
        1 => format!(
            "where: {{did: Purchase, with: {{amount: {{at_least: {}}}}}, in_last: {minutes} minutes}}",
            10 * nth
        ),
        2 => format!(
            "where: {{did: Purchase, sum_of: {{amount: {{at_least: {}}}}}, in_last: 1 day}}",
            100 * least
        ),
        3 => format!(
            "where: {{all: [{{did: Event {event}, in_last: 1 hour}}, {{did_not: Purchase, in_last: {minutes} minutes}}]}}"
        ),
        4 => format!(
            "where: {{did_in_order: [Event {event}, Purchase], all_within: {minutes} minutes}}"
        ),
        5 => format!(
            "where: {{all: [{{did: Purchase, in_last: 7 days}}, {{user: {{city: City {nth}}}}}]}}"
        ),
        6 => format!(
            "where: {{did: Purchase, distinct: {{item: {{at_least: {least}}}}}, in_last: 1 day}}"
        ),
        7 => format!(
            "where: {{did: Event {event}, days: {{at_least: 1}}, in_last: {} days}}",
            2 + nth
        ),
        8 => format!(
            "where: {{any: [{{did: Event {event}, times: {{at_least: {}}}, in_last: 2 hours}}, {{did: Purchase, times: {{at_least: 2}}, in_last: {minutes} minutes}}]}}",
            3 * least
        ),
        _ => format!(
            "where: {{all: [{{did: [Event 1, Event 2], in_last: {minutes} minutes}}, {{not: {{did: Event 3, in_last: 3 minutes}}}}]}}"
        ),
    }
}
