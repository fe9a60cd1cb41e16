//! The tree of a file.

use crate::diagnostic::{Span, quote};

/// A value in a file and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its place. A value that is left out (`where:` and nothing behind it) has its key's.
    pub span: Span,
    /// What it is.
    pub content: NodeContent,
}

/// What a value is (YAML 1.2's core schema: `50` is a number, `"50"` a text, `true` a flag, `yes` a
/// text).
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
    /// A map, in the order of the file; no key is there twice.
    Map(Vec<Entry>),
}

/// A key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as a text, however it is written: `404` and `true` are the texts `404` and `true`.
    pub key: Box<str>,
    /// The key's place.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, for a message: ``text `Purchase` ``, `a list`, `nothing`.
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
