//! The addresses of destinations, and the messages for destinations that `muster.yaml` does not
//! have.

use muster_engine::DestinationAddress;
use muster_publish::Destination;
use muster_store::Snapshot;
use serde_json::{Value, json};

use crate::commands::deliver;
use crate::config;
use crate::output::{bytes, count};
use crate::project::Project;

/// The name in an address for the region of the AWS profile or of the machine. It is used if
/// neither muster.yaml nor the environment names a region.
const NO_REGION: &str = "default";

/// Returns the address of each destination of a project.
pub(crate) fn places(project: &Project) -> Vec<DestinationAddress> {
    // This is AWS's own order. The profile's region is not read, because that may take calls.
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

/// Makes a file's path absolute, so that the address does not depend on the working folder. A path
/// that cannot be made absolute stays, and writing to it reports the error.
fn absolute(destination: Destination) -> Destination {
    match destination {
        Destination::File { path } => Destination::File {
            path: std::path::absolute(&path).unwrap_or(path),
        },
        other => other,
    }
}

/// The messages that wait for a destination which `muster.yaml` does not have.
pub(crate) struct Stranded {
    destination: String,
    messages: u64,
    bytes: u64,
}

impl Stranded {
    /// Finds all stranded messages of a project.
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

    /// Says what waits and what to do.
    pub(crate) fn text(&self) -> String {
        let Self {
            destination,
            messages,
            bytes: size,
        } = self;
        format!(
            "destination {destination}: {} ({}) wait, but muster.yaml has no such destination: put the destination back; the messages are \
             sent if its address is the same as before, and dropped if it is another",
            count(*messages, "message"),
            bytes(*size)
        )
    }

    /// Returns the same as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.destination,
            "waiting_messages": self.messages,
            "waiting_bytes": self.bytes,
        })
    }
}
