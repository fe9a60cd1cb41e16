//! JUnit XML, the form of test results that CI servers read. It has no norm; this is what all of
//! them take.

use std::fmt::Write as _;

use super::report::{CaseReport, FileReport, Report};

/// The results as a document.
pub(super) fn xml(report: &Report) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a text never fails.
    let _ = writeln!(
        text,
        "<testsuites name=\"muster test\" tests=\"{}\" failures=\"{}\">",
        report.cases(),
        report.failed()
    );
    for file in &report.files {
        let path = escaped(&file.path);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\">",
            file.cases.len(),
            file.failed()
        );
        for case in &file.cases {
            self::case(&mut text, file, case);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, file: &FileReport, case: &CaseReport) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
        escaped(&file.tests),
        escaped(&case.name),
        escaped(&file.path),
        case.line,
        case.took.as_secs_f64()
    );
    if case.failures.is_empty() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    // One element: several in a case are not read by all.
    let message = case.failures.first().map_or("", |failure| &failure.message);
    let output_json: Vec<_> = case
        .failures
        .iter()
        .map(|failure| failure.text(&file.path))
        .collect();
    let _ = writeln!(
        text,
        "      <failure message=\"{}\">{}</failure>\n    </testcase>",
        escaped(message),
        escaped(&output_json.concat())
    );
}

/// Text as XML 1.0 holds it: its characters do not include most controls.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(char),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if char.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_case_is_called_the_document_is_xml() {
        assert_eq!(
            escaped("<a & \"b\">\u{1}ü"),
            "&lt;a &amp; &quot;b&quot;&gt;\u{fffd}ü"
        );
    }
}
