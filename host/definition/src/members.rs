//! Static lists of users (docs/cohorts.md, `members:`): ids, one a line.

use std::collections::BTreeSet;

use muster_document::{Diagnostic, Diagnostics, SourceFile, Span, quote};

use crate::limits;

/// The longest id, in bytes (that of an event's user id).
const ID_BYTES: usize = 256;

/// Reads a list of user ids, one per line. Blanks around an id are not part of it, and empty lines
/// are skipped. An id that occurs twice is on the list once. Double quotes around an id are
/// removed, as in any CSV file.
///
/// # Errors
/// Reports all lines that are not an id, and a list of more than [`limits::MEMBERS`].
pub fn members(source: &SourceFile) -> Result<BTreeSet<Box<str>>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut ids = BTreeSet::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let text = line.trim_start_matches(blank);
        let at = at + (line.len() - text.len());
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        match id(text) {
            Ok(id) => {
                ids.insert(id);
                if ids.len() > limits::MEMBERS {
                    let message = format!("the list has more than {} ids", limits::MEMBERS);
                    let help = "for more users, set a user property and select them by `user`";
                    diagnostics.push(Diagnostic::error(message).in_file(source).help(help));
                    break;
                }
            }
            Err((message, help)) => {
                let end = at + text.len();
                let error = Diagnostic::error(message).at(source, Span { start: at, end }, "");
                diagnostics.push(error.help(help));
            }
        }
    }
    match diagnostics.is_empty() {
        true => Ok(ids),
        false => Err(diagnostics),
    }
}

/// Returns true for characters that may surround an id, including a byte order mark.
fn blank(char: char) -> bool {
    char.is_whitespace() || char == '\u{feff}'
}

/// Reads the id of a line, or returns a message and a help line.
fn id(line: &str) -> Result<Box<str>, (String, &'static str)> {
    let inside = line
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let id = match inside {
        Some(inside) if !inside.replace("\"\"", "").contains('"') => inside.replace("\"\"", "\""),
        _ if line.contains(',') => {
            return Err((
                format!("{} is not a single user id", quote(line)),
                "write one id per line and nothing else; an id that contains a comma needs double quotes",
            ));
        }
        _ => line.to_owned(),
    };
    if id.is_empty() || id.len() > ID_BYTES {
        return Err((
            format!("{} is not a user id", quote(line)),
            "write an id of 1 to 256 bytes",
        ));
    }
    if id.chars().any(char::is_control) {
        return Err((
            format!("{} contains a control character", quote(line)),
            "write one id per line and nothing else",
        ));
    }
    Ok(id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Box<str>>, String> {
        match members(&SourceFile::new("cohorts/vip.csv", text)) {
            Ok(ids) => Ok(ids.into_iter().collect()),
            Err(diagnostics) => Err(diagnostics.to_string()),
        }
    }

    #[test]
    fn ids_stand_one_per_line() {
        let ids = |ids: &[&str]| Ok(ids.iter().map(|id| Box::from(*id)).collect());
        assert_eq!(read(""), ids(&[]));
        assert_eq!(read("\u{feff}ann\r\nbob\r\n"), ids(&["ann", "bob"]));
        assert_eq!(read("  bob \n\n\tann\nbob"), ids(&["ann", "bob"]));
        assert_eq!(
            read("\"a,b\"\n\"say \"\"hi\"\"\"\n5\""),
            ids(&["5\"", "a,b", "say \"hi\""])
        );
    }

    #[test]
    fn a_list_has_a_limit() {
        let list = |count: usize| (0..count).map(|n| format!("{n}\n")).collect::<String>();
        assert_eq!(
            read(&list(limits::MEMBERS)).map(|ids| ids.len()),
            Ok(limits::MEMBERS)
        );
        let error = read(&list(limits::MEMBERS + 1)).unwrap_err();
        assert!(
            error.contains("the list has more than 1000000 ids"),
            "{error}"
        );
    }

    #[test]
    fn a_table_is_not_a_list() {
        insta::assert_snapshot!(read("user_id,name\nann\n").unwrap_err(), @r"
        error: `user_id,name` is not a single user id
         --> cohorts/vip.csv:1:1
          |
        1 | user_id,name
          | ^^^^^^^^^^^^
          |
          = help: write one id per line and nothing else; an id that contains a comma needs double quotes
        ");
        insta::assert_snapshot!(read("ann\nbo\tb\n\"\"\n").unwrap_err(), @r#"
        error: `bo\tb` contains a control character
         --> cohorts/vip.csv:2:1
          |
        2 | bo    b
          | ^^^^^^^
          |
          = help: write one id per line and nothing else

        error: `""` is not a user id
         --> cohorts/vip.csv:3:1
          |
        3 | ""
          | ^^
          |
          = help: write an id of 1 to 256 bytes
        "#);
        assert!(read(&"a".repeat(ID_BYTES)).is_ok());
        assert!(
            read(&"a".repeat(ID_BYTES + 1))
                .unwrap_err()
                .contains("write an id of 1 to 256 bytes")
        );
    }
}
