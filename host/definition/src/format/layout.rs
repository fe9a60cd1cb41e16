//! The layout: the column of each line, from the lists and maps that it lies in.

use muster_document::{SourceFile, YamlReader};

use super::lines::{Line, Lines, OpenValue, behind_dash, indentation, is_dash};

/// Columns per level.
const LEVEL: usize = 2;

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
pub(super) fn lay_out(source: &SourceFile) -> Option<String> {
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
