//! A generator of events, in any number and the same for a seed: skewed users, twenty names, in
//! order of time.

use muster_model::{EventBuffer, Millis, ScalarRef};

/// The parameters of the generated events.
#[derive(Clone, Copy)]
pub struct Shape {
    pub events: u64,
    pub users: u64,
    pub names: u64,
    /// The number of properties in addition to the usual ones.
    pub more_properties: u32,
    /// True if one event in ten is older than the others around it, by up to ten days.
    pub late: bool,
    /// True if events have insert ids.
    pub inserts: bool,
}

/// The time of the first event, 2026-01-01. The events spread over 90 days.
pub const START: i64 = 1_767_225_600_000;
pub const DAY: i64 = 86_400_000;
pub const SPAN: i64 = 90 * DAY;

pub struct Generator {
    shape: Shape,
    state: u64,
    made: u64,
    users: Vec<String>,
    names: Vec<String>,
    pages: Vec<String>,
    columns: Vec<String>,
    /// Cumulative weights of the names.
    weights: Vec<f64>,
}

const COMMON: [&str; 20] = [
    "View Item",
    "Search",
    "Open App",
    "Scroll",
    "Purchase",
    "Add To Cart",
    "Login",
    "Share",
    "Like",
    "Play",
    "Pause",
    "Comment",
    "Refund",
    "Remove",
    "Rate",
    "Follow",
    "Invite",
    "Export",
    "Settings",
    "Logout",
];
const PLATFORMS: [&str; 3] = ["ios", "android", "web"];

impl Generator {
    pub fn new(shape: Shape) -> Self {
        let names: Vec<String> = (0..shape.names)
            .map(|n| {
                COMMON
                    .get(n as usize)
                    .map_or_else(|| format!("Event {n}"), ToString::to_string)
            })
            .collect();
        let mut total = 0.0;
        let weights = (0..shape.names)
            .map(|n| {
                // A Zipf-like distribution, in which Purchase has 5 % and Refund 2 %.
                total += 1.0 / (n as f64 + 1.6);
                total
            })
            .collect();
        Self {
            shape,
            state: 42,
            made: 0,
            users: (0..shape.users)
                .map(|n| format!("user-{:08}@example.com", n.wrapping_mul(7919) % 100_000_000))
                .collect(),
            names,
            pages: (0..200).map(|n| format!("/catalogue/page-{n}")).collect(),
            columns: (0..shape.more_properties)
                .map(|n| format!("property_{n:02}"))
                .collect(),
            weights,
        }
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Fills a buffer with the next events. Returns false if none are left.
    pub fn fill(&mut self, buffer: &mut EventBuffer, count: u64) -> bool {
        buffer.clear();
        let total = *self.weights.last().unwrap();
        for _ in 0..count.min(self.shape.events - self.made) {
            let mut time =
                START + (self.made as f64 / self.shape.events as f64 * SPAN as f64) as i64;
            let random = self.next();
            if self.shape.late && random.is_multiple_of(10) {
                time -= (random >> 8) as i64 % (10 * DAY);
            }
            let skewed = self.unit().powf(2.5);
            let user = ((skewed * self.shape.users as f64) as usize).min(self.users.len() - 1);
            let wanted = self.unit() * total;
            let name = self
                .weights
                .partition_point(|weight| *weight < wanted)
                .min(self.names.len() - 1);
            let insert = self
                .shape
                .inserts
                .then(|| format!("{random:016x}-{}", self.made));
            buffer.event(
                &self.users[user],
                &self.names[name],
                Millis(time),
                insert.as_deref(),
            );
            if name == 4 || name == 12 {
                let cents = 100 + (random >> 20) % 20_000;
                buffer.property("amount", ScalarRef::Number(cents as f64 / 100.0));
            } else {
                let page = (random >> 24) as usize % 200;
                buffer.property("page", ScalarRef::Text(&self.pages[page]));
            }
            buffer.property(
                "platform",
                ScalarRef::Text(PLATFORMS[(random >> 33) as usize % 3]),
            );
            for n in 0..self.columns.len() {
                let random = self.next();
                match n % 3 {
                    0 => {
                        buffer.property(&self.columns[n], ScalarRef::Number((random % 1000) as f64))
                    }
                    1 => buffer.property(
                        &self.columns[n],
                        ScalarRef::Text(&self.pages[random as usize % 200]),
                    ),
                    _ => buffer.property(&self.columns[n], ScalarRef::Flag(random & 1 == 0)),
                }
            }
            self.made += 1;
        }
        !buffer.is_empty()
    }
}
