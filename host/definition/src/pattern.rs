//! Text patterns: `contains`, `starts_with`, `ends_with`, `glob`, `matches`. All of them are
//! regular expressions in the end, so one machine runs them all, in linear time.

use std::sync::{Arc, OnceLock};

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::PikeVM;

use crate::limits;

/// What a text must fit.
#[derive(Clone)]
pub struct Pattern {
    kind: PatternKind,
    text: Box<str>,
    machine: Arc<OnceLock<Option<PikeVM>>>,
}

/// How a pattern's text is meant (docs/cohorts.md, "Predicates").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatternKind {
    /// `contains`, ignoring case (Unicode simple folding).
    Contains,
    /// `starts_with`, ignoring case.
    StartsWith,
    /// `ends_with`, ignoring case.
    EndsWith,
    /// `glob`: `*` stands for any text, all else for itself; case counts.
    Glob,
    /// `matches`: a regular expression that fits somewhere; case counts.
    Regex,
}

impl PatternKind {
    /// The regular expression that finds what a text of this kind means.
    #[must_use]
    pub fn expression(self, text: &str) -> String {
        let escape = regex_syntax::escape;
        match self {
            Self::Contains => format!("(?i){}", escape(text)),
            Self::StartsWith => format!(r"(?i)\A{}", escape(text)),
            Self::EndsWith => format!(r"(?i){}\z", escape(text)),
            Self::Glob => {
                let parts: Vec<_> = text.split('*').map(escape).collect();
                format!(r"(?s)\A{}\z", parts.join(".*"))
            }
            Self::Regex => text.to_owned(),
        }
    }
}

impl Pattern {
    /// A pattern. `None` if it is a regular expression that is none.
    #[must_use]
    pub fn new(kind: PatternKind, text: &str) -> Option<Self> {
        let pattern = Self {
            kind,
            text: text.into(),
            machine: Arc::default(),
        };
        pattern.machine().is_some().then_some(pattern)
    }

    /// How its text is meant.
    #[must_use]
    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    /// Its text, as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The regular expression that finds what the pattern means.
    #[must_use]
    pub fn expression(&self) -> String {
        self.kind.expression(&self.text)
    }

    /// The deterministic automaton that finds what the pattern means, within
    /// [`limits::PATTERN_BYTES`].
    ///
    /// # Errors
    /// The limit that it breaks; the reader of definitions has checked that it breaks none.
    pub fn automaton(&self) -> Result<dense::DFA<Vec<u32>>, String> {
        automaton(&self.expression())
    }

    /// Whether a text fits.
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

/// The automaton of an expression, unless it, or what it takes to make it, is too large.
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
