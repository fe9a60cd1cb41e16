//! `operations:`, for whoever watches over the service.

use std::net::SocketAddr;

use muster_definition::yaml::{Node, YamlReader};

use super::key::{LISTEN, Map, SettingKey, Takes, TextForm};
use super::read::{fields, listen, needed};

/// The server that tells how the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OperationsServer {
    pub(crate) listen: SocketAddr,
}

pub(super) static OPERATIONS: Map = Map {
    name: "`operations:`",
    heading: "`operations`",
    about: "A server for those who watch over the service: `/metrics` for Prometheus, `/healthz` and `/readyz`. It asks for no password: let it listen where only they get.",
    keys: &[SettingKey::needed(
        "listen",
        Takes::Text(TextForm {
            example: "127.0.0.1:9464",
            ..LISTEN
        }),
        "Where it listens.",
    )],
    one_of: false,
};

/// Reads it.
pub(super) fn operations(reader: &mut YamlReader<'_>, node: &Node) -> Option<OperationsServer> {
    let fields = fields(reader, node, &OPERATIONS)?;
    let address = needed(reader, &fields, "listen", "listen: \"127.0.0.1:9464\"")?;
    Some(OperationsServer {
        listen: listen(reader, address)?,
    })
}
