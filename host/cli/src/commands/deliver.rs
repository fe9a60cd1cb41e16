//! Delivery of the outbox to the destinations: the last part of `muster run --once`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use muster_model::count;
use muster_project::Project;
use muster_publish::{DrainOptions, DrainReport, PublishError, drain_all};
use muster_store::Store;
use serde::Serialize;

use crate::output::{Output, ProgressUnit, bytes};

/// The outcome of a delivery to one destination, for `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct DeliveredDestination {
    name: String,
    messages: u64,
    bytes: u64,
    attempts: u64,
    retried: u64,
    throttled: u64,
    maybe_duplicates: u64,
    dead: u64,
    complete: bool,
    error: Option<DeliveryFault>,
}

/// The reason why a delivery ended early.
#[derive(Debug, Serialize)]
struct DeliveryFault {
    kind: &'static str,
    message: String,
}

/// The outcome of a delivery.
#[derive(Default)]
pub(crate) struct Delivered {
    pub(crate) text: String,
    pub(crate) destinations: Vec<DeliveredDestination>,
    pub(crate) problems: Vec<String>,
}

/// Sends the outbox to every destination of the project. Ctrl-C ends the delivery after the calls
/// under way. Messages that are not sent stay in the outbox.
pub(crate) fn deliver(
    project: &Project,
    store: &Arc<Store>,
    output: &Output,
) -> anyhow::Result<Delivered> {
    let destinations = project.destinations();
    let waiting: u64 = store
        .backlog()?
        .iter()
        .map(|(_, messages, _)| messages)
        .sum();
    if waiting == 0 {
        return Ok(Delivered {
            text: "nothing to send".to_owned(),
            ..Delivered::default()
        });
    }
    let bar = output.progress("sending", ProgressUnit::Count);
    bar.set_length(waiting);
    let sent = parking_lot::Mutex::new(BTreeMap::new());
    let progress = {
        let bar = bar.clone();
        move |name: &str, report: &DrainReport| {
            let mut sent = sent.lock();
            sent.insert(name.to_owned(), report.messages);
            bar.set_position(sent.values().sum());
        }
    };
    let options = DrainOptions::default();
    let cancel = options.cancel.clone();
    let runtime = tokio::runtime::Runtime::new().context("cannot start the network's threads")?;
    let results = runtime.block_on(async {
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                cancel.cancel();
            }
        });
        drain_all(store, &destinations, &options, progress).await
    });
    bar.finish_and_clear();
    let mut delivered = Delivered::default();
    for (name, result) in results {
        delivered.add(&name, result);
    }
    Ok(delivered)
}

impl Delivered {
    fn add(&mut self, name: &str, result: Result<DrainReport, PublishError>) {
        let (report, error) = match &result {
            Ok(report) => (report, None),
            Err(error) => (&error.report, Some(error)),
        };
        if report.messages > 0 {
            let (messages, size) = (count(report.messages, "message"), bytes(report.bytes));
            self.text += &format!("sent {messages} to {name} ({size})\n");
        }
        if report.dead > 0 {
            let dead = count(report.dead, "message");
            self.problems.push(format!(
                "destination `{name}`: {dead} can never be delivered\n  hint: `muster dead-letters list` says why"
            ));
        }
        if let Some(error) = error {
            let hint = error
                .cause
                .hint()
                .map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
            self.problems.push(format!("{error}{hint}"));
        } else if !report.complete {
            self.problems.push(format!(
                "destination `{name}`: stopped before all messages were sent; the next run sends the rest"
            ));
        }
        self.destinations.push(DeliveredDestination {
            name: name.to_owned(),
            messages: report.messages,
            bytes: report.bytes,
            attempts: report.attempts,
            retried: report.retried,
            throttled: report.throttled,
            maybe_duplicates: report.maybe_duplicates,
            dead: report.dead,
            complete: report.complete,
            error: error.map(|error| DeliveryFault {
                kind: error.cause.kind(),
                message: error.to_string(),
            }),
        });
    }
}
