//! Builds the tree from the parser's events, within limits. The loader pulls event by event. The
//! parser never recurses, and the loader leaves a file that nests too deeply before it costs
//! anything.

use std::collections::HashMap;

use muster_model::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::node::{Entry, Node, NodeContent};
use super::positions::{ParserInput, Positions};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, quote, too_large};
use crate::limits;

/// Loads the file's one document. Returns `None` if there is none or it cannot be read, which is
/// then reported.
pub(super) fn load(source: &SourceFile, diagnostics: &mut Diagnostics) -> Option<Node> {
    if source.text().len() > limits::FILE_BYTES {
        diagnostics.push(Diagnostic::error(too_large(source.text().len())).in_file(source));
        return None;
    }
    let ParserInput { text, positions } = ParserInput::new(source);
    let mut loader = Loader {
        source,
        positions,
        diagnostics,
        open: Vec::new(),
        root: None,
    };
    match loader.run(&text) {
        Ok(()) => {}
        Err(fatal) => {
            loader.diagnostics.push(*fatal);
            return None;
        }
    }
    match loader.root {
        Some(Node {
            content: NodeContent::Nothing,
            ..
        })
        | None => {
            let help = "write a map: a key, a colon and a value on each line";
            diagnostics.push(
                Diagnostic::error("the file is empty")
                    .in_file(source)
                    .help(help),
            );
            None
        }
        root => root,
    }
}

struct Loader<'s, 'd> {
    source: &'s SourceFile,
    positions: Positions,
    diagnostics: &'d mut Diagnostics,
    open: Vec<OpenCollection>,
    root: Option<Node>,
}

/// A list or map whose end has not come yet.
enum OpenCollection {
    List {
        span: Span,
        items: Vec<Node>,
    },
    Map {
        span: Span,
        entries: Vec<Entry>,
        keys: HashMap<Box<str>, Span>,
        key: Option<(Box<str>, Span)>,
    },
}

/// A fault that makes the rest of the file unreadable.
type Fatal = Box<Diagnostic>;

impl Loader<'_, '_> {
    fn run(&mut self, text: &str) -> Result<(), Fatal> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            let span = self.positions.span(span);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let error =
                            self.error("a file holds one document, and here begins another", span);
                        return Err(Box::new(
                            error.help("put each document into a file of its own, without `---`"),
                        ));
                    }
                }
                Event::Alias(_) => return Err(self.refuse("an alias", span)),
                Event::Scalar(text, style, anchor, tag) => {
                    self.plain(anchor, tag.is_some(), span)?;
                    self.scalar(&text, style, span)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.plain(anchor, tag.is_some(), span)?;
                    self.open(
                        OpenCollection::List {
                            span,
                            items: Vec::new(),
                        },
                        span,
                    )?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.plain(anchor, tag.is_some(), span)?;
                    self.open(
                        OpenCollection::Map {
                            span,
                            entries: Vec::new(),
                            keys: HashMap::new(),
                            key: None,
                        },
                        span,
                    )?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            }
        }
        Ok(())
    }

    fn error(&self, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic::error(message).at(self.source, span, "")
    }

    fn refuse(&self, what: &str, span: Span) -> Fatal {
        let error = self.error(format!("{what} is not supported"), span);
        Box::new(
            error.help(
                "write the value itself; a text that begins with `&`, `*` or `!` needs quotes",
            ),
        )
    }

    fn plain(&self, anchor: usize, tag: bool, span: Span) -> Result<(), Fatal> {
        match (anchor, tag) {
            (0, false) => Ok(()),
            (0, true) => Err(self.refuse("a tag", span)),
            _ => Err(self.refuse("an anchor", span)),
        }
    }

    /// Takes a scalar, which is a key or a value.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<(), Fatal> {
        if let Some(OpenCollection::Map {
            key: key @ None, ..
        }) = self.open.last_mut()
        {
            *key = Some((text.into(), span));
            return Ok(());
        }
        let content = if style == ScalarStyle::Plain {
            typed(text)
        } else {
            NodeContent::Text(text.into())
        };
        self.place(Node { span, content })
    }

    fn open(&mut self, open: OpenCollection, span: Span) -> Result<(), Fatal> {
        if matches!(
            self.open.last(),
            Some(OpenCollection::Map { key: None, .. })
        ) {
            let error = self.error("a key is a text, and this is a list or a map", span);
            return Err(Box::new(
                error.help("a text that begins with `{` or `[` needs quotes"),
            ));
        }
        if self.open.len() >= limits::DEPTH {
            let message = format!("lists and maps are nested more than {} deep", limits::DEPTH);
            return Err(Box::new(self.error(message, span)));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Fatal> {
        let (start, last, content) = match self.open.pop() {
            Some(OpenCollection::List { span, items }) => (
                span,
                items.last().map(|item| item.span),
                NodeContent::List(items),
            ),
            Some(OpenCollection::Map { span, entries, .. }) => (
                span,
                entries.last().map(|entry| entry.value.span),
                NodeContent::Map(entries),
            ),
            None => return Ok(()),
        };
        // A block ends where the next key or item begins, after comments and empty lines. So the
        // mark ends with the block's last value.
        let flow = self
            .source
            .text()
            .get(start.start..)
            .is_some_and(|text| text.starts_with(['[', '{']));
        let end = match last {
            Some(last) if !flow => last.end,
            _ => end.end,
        };
        self.place(Node {
            span: Span {
                start: start.start,
                end: end.max(start.start),
            },
            content,
        })
    }

    /// Puts a finished value into the list, map or document that it belongs to.
    fn place(&mut self, mut node: Node) -> Result<(), Fatal> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(OpenCollection::List { items, .. }) => items.push(node),
            Some(OpenCollection::Map {
                entries, keys, key, ..
            }) => {
                let Some((key, key_span)) = key.take() else {
                    return Ok(());
                };
                if node.content == NodeContent::Nothing && node.span.start == node.span.end {
                    node.span = key_span;
                }
                if let Some(first) = keys.get(&key) {
                    let error =
                        Diagnostic::error(format!("the key {} is there twice", quote(&key)))
                            .at(self.source, key_span, "again here")
                            .at(self.source, *first, "first here");
                    self.diagnostics.push(error.help("leave one of them out"));
                } else {
                    keys.insert(key.clone(), key_span);
                    entries.push(Entry {
                        key,
                        key_span,
                        value: node,
                    });
                }
            }
        }
        Ok(())
    }

    /// Translates the parser's message into our words, with the most likely remedy.
    fn syntax(&self, error: &ScanError) -> Fatal {
        let text = self.source.text();
        let mut start = self.positions.byte(*error.marker());
        if text.get(start..).is_none_or(|rest| rest.trim().is_empty()) {
            // A fault at the end of the file is marked after the last visible character.
            let last = text.trim_end().char_indices().next_back();
            start = last.map_or(0, |(at, _)| at);
        }
        let char = text.get(start..).and_then(|rest| rest.chars().next());
        let end = start + char.map_or(0, char::len_utf8);
        let line_start = text
            .get(..start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let line = text
            .get(line_start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        let json = self.source.path().ends_with(".json");
        let message = format!(
            "this is not valid {}: {}",
            if json { "JSON" } else { "YAML" },
            error.info()
        );
        let error = self
            .error(message, Span { start, end })
            .help(remedy(error.info(), line, json));
        Box::new(error)
    }
}

/// Returns the most likely remedy for a message of the parser about a line.
fn remedy(info: &str, line: &str, json: bool) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| info.contains(word));
    let indentation = line.len() - line.trim_start().len();
    let tab = line.get(..indentation).unwrap_or_default().contains('\t');
    if (tab && !json) || says(&["tab"]) {
        "indent with spaces: YAML allows no tabs there"
    } else if line.contains("${") && says(&["flow", "','", "mapping", "bracket"]) {
        "inside `[…]` and `{…}` a text with a brace in it needs quotes: `\"${NAME}\"`"
    } else if says(&["anchor", "alias", "tag", "directive"]) {
        "a text that begins with `*`, `&`, `!` or `%` needs quotes: `\"*\"`"
    } else if says(&["quoted scalar"])
        && says(&["end of stream", "indentation", "document indicator"])
    {
        "a quotation mark is not closed"
    } else if says(&["escape", "hexadecimal"]) {
        "a backslash in double quotes begins an escape; in single quotes it is itself"
    } else if json || says(&["flow", "bracket", "double-quoted", "',' or"]) {
        "a comma, a colon or a bracket is missing: `[a, b]` is a list, `{key: value}` a map"
    } else if says(&["mapping values", "':'"]) {
        "put quotes around a text that contains `: `; begin the keys of one map in one column"
    } else {
        "begin the keys of one map in one column; indent the value below its key by spaces"
    }
}

/// Returns the typed value of a text without quotes.
fn typed(text: &str) -> NodeContent {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeContent::Nothing,
        "true" | "True" | "TRUE" => NodeContent::Flag(true),
        "false" | "False" | "FALSE" => NodeContent::Flag(false),
        // "A text that is a number" means the same here, in events, and in the ordering operators.
        _ => match Scalar::Text(text.into()).as_number() {
            Some(number) => NodeContent::Number(number),
            None => NodeContent::Text(text.into()),
        },
    }
}
