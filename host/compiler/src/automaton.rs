//! Text patterns as automata: tables that a loop of a dozen instructions per byte runs, in linear
//! time.

use std::collections::HashMap;

use muster_definition::Pattern;
use regex_automata::Anchored;
use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

/// The state from which no text fits any more.
pub(crate) const REJECT: u16 = 0;
/// The state in which the text fits, with any continuation.
pub(crate) const ACCEPT: u16 = 1;

/// The largest number of states of an automaton: states are numbered in 16 bits.
pub(crate) const MAX_STATES: usize = 1 << 16;

/// A deterministic automaton over bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Automaton {
    /// The class of each byte. Bytes that no state distinguishes share a class.
    pub(crate) classes: [u8; 256],
    pub(crate) class_count: u32,
    /// The next state, by state, then by class.
    pub(crate) transitions: Vec<u16>,
    /// By state: 1 if a text that ends in this state fits.
    pub(crate) at_end: Vec<u8>,
    pub(crate) start: u16,
}

/// The reason why a pattern has no automaton.
pub(crate) type TooLarge = String;

impl Automaton {
    /// Builds the automaton that decides which texts fit.
    pub(crate) fn new(pattern: &Pattern) -> Result<Self, TooLarge> {
        let dfa = pattern.automaton()?;
        let start = dfa
            .start_state(&start::Config::new().anchored(Anchored::No))
            .map_err(|error| error.to_string())?;
        explore(&dfa, start)
    }

    /// Returns the bytes that the automaton takes in the module.
    pub(crate) fn bytes(&self) -> usize {
        self.transitions.len() * 2 + self.at_end.len() + self.classes.len()
    }

    /// Returns true if a text fits. The emitted code computes the same.
    #[cfg(test)]
    fn fits(&self, text: &str) -> bool {
        let mut state = self.start;
        for byte in text.bytes() {
            let class = usize::from(self.classes[usize::from(byte)]);
            state = self.transitions[usize::from(state) * self.class_count as usize + class];
        }
        self.at_end[usize::from(state)] == 1
    }
}

/// Walks through all states. States in which the answer is settled get the two shared numbers.
fn explore(dfa: &dense::DFA<Vec<u32>>, start: StateID) -> Result<Automaton, TooLarge> {
    let mut numbers: HashMap<StateID, u16> = HashMap::new();
    let mut states = Vec::new();
    let mut number = |state: StateID, states: &mut Vec<StateID>| {
        // A match is known one byte late, and stays: the search is for any match.
        if dfa.is_match_state(state) {
            return Ok(ACCEPT);
        }
        if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
            return Ok(REJECT);
        }
        if let Some(known) = numbers.get(&state) {
            return Ok(*known);
        }
        let next = states.len() + 2;
        let next = u16::try_from(next).map_err(|_| format!("it has over {MAX_STATES} states"))?;
        numbers.insert(state, next);
        states.push(state);
        Ok::<u16, TooLarge>(next)
    };
    let start = number(start, &mut states)?;
    // By state: the next state for each byte. The settled states lead to themselves.
    let mut rows = vec![[REJECT; 256], [ACCEPT; 256]];
    let mut at_end = vec![0, 1];
    while let Some(state) = states.get(rows.len() - 2).copied() {
        let mut row = [REJECT; 256];
        for (cell, byte) in row.iter_mut().zip(0..=u8::MAX) {
            *cell = number(dfa.next_state(state, byte), &mut states)?;
        }
        rows.push(row);
        at_end.push(u8::from(dfa.is_match_state(dfa.next_eoi_state(state))));
    }
    Ok(compress(&rows, at_end, start))
}

/// Puts bytes that lead to the same states from every state into one class.
fn compress(rows: &[[u16; 256]], at_end: Vec<u8>, start: u16) -> Automaton {
    let mut known: HashMap<Vec<u16>, u8> = HashMap::new();
    let mut classes = [0; 256];
    let mut columns = Vec::new();
    for (class, byte) in classes.iter_mut().zip(0..256) {
        let column: Vec<u16> = rows
            .iter()
            .map(|row: &[u16; 256]| row.get(byte).copied().unwrap_or(REJECT))
            .collect();
        *class = *known.entry(column.clone()).or_insert_with(|| {
            columns.push(column);
            // There are at most 256 different columns.
            u8::try_from(columns.len() - 1).unwrap_or(u8::MAX)
        });
    }
    let transitions = (0..rows.len())
        .flat_map(|state| {
            columns
                .iter()
                .map(move |column| column.get(state).copied().unwrap_or(REJECT))
        })
        .collect();
    Automaton {
        classes,
        class_count: u32::try_from(columns.len()).unwrap_or(256),
        transitions,
        at_end,
        start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_definition::{LetterCase, PatternKind};
    use proptest::prelude::*;

    fn agree(kind: PatternKind, pattern: &str, text: &str) {
        let pattern = Pattern::new(kind, pattern).unwrap();
        let automaton = Automaton::new(&pattern).unwrap();
        assert_eq!(
            automaton.fits(text),
            pattern.fits(text),
            "{pattern:?} {text:?}"
        );
    }

    #[test]
    fn anchors_match_at_the_edges_of_a_text() {
        for (kind, pattern) in [
            (PatternKind::StartsWith(LetterCase::Ignored), "sea"),
            (PatternKind::EndsWith(LetterCase::Ignored), "sea"),
            (PatternKind::Contains(LetterCase::Ignored), "sea"),
            (PatternKind::Glob, "sea*"),
            (PatternKind::Glob, "*"),
            (PatternKind::Glob, ""),
            (PatternKind::Regex, "^sea$"),
            (PatternKind::Regex, ""),
            (PatternKind::Regex, r"(?-u:\b)sea(?-u:\b)"),
        ] {
            for text in [
                "", "sea", "SEA", "seattle", "chelsea", "a sea b", "se", "ſea",
            ] {
                agree(kind, pattern, text);
            }
        }
    }

    #[test]
    fn case_is_folded_in_all_of_unicode() {
        let pattern = Pattern::new(PatternKind::Contains(LetterCase::Ignored), "straße Σ").unwrap();
        let automaton = Automaton::new(&pattern).unwrap();
        assert!(automaton.fits("STRAẞE ς"));
        assert!(!automaton.fits("STRASSE ς"));
    }

    #[test]
    fn a_pattern_too_large_is_refused() {
        let pattern = Pattern::new(PatternKind::Regex, r"\w{200}x[a-q]{1,60}y\w{300}").unwrap();
        assert!(Automaton::new(&pattern).is_err());
    }

    proptest! {
        #[test]
        fn the_automaton_agrees_with_the_regex_crate(pattern in "[ab*.]{0,5}", text in "[abAB.]{0,8}", kind in 0..4_usize) {
            let kind = [PatternKind::Contains(LetterCase::Ignored), PatternKind::StartsWith(LetterCase::Ignored), PatternKind::EndsWith(LetterCase::Ignored), PatternKind::Glob][kind];
            agree(kind, &pattern, &text);
        }

        #[test]
        fn regular_expressions_agree(pattern in "(a|b|ab|a\\*|\\[ab\\]\\+|\\.|\\^|\\$|b\\?){0,5}", text in "[abc]{0,8}") {
            if Pattern::new(PatternKind::Regex, &pattern).is_some() {
                agree(PatternKind::Regex, &pattern, &text);
            }
        }
    }
}
