//! The places that destinations are, and messages for destinations that `muster.yaml` does not
//! have.

use muster_engine::DestinationAddress;
use muster_publish::Destination;
use muster_store::Snapshot;
use serde_json::{Value, json};

use crate::commands::deliver;
use crate::config;
use crate::output::{bytes, count};
use crate::project::Project;

/// What stands for the region of a stream when neither muster.yaml nor the environment names one:
/// that of the AWS profile, or of the machine.
const NO_REGION: &str = "default";

/// Returns the place of each destination of a project.
pub(crate) fn places(project: &Project) -> Vec<DestinationAddress> {
    // AWS's own order; a profile's region is not looked for, for that may take calls.
    let mut regions = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    let region = regions.find_map(|name| {
        config::environment(name)
            .ok()
            .filter(|region| !region.is_empty())
    });
    let region = region.as_deref().unwrap_or(NO_REGION);
    let destinations = project.config.destinations.iter();
    destinations
        .map(|(name, destination)| DestinationAddress {
            destination: name.clone(),
            place: absolute(deliver::within(project, destination)).address(region),
        })
        .collect()
}

/// A file's path is to say the same wherever the process is. If there is no such path, writing to
/// it will tell.
fn absolute(destination: Destination) -> Destination {
    match destination {
        Destination::File { path } => Destination::File {
            path: std::path::absolute(&path).unwrap_or(path),
        },
        other => other,
    }
}

/// Messages that wait for a destination which `muster.yaml` does not have.
pub(crate) struct Stranded {
    destination: String,
    messages: u64,
    bytes: u64,
}

impl Stranded {
    /// Finds all of a project.
    pub(crate) fn of(project: &Project, snapshot: &Snapshot) -> anyhow::Result<Vec<Self>> {
        let known = &project.config.destinations;
        let backlog = snapshot.backlog()?.into_iter();
        let stranded = backlog.filter(|(name, ..)| !known.contains_key(name));
        Ok(stranded
            .map(|(destination, messages, bytes)| Self {
                destination,
                messages,
                bytes,
            })
            .collect())
    }

    /// Says what waits and what to do, for people.
    pub(crate) fn text(&self) -> String {
        let Self {
            destination,
            messages,
            bytes: size,
        } = self;
        format!(
            "destination {destination}: {} ({}) wait, and muster.yaml has no such destination: put it back, and they go out if it is the \
             same place as before; at another place they are dropped",
            count(*messages, "message"),
            bytes(*size)
        )
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.destination,
            "waiting_messages": self.messages,
            "waiting_bytes": self.bytes,
        })
    }
}
