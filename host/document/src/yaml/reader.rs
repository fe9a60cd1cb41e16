//! A typed reader of nodes, which collects faults and goes on.

use super::load::load;
use super::node::{Entry, Node, NodeContent};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, quote};
use crate::key::Map;
use crate::limits;
use crate::suggest::{closest, list};

/// A reader of one file. Each getter reports a fault and then returns `None`, so that the caller
/// can read the rest.
#[derive(Debug)]
pub struct YamlReader<'s> {
    source: &'s SourceFile,
    diagnostics: Diagnostics,
}

/// The entries of a map with known keys.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'n> {
    /// All entries, in the order of the file.
    pub entries: &'n [Entry],
    /// The place of the map.
    pub span: Span,
}

/// The largest number of keys that a message lists beside the suggestion of one of them.
const FEW: usize = 12;

impl<'s> YamlReader<'s> {
    /// Makes a reader of a file.
    #[must_use]
    pub fn new(source: &'s SourceFile) -> Self {
        Self {
            source,
            diagnostics: Diagnostics::default(),
        }
    }

    /// Returns the file's tree, or `None` if the file cannot be read at all.
    pub fn load(&mut self) -> Option<Node> {
        load(self.source, &mut self.diagnostics)
    }

    /// Returns the file.
    #[must_use]
    pub fn source(&self) -> &'s SourceFile {
        self.source
    }

    /// Returns all diagnostics, in the order of the file.
    #[must_use]
    pub fn finish(mut self) -> Diagnostics {
        self.diagnostics.sort();
        self.diagnostics
    }

    /// Reports a diagnostic.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports an error at a place, with a help line. Always returns `None`, so that it can end a
    /// getter.
    pub fn wrong<T>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.report(
            Diagnostic::error(message)
                .at(self.source, span, "")
                .help(help),
        );
        None
    }

    /// Reports a warning at a place.
    pub fn warn(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(
            Diagnostic::warning(message)
                .at(self.source, span, "")
                .help(help),
        );
    }

    /// Reports that a value is of the wrong type. `what` is the expected value: `a list of
    /// clauses`.
    pub fn expected<T>(&mut self, node: &Node, what: &str, help: &str) -> Option<T> {
        let message = format!("expected {what}, found {}", node.describe());
        let diagnostic = Diagnostic::error(message).at(self.source, node.span, "");
        self.report(diagnostic.help(help));
        None
    }

    /// Reads a text that can be a name: not empty, at most [`limits::NAME_BYTES`], without control
    /// characters.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.any_text(node, what)?;
        if text.is_empty() {
            return self.wrong(
                node.span,
                format!("expected {what}, found an empty text"),
                "write at least one character",
            );
        }
        if text.len() > limits::NAME_BYTES {
            let message = format!("this text is too long for {what}: {} bytes", text.len());
            return self.wrong(
                node.span,
                message,
                format!("at most {} bytes", limits::NAME_BYTES),
            );
        }
        if text.chars().any(char::is_control) {
            let message = format!("{} contains a control character", quote(text));
            return self.wrong(
                node.span,
                message,
                "a name is one line of printable characters",
            );
        }
        Some(text)
    }

    /// Reads a text of any length, which may be empty.
    pub fn any_text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.content {
            NodeContent::Text(text) => Some(text),
            NodeContent::Number(_) | NodeContent::Flag(_) => {
                let quoted = format!(
                    "to make it a text, put quotes around it: \"{}\"",
                    self.source.slice(node.span)
                );
                self.expected(node, what, &quoted)
            }
            NodeContent::Nothing => self.expected(node, what, "write it after the colon"),
            _ => self.expected(node, what, "write one text"),
        }
    }

    /// Reads a number.
    pub fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        match &node.content {
            NodeContent::Number(number) => Some(*number),
            NodeContent::Text(text)
                if muster_model::Scalar::Text(text.clone())
                    .as_number()
                    .is_some() =>
            {
                self.expected(node, what, "to make it a number, leave the quotes out")
            }
            _ => self.expected(node, what, "write digits, such as `50` or `0.5`"),
        }
    }

    /// Reads `true` or `false`.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.content {
            NodeContent::Flag(flag) => Some(*flag),
            _ => self.expected(node, what, "write `true` or `false`, without quotes"),
        }
    }

    /// Reads a list of at most `most` elements.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str, most: usize) -> Option<&'n [Node]> {
        match &node.content {
            NodeContent::List(items) if items.len() > most => {
                let message = format!("this list is too long: {} elements", items.len());
                self.wrong(node.span, message, format!("{what} has at most {most}"))
            }
            NodeContent::List(items) => Some(items),
            NodeContent::Nothing | NodeContent::Map(_) => {
                self.expected(node, what, "write `[a, b]`, or each on a line after `- `")
            }
            _ => {
                let raw = self.source.slice(self.source.first_line(node.span));
                self.expected(
                    node,
                    what,
                    &format!("write a list of one as {}", quote(&format!("[{raw}]"))),
                )
            }
        }
    }

    /// Reads a map with any keys.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.content {
            NodeContent::Map(entries) => Some(entries),
            _ => self.expected(
                node,
                what,
                "write `key: value`, one per line and indented, or `{key: value}`",
            ),
        }
    }

    /// Reads a map with known keys. Any other key is reported, and the map is read without it.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<Fields<'n>> {
        let entries = self.map(node, what)?;
        for entry in entries {
            if !keys.contains(&&*entry.key) {
                self.unknown_key(entry, what, keys);
            }
        }
        Some(Fields {
            entries,
            span: node.span,
        })
    }

    /// Reads a map with the keys of a table. Any other key is reported, and the map is read without
    /// it.
    pub fn fields_of<'n, N>(&mut self, node: &'n Node, map: &Map<N>) -> Option<Fields<'n>> {
        self.fields(node, map.name, &map.names())
    }

    /// Reports a key that does not belong to a map.
    pub fn unknown_key(&mut self, entry: &Entry, what: &str, keys: &[&str]) {
        let meant = closest(&entry.key, keys.iter().copied());
        self.unknown_key_meant(entry, what, keys, meant);
    }

    /// Reports a key that does not belong to a map. `meant` is the key that was probably meant, if
    /// it is known.
    pub fn unknown_key_meant(
        &mut self,
        entry: &Entry,
        what: &str,
        keys: &[&str],
        meant: Option<&str>,
    ) {
        let message = format!("unknown key {} in {what}", quote(&entry.key));
        let mut diagnostic = Diagnostic::error(message).at(self.source, entry.key_span, "");
        if let Some(meant) = meant {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
            if keys.len() > FEW {
                self.report(diagnostic);
                return;
            }
        }
        self.report(match keys {
            [] => diagnostic,
            [only] => diagnostic.help(format!("the only key here is `{only}`")),
            _ => diagnostic.help(format!("the keys here are {}", list(keys))),
        });
    }
}

impl<'n> Fields<'n> {
    /// Returns the value of a key, if the map has the key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Reads a key that may be missing. Returns `Some(None)` if it is missing, `None` if it is
    /// wrong.
    pub fn optional<T>(
        &self,
        reader: &mut YamlReader<'_>,
        key: &str,
        read: impl FnOnce(&mut YamlReader<'_>, &'n Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.get(key) {
            Some(node) => read(reader, node).map(Some),
            None => Some(None),
        }
    }

    /// Returns a key and its value, if the map has the key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}
