//! `cargo xtask words`: checks comments, documents and names as far as a program can.
//!
//! The rules are those of CONTRIBUTING.md, "Words": the width of comments and prose, the beginning
//! of doc summaries, one meaning for each type name, and no word that docs/glossary.md does not
//! use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::tools::root;

/// The greatest width of a comment in Rust code, in columns.
const COMMENT_WIDTH: usize = 100;
/// The greatest width of a line of Markdown, in columns; a longer line may hold one sentence.
const PROSE_WIDTH: usize = 120;
/// The first words of a summary that asks a question instead of describing the item.
const QUESTIONS: [&str; 4] = ["What", "How", "Who", "Whether"];
/// Texts in lines of code that hold stored, public or foreign names, which keep their spelling.
const STORED_NAMES: [&str; 9] = [
    "rename = \"",
    "STORED_NAMES",
    "changed_users = \"",
    "expiries = \"",
    r#"b"news floor""#,
    "long = \"",
    r#""everybody""#,
    "look_set",
    "json-schema.org/draft",
];
/// The document that lists the words.
const GLOSSARY: &str = "docs/glossary.md";

pub(crate) fn words() -> anyhow::Result<()> {
    let root = root();
    let mut faults = Vec::new();
    let unused = unused_words(&read(&root, GLOSSARY)?)?;
    let mut types = BTreeMap::<String, BTreeSet<String>>::new();
    for path in files(&root)? {
        let text = read(&root, &path)?;
        let mut report = |line: usize, fault: String| {
            faults.push(format!("{path}:{}: {fault}", line + 1));
        };
        // A generator writes this file, with the words of the contract.
        if path == BINDINGS {
            continue;
        }
        if path.ends_with(".rs") {
            check_rust(&text, &unused, &mut report);
            check_errors(&text, &mut report);
            if !path.starts_with("guest-rules/") {
                for name in type_names(&text) {
                    types
                        .entry(name.to_owned())
                        .or_default()
                        .insert(path.clone());
                }
            }
        } else {
            let text = match path.as_str() {
                // The table of words that are not used is the only place for them.
                GLOSSARY => text
                    .split("## Words that are not used")
                    .next()
                    .unwrap_or(&text),
                _ => &text,
            };
            check_markdown(text, &unused, &mut report);
        }
    }
    for (name, paths) in types {
        if paths.len() > 1 {
            let paths = Vec::from_iter(paths).join(", ");
            faults.push(format!(
                "the type name `{name}` has several meanings: {paths}"
            ));
        }
    }
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!(
            "{} faults; the rules are in CONTRIBUTING.md, \"Words\"",
            faults.len()
        );
    }
    Ok(())
}

/// The generated bindings of the contract.
const BINDINGS: &str = "guest-rules/sdk/src/bindings.rs";

fn read(root: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// Lists the files under version control that are checked, with paths from the root.
fn files(root: &Path) -> anyhow::Result<Vec<String>> {
    let listed = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "*.rs", "*.md"])
        .output()
        .context("cannot run git")?;
    if !listed.status.success() {
        bail!("{}", String::from_utf8_lossy(&listed.stderr));
    }
    let listed = String::from_utf8(listed.stdout)?;
    // The changelog keeps the words of its time.
    Ok(listed
        .lines()
        .filter(|path| *path != "CHANGELOG.md" && root.join(path).exists())
        .map(str::to_owned)
        .collect())
}

/// Returns the words of the glossary's last table, each with the words to write instead.
fn unused_words(glossary: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let table = glossary
        .split("## Words that are not used")
        .nth(1)
        .with_context(|| format!("{GLOSSARY} has no table of words that are not used"))?;
    let mut words = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let (Some(not), Some(but)) = (cells.next(), cells.next()) else {
            continue;
        };
        for word in not.split(", ").filter(|_| not != "not") {
            words.insert(word.to_owned(), but.to_owned());
        }
    }
    if words.is_empty() {
        bail!("the table of words that are not used in {GLOSSARY} is empty");
    }
    Ok(words)
}

fn check_rust(
    text: &str,
    unused: &BTreeMap<String, String>,
    report: &mut impl FnMut(usize, String),
) {
    let mut in_doc = false;
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        let comment = content.starts_with("//");
        if comment && line.chars().count() > COMMENT_WIDTH && !content.contains("http") {
            report(
                number,
                format!("a comment of more than {COMMENT_WIDTH} columns"),
            );
        }
        let doc = content
            .strip_prefix("///")
            .or_else(|| content.strip_prefix("//!"));
        if let (Some(doc), false) = (doc, in_doc) {
            let first = doc.split_whitespace().next().unwrap_or_default();
            if QUESTIONS.contains(&first) {
                report(
                    number,
                    format!("a doc summary that begins with \"{first}\""),
                );
            }
        }
        in_doc = doc.is_some();
        // A stored or public name keeps its spelling.
        if !STORED_NAMES.iter().any(|stored| line.contains(stored)) {
            check_words(number, line, unused, report);
        }
    }
}

fn check_markdown(
    text: &str,
    unused: &BTreeMap<String, String>,
    report: &mut impl FnMut(usize, String),
) {
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let table = line.starts_with('|');
        if !in_code && !table && line.chars().count() > PROSE_WIDTH && line.contains(". ") {
            report(
                number,
                format!("more than {PROSE_WIDTH} columns and more than one sentence"),
            );
        }
        check_words(number, line, unused, report);
    }
}

/// Reports each word of a line that the glossary does not use; names are split at `_` and at
/// capitals.
fn check_words(
    number: usize,
    line: &str,
    unused: &BTreeMap<String, String>,
    report: &mut impl FnMut(usize, String),
) {
    let mut seen = BTreeSet::new();
    for name in line.split(|c: char| !c.is_alphabetic()) {
        for word in parts_of(name) {
            if let Some(but) = unused.get(&word)
                && seen.insert(word.clone())
            {
                report(number, format!("\"{word}\"; write: {but}"));
            }
        }
    }
}

/// Splits `CamelCase` into its words, in small letters.
fn parts_of(name: &str) -> Vec<String> {
    let mut parts = Vec::<String>::new();
    let mut was_small = false;
    for c in name.chars() {
        match parts.last_mut() {
            Some(part) if !(c.is_uppercase() && was_small) => part.extend(c.to_lowercase()),
            _ => parts.push(c.to_lowercase().collect()),
        }
        was_small = c.is_lowercase();
    }
    parts
}

/// Reports each variant of an error that prints its source. The whole chain would then show
/// that text twice.
fn check_errors(text: &str, report: &mut impl FnMut(usize, String)) {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    for (number, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with("#[error("))
    {
        let rest = lines.get(number..).unwrap_or_default();
        let attribute = 1 + rest.iter().take_while(|line| !line.ends_with(")]")).count();
        let (message, variant) = rest.split_at(attribute.min(rest.len()));
        // A variant ends with its line, or with the brace below it.
        let end = match variant.iter().find(|line| !line.starts_with("//")) {
            Some(first) if first.ends_with('{') => "}",
            _ => ",",
        };
        let length = 1 + variant
            .iter()
            .take_while(|line| !line.starts_with('}') && !line.ends_with(end))
            .count();
        let variant = variant.iter().take(length);
        let prints = |name: &str| message.iter().any(|line| line.contains(name));
        let printed = variant.clone().any(|line| line.starts_with("source:")) && prints("{source")
            || variant
                .clone()
                .any(|line| line.contains("#[from]") || line.contains("#[source]"))
                && prints("{0");
        if printed {
            report(
                number,
                "an error that prints its source, which the chain shows".to_owned(),
            );
        }
    }
}

/// Returns the names of the types that a file defines.
fn type_names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let indented = line.starts_with(' ');
        let mut words = line.split_whitespace().peekable();
        while words
            .peek()
            .is_some_and(|word| word.starts_with("pub") || *word == "unsafe")
        {
            words.next();
        }
        match words.next()? {
            "struct" | "enum" | "trait" | "union" => (),
            // Within a trait or its implementation the name is that of the trait.
            "type" if !indented => (),
            _ => return None,
        }
        let name = words.next()?;
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
        Some(&name[..end.unwrap_or(name.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str, markdown: bool) -> Vec<(usize, String)> {
        let unused = unused_words(
            "## Words that are not used\n\n| not | but |\n|---|---|\n| gizmo, gizmos | run |\n",
        )
        .unwrap();
        let mut faults = Vec::new();
        let mut report = |line, fault| faults.push((line, fault));
        if markdown {
            check_markdown(text, &unused, &mut report);
        } else {
            check_rust(text, &unused, &mut report);
        }
        faults
    }

    #[test]
    fn each_fault_is_found_with_its_line() {
        let text = format!(
            "/// Returns it.\nfn a() {{}}\n/// Whether it is so.\nfn gizmo_off() {{}}\n// {}\nstruct GizmoOptions;\n",
            "a".repeat(COMMENT_WIDTH)
        );
        let lines = Vec::from_iter(faults_of(&text, false).into_iter().map(|(line, _)| line));
        assert_eq!(lines, [2, 3, 4, 5]);
        // A second line of a doc comment is no summary, and `gizmology` is another word.
        assert_eq!(
            faults_of("/// Returns it.\n/// How: a gizmology.\n", false),
            []
        );
    }

    #[test]
    fn a_long_line_of_prose_holds_one_sentence() {
        let long = "word ".repeat(30);
        assert_eq!(faults_of(&format!("{long}.\n"), true), []);
        assert_eq!(faults_of(&format!("{long}. And more.\n"), true).len(), 1);
        assert_eq!(
            faults_of(&format!("```\n{long}. And more.\n```\n"), true),
            []
        );
        assert_eq!(faults_of("The gizmo.\n", true).len(), 1);
    }

    #[test]
    fn an_error_that_prints_its_source_is_found() {
        let text = |message: &str, field: &str| {
            format!(
                "enum E {{\n    #[error(\"{message}\")]\n    A {{\n        {field}: u8,\n    }},\n}}\n"
            )
        };
        let mut lines = Vec::new();
        check_errors(&text("no: {source}", "source"), &mut |line, _| {
            lines.push(line)
        });
        check_errors(
            "#[error(\"no: {0}\")]\nA(#[source] B),\n",
            &mut |line, _| lines.push(line),
        );
        assert_eq!(lines, [1, 0]);
        check_errors(&text("no", "source"), &mut |line, _| lines.push(line));
        check_errors(&text("no: {why}", "why"), &mut |line, _| lines.push(line));
        check_errors(
            "#[error(\"no: {0}\")]\nA(String),\n#[error(transparent)]\nB(#[from] C),\n",
            &mut |line, _| lines.push(line),
        );
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn types_are_found_and_associated_types_are_not() {
        let text = "pub(crate) struct A<T>(T);\nenum B {}\nimpl X for Y {\n    type Item = u8;\n}\ntype C = u8;\npub trait D: E {}\n";
        assert_eq!(Vec::from_iter(type_names(text)), ["A", "B", "C", "D"]);
    }
}
