//! The order of the keys at the top of a definition.

use muster_document::{NodeContent, SourceFile, YamlReader};

use super::lines::Lines;

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

/// A top-level key with its comments and its value.
struct TopKey<'t> {
    rank: usize,
    /// An empty line stands above the key.
    apart: bool,
    lines: Vec<&'t str>,
}

/// Puts the top-level keys in their order.
pub(super) fn in_order(source: &SourceFile) -> Option<String> {
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
