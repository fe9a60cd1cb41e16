//! Text patterns: `contains`, `starts_with`, `ends_with`, `glob`, `matches`. Each of them becomes a
//! regular expression, so one automaton runs them all, in linear time.

use std::sync::{Arc, OnceLock};

use muster_model::glob_parts;
use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::PikeVM;

use crate::limits;

/// A pattern that a text must fit.
#[derive(Clone)]
pub struct Pattern {
    kind: PatternKind,
    text: Box<str>,
    machine: Arc<OnceLock<Option<PikeVM>>>,
}

/// The meaning of a pattern's text (docs/cohorts.md, "Predicates").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatternKind {
    /// `contains`.
    Contains(LetterCase),
    /// `starts_with`.
    StartsWith(LetterCase),
    /// `ends_with`.
    EndsWith(LetterCase),
    /// `glob`: `*` stands for any text and `\*` for a star, all other characters for themselves;
    /// case counts.
    Glob,
    /// `matches`: a regular expression that fits somewhere; case counts.
    Regex,
}

/// The treatment of upper and lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LetterCase {
    /// LetterCase is ignored (Unicode simple folding).
    Ignored,
    /// `case: exact`, case counts.
    Exact,
}

impl LetterCase {
    /// Returns the flag of a regular expression.
    fn flag(self) -> &'static str {
        match self {
            Self::Ignored => "(?i)",
            Self::Exact => "",
        }
    }
}

impl PatternKind {
    /// Returns the regular expression for a text of this kind.
    #[must_use]
    pub fn expression(self, text: &str) -> String {
        let escape = regex_syntax::escape;
        match self {
            Self::Contains(case) => format!("{}{}", case.flag(), escape(text)),
            Self::StartsWith(case) => format!(r"{}\A{}", case.flag(), escape(text)),
            Self::EndsWith(case) => format!(r"{}{}\z", case.flag(), escape(text)),
            Self::Glob => {
                let parts = glob_parts(text);
                let parts: Vec<_> = parts.iter().map(|part| escape(part)).collect();
                format!(r"(?s)\A{}\z", parts.join(".*"))
            }
            Self::Regex => text.to_owned(),
        }
    }
}

impl Pattern {
    /// Makes a pattern. Returns `None` if the text is not a valid regular expression.
    #[must_use]
    pub fn new(kind: PatternKind, text: &str) -> Option<Self> {
        let pattern = Self {
            kind,
            text: text.into(),
            machine: Arc::default(),
        };
        pattern.machine().is_some().then_some(pattern)
    }

    /// Returns the treatment of case, or `None` if the kind of pattern has no choice.
    #[must_use]
    pub fn case(&self) -> Option<LetterCase> {
        match self.kind {
            PatternKind::Contains(case)
            | PatternKind::StartsWith(case)
            | PatternKind::EndsWith(case) => Some(case),
            PatternKind::Glob | PatternKind::Regex => None,
        }
    }

    /// Returns the kind of pattern.
    #[must_use]
    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    /// Returns the text, as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the regular expression of the pattern.
    #[must_use]
    pub fn expression(&self) -> String {
        self.kind.expression(&self.text)
    }

    /// Builds the deterministic automaton of the pattern, within [`limits::PATTERN_BYTES`].
    ///
    /// # Errors
    /// Returns the limit that the pattern exceeds. The reader of definitions has checked that it
    /// exceeds none.
    pub fn automaton(&self) -> Result<dense::DFA<Vec<u32>>, String> {
        automaton(&self.expression())
    }

    /// Returns true if a text fits.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        self.machine().is_some_and(|machine| {
            let mut cache = machine.create_cache();
            machine.is_match(&mut cache, text)
        })
    }

    fn machine(&self) -> Option<&PikeVM> {
        self.machine
            .get_or_init(|| PikeVM::new(&self.expression()).ok())
            .as_ref()
    }
}

/// Builds the automaton of an expression. Returns an error if the automaton, or the memory to build
/// it, is too large.
pub(crate) fn automaton(expression: &str) -> Result<dense::DFA<Vec<u32>>, String> {
    let most = Some(limits::PATTERN_BYTES);
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(StartKind::Unanchored)
                .accelerate(false)
                .dfa_size_limit(most)
                .determinize_size_limit(most),
        )
        .thompson(thompson::Config::new().nfa_size_limit(most))
        .build(expression)
        .map_err(|error| error.to_string())
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({:?})", self.kind, self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.text) == (other.kind, &other.text)
    }
}
