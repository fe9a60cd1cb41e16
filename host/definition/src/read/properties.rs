//! Reads `{PROP: …, ..}`: maps whose keys are names of properties.

use muster_document::{Entry, Node, NodeContent, quote};

use crate::clause::{InstantBound, Predicate, Properties, Test};
use crate::limits;

use super::clause::Clauses;

/// Words in names of properties that hold instants to come.
const ENDS: [&str; 8] = [
    "end",
    "ends",
    "expires",
    "expiry",
    "expiration",
    "due",
    "renews",
    "renewal",
];

/// Returns true if one of the words in a name is of [`ENDS`]. Words begin at capital letters and
/// behind other characters than letters.
fn names_an_end(name: &str) -> bool {
    let mut words = vec![String::new()];
    for char in name.chars() {
        if char.is_uppercase() || !char.is_alphabetic() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && char.is_alphabetic()
        {
            word.extend(char.to_lowercase());
        }
    }
    words.iter().any(|word| ENDS.contains(&word.as_str()))
}

impl Clauses<'_, '_> {
    /// Reads `{PROP: PRED, ..}`, the value of `with`, `user`, `first` and `last`.
    pub(super) fn properties(&mut self, entry: &Entry) -> Option<Properties> {
        let example = "{city: Seattle}";
        let read = self.property_map(&entry.key, &entry.value, example, Self::predicate)?;
        if let NodeContent::Map(entries) = &entry.value.content {
            for (entry, (_, predicate)) in entries.iter().zip(&read) {
                self.hint_at_instants_to_come(entry, predicate);
            }
        }
        Some(read)
    }

    /// Warns of `in_last` on a property whose name says that something will end.
    fn hint_at_instants_to_come(&mut self, entry: &Entry, predicate: &Predicate) {
        let in_last = |test: &Test| match test {
            Test::Instant(test) => matches!(test.bound, InstantBound::InLast(_)),
            _ => false,
        };
        if predicate.tests.iter().any(in_last) && names_an_end(&entry.key) {
            let message = format!(
                "`in_last` finds only instants that are over, and {} may be to come",
                quote(&entry.key)
            );
            let help = "for instants to come write `in_next`, for both write it beside `in_last`";
            self.reader.warn(entry.key_span, message, help);
        }
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
