//! One way to write a definition: `muster fmt`. It moves lines and changes blanks, never a word.
//!
//! The lines are laid out anew with the parser's tree at hand, which tells the lines that begin
//! inside a value (of a text or of brackets over several lines) from those that begin with a key or
//! a dash. Whatever comes out is read again: if it said anything else, or if formatting it again
//! changed it, the file is refused.

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::yaml::{Node, NodeContent, YamlReader};
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

/// Columns a level.
const LEVEL: usize = 2;

/// A definition's text as it should be written: two spaces a level, lists indented below their key,
/// the keys at the top in one order, no blanks at the ends of lines, never two empty lines.
/// Comments stay with what they are about. JSON is left as it is.
///
/// # Errors
/// What is wrong with a definition that cannot be read; or that it is written so unusually that it
/// cannot be formatted safely.
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
                .help("it stays as it is; write keys and texts the plain way, one a line"),
        );
        diagnostics
    })
}

/// Whether two definitions say the same.
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

/// Whether two texts have the same lines but for blanks, dashes and order: no comment is lost.
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

/// No byte order mark, and only line feeds between lines.
fn clean(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn pass(source: &SourceFile) -> Option<String> {
    let source = SourceFile::new(source.path(), &clean(source.text()));
    let laid_out = lay_out(&source)?;
    in_order(&SourceFile::new(source.path(), &laid_out))
}

/// A value that goes on over the line at whose end it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenValue {
    /// A list or a map in brackets.
    Brackets,
    /// A text with or without quotes. `alone`: its first line begins with it.
    Text { alone: bool },
    /// A text behind `|` or `>`, whose lines stand in the column `old`. `fixed`: the column is told
    /// by a digit.
    Block {
        alone: bool,
        old: usize,
        fixed: bool,
    },
}

/// A line of the file and what it is in the middle of.
struct Line<'t> {
    text: &'t str,
    /// The outermost value that it begins inside of.
    inside: Option<OpenValue>,
    /// It begins inside a text: were it empty, that would mean something.
    text_before: bool,
    /// It ends inside a text: the blanks at its end are left alone.
    text_behind: bool,
}

impl Line<'_> {
    fn indentation(&self) -> usize {
        indentation(self.text)
    }

    fn is_blank(&self) -> bool {
        self.text.trim_matches([' ', '\t']).is_empty()
    }

    /// Whether it is only a comment, outside of any value.
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

    /// The line of a byte, and the byte's column in it.
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

    /// The line of the `|` or `>` whose text begins at a place, and where the sign stands in it.
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
            // Of a text that is an item, the column counts from the dash.
            Some(digit) if alone => indentation(text) + digit as usize,
            Some(digit) => content_column(text) + digit as usize,
            None => match rest.find(|line| !line.is_blank()) {
                Some(line) => line.indentation(),
                None => return,
            },
        };
        let dash = is_dash(text, indentation(text));
        if old <= indentation(text) && (!alone || dash) {
            // A text without lines.
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
        // The last line ends inside it too: blanks there are part of the text.
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

/// Where the content of a line begins: behind its dashes.
fn content_column(line: &str) -> usize {
    let mut at = indentation(line);
    while let Some(rest) = behind_dash(line, at) {
        at = rest;
    }
    at
}

/// Where the content behind the dash at a column begins; `None`: there is no dash, or nothing
/// behind it.
fn behind_dash(line: &str, at: usize) -> Option<usize> {
    let rest = line.get(at..)?.strip_prefix('-')?;
    let content = rest.trim_start_matches([' ', '\t']);
    let blanks = rest.len() - content.len();
    (blanks > 0 && !content.is_empty() && !content.starts_with('#')).then_some(at + 1 + blanks)
}

/// Whether a dash that begins an item stands at a column.
fn is_dash(line: &str, at: usize) -> bool {
    let rest = line.get(at..).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// A list or a map in lines that is open, by its column before and after.
#[derive(Clone, Copy, Debug)]
struct OpenNode {
    old: usize,
    new: usize,
    list: bool,
}

/// The lists and maps that are open, the innermost last.
#[derive(Default)]
struct Stack(Vec<OpenNode>);

impl Stack {
    /// The new column of what begins at an old one.
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

    /// The new column of the innermost thing that is open at an old one.
    fn open_at(&self, old: usize) -> Option<usize> {
        let found = self.0.iter().rev().find(|open| open.old == old);
        found.map(|open| open.new)
    }
}

/// Where the last line that began with a key or a dash begins, and its content behind the dashes:
/// before and after.
#[derive(Clone, Copy, Default)]
struct LineStart {
    old_content: usize,
    new_content: usize,
}

/// All but the order of the keys.
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
                written.waits = Some(line.indentation());
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
    /// It is part of a text, even if it is empty.
    kept: bool,
    /// A comment that has no column yet, and its old one.
    waits: Option<usize>,
}

impl WrittenLine {
    fn is_blank(&self) -> bool {
        self.text.is_empty() && !self.kept
    }
}

/// The waiting comments at the end of the result.
fn waiting(out: &mut [WrittenLine]) -> impl Iterator<Item = &mut WrittenLine> {
    let lines = out.iter_mut().rev();
    lines
        .take_while(|line| line.waits.is_some() || line.is_blank())
        .filter(|line| line.waits.is_some())
}

/// Comments that are deeper than the next line and stand in the column of something before them
/// belong there.
fn place_deeper(out: &mut [WrittenLine], stack: &Stack, next: Option<usize>) {
    for line in waiting(out) {
        let deeper = line.waits.filter(|old| next.is_none_or(|next| *old > next));
        if let Some(new) = deeper.and_then(|old| stack.open_at(old)) {
            line.text.insert_str(0, &" ".repeat(new));
            // What stands above it does not follow the next line past it.
            line.waits = None;
            line.kept = true;
        }
    }
}

/// The others have the column of the next line.
fn place_waiting(out: &mut [WrittenLine], new: usize) {
    for line in out
        .iter_mut()
        .rev()
        .take_while(|line| line.waits.is_some() || line.text.is_empty() || line.kept)
    {
        if line.waits.take().is_some() {
            line.text.insert_str(0, &" ".repeat(new));
        }
    }
}

/// A line that begins with a key, a dash or a value: its new text, its new column, and where its
/// content begins.
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

/// A line inside a value, moved as far as the line on which the value begins.
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
        // Of an empty line of a text only what reaches beyond the text's column means something.
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

/// A key at the top with its comments and its value.
struct TopKey<'t> {
    rank: usize,
    /// An empty line stands above it.
    apart: bool,
    lines: Vec<&'t str>,
}

/// The keys at the top in their order.
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
    // What is above the first key and not about it.
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
