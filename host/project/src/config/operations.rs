//! `operations:`, the server for operators of the service.

use std::net::SocketAddr;

use muster_document::{Key, Map, Node, Takes, TextForm, YamlReader};

use super::form::LISTEN;
use super::read::{listen, needed};

/// The server for metrics and health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationsServer {
    /// The address at which it listens.
    pub listen: SocketAddr,
}

pub(super) static OPERATIONS: Map = Map {
    name: "`operations:`",
    heading: "`operations`",
    about: "A server for the operators of the service: `/metrics` for Prometheus, `/healthz` and `/readyz`. It has no authentication: let it listen at an address that only operators reach.",
    keys: &[Key::needed(
        "listen",
        Takes::Text(TextForm {
            example: "127.0.0.1:9464",
            ..LISTEN
        }),
        "The address at which the server listens.",
    )],
    one_of: false,
};

/// Reads the settings of the server.
pub(super) fn operations(reader: &mut YamlReader<'_>, node: &Node) -> Option<OperationsServer> {
    let fields = reader.fields_of(node, &OPERATIONS)?;
    let address = needed(reader, &fields, "listen", "listen: \"127.0.0.1:9464\"")?;
    Some(OperationsServer {
        listen: listen(reader, address)?,
    })
}
