//! The event names that match the globs of reads.

use std::collections::HashMap;
use std::sync::Arc;

use muster_model::{matches_glob, plain_name};
use parking_lot::Mutex;

use crate::terms::Terms;

/// The number of globs whose matches are kept. One more discards them all. Each takes four bytes
/// per matching name: if all [`crate::MAX_EVENT_NAMES`] match, 64 KiB, and so 64 MiB together.
const MAX_GLOBS: usize = 1024;

/// The matches of globs. Each name is matched with each glob once, however often the glob is read.
#[derive(Default)]
pub(crate) struct Globs(Mutex<HashMap<Box<str>, Matches>>);

#[derive(Clone)]
struct Matches {
    /// The number of names that were matched.
    seen: u32,
    /// The matching names, ordered by text.
    names: Arc<[u32]>,
}

impl Globs {
    /// Returns the numbers of the names that match one of the globs, among the first `count`,
    /// ordered by text.
    pub(crate) fn names(&self, terms: &Terms, globs: &[String], count: u32) -> Arc<[u32]> {
        if let [glob] = globs {
            return self.one(terms, glob, count);
        }
        let mut names: Vec<(&str, u32)> = Vec::new();
        for glob in globs {
            let matches = self.one(terms, glob, count);
            names.extend(matches.iter().map(|name| (text(terms, *name), *name)));
        }
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|(_, name)| name).collect()
    }

    fn one(&self, terms: &Terms, glob: &str, count: u32) -> Arc<[u32]> {
        if let Some(name) = plain_name(glob) {
            let name = terms.get_name(&name).filter(|name| *name <= count);
            return name.into_iter().collect();
        }
        let matches = self.matches(terms, glob, count);
        if matches.seen <= count {
            return matches.names;
        }
        let names = matches.names.iter().copied();
        names.filter(|name| *name <= count).collect()
    }

    /// Returns the matches among the first `count` names, and perhaps among later ones.
    fn matches(&self, terms: &Terms, glob: &str, count: u32) -> Matches {
        let mut all = self.0.lock();
        let known = all.get(glob).cloned();
        let mut matches = known.unwrap_or_else(|| Matches {
            seen: 0,
            names: Arc::default(),
        });
        if matches.seen >= count {
            return matches;
        }
        let new = (matches.seen + 1..=count)
            .filter(|name| matches_glob(glob, text(terms, *name)))
            .collect::<Vec<u32>>();
        matches.seen = count;
        if !new.is_empty() {
            let mut names = [&matches.names[..], &new].concat();
            names.sort_by_key(|name| text(terms, *name));
            matches.names = names.into();
        }
        if all.len() >= MAX_GLOBS && !all.contains_key(glob) {
            all.clear();
        }
        all.insert(glob.into(), matches.clone());
        matches
    }
}

fn text(terms: &Terms, name: u32) -> &str {
    terms.name_text(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_later_are_found_and_older_states_do_not_see_them() {
        let (globs, mut terms) = (Globs::default(), Terms::empty());
        let matches = |terms: &Terms, requested: &[&str], count| {
            let requested: Vec<String> = requested.iter().map(ToString::to_string).collect();
            globs.names(terms, &requested, count).to_vec()
        };
        for name in ["Buy b", "View", "Buy a"] {
            terms.name(name).unwrap();
        }
        assert_eq!(matches(&terms, &["Buy *"], 3), [3, 1]);
        assert_eq!(matches(&terms, &["Buy *"], 1), [1]);
        assert_eq!(matches(&terms, &["Buy *", "Buy a", "View"], 3), [3, 1, 2]);
        terms.name("Buy aa").unwrap();
        assert_eq!(matches(&terms, &["Buy *"], 3), [3, 1]);
        assert_eq!(matches(&terms, &["Buy *"], 4), [3, 4, 1]);
        assert_eq!(matches(&terms, &["Buy *"], 3), [3, 1]);
        assert_eq!(matches(&terms, &["Buy aa"], 3), [] as [u32; 0]);
        assert_eq!(matches(&terms, &["None", "*"], 4), [3, 4, 1, 2]);
        assert_eq!(matches(&terms, &[], 4), [] as [u32; 0]);
    }

    #[test]
    fn globs_beyond_the_limit_are_matched_too() {
        let (globs, mut terms) = (Globs::default(), Terms::empty());
        let name = terms.name("Buy").unwrap();
        for nth in 0..MAX_GLOBS + 10 {
            let glob = format!("{}y{}", "*".repeat(nth + 1), "*");
            assert_eq!(*globs.names(&terms, &[glob], name), [name]);
        }
        assert_eq!(globs.0.lock().len(), 10);
    }
}
