//! The reads of a module, from its description.

use muster_sandbox::{Kind, Property, StreamReads};

use crate::{PropertyRead, StreamRead, ValueKind};

impl From<Kind> for ValueKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Number => Self::Number,
            Kind::Flag => Self::Flag,
            Kind::Instant => Self::Instant,
        }
    }
}

impl From<&Property> for PropertyRead {
    fn from(property: &Property) -> Self {
        Self {
            name: property.name.clone(),
            kind: property.kind.into(),
        }
    }
}

impl From<&StreamReads> for StreamRead {
    fn from(stream: &StreamReads) -> Self {
        Self {
            names: stream.names.clone(),
            properties: stream.properties.iter().map(PropertyRead::from).collect(),
            lookback: stream.reach,
        }
    }
}
