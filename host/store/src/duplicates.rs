//! Duplicate events: the bits that a row keeps of an insert id, and the choice of the rows that are
//! left out.
//!
//! A duplicate has the user, name, time and insert id of an event that came earlier. It is left out
//! as a whole, whatever it holds: the event that came first counts. All rows of an event come in
//! one batch, one after the other, and stay neighbours in order of arrival. So a row only records
//! whether it continues the event of the row before it.

use std::collections::HashSet;
use std::hash::Hash;

/// The bits that are kept of an insert id's hash. Two different ids of one user, name and
/// millisecond are mistaken for one once in 2^47 pairs. With [`GOES_ON`] that is six bytes, two
/// less than the whole hash, which is a seventh of an event.
const HASH_BITS: u32 = 47;
/// The lowest kept bit: the row continues the event of the row before it.
const GOES_ON: u64 = 1;

/// Returns the 48 bits that a row keeps of its event's insert id; 0 if the event has none. `first`
/// says that the row begins the event.
pub(crate) fn kept(hash: u64, first: bool) -> u64 {
    if hash == 0 {
        return 0;
    }
    let short = (hash & ((1 << HASH_BITS) - 1)).max(1);
    short << 1 | if first { 0 } else { GOES_ON }
}

/// Returns true if two neighbouring rows with these kept bits may be joined. They are of one event,
/// or of events without an insert id.
pub(crate) fn joins(insert: u64, before: u64) -> bool {
    insert == before & !GOES_ON | GOES_ON || (insert, before) == (0, 0)
}

/// A detector of duplicates among the rows of one user, name and time, which it receives in order
/// of arrival. Its time is proportional to the number of rows, however many there are.
#[derive(Default)]
pub(crate) struct Duplicates {
    seen: FewOrMany<u64>,
    /// True if the latest event was a duplicate.
    latest: bool,
}

impl Duplicates {
    /// Starts with the rows of another user, name or time.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.latest = false;
    }

    /// Returns true if the next row belongs to a duplicate.
    pub(crate) fn next(&mut self, insert: u64) -> bool {
        if insert == 0 {
            self.latest = false;
        } else if insert & GOES_ON == 0 {
            self.latest = !self.seen.insert(insert);
        }
        self.latest
    }
}

/// A set that is cheap while it is small, and costs no more than a hash set when it is large.
pub(crate) struct FewOrMany<T> {
    few: Vec<T>,
    /// The elements once they are many; empty before.
    many: HashSet<T>,
}

/// The number of elements up to which they are compared one by one.
const FEW: usize = 16;

impl<T> Default for FewOrMany<T> {
    fn default() -> Self {
        Self {
            few: Vec::new(),
            many: HashSet::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> FewOrMany<T> {
    pub(crate) fn clear(&mut self) {
        self.few.clear();
        if !self.many.is_empty() {
            // Clearing a table takes time in proportion to its memory, which is that of its largest
            // content.
            self.many = HashSet::new();
        }
    }

    /// Adds an element. Returns false if the set contained it.
    pub(crate) fn insert(&mut self, one: T) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(one);
        }
        if self.few.contains(&one) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(one);
        } else {
            self.many.extend(self.few.drain(..));
            self.many.insert(one);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicates(rows: &[(u64, bool)]) -> Vec<bool> {
        let mut duplicates = Duplicates::default();
        let rows = rows.iter().map(|(hash, first)| kept(*hash, *first));
        rows.map(|insert| duplicates.next(insert)).collect()
    }

    #[test]
    fn a_duplicate_is_left_out_as_a_whole() {
        let (first, more) = (true, false);
        let event = [(7, first), (7, more)];
        let other = [(8, first), (0, first)];
        let longer = [(7, first), (7, more), (7, more)];
        let rows = [&event[..], &other, &longer, &[(9, first)]].concat();
        let left_out = [false, false, false, false, true, true, true, false];
        assert_eq!(duplicates(&rows), left_out);
    }

    #[test]
    fn kept_bits_are_48_and_never_those_of_an_absent_id() {
        for hash in [1, 1 << 47, u64::MAX, (1 << 47) - 1, 1 << 63] {
            for first in [true, false] {
                let kept = kept(hash, first);
                assert!(kept > 1 && kept < 1 << 48, "{hash:x}");
            }
        }
        assert_eq!(kept(0, false), 0);
        assert!(joins(kept(5, false), kept(5, true)) && joins(kept(5, false), kept(5, false)));
        assert!(!joins(kept(5, true), kept(5, true)) && !joins(kept(5, true), kept(5, false)));
        assert!(!joins(kept(5, false), kept(6, true)) && !joins(kept(5, false), 0));
        assert!(joins(0, 0) && !joins(0, kept(5, true)));
    }

    #[test]
    fn few_or_many_are_a_set() {
        let mut set = FewOrMany::default();
        for round in 0..2 {
            for one in 0..100_u64 {
                assert!(set.insert(one), "{round} {one}");
                assert!(!set.insert(one / 2), "{round} {one}");
            }
            set.clear();
        }
    }
}
