//! The lines of a file, each with the value that it lies in.

use muster_document::{Node, NodeContent, SourceFile};

/// A value that is still open at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenValue {
    /// A list or a map in brackets.
    Brackets,
    /// A text with or without quotes. `alone`: the text begins its first line.
    Text { alone: bool },
    /// A text after `|` or `>`, whose lines stand in the column `old`. `fixed`: a digit gives the
    /// column.
    Block {
        alone: bool,
        old: usize,
        fixed: bool,
    },
}

/// A line of the file and the value that it lies in.
pub(super) struct Line<'t> {
    pub(super) text: &'t str,
    /// The outermost value that is open where the line begins.
    pub(super) inside: Option<OpenValue>,
    /// The line begins inside a text. There even an empty line has a meaning.
    pub(super) text_before: bool,
    /// The line ends inside a text. The blanks at its end stay.
    pub(super) text_behind: bool,
}

impl Line<'_> {
    pub(super) fn indentation(&self) -> usize {
        indentation(self.text)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.trim_matches([' ', '\t']).is_empty()
    }

    /// Returns true if the line is only a comment, outside any value.
    pub(super) fn is_comment(&self) -> bool {
        self.inside.is_none() && self.text.trim_start().starts_with('#')
    }
}

pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The lines of a file.
pub(super) struct Lines<'t> {
    pub(super) all: Vec<Line<'t>>,
    pub(super) starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (mut all, mut starts, mut at) = (Vec::new(), Vec::new(), 0);
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            starts.push(at);
            at += line.len() + 1;
            all.push(Line {
                text: line,
                inside: None,
                text_before: false,
                text_behind: false,
            });
        }
        Self { all, starts }
    }

    /// Returns the line of a byte, and the byte's column in it.
    pub(super) fn place(&self, byte: usize) -> Option<(usize, usize)> {
        let line = self
            .starts
            .partition_point(|start| *start <= byte)
            .checked_sub(1)?;
        Some((line, byte - self.starts.get(line)?))
    }

    /// Marks the lines of the values below a node.
    pub(super) fn mark(&mut self, source: &SourceFile, node: &Node) {
        let first = source.slice(node.span).chars().next();
        match &node.content {
            NodeContent::List(nodes) => {
                if first == Some('[') {
                    self.value(source, node, OpenValue::Brackets);
                }
                nodes.iter().for_each(|node| self.mark(source, node));
            }
            NodeContent::Map(entries) => {
                if first == Some('{') {
                    self.value(source, node, OpenValue::Brackets);
                }
                for entry in entries {
                    self.mark(source, &entry.value);
                }
            }
            _ => self.text(source, node),
        }
    }

    /// Finds the `|` or `>` whose text begins at a place. Returns its line and column.
    fn header(&self, line: usize, column: usize) -> Option<(usize, usize)> {
        let before = self.all.get(line)?.text.get(..column)?;
        let above = self.all.get(..line)?;
        let header = above.iter().rposition(|line| !line.is_blank())?;
        let text = above.get(header)?.text;
        let said = text.split(" #").next()?.trim_end();
        let sign = said.rfind([' ', '\t']).map_or(0, |at| at + 1);
        let digits = said.get(sign..)?.strip_prefix(['|', '>'])?;
        let is_header = before.trim_start().is_empty()
            && !said.trim_start().starts_with('#')
            && digits
                .chars()
                .all(|char| matches!(char, '+' | '-' | '1'..='9'));
        is_header.then_some((header, sign))
    }

    /// Marks the lines of a text.
    fn text(&mut self, source: &SourceFile, node: &Node) {
        let Some((line, column)) = self.place(node.span.start) else {
            return;
        };
        let Some(text) = self.all.get(line).map(|line| line.text) else {
            return;
        };
        let Some((line, column)) = self.header(line, column) else {
            let alone = content_column(text) == column;
            return self.value(source, node, OpenValue::Text { alone });
        };
        let text = self.all.get(line).map_or("", |line| line.text);
        let alone = content_column(text) == column;
        let header = text.get(column..).unwrap_or_default();
        let header = header.split([' ', '\t']).next().unwrap_or_default();
        let digit = header.chars().find_map(|char| char.to_digit(10));
        let (keep, below) = (header.contains('+'), line + 1);
        let mut rest = self.all.iter().skip(below);
        let old = match digit {
            // For a text that is a list item, the column counts from the dash.
            Some(digit) if alone => indentation(text) + digit as usize,
            Some(digit) => content_column(text) + digit as usize,
            None => match rest.find(|line| !line.is_blank()) {
                Some(line) => line.indentation(),
                None => return,
            },
        };
        let dash = is_dash(text, indentation(text));
        if old <= indentation(text) && (!alone || dash) {
            // The text has no lines.
            return;
        }
        let belongs = |line: &&Line<'_>| line.is_blank() || line.indentation() >= old;
        let lines: Vec<_> = self
            .all
            .iter()
            .skip(below)
            .take_while(belongs)
            .map(Line::is_blank)
            .collect();
        let count = match keep {
            true => lines.len(),
            false => lines
                .iter()
                .rposition(|blank| !blank)
                .map_or(0, |at| at + 1),
        };
        let fixed = digit.is_some();
        let value = OpenValue::Block { alone, old, fixed };
        self.set(line, below + count - 1, value);
        // The last line ends inside the text too: blanks at its end are part of the text.
        if let Some(last) = self.all.get_mut(below + count - 1).filter(|_| count > 0) {
            last.text_behind = true;
        }
    }

    /// Marks the lines of a value between its first and its last byte.
    fn value(&mut self, source: &SourceFile, node: &Node, value: OpenValue) {
        let last = node.span.start + source.slice(node.span).trim_end().len().saturating_sub(1);
        let places = self.place(node.span.start).zip(self.place(last));
        if let Some(((first, _), (last, _))) = places {
            self.set(first, last, value);
        }
    }

    /// Marks the lines of a value from its first line to its last.
    fn set(&mut self, first: usize, last: usize, value: OpenValue) {
        let text = value != OpenValue::Brackets;
        let count = last.saturating_sub(first);
        for (at, line) in self.all.iter_mut().skip(first).take(count + 1).enumerate() {
            if at > 0 {
                line.inside.get_or_insert(value);
                line.text_before |= text;
            }
            line.text_behind |= text && at < count;
        }
    }
}

/// Returns the column at which the content of a line begins, after its dashes.
fn content_column(line: &str) -> usize {
    let mut at = indentation(line);
    while let Some(rest) = behind_dash(line, at) {
        at = rest;
    }
    at
}

/// Returns the column of the content after the dash at a column. Returns `None` if there is no
/// dash, or nothing after it.
pub(super) fn behind_dash(line: &str, at: usize) -> Option<usize> {
    let rest = line.get(at..)?.strip_prefix('-')?;
    let content = rest.trim_start_matches([' ', '\t']);
    let blanks = rest.len() - content.len();
    (blanks > 0 && !content.is_empty() && !content.starts_with('#')).then_some(at + 1 + blanks)
}

/// Returns true if a dash that begins an item stands at a column.
pub(super) fn is_dash(line: &str, at: usize) -> bool {
    let rest = line.get(at..).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}
