//! Reads patterns (docs/cohorts.md, "Predicates"), and checks that their automata are within the
//! limit.

use muster_document::{Entry, Node, NodeContent, quote};

use crate::Pattern;
use crate::limits;
use crate::pattern::{PatternKind, automaton};

use super::clause::Clauses;

impl Clauses<'_, '_> {
    /// Reads the pattern of an operator.
    pub(super) fn pattern(&mut self, entry: &Entry, kind: PatternKind) -> Option<Pattern> {
        let node = &entry.value;
        let text = self.pattern_text(entry, kind)?;
        self.counted_pattern(node)?;
        let pattern = match fault(kind, &text) {
            None => Pattern::new(kind, &text),
            Some((message, help)) => return self.reader.wrong(node.span, message, help),
        };
        if pattern.is_none() {
            let (message, help) = too_large(kind, &text);
            return self.reader.wrong(node.span, message, help);
        }
        self.warn_if_trivial(node, kind, &text);
        pattern
    }

    fn pattern_text(&mut self, entry: &Entry, kind: PatternKind) -> Option<Box<str>> {
        let node = &entry.value;
        let help = match (&node.content, kind) {
            (NodeContent::List(_), PatternKind::Regex) => {
                "for several texts put `|` between them: `matches: \"a|b\"`".to_owned()
            }
            (NodeContent::List(_), _) => format!(
                "for several texts write clauses under `any:`, each with its `{}`, or one regular expression: `matches: \"(?i)a|b\"`",
                entry.key
            ),
            (NodeContent::Map(_) | NodeContent::Nothing, _) => {
                format!("write `{}: \"Sea\"`", entry.key)
            }
            _ => return self.literal(node),
        };
        self.reader.expected(node, "one text", &help)
    }

    /// Counts a pattern. Returns `None` if it is one too many.
    fn counted_pattern(&mut self, node: &Node) -> Option<()> {
        self.patterns += 1;
        if self.patterns <= limits::PATTERNS {
            return Some(());
        }
        if self.patterns == limits::PATTERNS + 1 {
            let help = format!(
                "write at most {}; join several patterns of one property by `|`: `matches: \"(?i)a|b\"`",
                limits::PATTERNS
            );
            self.reader
                .wrong::<()>(node.span, "the definition has too many patterns", help);
        }
        None
    }

    /// Warns of a pattern that every text fits: probably a mistake.
    fn warn_if_trivial(&mut self, node: &Node, kind: PatternKind, text: &str) {
        let all = match kind {
            PatternKind::Glob => !text.is_empty() && text.bytes().all(|byte| byte == b'*'),
            _ => text.is_empty(),
        };
        if all {
            let help = "to require a value, write `set: true`";
            self.reader.warn(node.span, "every text fits this", help);
        }
    }
}

/// Returns a message and a help line if a pattern is wrong.
fn fault(kind: PatternKind, text: &str) -> Option<(String, String)> {
    let expression = kind.expression(text);
    let parsed = match regex_syntax::parse(&expression) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = format!(
                "{} is not a regular expression: {}",
                quote(text),
                reason(&error)
            );
            let help = match text.starts_with('*') {
                true => "for a text in which `*` stands for any text, write `glob`",
                false => REGEX_HELP,
            };
            return Some((message, help.to_owned()));
        }
    };
    if parsed.properties().look_set().contains_word_unicode() {
        let message = format!(
            "{} has a boundary between words of all scripts",
            quote(text)
        );
        let help = r"write `(?-u:\b)` for `\b`: the boundary of words of the letters A to Z, digits and `_`";
        return Some((message, help.to_owned()));
    }
    automaton(&expression)
        .is_err()
        .then(|| too_large(kind, text))
}

const REGEX_HELP: &str = "the syntax is RE2's; for a plain text write `contains`; a `\\` stands for itself only in single quotes";

/// Returns the parser's reason, without its drawing of the place.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "it cannot be read".to_owned(),
    }
}

fn too_large(kind: PatternKind, text: &str) -> (String, String) {
    let help = match kind {
        PatternKind::Regex => {
            "avoid counts such as `{100}` and wide classes: `[0-9A-Za-z]` is far smaller than `\\w`, and `(?-u)` keeps to ASCII"
        }
        _ => "use a shorter text, or fewer `*`",
    };
    let message = format!("{} is too large a pattern", quote(text));
    (message, help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LetterCase;

    #[test]
    fn usual_patterns_are_within_the_limit() {
        let regex = |text: &str| fault(PatternKind::Regex, text);
        for text in [
            r"^\d{3}-\d{4}$",
            r"(?i)^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$",
            r"^https?://(www\.)?example\.com/.*\?utm_source=",
            r"\w+\s\w+",
            r"(?-u:\b)pro(?-u:\b)",
            r"^(\p{L}|\p{N})+$",
            "München|東京|🛒",
        ] {
            assert_eq!(regex(text), None, "{text}");
        }
        let long = "Ünïcödé ".repeat(100);
        for kind in [
            PatternKind::Contains(LetterCase::Ignored),
            PatternKind::StartsWith(LetterCase::Exact),
            PatternKind::EndsWith(LetterCase::Ignored),
            PatternKind::Glob,
        ] {
            assert_eq!(fault(kind, &long), None, "{kind:?}");
        }
        assert_eq!(fault(PatternKind::Glob, "*a*b*c*"), None);
    }

    #[test]
    fn a_pattern_too_large_is_refused_early() {
        for text in [
            r"\w{1000}",
            r"((a{1000}){1000}){1000}",
            r"(a|b)*a(a|b){30}",
            r"[[:^space:]]{4000000000}",
            r"(?i)\pL{50}x",
        ] {
            let (message, _) = fault(PatternKind::Regex, text).unwrap();
            assert!(message.ends_with("is too large a pattern"), "{message}");
        }
    }
}
