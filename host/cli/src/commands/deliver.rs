//! Delivery of the outbox to the destinations: the last part of `muster run --once`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use muster_publish::{Destination, DrainOptions, DrainReport, PublishError, drain_all};
use muster_store::Store;
use serde_json::{Value, json};

use crate::output::{Output, ProgressUnit, bytes, count};
use crate::project::Project;

/// The outcome of a delivery.
#[derive(Default)]
pub(crate) struct Delivered {
    pub(crate) text: String,
    pub(crate) json: Vec<Value>,
    pub(crate) problems: Vec<String>,
}

/// Sends the outbox to every destination of the project. Ctrl-C ends the delivery after the calls
/// under way. Messages that are not sent stay in the outbox.
pub(crate) fn deliver(
    project: &Project,
    store: &Arc<Store>,
    output: &Output,
) -> anyhow::Result<Delivered> {
    let destinations: Vec<_> = project
        .config
        .destinations
        .iter()
        .map(|(name, destination)| (name.clone(), within(project, destination)))
        .collect();
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

/// Returns the destination with a file's path resolved, which is relative to the project.
pub(crate) fn within(project: &Project, destination: &Destination) -> Destination {
    match destination {
        Destination::File { path } => Destination::File {
            path: project.directory.join(path),
        },
        other => other.clone(),
    }
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
        self.json.push(json!({
            "name": name,
            "messages": report.messages,
            "bytes": report.bytes,
            "attempts": report.attempts,
            "retried": report.retried,
            "throttled": report.throttled,
            "complete": report.complete,
            "error": error.map(|error| json!({ "kind": error.cause.kind(), "message": error.to_string() })),
        }));
    }
}
