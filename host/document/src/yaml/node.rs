//! The tree of a file.

use crate::diagnostic::{Span, quote};

/// A value in a file, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The place. A value that is left out (`where:` and nothing after it) has the place of its
    /// key.
    pub span: Span,
    /// The value itself.
    pub content: NodeContent,
}

/// The content of a value (YAML 1.2's core schema: `50` is a number, `"50"` a text, `true` a flag,
/// `yes` a text).
#[derive(Clone, Debug, PartialEq)]
pub enum NodeContent {
    /// `null`, `~`, or left out.
    Nothing,
    /// `true` or `false`.
    Flag(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file. No key occurs twice.
    Map(Vec<Entry>),
}

/// A key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as a text, in any spelling: `404` and `true` are the texts `404` and `true`.
    pub key: Box<str>,
    /// The key's place.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Describes the value for a message: ``text `Purchase` ``, `a list`, `nothing`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.content {
            NodeContent::Nothing => "nothing".to_owned(),
            NodeContent::Flag(flag) => format!("the flag `{flag}`"),
            NodeContent::Number(number) => format!("the number `{number}`"),
            NodeContent::Text(text) => format!("the text {}", quote(text)),
            NodeContent::List(_) => "a list".to_owned(),
            NodeContent::Map(_) => "a map".to_owned(),
        }
    }
}
