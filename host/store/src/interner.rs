//! Texts numbered from 0 in order of first appearance.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::StoreError;

/// An arena that holds each text once: about 10 bytes per text in addition to the text itself.
pub(crate) struct Interner {
    what: &'static str,
    text: String,
    ends: Vec<u32>,
    table: HashTable<u32>,
}

impl Interner {
    /// The largest total length of an interner's texts, in bytes; its ranges are 32 bits wide. 100
    /// million user ids of 40 bytes fit.
    pub(crate) const MAX_BYTES: u64 = u32::MAX as u64;

    /// Makes an empty interner. The error for too many texts names them `what`.
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            text: String::new(),
            ends: Vec::new(),
            table: HashTable::new(),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        // At most MAX_BYTES texts can be added, and one empty one.
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn text(&self, code: u32) -> Option<&str> {
        range(&self.text, &self.ends, code)
    }

    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        self.find(hash_of(text), text)
    }

    fn find(&self, hash: u64, text: &str) -> Option<u32> {
        self.table
            .find(hash, |code| self.text(*code) == Some(text))
            .copied()
    }

    /// Returns the number of a text. A new text gets a new number.
    pub(crate) fn intern(&mut self, text: &str) -> Result<u32, StoreError> {
        let hash = hash_of(text);
        if let Some(code) = self.find(hash, text) {
            return Ok(code);
        }
        let too_many = StoreError::TooMany {
            what: self.what,
            limit: Self::MAX_BYTES,
        };
        let end = u32::try_from(self.text.len() + text.len()).map_err(|_| too_many)?;
        let code = self.len();
        self.text.push_str(text);
        self.ends.push(end);
        let (texts, ends) = (&self.text, &self.ends);
        self.table.insert_unique(hash, code, |code| {
            hash_of(range(texts, ends, *code).unwrap_or_default())
        });
        Ok(code)
    }

    /// Uses up a number without a text.
    pub(crate) fn skip(&mut self) {
        // The arena is no longer than this.
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Removes a text; its number is not used again.
    pub(crate) fn forget(&mut self, code: u32) {
        let Some(text) = self.text(code) else {
            return;
        };
        let (hash, zeros) = (hash_of(text), "\0".repeat(text.len()));
        if let Ok(entry) = self.table.find_entry(hash, |each| *each == code) {
            entry.remove();
        }
        let end = self.ends.get(code as usize).copied().unwrap_or_default() as usize;
        // The arena keeps its length, so that all other texts stay in place.
        self.text.replace_range(end - zeros.len()..end, &zeros);
    }
}

fn hash_of(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

fn range<'a>(text: &'a str, ends: &[u32], code: u32) -> Option<&'a str> {
    let code = code as usize;
    let end = *ends.get(code)? as usize;
    let start = match code.checked_sub(1) {
        Some(before) => *ends.get(before)? as usize,
        None => 0,
    };
    text.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_forgotten_gets_another_number() {
        let mut interner = Interner::new("words");
        for text in ["a", "bb", "c"] {
            interner.intern(text).unwrap();
        }
        interner.forget(1);
        interner.forget(1);
        interner.skip();
        assert_eq!(interner.get("bb"), None);
        assert_eq!(interner.get("\0\0"), None);
        assert_eq!(interner.get(""), None);
        assert!(!interner.text.contains('b'));
        assert_eq!(interner.intern("bb").unwrap(), 4);
        let all = [0, 2, 4].map(|code| interner.text(code).unwrap());
        assert_eq!(all, ["a", "c", "bb"]);
    }

    #[test]
    fn a_text_keeps_its_number() {
        let mut interner = Interner::new("words");
        for round in 0..2 {
            for n in 0..1000_u32 {
                assert_eq!(interner.intern(&format!("word {n}")).unwrap(), n, "{round}");
            }
        }
        assert_eq!(interner.text(7), Some("word 7"));
        assert_eq!(interner.get("word 999"), Some(999));
        assert_eq!(interner.get("word 1000"), None);
        assert_eq!(interner.text(1000), None);
    }
}
