//! Static lists of users (docs/cohorts.md, `members:`): ids, one a line.

use std::collections::BTreeSet;

use muster_document::{Diagnostic, Diagnostics, SourceFile, Span, quote};

use crate::limits;

/// The longest id, in bytes (that of an event's user id).
const ID_BYTES: usize = 256;

/// A static list that was read.
#[derive(Debug, Default)]
pub struct MemberList {
    /// The ids.
    pub ids: BTreeSet<Box<str>>,
    /// Warnings of lines that are legal and surely not meant.
    pub warnings: Diagnostics,
}

/// Reads a list of user ids, one per line. Blanks and invisible characters around an id are not
/// part of it, and empty lines are skipped. An id that occurs twice is on the list once. Double
/// quotes around an id are removed, as in any CSV file.
///
/// # Errors
/// Reports all lines that are not an id, and a list of more than [`limits::MEMBERS`].
pub fn members(source: &SourceFile) -> Result<MemberList, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut list = MemberList::default();
    let mut doubtful = DoubtfulLines::default();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let text = line.trim_start_matches(surrounds);
        let at = at + (line.len() - text.len());
        let text = text.trim_end_matches(surrounds);
        if text.is_empty() {
            continue;
        }
        let span = Span {
            start: at,
            end: at + text.len(),
        };
        match id(text) {
            Ok(id) => {
                doubtful.add(line, &id, list.ids.is_empty(), span);
                list.ids.insert(id);
                if list.ids.len() > limits::MEMBERS {
                    let message = format!("the list has more than {} ids", limits::MEMBERS);
                    let help = "for more users, set a user property and select them by `user`";
                    diagnostics.push(Diagnostic::error(message).in_file(source).help(help));
                    break;
                }
            }
            Err((message, help)) => {
                let error = Diagnostic::error(message).at(source, span, "");
                diagnostics.push(error.help(help));
            }
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    list.warnings = doubtful.warnings(source);
    Ok(list)
}

/// Lines that are legal and surely not meant: the first of each kind, and how many there are.
#[derive(Default)]
struct DoubtfulLines {
    heading: Option<(Box<str>, Span)>,
    semicolon: Option<(Span, usize)>,
    invisible: Option<(Span, usize)>,
    /// The first invisible character.
    character: char,
}

/// Names of columns with ids, without blanks and marks between words.
const HEADINGS: [&str; 14] = [
    "id",
    "ids",
    "uid",
    "userid",
    "userids",
    "user",
    "users",
    "email",
    "emails",
    "emailaddress",
    "member",
    "members",
    "customerid",
    "distinctid",
];

impl DoubtfulLines {
    fn add(&mut self, line: &str, id: &str, is_first: bool, span: Span) {
        if is_first {
            let letters = id.chars().filter(|char| char.is_alphanumeric());
            let name = letters.collect::<String>().to_lowercase();
            let is_heading = HEADINGS.contains(&&*name);
            self.heading = is_heading.then(|| (id.into(), span));
        }
        let count = |kind: &mut Option<(Span, usize)>| kind.get_or_insert((span, 0)).1 += 1;
        if id.contains(';') {
            count(&mut self.semicolon);
        }
        // A byte order mark at the start of the file is usual.
        let line = match span.start <= MARK.len_utf8() {
            true => line.trim_start_matches(MARK),
            false => line,
        };
        if let Some(char) = line.chars().find(|char| is_invisible(*char)) {
            if self.invisible.is_none() {
                self.character = char;
            }
            count(&mut self.invisible);
        }
    }

    fn warnings(self, source: &SourceFile) -> Diagnostics {
        let mut warnings = Diagnostics::default();
        if let Some((name, span)) = self.heading {
            let message = format!(
                "{} seems to be a heading, and counts as a user id",
                quote(&name)
            );
            let warning = Diagnostic::warning(message).at(source, span, "");
            warnings.push(warning.help("remove the line, if no user has this id"));
        }
        let character = u32::from(self.character);
        let kinds = [
            (
                self.semicolon,
                "contains `;`, which is a part of the id".to_owned(),
                "write one id per line and nothing else",
            ),
            (
                self.invisible,
                format!("contains the invisible character U+{character:04X}"),
                "remove it: around an id it is left out, inside an id it makes another id",
            ),
        ];
        for (found, what, help) in kinds {
            let Some((span, count)) = found else { continue };
            let message = match count {
                1 => format!("this line {what}"),
                _ => format!("this line {what}, and so do {} more", count - 1),
            };
            warnings.push(Diagnostic::warning(message).at(source, span, "").help(help));
        }
        warnings
    }
}

/// The byte order mark.
const MARK: char = '\u{feff}';

/// Returns true for characters that may surround an id and are no part of it.
fn surrounds(char: char) -> bool {
    char.is_whitespace() || is_invisible(char)
}

/// Returns true for characters that no one sees: soft hyphens, zero-width characters, marks of the
/// direction of writing, and byte order marks.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | MARK
    )
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
            Ok(list) => Ok(list.ids.into_iter().collect()),
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
    fn invisible_characters_around_an_id_are_no_part_of_it() {
        let ids: Vec<Box<str>> = ["ann", "b\u{200b}ob"].map(Box::from).into();
        assert_eq!(
            read("\u{200e}ann\u{200b}\n \u{2060}b\u{200b}ob\u{a0}\u{feff}"),
            Ok(ids)
        );
        assert_eq!(read("\u{200b}\n\u{feff}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_surely_not_meant_is_warned_of() {
        let warnings = |text: &str| {
            let list = members(&SourceFile::new("cohorts/vip.csv", text)).unwrap();
            list.warnings.to_string().replace('\u{200b}', "")
        };
        assert_eq!(warnings("\u{feff}ann\nuser_id\nbob\u{a0}\n"), "");
        for heading in ["user_id", "User ID", "\"E-mail\"", "id", "distinct_id"] {
            let warned = warnings(&format!("\n{heading}\nann\n"));
            assert!(
                warned.contains("seems to be a heading"),
                "{heading}: {warned}"
            );
        }
        insta::assert_snapshot!(warnings("user_id\nann;Ann\nbob;Bob\neve\u{200b}\n"), @r"
        warning: `user_id` seems to be a heading, and counts as a user id
         --> cohorts/vip.csv:1:1
          |
        1 | user_id
          | ^^^^^^^
          |
          = help: remove the line, if no user has this id

        warning: this line contains `;`, which is a part of the id, and so do 1 more
         --> cohorts/vip.csv:2:1
          |
        2 | ann;Ann
          | ^^^^^^^
          |
          = help: write one id per line and nothing else

        warning: this line contains the invisible character U+200B
         --> cohorts/vip.csv:4:1
          |
        4 | eve
          | ^^^
          |
          = help: remove it: around an id it is left out, inside an id it makes another id
        ");
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
