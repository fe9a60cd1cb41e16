//! Reads `{PROP: …, ..}`: maps whose keys are names of properties.

use muster_document::{Entry, Node, NodeContent, quote};

use crate::clause::Properties;
use crate::limits;

use super::clause::Clauses;

impl Clauses<'_, '_> {
    /// Reads `{PROP: PRED, ..}`, the value of `with`, `user`, `first` and `last`.
    pub(super) fn properties(&mut self, entry: &Entry) -> Option<Properties> {
        self.property_map(&entry.key, &entry.value, "{city: Seattle}", Self::predicate)
    }

    /// Reads a map whose keys are names of properties, not empty. The message shows `example`.
    pub(super) fn property_map<T>(
        &mut self,
        key: &str,
        node: &Node,
        example: &str,
        read: fn(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<(Box<str>, T)>> {
        let help = format!("write a map: `{key}: {example}`");
        let NodeContent::Map(entries) = &node.content else {
            return self.reader.expected(node, "a map of properties", &help);
        };
        if entries.is_empty() {
            let message = format!("`{key}` names no property");
            return self.reader.wrong(node.span, message, help);
        }
        if entries.len() > limits::PROPERTIES {
            let message = format!("`{key}` names {} properties", entries.len());
            let help = format!("at most {}", limits::PROPERTIES);
            return self.reader.wrong(node.span, message, help);
        }
        let values: Vec<_> = entries
            .iter()
            .map(|entry| {
                let value = read(self, &entry.value);
                let name = self.property_name(entry);
                Some((name?, value?))
            })
            .collect();
        values.into_iter().collect()
    }

    fn property_name(&mut self, entry: &Entry) -> Option<Box<str>> {
        if entry.key.is_empty() || entry.key.len() > limits::NAME_BYTES {
            let message = format!("{} is not a property's name", quote(&entry.key));
            let help = format!("a property's name has 1 to {} bytes", limits::NAME_BYTES);
            return self.reader.wrong(entry.key_span, message, help);
        }
        Some(entry.key.clone())
    }
}
