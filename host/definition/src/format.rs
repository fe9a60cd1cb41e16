//! The formatter behind `muster fmt`. It moves lines and changes blanks, never a word.
//!
//! The formatter lays out the lines anew with the help of the parser's tree. The tree says which
//! lines begin inside a value (a text or brackets over several lines), and which begin with a key
//! or a dash. The result is read and formatted again. If the result means something else, or if the
//! second formatting changes it, the file is refused.

use muster_document::{Diagnostic, Diagnostics, Node, NodeContent, SourceFile, YamlReader};

use crate::{Definition, parse};

/// The order of the keys at the top.
const ORDER: [&str; 10] = [
    "id",
    "name",
    "description",
    "time_zone",
    "cadence",
    "sync",
    "on_remove",
    "where",
    "rule",
    "members",
];

/// Columns per level.
const LEVEL: usize = 2;

/// Returns a definition's text in the standard layout: two spaces per level, lists indented below
/// their key, and the top-level keys in one order. No line ends in blanks, and there are never two
/// empty lines in a row. Comments stay with the key or item that they describe. JSON stays as it
/// is.
///
/// # Errors
/// Returns the errors of a definition that cannot be read. Also returns an error if the definition
/// is written so unusually that it cannot be formatted safely.
pub fn format(source: &SourceFile) -> Result<String, Diagnostics> {
    let definition = parse(source)?;
    if source.path().ends_with(".json") {
        return Ok(source.text().to_owned());
    }
    let once = pass(source).filter(|text| {
        let formatted = SourceFile::new(source.path(), text);
        same_words(source.text(), text)
            && parse(&formatted).is_ok_and(|other| same(&definition, &other))
            && pass(&formatted).is_some_and(|twice| twice == *text)
    });
    once.ok_or_else(|| {
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(
            Diagnostic::error("the file cannot be formatted safely")
                .in_file(source)
                .help("the file is unchanged; write keys and texts in plain style, one per line"),
        );
        diagnostics
    })
}

/// Returns true if two definitions mean the same.
fn same(one: &Definition, other: &Definition) -> bool {
    one.id == other.id
        && one.name == other.name
        && one.description == other.description
        && one.time_zone == other.time_zone
        && one.cadence == other.cadence
        && one.sync == other.sync
        && one.on_remove == other.on_remove
        && one.body == other.body
}

/// Returns true if two texts have the same lines, apart from blanks, dashes and order. Then no
/// comment is lost.
fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        let mut words: Vec<String> = clean(text)
            .lines()
            .map(|line| line.trim_start_matches([' ', '\t', '-']).trim_end().into())
            .filter(|line: &String| !line.is_empty())
            .collect();
        words.sort_unstable();
        words
    };
    words(one) == words(other)
}

/// Removes a byte order mark, and leaves only line feeds between lines.
fn clean(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn pass(source: &SourceFile) -> Option<String> {
    let source = SourceFile::new(source.path(), &clean(source.text()));
    let laid_out = lay_out(&source)?;
    in_order(&SourceFile::new(source.path(), &laid_out))
}

/// A value that is still open at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenValue {
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
struct Line<'t> {
    text: &'t str,
    /// The outermost value that is open where the line begins.
    inside: Option<OpenValue>,
    /// The line begins inside a text. There even an empty line has a meaning.
    text_before: bool,
    /// The line ends inside a text. The blanks at its end stay.
    text_behind: bool,
}

impl Line<'_> {
    fn indentation(&self) -> usize {
        indentation(self.text)
    }

    fn is_blank(&self) -> bool {
        self.text.trim_matches([' ', '\t']).is_empty()
    }

    /// Returns true if the line is only a comment, outside any value.
    fn is_comment(&self) -> bool {
        self.inside.is_none() && self.text.trim_start().starts_with('#')
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The lines of a file.
struct Lines<'t> {
    all: Vec<Line<'t>>,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
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
    fn place(&self, byte: usize) -> Option<(usize, usize)> {
        let line = self
            .starts
            .partition_point(|start| *start <= byte)
            .checked_sub(1)?;
        Some((line, byte - self.starts.get(line)?))
    }

    /// Marks the lines of the values below a node.
    fn mark(&mut self, source: &SourceFile, node: &Node) {
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
fn behind_dash(line: &str, at: usize) -> Option<usize> {
    let rest = line.get(at..)?.strip_prefix('-')?;
    let content = rest.trim_start_matches([' ', '\t']);
    let blanks = rest.len() - content.len();
    (blanks > 0 && !content.is_empty() && !content.starts_with('#')).then_some(at + 1 + blanks)
}

/// Returns true if a dash that begins an item stands at a column.
fn is_dash(line: &str, at: usize) -> bool {
    let rest = line.get(at..).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// A list or a map in block style that is open, with its old and its new column.
#[derive(Clone, Copy, Debug)]
struct OpenNode {
    old: usize,
    new: usize,
    list: bool,
}

/// The open lists and maps, the innermost last.
#[derive(Default)]
struct Stack(Vec<OpenNode>);

impl Stack {
    /// Returns the new column of a list or map that begins at an old column.
    fn column(&mut self, old: usize, list: bool) -> usize {
        while let Some(top) = self.0.last() {
            if top.old > old || (top.old == old && top.list && !list) {
                self.0.pop();
            } else {
                break;
            }
        }
        let new = match self.0.last() {
            Some(top) if top.old == old && top.list == list => return top.new,
            Some(top) => top.new + LEVEL,
            None => 0,
        };
        self.0.push(OpenNode { old, new, list });
        new
    }

    /// Returns the new column of the innermost list or map that is open at an old column.
    fn open_at(&self, old: usize) -> Option<usize> {
        let found = self.0.iter().rev().find(|open| open.old == old);
        found.map(|open| open.new)
    }
}

/// The columns of the last line that began with a key or a dash. They say where the line begins,
/// and where its content after the dashes begins, old and new.
#[derive(Clone, Copy, Default)]
struct LineStart {
    old_content: usize,
    new_content: usize,
}

/// Lays out everything except the order of the keys.
fn lay_out(source: &SourceFile) -> Option<String> {
    let root = YamlReader::new(source).load()?;
    let mut lines = Lines::new(source.text());
    lines.mark(source, &root);
    let mut out = Vec::<WrittenLine>::new();
    let (mut stack, mut begun) = (Stack::default(), LineStart::default());
    for line in &lines.all {
        let mut written = WrittenLine::default();
        if line.is_blank() && !line.text_before {
            if out.last().is_some_and(|last| !last.is_blank()) {
                out.push(written);
            }
            continue;
        }
        match line.inside {
            Some(value) => {
                written.text = continued(line, value, begun);
                written.kept = line.text_before;
            }
            None if line.is_comment() => {
                line.text.trim_start().clone_into(&mut written.text);
                written.old_column = Some(line.indentation());
            }
            None => {
                let old = line.indentation();
                place_deeper(&mut out, &stack, Some(old));
                let new;
                (written.text, new, begun) = begin(line.text, &mut stack);
                place_waiting(&mut out, new);
            }
        }
        if !line.text_behind {
            let length = written.text.trim_end_matches([' ', '\t']).len();
            written.text.truncate(length);
        }
        out.push(written);
    }
    place_deeper(&mut out, &stack, None);
    while out.last().is_some_and(WrittenLine::is_blank) {
        out.pop();
    }
    Some(out.into_iter().map(|line| line.text + "\n").collect())
}

/// A line of the result.
#[derive(Default)]
struct WrittenLine {
    text: String,
    /// The line is part of a text, so it stays even if it is empty.
    kept: bool,
    /// The old column of a comment that has no new column yet.
    old_column: Option<usize>,
}

impl WrittenLine {
    fn is_blank(&self) -> bool {
        self.text.is_empty() && !self.kept
    }
}

/// Returns the comments without a column at the end of the result.
fn waiting(out: &mut [WrittenLine]) -> impl Iterator<Item = &mut WrittenLine> {
    let lines = out.iter_mut().rev();
    lines
        .take_while(|line| line.old_column.is_some() || line.is_blank())
        .filter(|line| line.old_column.is_some())
}

/// Places comments that are deeper than the next line. A comment in the column of an open list or
/// map before it belongs to that list or map.
fn place_deeper(out: &mut [WrittenLine], stack: &Stack, next: Option<usize>) {
    for line in waiting(out) {
        let deeper = line
            .old_column
            .filter(|old| next.is_none_or(|next| *old > next));
        if let Some(new) = deeper.and_then(|old| stack.open_at(old)) {
            line.text.insert_str(0, &" ".repeat(new));
            // `waiting` stops at this line from now on: a later call moves no comment above it.
            line.old_column = None;
            line.kept = true;
        }
    }
}

/// Gives the comments that still have no column the column of the next line.
fn place_waiting(out: &mut [WrittenLine], new: usize) {
    for line in out
        .iter_mut()
        .rev()
        .take_while(|line| line.old_column.is_some() || line.text.is_empty() || line.kept)
    {
        if line.old_column.take().is_some() {
            line.text.insert_str(0, &" ".repeat(new));
        }
    }
}

/// Lays out a line that begins with a key, a dash or a value. Returns its new text, its new column,
/// and where its content begins.
fn begin(line: &str, stack: &mut Stack) -> (String, usize, LineStart) {
    let mut old = indentation(line);
    let new = stack.column(old, is_dash(line, old));
    let (mut text, mut column) = (" ".repeat(new), new);
    while let Some(behind) = behind_dash(line, old) {
        text.push_str("- ");
        old = behind;
        column = text.len();
        let list = is_dash(line, old);
        stack.0.push(OpenNode {
            old,
            new: column,
            list,
        });
    }
    text.push_str(line.get(old..).unwrap_or_default());
    let begun = LineStart {
        old_content: old,
        new_content: column,
    };
    (text, new, begun)
}

/// Moves a line inside a value as far as the line on which the value begins.
fn continued(line: &Line<'_>, value: OpenValue, begun: LineStart) -> String {
    let (from, to, least) = match value {
        OpenValue::Brackets => (begun.old_content, begun.new_content, begun.new_content),
        OpenValue::Text { alone } => {
            let deeper = if alone { 0 } else { LEVEL };
            let least = begun.new_content + deeper;
            (begun.old_content, begun.new_content, least)
        }
        OpenValue::Block { fixed: true, .. } => (begun.old_content, begun.new_content, 0),
        OpenValue::Block { alone, old, .. } => {
            let new = begun.new_content + if alone { 0 } else { LEVEL };
            (old, new, 0)
        }
    };
    let (old, block) = (line.indentation(), matches!(value, OpenValue::Block { .. }));
    let rest = line.text.get(old..).unwrap_or_default();
    if line.is_blank() {
        // On an empty line of a text only the blanks beyond the text's column have a meaning.
        let means = |column: usize| old > column || !rest.is_empty();
        if !matches!(value, OpenValue::Block { old: column, .. } if means(column)) {
            return String::new();
        }
    }
    let rest = match block {
        true => rest,
        false => rest.trim_start_matches([' ', '\t']),
    };
    " ".repeat((old + to).saturating_sub(from).max(least)) + rest
}

/// A top-level key with its comments and its value.
struct TopKey<'t> {
    rank: usize,
    /// An empty line stands above the key.
    apart: bool,
    lines: Vec<&'t str>,
}

/// Puts the top-level keys in their order.
fn in_order(source: &SourceFile) -> Option<String> {
    let root = YamlReader::new(source).load()?;
    let NodeContent::Map(entries) = &root.content else {
        return None;
    };
    let text = source.text();
    if source.slice(root.span).starts_with('{') {
        return Some(text.to_owned());
    }
    let lines: Vec<&str> = text.lines().collect();
    let places = Lines::new(text);
    let (mut parts, mut end) = (Vec::<TopKey<'_>>::new(), lines.len());
    let is_loose = |line: &&&str| line.is_empty() || line.starts_with('#');
    // Comments at the very end stay there.
    let last = entries
        .last()
        .and_then(|entry| places.place(entry.key_span.start))?
        .0;
    let tail = lines
        .iter()
        .skip(last + 1)
        .rev()
        .take_while(is_loose)
        .count();
    end -= tail;
    let (_, foot) = lines.split_at_checked(end)?;
    for entry in entries.iter().rev() {
        let (line, column) = places.place(entry.key_span.start)?;
        if column != 0 {
            return None;
        }
        let above = lines.iter().take(line).rev().take_while(is_loose).count();
        let mut begin = line - above;
        let apart = lines.get(begin).is_some_and(|line| line.is_empty());
        begin += usize::from(apart);
        parts.push(TopKey {
            rank: ORDER.iter().position(|key| **key == *entry.key)?,
            apart,
            lines: lines.get(begin..end)?.to_vec(),
        });
        end = begin - usize::from(apart);
    }
    parts.reverse();
    if parts.is_sorted_by_key(|part| part.rank) {
        return Some(text.to_owned());
    }
    // The lines above the first key that do not belong to it.
    let mut head = lines.get(..end)?.to_vec();
    let first = parts.first_mut()?;
    let comments = first.lines.iter().take_while(|line| is_loose(line));
    let comments: Vec<&str> = comments.copied().collect();
    let top = |line: &&str| line.is_empty() || line.starts_with("# yaml-language-server:");
    let count = comments.iter().rposition(top).map_or(0, |at| at + 1);
    if first.apart {
        head.push("");
    }
    head.extend(first.lines.drain(..count));
    first.apart = false;
    let apart = head.last().is_some_and(|line| line.is_empty());
    if apart {
        head.pop();
    }
    parts.sort_by_key(|part| part.rank);
    if let Some(first) = parts.first_mut() {
        first.apart = apart;
    }
    for part in parts {
        if part.apart {
            head.push("");
        }
        head.extend(part.lines);
    }
    head.extend(foot);
    Some(head.into_iter().flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests;
