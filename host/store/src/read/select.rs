//! The selection and order of a user's rows from the sources.

use std::ops::Range;

use super::source::{RowSource, partition};
use super::time_range::TimeRange;
use crate::duplicates::Duplicates;
use crate::keys::GROUP;

/// Consecutive rows of one source that are consecutive in the answer too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) source: u32,
    pub(crate) row: u32,
    pub(crate) length: u32,
}

/// The rows of a group's users, in their order.
#[derive(Default)]
pub(crate) struct Selection {
    pub(crate) pieces: Vec<Piece>,
    /// For each user, the number of pieces and of rows up to the user's end.
    pub(crate) users: Vec<UserEnd>,
    rows: u32,
    /// True if a piece must end where its user ends, as readers of single users need.
    pub(crate) keep_users_apart: bool,
    /// The largest number of rows that are selected, duplicates included; `None` means any number.
    pub(crate) most: Option<u64>,
    /// True if the current user has no row yet.
    fresh: bool,
    slices: Vec<Slice>,
    sorted: Vec<Slice>,
    merged: Vec<RowPosition>,
    duplicates: Duplicates,
}

/// The time, source and number of a row.
type RowPosition = (i64, u32, u32);

/// The end of a user's part of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserEnd {
    pub(crate) pieces: u32,
    pub(crate) rows: u32,
}

/// The rows of a user in one source.
#[derive(Clone, Copy, Default)]
struct Slice {
    /// The place of the user in the request.
    place: u16,
    source: u32,
    start: u32,
    end: u32,
}

/// The requested users of a group.
pub(crate) struct WantedUsers {
    /// The users' numbers in the group, ascending.
    pub(crate) users: Vec<u8>,
    /// The place of each number in `users`.
    places: [u16; GROUP],
}

const NOT_WANTED: u16 = u16::MAX;

impl WantedUsers {
    pub(crate) fn new(users: Vec<u8>) -> Self {
        let mut places = [NOT_WANTED; GROUP];
        for (place, user) in (0..).zip(&users) {
            if let Some(slot) = places.get_mut(usize::from(*user)) {
                *slot = place;
            }
        }
        Self { users, places }
    }
}

impl Selection {
    /// Selects the rows of the wanted users from sources that are sorted by the name's text and
    /// then by age. Stores the time of each user's first row later than now in `next`. Returns
    /// false, and selects nothing, if there are more rows than [`Self::most`].
    #[must_use]
    pub(crate) fn fill(
        &mut self,
        sources: &[(u32, RowSource<'_>)],
        wanted: &WantedUsers,
        window: TimeRange,
        next: &mut [i64],
    ) -> bool {
        self.pieces.clear();
        self.users.clear();
        self.rows = 0;
        self.slices.clear();
        for (number, (_, source)) in (0..).zip(sources) {
            self.slice(number, source, wanted, window, next);
        }
        let rows = (self.slices.iter()).map(|slice| u64::from(slice.end - slice.start));
        if self.most.is_some_and(|most| rows.sum::<u64>() > most) {
            return false;
        }
        if sources.len() > 1 {
            self.sort_slices(wanted.users.len());
        }
        let slices = std::mem::take(&mut self.slices);
        let mut rest = slices.as_slice();
        for place in 0..wanted.users.len() {
            let length = rest
                .iter()
                .take_while(|slice| usize::from(slice.place) == place)
                .count();
            let (of_user, after) = rest.split_at_checked(length).unwrap_or_default();
            self.merge(sources, of_user);
            rest = after;
            self.users.push(UserEnd {
                pieces: self.pieces.len() as u32,
                rows: self.rows,
            });
        }
        self.slices = slices;
        true
    }

    /// Collects the rows of all wanted users in one source, by user.
    fn slice(
        &mut self,
        number: u32,
        source: &RowSource<'_>,
        wanted: &WantedUsers,
        window: TimeRange,
        next: &mut [i64],
    ) {
        let checked = source.spans(window);
        let mut take = |place: u16, rows: Range<u32>| {
            let Range { mut start, mut end } = rows;
            if checked.late && start < end && source.time(end - 1) > window.now {
                end = partition(start..end, |row| source.time(row) <= window.now);
                if let Some(next) = next.get_mut(usize::from(place)) {
                    *next = (*next).min(source.time(end));
                }
            }
            if checked.early && start < end && source.time(start) <= window.after {
                start = partition(start..end, |row| source.time(row) <= window.after);
            }
            if start < end {
                self.slices.push(Slice {
                    place,
                    source: number,
                    start,
                    end,
                });
            }
        };
        if let [user] = wanted.users.as_slice() {
            take(0, source.user(usize::from(*user)));
        } else {
            source.each_user(|user, rows| match wanted.places.get(user) {
                Some(&NOT_WANTED) | None => {}
                Some(place) => take(*place, rows),
            });
        }
    }

    /// Sorts the slices by user. Slices of one user stay in the order of their sources.
    fn sort_slices(&mut self, users: usize) {
        let mut ends = [0_u32; GROUP + 1];
        for slice in &self.slices {
            if let Some(end) = ends.get_mut(usize::from(slice.place) + 1) {
                *end += 1;
            }
        }
        let mut total = 0;
        for end in ends.iter_mut().take(users + 1) {
            total += *end;
            *end = total;
        }
        self.sorted.clear();
        self.sorted.resize(self.slices.len(), Slice::default());
        for slice in &self.slices {
            if let Some(at) = ends.get_mut(usize::from(slice.place)) {
                if let Some(place) = self.sorted.get_mut(*at as usize) {
                    *place = *slice;
                }
                *at += 1;
            }
        }
        std::mem::swap(&mut self.slices, &mut self.sorted);
    }

    /// Appends a user's rows in order of time; at one instant in order of source. The first of
    /// several duplicates stays.
    fn merge(&mut self, sources: &[(u32, RowSource<'_>)], slices: &[Slice]) {
        self.fresh = true;
        let time = |source: u32, row| {
            sources
                .get(source as usize)
                .map_or(0, |(_, source)| source.time(row))
        };
        // Rows that are already in order of time are taken source by source.
        let ordered = slices.windows(2).all(|pair| match pair {
            [a, b] => time(a.source, a.end - 1) < time(b.source, b.start),
            _ => true,
        });
        if ordered {
            for slice in slices {
                self.push(slice.source, slice.start..slice.end);
            }
            return;
        }
        let mut merged = std::mem::take(&mut self.merged);
        merged.clear();
        for slice in slices {
            merged.extend(
                (slice.start..slice.end).map(|row| (time(slice.source, row), slice.source, row)),
            );
        }
        // The sort is stable, and fast on sequences that are sorted already.
        merged.sort_by_key(|(time, ..)| *time);
        let name = |source: u32| sources.get(source as usize).map(|(name, _)| *name);
        let tied = |a: &RowPosition, b: &RowPosition| a.0 == b.0 && name(a.1) == name(b.1);
        for tied in merged.chunk_by(tied) {
            self.duplicates.clear();
            for (_, number, row) in tied {
                let duplicate = tied.len() > 1
                    && (sources.get(*number as usize))
                        .is_some_and(|(_, source)| self.duplicates.next(source.insert(*row)));
                if !duplicate {
                    self.push(*number, *row..*row + 1);
                }
            }
        }
        self.merged = merged;
    }

    fn push(&mut self, source: u32, rows: Range<u32>) {
        let length = rows.end - rows.start;
        self.rows += length;
        // Pieces continue across users: a whole block of one source is one piece.
        match self.pieces.last_mut() {
            Some(last)
                if !(self.fresh && self.keep_users_apart)
                    && last.source == source
                    && last.row + last.length == rows.start =>
            {
                last.length += length;
            }
            _ => self.pieces.push(Piece {
                source,
                row: rows.start,
                length,
            }),
        }
        self.fresh = false;
    }
}
