//! The destinations of a project and their addresses.

use muster_engine::DestinationAddress;
use muster_publish::Destination;

use crate::config::Lookup;
use crate::project::Project;

/// The name in an address for the region of the AWS profile or of the machine. It is used if
/// neither muster.yaml nor the environment names a region.
const NO_REGION: &str = "default";

/// Returns the region that the environment names, in AWS's own order. The profile's region is not
/// read, because that may take calls.
#[must_use]
pub fn region(lookup: Lookup<'_>) -> Option<String> {
    let mut names = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    names.find_map(|name| lookup(name).ok().filter(|region| !region.is_empty()))
}

impl Project {
    /// Returns the destinations by name. A file's path, which is relative to the project in
    /// `muster.yaml`, is resolved.
    #[must_use]
    pub fn destinations(&self) -> Vec<(String, Destination)> {
        let resolved = |destination: &Destination| match destination {
            Destination::File { path } => Destination::File {
                path: self.directory.join(path),
            },
            other => other.clone(),
        };
        let destinations = self.config.destinations.iter();
        destinations
            .map(|(name, destination)| (name.clone(), resolved(destination)))
            .collect()
    }

    /// Returns the address of each destination. `region` is that of the environment
    /// ([`region`]).
    #[must_use]
    pub fn addresses(&self, region: Option<&str>) -> Vec<DestinationAddress> {
        let region = region.unwrap_or(NO_REGION);
        let destinations = self.destinations().into_iter();
        destinations
            .map(|(destination, to)| DestinationAddress {
                destination,
                place: absolute(to).address(region),
            })
            .collect()
    }
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
