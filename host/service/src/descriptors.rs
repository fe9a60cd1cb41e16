//! File descriptors: how many exist, how many the service keeps for itself, and how many are left
//! for connections.
//!
//! Without descriptors the service can list no definition, load no module and read no file. So
//! connections from outside get only the descriptors that the service does not need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{control, operations};

/// The process: standard streams, the runtime's event queue and signals, listeners, name servers,
/// and some to spare.
const OF_PROCESS: usize = 32;

/// The store: its data file twice (LMDB writes through a second descriptor), its two locks and its
/// folder. A backup, the check of a file before it is opened, and `muster forget` need as many
/// beside them.
const OF_STORE: usize = 16;

/// Definitions, lists and muster.yaml that are read at the same time: a folder and a file each.
const OF_DEFINITIONS: usize = 16;

/// A module: the image of its memory, and its artefact while it is loaded. Each module counts
/// twice, because new definitions are loaded while the old ones are active.
const OF_MODULE: usize = 2 * 2;

/// Modules that definitions may bring later.
const MODULES_TO_COME: usize = 16;

/// A `files` source: the file that is imported, and a folder for each level of its globs.
const OF_FILES: usize = 16;

/// A Kinesis source: a connection a shard, and those of the role's session.
const OF_STREAM: usize = 64;

/// A destination: its file and the file's folder, or connections to Kinesis and for the role's
/// session.
const OF_DESTINATION: usize = 8;

/// The fewest connections of an `http` source. Where the limit leaves fewer, they reduce the
/// service's own descriptors.
const FEWEST_CONNECTIONS: usize = 16;

/// The parts of the service that need descriptors.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needs {
    pub(super) modules: usize,
    pub(super) files_sources: usize,
    pub(super) stream_sources: usize,
    pub(super) http_sources: usize,
    pub(super) destinations: usize,
    /// There is a server for metrics and health.
    pub(super) operations: bool,
}

impl Needs {
    /// Returns the number of descriptors that the service keeps for itself.
    fn reserve(&self) -> usize {
        // A server has a listener, and holds one connection more while it closes an idle one.
        let operations = match self.operations {
            true => operations::CONNECTIONS + 2,
            false => 0,
        };
        OF_PROCESS
            + OF_STORE
            + OF_DEFINITIONS
            + (self.modules + MODULES_TO_COME) * OF_MODULE
            + self.files_sources * OF_FILES
            + self.stream_sources * OF_STREAM
            + self.http_sources * 2
            + self.destinations * OF_DESTINATION
            + control::CONNECTIONS
            + 1
            + operations
    }

    /// Returns the connections that each `http` source may have at a time, if the limit of
    /// descriptors is `limit`.
    pub(super) fn connections(&self, limit: usize) -> usize {
        let left = limit.saturating_sub(self.reserve());
        let each = left / self.http_sources.max(1);
        if each < FEWEST_CONNECTIONS && self.http_sources > 0 {
            tracing::warn!(
                limit,
                needed = self.reserve() + self.http_sources * FEWEST_CONNECTIONS,
                "the limit of open files is too low: raise it (systemd: `LimitNOFILE=`, a shell: `ulimit -n`)"
            );
        }
        each.clamp(
            FEWEST_CONNECTIONS,
            muster_ingest::http::limits::MAX_CONNECTIONS,
        )
    }
}

/// Raises the limit of open files as far as the system allows without privileges: it sets the soft
/// limit to the hard one. The soft limit is often 1,024 for the sake of old programs that use
/// `select`.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // If the system does not allow it, the service uses the limit that it has.
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Returns the current limit of open files.
pub(super) fn limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use muster_ingest::http::limits::MAX_CONNECTIONS;

    use super::*;

    const USUAL: Needs = Needs {
        modules: 3,
        files_sources: 1,
        stream_sources: 0,
        http_sources: 1,
        destinations: 2,
        operations: true,
    };

    #[test]
    fn connections_get_what_the_service_does_not_need() {
        let reserve = USUAL.reserve();
        assert!((200..400).contains(&reserve), "{reserve}");
        assert_eq!(USUAL.connections(1_024), 1_024 - reserve);
        assert_eq!(USUAL.connections(usize::MAX), MAX_CONNECTIONS);
        assert_eq!(USUAL.connections(65_536), MAX_CONNECTIONS);
        // Two sources share the connections.
        let two = Needs {
            http_sources: 2,
            ..USUAL
        };
        assert_eq!(two.connections(1_024), (1_024 - two.reserve()) / 2);
        // Each module takes its own descriptors.
        let more = Needs {
            modules: 13,
            ..USUAL
        };
        assert_eq!(more.connections(1_024), 1_024 - reserve - 10 * OF_MODULE);
    }

    #[test]
    fn a_limit_that_is_too_low_leaves_a_few_connections() {
        assert_eq!(USUAL.connections(0), FEWEST_CONNECTIONS);
        assert_eq!(USUAL.connections(USUAL.reserve()), FEWEST_CONNECTIONS);
    }
}
