//! The writer of reference pages, in Markdown, from tables of keys.

use std::fmt::Write;

use crate::key::{Key, KeyDefault, Map, NamedKind, Number, Takes, TextForm};

/// Returns a reference page: an introduction, and a section for each map that a file consists of.
/// `top` is the map of the whole file.
#[must_use]
pub fn reference<N: NamedKind>(introduction: &str, top: &'static Map<N>) -> String {
    let mut maps = vec![top];
    let mut at = 0;
    while let Some(map) = maps.get(at) {
        at += 1;
        for inner in map.keys.iter().flat_map(|key| inner(&key.takes)) {
            if !maps.iter().any(|known| std::ptr::eq(*known, inner)) {
                maps.push(inner);
            }
        }
    }
    let mut page = introduction.trim_end().to_owned();
    for map in maps {
        page += &section(map);
    }
    page
}

/// Returns the maps that a value consists of.
fn inner<N>(takes: &'static Takes<N>) -> Vec<&'static Map<N>> {
    match takes {
        Takes::Map(of) | Takes::Maps { of, .. } | Takes::Named { of, .. } => vec![of],
        Takes::Either(kinds) => kinds.iter().flat_map(inner).collect(),
        _ => Vec::new(),
    }
}

fn section<N: NamedKind>(map: &Map<N>) -> String {
    let mut text = format!(
        "\n\n## {}\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|",
        map.heading,
        // Prose has one sentence a line.
        map.about.replace(". ", ".\n")
    );
    for key in map.keys {
        let _ = write!(
            text,
            "\n| `{}` | {} | {} | {} |",
            key.name,
            takes(&key.takes),
            default(key),
            key.about
        );
    }
    text
}

fn takes<N: NamedKind>(of: &Takes<N>) -> String {
    match of {
        Takes::Kind(kind) => format!("`{}`", kind.name()),
        Takes::Text(of) => text(of),
        Takes::Word(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Takes::Number(of) => number(of),
        Takes::Texts(of) => format!("{}; or a list of them", text(of)),
        Takes::List { of, least } => format!("a list of at least {least}: {}", text(of)),
        Takes::Maps { of, .. } => format!("a list of {}", link(of)),
        Takes::Named { of, .. } => format!("a map by name of {}", link(of)),
        Takes::Map(of) => format!("a map: {}", link(of)),
        Takes::Nothing => "`{}`".to_owned(),
        Takes::Either(kinds) => kinds.iter().map(takes).collect::<Vec<_>>().join(", or "),
    }
}

fn text(of: &TextForm) -> String {
    format!("{}, such as `{}`", of.what, of.example)
}

fn number(of: &Number) -> String {
    let whole = if of.whole { "whole, " } else { "" };
    match of.most {
        // A very large bound is left out, because no value reaches it.
        Some(most) if most < 1e9 => format!("{}: {whole}{} to {most}", of.what, of.least),
        _ => format!("{}: {whole}{} or more", of.what, of.least),
    }
}

fn link<N>(map: &Map<N>) -> String {
    // GitHub's anchors are in lower case, with hyphens for blanks, and without other signs.
    let anchor: String = map
        .heading
        .to_lowercase()
        .chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            char if char.is_alphanumeric() || "_-".contains(char) => Some(char),
            _ => None,
        })
        .collect();
    format!("[{}](#{anchor})", map.heading)
}

fn default<N>(key: &Key<N>) -> String {
    match key.default {
        KeyDefault::Required => "required".to_owned(),
        KeyDefault::Value(text) => format!("`{text}`"),
        KeyDefault::Words(text) => text.to_owned(),
        KeyDefault::Explained => "see the meaning".to_owned(),
    }
}
