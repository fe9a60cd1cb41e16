//! The division of a group with very many rows into parts, which bounds the memory that its rows
//! take.

use crate::read::{RowSource, TimeRange, partition};

/// The rows of a group that make one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockPart {
    /// The users' numbers in the group, ascending.
    pub(crate) users: Vec<u8>,
    /// The time range of the rows: all times of whole users, or a range of one user's rows.
    pub(crate) window: TimeRange,
}

/// Cuts the rows of users (ascending) within a window into parts of at most `most` rows, duplicates
/// included. Users stay together while they fit, and a user with more rows is cut by time. All rows
/// of one instant of a user are in one part, however many they are, because duplicates have equal
/// instants. Every part has rows; the order of parts is the order of rows.
pub(crate) fn cut(
    sources: &[(u32, RowSource<'_>)],
    users: &[u8],
    window: TimeRange,
    most: u64,
) -> Vec<BlockPart> {
    let all: u64 = (sources.iter())
        .map(|(_, source)| u64::from(source.rows()))
        .sum();
    if all <= most {
        // Nearly all groups fit in one part. They may have no row within the window.
        let users = users.to_vec();
        return vec![BlockPart { users, window }];
    }
    let mut parts = Vec::new();
    let (mut together, mut rows) = (Vec::new(), 0);
    for user in users {
        let slices = Slices::of(sources, *user);
        let (first, last) = (slices.rows_to(window.after), slices.rows_to(window.now));
        let of_user = last - first;
        if rows + of_user > most && rows > 0 {
            let users = std::mem::take(&mut together);
            parts.push(BlockPart { users, window });
            rows = 0;
        }
        if of_user > most {
            slices.cut(*user, window, most, &mut parts);
        } else if of_user > 0 {
            together.push(*user);
            rows += of_user;
        }
    }
    if rows > 0 {
        let users = together;
        parts.push(BlockPart { users, window });
    }
    parts
}

/// The rows of a user in each source.
struct Slices<'a, 's>(Vec<(&'a RowSource<'s>, std::ops::Range<u32>)>);

impl<'a, 's> Slices<'a, 's> {
    fn of(sources: &'a [(u32, RowSource<'s>)], user: u8) -> Self {
        let slices = sources.iter().map(|(_, source)| {
            let rows = source.user(usize::from(user));
            (source, rows)
        });
        Self(slices.filter(|(_, rows)| !rows.is_empty()).collect())
    }

    /// Returns the number of rows that are not later than an instant.
    fn rows_to(&self, instant: i64) -> u64 {
        let rows = self.0.iter().map(|(source, rows)| {
            // Most sources lie on one side: a user with very many rows has them in many consecutive
            // blocks.
            if source.time(rows.end.saturating_sub(1)) <= instant {
                rows.end - rows.start
            } else if source.time(rows.start) > instant {
                0
            } else {
                partition(rows.clone(), |row| source.time(row) <= instant) - rows.start
            }
        });
        rows.map(u64::from).sum()
    }

    /// Returns the time of the first row later than an instant.
    fn next(&self, instant: i64) -> Option<i64> {
        let times = self.0.iter().filter_map(|(source, rows)| {
            let at = partition(rows.clone(), |row| source.time(row) <= instant);
            (at < rows.end).then(|| source.time(at))
        });
        times.min()
    }

    fn last(&self) -> i64 {
        let times = self.0.iter();
        let times = times.map(|(source, rows)| source.time(rows.end.saturating_sub(1)));
        times.max().unwrap_or(i64::MIN)
    }

    fn cut(&self, user: u8, window: TimeRange, most: u64, parts: &mut Vec<BlockPart>) {
        let end = self.last().min(window.now);
        let mut after = window.after;
        let mut before = self.rows_to(after);
        let all = self.rows_to(end);
        while let Some(first) = self.next(after).filter(|_| before < all) {
            // Find the latest instant up to which the rows fit, but at least the first instant.
            let (mut now, mut high) = (first, end);
            while now < high {
                let middle = high - (high - now) / 2;
                if self.rows_to(middle) - before <= most {
                    now = middle;
                } else {
                    high = middle - 1;
                }
            }
            parts.push(BlockPart {
                users: vec![user],
                window: TimeRange { after, now },
            });
            after = now;
            before = self.rows_to(after);
        }
    }
}
