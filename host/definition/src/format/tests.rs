//! Tests of the formatter: texts before and after.

use std::path::Path;

use super::lines::indentation;
use super::*;

fn formatted(text: &str) -> String {
    match format(&SourceFile::new("cohorts/a.yaml", text)) {
        Ok(text) => text,
        Err(diagnostics) => panic!("{diagnostics}\n{text}"),
    }
}

/// Checks that formatting returns the expected text, and that formatting it again does not change
/// it.
#[track_caller]
fn becomes(before: &str, after: &str) {
    assert_eq!(formatted(before), after);
    assert_eq!(formatted(after), after);
}

#[test]
fn blanks_and_line_ends() {
    becomes(
        "\u{feff}\r\n\r\nname: A  \r\n\r\n\r\n\r\nwhere: {did: A}\t\r\n\r\n",
        "name: A\n\nwhere: {did: A}\n",
    );
    becomes("where: {did: A}", "where: {did: A}\n");
    becomes(
        "# a comment  \nwhere: {did: A}   # b  \n\n",
        "# a comment\nwhere: {did: A}   # b\n",
    );
}

#[test]
fn lists_are_indented_below_their_key() {
    becomes(
        "sync:\n- to: a\n  user_properties:\n  - city\n  - plan\n- b\nwhere:\n  all:\n  - did: A\n    in_last: 3 days\n  - any:\n    - did: B\n    - did: C\n  - did: D\n",
        "sync:\n  - to: a\n    user_properties:\n      - city\n      - plan\n  - b\nwhere:\n  all:\n    - did: A\n      in_last: 3 days\n    - any:\n        - did: B\n        - did: C\n    - did: D\n",
    );
}

#[test]
fn two_spaces_per_level_and_one_after_a_dash() {
    becomes(
        "where:\n    all:\n        -   did: A\n            with:\n                amount:\n                    at_least: 5\n        -   not:\n                did: B\n",
        "where:\n  all:\n    - did: A\n      with:\n        amount:\n          at_least: 5\n    - not:\n        did: B\n",
    );
    becomes(
        "where:\n all:\n  -\n   did: A\n  - # why\n   did: B\n",
        "where:\n  all:\n    -\n      did: A\n    - # why\n      did: B\n",
    );
}

#[test]
fn comments_stay_with_the_key_they_describe() {
    becomes(
        "where:\n    all:\n    # one\n        # two\n\n # three\n    - did: A # four\n    # - did: B\nname: A\n# the end\n",
        "name: A\nwhere:\n  all:\n    # one\n    # two\n\n    # three\n    - did: A # four\n    # - did: B\n# the end\n",
    );
    becomes(
        "where:\n  any:\n  - all:\n    - did: A\n    # one\n  # two\n  - did: B\n",
        "where:\n  any:\n    - all:\n        - did: A\n        # one\n    # two\n    - did: B\n",
    );
    becomes(
        "where:\n    did: A\n    # in_last: 3 days\n# cadence: hourly\n",
        "where:\n  did: A\n  # in_last: 3 days\n# cadence: hourly\n",
    );
}

#[test]
fn values_over_several_lines_move_with_their_first_line() {
    becomes(
        "where:\n    all:\n    - {did: A,\n       # why\n\n\n       in_last: 3 days}\n    -   did: [A,\n              B]\n",
        "where:\n  all:\n    - {did: A,\n       # why\n\n       in_last: 3 days}\n    - did: [A,\n            B]\n",
    );
    becomes(
        "{name: A, # b  \n\n\n   where: {did: A}}\n",
        "{name: A, # b\n\n   where: {did: A}}\n",
    );
    becomes(
        "where:\n    did: 'A\n     B'\ndescription: a long\n  text\n\n\n  and more\n",
        "description: a long\n  text\n\n\n  and more\nwhere:\n  did: 'A\n    B'\n",
    );
    becomes(
        "where: {did: A}\ndescription: \"a\n\n\n    # b  \n  c\"\n",
        "description: \"a\n\n\n    # b  \n  c\"\nwhere: {did: A}\n",
    );
    becomes(
        "description:\n    a long\n    text\nwhere: {did: A}\n",
        "description:\n  a long\n  text\nwhere: {did: A}\n",
    );
}

#[test]
fn block_scalars_keep_their_text() {
    becomes(
        "description: |\n     one  \n\n\n       # two\n     three\n\n\n# why\nwhere: {did: A}\n",
        "description: |\n  one  \n\n\n    # two\n  three\n\n# why\nwhere: {did: A}\n",
    );
    becomes(
        "where: {did: A}\ndescription: >-   # folded\n   one\n   two\n",
        "description: >-   # folded\n  one\n  two\nwhere: {did: A}\n",
    );
    becomes(
        "name: A\ndescription: |+\n one\n\n\nwhere: {did: A}\n",
        "name: A\ndescription: |+\n  one\n\n\nwhere: {did: A}\n",
    );
    becomes(
        "description: |2\n    one\n   two\nwhere: {did: A}\n",
        "description: |2\n    one\n   two\nwhere: {did: A}\n",
    );
}

#[test]
fn top_level_keys_have_one_order() {
    becomes(
        "# yaml-language-server: $schema=../s.json\n# who\nwhere: {did: A}\n# where to\nsync: [a]\non_remove: exit\n\n# how often\n# exactly\ncadence: hourly\ntime_zone: Europe/Berlin\ndescription: b\nname: a\nid: c\n",
        "# yaml-language-server: $schema=../s.json\nid: c\nname: a\ndescription: b\ntime_zone: Europe/Berlin\n\n# how often\n# exactly\ncadence: hourly\n# where to\nsync: [a]\non_remove: exit\n# who\nwhere: {did: A}\n",
    );
    becomes(
        "# the file\n\n# the rule\nrule: ./a.wasm\nname: A\n",
        "# the file\n\nname: A\n# the rule\nrule: ./a.wasm\n",
    );
    becomes(
        "---\n# who\nwhere: {did: A}\n# the end\n\nname: A\n\n# over\n",
        "---\n# the end\n\nname: A\n# who\nwhere: {did: A}\n\n# over\n",
    );
    becomes("members: ./vip.csv\nid: a", "id: a\nmembers: ./vip.csv\n");
}

#[test]
fn errors_are_reported_and_json_stays_as_it_is() {
    let wrong = format(&SourceFile::new("a.yaml", "where: {dud: A}\n")).unwrap_err();
    assert!(wrong.to_string().contains("did you mean"), "{wrong}");
    // The empty lines at the end are part of the text. In another place they would not be.
    let ends = "where: {did: A}\ndescription: |+\n  one\n\n\n";
    let refused = format(&SourceFile::new("a.yaml", ends)).unwrap_err();
    assert!(
        refused.to_string().contains("formatted safely"),
        "{refused}"
    );
    let json = "{\"where\":  {\"did\": \"A\"}}  ";
    assert_eq!(format(&SourceFile::new("a.json", json)).unwrap(), json);
}

/// Returns the definitions in this repository: the files, and the code blocks in the documents.
fn definitions() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    let folder = std::fs::read_dir(root.join("examples/shop/cohorts")).unwrap();
    let template = root.join("host/cli/templates/loyal.yaml");
    for path in folder.map(|entry| entry.unwrap().path()).chain([template]) {
        let name = path.display().to_string();
        if name.ends_with(".yaml") && !name.ends_with(".test.yaml") {
            all.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    for page in ["docs/cohorts.md", "README.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for (at, block) in text.split("```yaml").skip(1).enumerate() {
            let (mark, block) = block.split_once('\n').unwrap();
            let block = block.split("\n```").next().unwrap();
            let text = match (mark, block.starts_with("- ")) {
                ("", _) => block.to_owned(),
                (_, true) => format!("where:\n  all:\n    {}", block.replace('\n', "\n    ")),
                (_, false) => format!("where:\n    {}", block.replace('\n', "\n    ")),
            };
            if parse(&SourceFile::new("example.yaml", &text)).is_ok() {
                all.push((format!("{page}, block {at}"), text));
            }
        }
    }
    assert!(all.len() > 20, "{}", all.len());
    all
}

#[test]
fn every_definition_of_the_repository_can_be_formatted() {
    for (name, text) in definitions() {
        // `format` itself refuses a result that changes the meaning or that a second formatting
        // changes.
        let once = format(&SourceFile::new("example.yaml", &text))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if name.ends_with(".yaml") {
            assert_eq!(once, text, "{name} is formatted already");
        }
    }
}

#[test]
fn indentation_of_the_input_does_not_matter() {
    for (name, text) in definitions() {
        let once = formatted(&text);
        for (width, ends) in [(1, "\n"), (3, "\r\n"), (4, "  \n"), (8, "\n")] {
            let mangled: String = once
                .lines()
                .map(|line| {
                    let columns = indentation(line);
                    let wide = " ".repeat(columns / 2 * width);
                    // A dash takes one level: the content of its map is indented by as much.
                    let gap = format!("-{}", " ".repeat(width.saturating_sub(1).max(1)));
                    let rest = line.get(columns..).unwrap();
                    let rest = match rest.strip_prefix("- ") {
                        Some(rest) if width > 1 => format!("{gap}{rest}"),
                        _ => rest.to_owned(),
                    };
                    format!("{wide}{rest}{ends}")
                })
                .collect();
            let Ok(definition) = parse(&SourceFile::new("cohorts/a.yaml", &mangled)) else {
                assert!(width == 1, "{name}\n{mangled}");
                continue;
            };
            let again = formatted(&mangled);
            let other = parse(&SourceFile::new("cohorts/a.yaml", &again)).unwrap();
            assert!(same(&definition, &other), "{name}");
            // Values over several lines keep their inner columns, so the results may differ.
            let single = !text.contains("[\n") && !text.contains(",\n") && !text.contains("{\n");
            if single {
                assert_eq!(again, once, "{name}\n{mangled}");
            }
        }
    }
}
