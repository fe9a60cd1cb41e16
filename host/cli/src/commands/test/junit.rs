//! JUnit XML, the format of test results that CI servers read. No standard defines it; this is the
//! part that all of them accept.

use std::fmt::Write as _;

use super::report::{CaseReport, FileReport, Report};

/// Returns the results as a document.
pub(super) fn xml(report: &Report) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a `String` never fails.
    let _ = writeln!(
        text,
        "<testsuites name=\"muster test\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        report.cases() + report.unloaded(),
        report.failed(),
        report.unloaded()
    );
    for file in &report.files {
        let path = escaped(&file.path);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
            file.cases.len() + usize::from(!file.faults.is_empty()),
            file.failed(),
            u8::from(!file.faults.is_empty())
        );
        if let Some(fault) = file.faults.iter().next() {
            let line = fault.place().map_or(1, |(_, line, _)| line);
            // A file that could not be loaded is one failed test.
            let _ = writeln!(
                text,
                "    <testcase classname=\"{path}\" name=\"the file loads\" file=\"{path}\" line=\"{line}\">\n      \
                 <error message=\"{}\">{}</error>\n    </testcase>",
                escaped(fault.message()),
                escaped(&file.faults.render(false))
            );
        }
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
    // A case has one element, because some servers do not read several.
    let message = case.failures.first().map_or("", |failure| &failure.message);
    let failures: Vec<_> = case
        .failures
        .iter()
        .map(|failure| failure.text(&file.path))
        .collect();
    let _ = writeln!(
        text,
        "      <failure message=\"{}\">{}</failure>\n    </testcase>",
        escaped(message),
        escaped(&failures.concat())
    );
}

/// Escapes a text for XML 1.0. Most control characters are not allowed there and are replaced.
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
    fn any_name_of_a_case_makes_valid_xml() {
        assert_eq!(
            escaped("<a & \"b\">\u{1}ü"),
            "&lt;a &amp; &quot;b&quot;&gt;\u{fffd}ü"
        );
    }
}
