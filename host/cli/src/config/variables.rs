//! `${VAR}` and `${VAR:-default}` in the values of `muster.yaml`.
//!
//! They are put in after the file is parsed: whatever a variable holds becomes part of one text,
//! and never a key, a list or a map. Keys have no variables.

use std::env::VarError;

use muster_definition::yaml::{Node, NodeContent, YamlReader};
use muster_definition::{Span, quote};

/// Gives the value of a variable; the process's are [`std::env::var`].
pub(crate) type Lookup<'l> = &'l dyn Fn(&str) -> Result<String, VarError>;

/// Puts the values of variables into every text of a tree. What is wrong is reported, and the text
/// stays as it is.
pub(super) fn expand(reader: &mut YamlReader<'_>, node: &mut Node, lookup: Lookup<'_>) {
    match &mut node.content {
        NodeContent::Text(text) if text.contains("${") => match expanded(text, lookup) {
            Ok(value) => *text = value.into(),
            Err(fault) => {
                let span = place(reader, node.span, &fault.part);
                let _: Option<()> = reader.wrong(span, fault.message, fault.help);
            }
        },
        NodeContent::List(items) => {
            for item in items {
                expand(reader, item, lookup);
            }
        }
        NodeContent::Map(entries) => {
            for entry in entries {
                expand(reader, &mut entry.value, lookup);
            }
        }
        _ => {}
    }
}

/// Whether a value was written with a variable in it.
pub(super) fn has_variable(reader: &YamlReader<'_>, node: &Node) -> bool {
    matches!(node.content, NodeContent::Text(_)) && reader.source().slice(node.span).contains("${")
}

struct VariableError {
    /// The part of the text that is wrong, as it is written.
    part: String,
    message: String,
    help: String,
}

/// A text with the values of its variables.
fn expanded(text: &str, lookup: Lookup<'_>) -> Result<String, VariableError> {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        value.push_str(before);
        if let Some(after) = from.strip_prefix("$${") {
            value.push_str("${");
            rest = after;
        } else if let Some(after) = from.strip_prefix("${") {
            let Some((inside, after)) = after.split_once('}') else {
                return Err(VariableError {
                    part: from.to_owned(),
                    message: format!("{} has no `}}` at its end", quote(from)),
                    help: LITERAL.to_owned(),
                });
            };
            value.push_str(&variable(inside, lookup)?);
            rest = after;
        } else {
            value.push('$');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    value.push_str(rest);
    Ok(value)
}

const LITERAL: &str = "write `${NAME}` or `${NAME:-default}`; `$${` stands for the characters `${`";

/// The value of what stands between the braces.
fn variable(inside: &str, lookup: Lookup<'_>) -> Result<String, VariableError> {
    let fault = |message: String, help: String| VariableError {
        part: format!("${{{inside}}}"),
        message,
        help,
    };
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        let message = format!("{} is no name of a variable", quote(name));
        return Err(fault(message, LITERAL.to_owned()));
    }
    if default.is_some_and(|default| default.contains("${")) {
        let message = format!("the default of `{name}` has a variable in it");
        let help = "a default is taken as it is written: set the variable, or write the value";
        return Err(fault(message, help.to_owned()));
    }
    // As in a shell, `:-` stands in for an empty value too.
    match (lookup(name), default) {
        (Ok(value), None) => Ok(value),
        (Ok(value), Some(_)) if !value.is_empty() => Ok(value),
        (Ok(_) | Err(VarError::NotPresent), Some(default)) => Ok(default.to_owned()),
        (Err(VarError::NotPresent), None) => Err(fault(
            format!("the environment variable `{name}` is not set"),
            format!("set it, or write what holds without it: `${{{name}:-default}}`"),
        )),
        (Err(VarError::NotUnicode(_)), _) => Err(fault(
            format!("the environment variable `{name}` is not UTF-8"),
            "set it to a text".to_owned(),
        )),
    }
}

/// POSIX, "Environment Variable Definition": letters, digits and `_`, no digit first.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// Where a part of a value stands; the whole value, if the part is written otherwise there, as with
/// escapes.
fn place(reader: &YamlReader<'_>, span: Span, part: &str) -> Span {
    match reader.source().slice(span).find(part) {
        Some(at) => Span {
            start: span.start + at,
            end: span.start + at + part.len(),
        },
        None => span,
    }
}

#[cfg(test)]
mod tests {
    use muster_definition::SourceFile;
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Result<String, VarError> {
        match name {
            "A" => Ok("one".into()),
            "_b2" => Ok("two".into()),
            "EMPTY" => Ok(String::new()),
            "NESTED" => Ok("${A}".into()),
            "YAML" => Ok("x: {a: [1, 2]}\n- y # z".into()),
            _ => Err(VarError::NotPresent),
        }
    }

    fn tree(text: &str) -> (Option<Node>, String) {
        let source = SourceFile::new("muster.yaml", text);
        let mut reader = YamlReader::new(&source);
        let mut root = reader.load();
        if let Some(root) = &mut root {
            expand(&mut reader, root, &lookup);
        }
        (root, reader.finish().to_string())
    }

    #[test]
    fn variables_are_put_in() {
        for (text, value) in [
            ("${A}", "one"),
            ("a${A}b${_b2}c", "aonebtwoc"),
            ("${NONE:-three}", "three"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-three}", "three"),
            ("${A:-three}", "one"),
            ("${NONE:-a:-b}", "a:-b"),
            // What a variable holds is taken as it is.
            ("${NESTED}", "${A}"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$${A} ${A}", "${A} one"),
            ("$A $ $$ a$", "$A $ $$ a$"),
        ] {
            assert_eq!(
                expanded(text, &lookup).ok().as_deref(),
                Some(value),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_shown_at_its_place() {
        let text = "a: x${NONE}y\nb: [\"${1}\", '${A']\nc: \"${}\"\nd: {e: \"${NONE:-${A}}\"}\nf: \"\\u0041${NONE}\"\n";
        insta::assert_snapshot!(tree(text).1);
    }

    #[test]
    fn keys_have_none_and_structure_comes_from_the_file_alone() {
        let (root, output_json) = tree("${A}: ${YAML}\nnumber: ${ONE:-1}\n");
        assert_eq!(output_json, "");
        let Some(NodeContent::Map(entries)) = root.map(|root| root.content) else {
            panic!("a map")
        };
        assert_eq!(&*entries[0].key, "${A}");
        let yaml = lookup("YAML").unwrap();
        assert_eq!(entries[0].value.content, NodeContent::Text(yaml.into()));
        assert_eq!(entries[1].value.content, NodeContent::Text("1".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([$]|[{]|[}]|:-|A|B| ){0,12}", value in ".{0,8}") {
            let lookup = |name: &str| if name == "A" { Ok(value.clone()) } else { Err(VarError::NotPresent) };
            match expanded(&text, &lookup) {
                Ok(expanded) if !text.contains("${") => prop_assert_eq!(expanded, text),
                Ok(_) => {}
                Err(fault) => prop_assert!(text.contains(&fault.part) && !fault.help.is_empty()),
            }
        }
    }
}
