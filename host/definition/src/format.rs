//! The formatter behind `muster fmt`. It moves lines and changes blanks, never a word.
//!
//! The formatter lays out the lines anew with the help of the parser's tree. The tree says which
//! lines begin inside a value (a text or brackets over several lines), and which begin with a key
//! or a dash. The result is read and formatted again. If the result means something else, or if the
//! second formatting changes it, the file is refused.

mod layout;
mod lines;
mod order;

use muster_document::{Diagnostic, Diagnostics, SourceFile};

use crate::{Definition, parse};
use layout::lay_out;
use order::in_order;

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

#[cfg(test)]
mod tests;
