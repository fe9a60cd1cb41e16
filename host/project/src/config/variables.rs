//! Variables in the values of `muster.yaml`: `${VAR}` and `${VAR:-default}`.
//!
//! Their values are inserted after the file is parsed. A variable's value becomes part of one text,
//! and never a key, a list or a map. Keys have no variables.

use std::env::VarError;

use muster_document::{Node, NodeContent, Span, YamlReader, quote};

/// A function that returns the value of a variable. For the process's environment it is
/// [`std::env::var`].
pub type Lookup<'l> = &'l dyn Fn(&str) -> Result<String, VarError>;

/// Inserts the values of variables into every text of a tree. A text with a wrong variable is
/// reported and stays as it is.
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

/// Returns true if a value was written with a variable.
pub(super) fn has_variable(reader: &YamlReader<'_>, node: &Node) -> bool {
    matches!(node.content, NodeContent::Text(_)) && reader.source().slice(node.span).contains("${")
}

struct VariableError {
    /// The wrong part of the text, as it is written.
    part: String,
    message: String,
    help: String,
}

/// Returns a text with the values of its variables inserted.
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

/// Returns the value of the variable between the braces.
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
        let message = format!("{} is not a valid name of a variable", quote(name));
        return Err(fault(message, LITERAL.to_owned()));
    }
    if default.is_some_and(|default| default.contains("${")) {
        let message = format!("the default of `{name}` contains a variable");
        let help = "a default cannot contain a variable: set the variable, or write its value";
        return Err(fault(message, help.to_owned()));
    }
    // As in a shell, the default after `:-` replaces an empty value too.
    match (lookup(name), default) {
        (Ok(value), None) => Ok(value),
        (Ok(value), Some(_)) if !value.is_empty() => Ok(value),
        (Ok(_) | Err(VarError::NotPresent), Some(default)) => Ok(default.to_owned()),
        (Err(VarError::NotPresent), None) => Err(fault(
            format!("the environment variable `{name}` is not set"),
            format!("set it, or give it a default: `${{{name}:-default}}`"),
        )),
        (Err(VarError::NotUnicode(_)), _) => Err(fault(
            format!("the environment variable `{name}` is not UTF-8"),
            "set it to a text".to_owned(),
        )),
    }
}

/// Returns true for a valid name (POSIX, "Environment Variable Definition"): letters, digits and
/// `_`, no digit first.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// Returns the place of a part of a value. If the file writes the part in another way, for example
/// with escapes, it is the place of the whole value.
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
    use muster_document::SourceFile;
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
    fn variables_are_replaced_by_their_values() {
        for (text, value) in [
            ("${A}", "one"),
            ("a${A}b${_b2}c", "aonebtwoc"),
            ("${NONE:-three}", "three"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-three}", "three"),
            ("${A:-three}", "one"),
            ("${NONE:-a:-b}", "a:-b"),
            // A `${` in a variable's value is no variable.
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
    fn a_wrong_variable_is_shown_at_its_place() {
        let text = "a: x${NONE}y\nb: [\"${1}\", '${A']\nc: \"${}\"\nd: {e: \"${NONE:-${A}}\"}\nf: \"\\u0041${NONE}\"\n";
        insta::assert_snapshot!(tree(text).1);
    }

    #[test]
    fn keys_have_no_variables_and_values_add_no_structure() {
        let (root, faults) = tree("${A}: ${YAML}\nnumber: ${ONE:-1}\n");
        assert_eq!(faults, "");
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
