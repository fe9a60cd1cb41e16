//! Draws random numbers that are the same on every machine and in every version.
//!
//! This is our own code, and little of it. The generators of crates promise the same bits, but not
//! the same draws from a range in their next version, and `powf` and `ln` differ by platform. This
//! module uses only integers and the five operations that IEEE 754 fixes to the bit (+ − × ÷ √).

/// The generator xoshiro256++ by Blackman and Vigna, seeded through their SplitMix64.
pub(super) struct Xoshiro([u64; 4]);

impl Xoshiro {
    pub(super) fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| split_mix(&mut state)))
    }

    pub(super) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Returns a number in `0..bound`. The bias of one multiplication is below 2⁻³², which no count
    /// here can show.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Returns a number in 0 ≤ x < 1, a multiple of 2⁻⁵³.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns true in `share` of a thousand draws.
    pub(super) fn per_mille(&mut self, share: u32) -> bool {
        self.below(1000) < share
    }

    /// Returns one of a table's entries by their weights.
    pub(super) fn weighted<T: Copy>(&mut self, table: &[(T, u32)], otherwise: T) -> T {
        let mut drawn = self.below(table.iter().map(|(_, weight)| weight).sum());
        for (entry, weight) in table {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return *entry,
            }
        }
        otherwise
    }

    /// Returns one entry of a list.
    pub(super) fn one_of<T: Copy>(&mut self, list: &[T], otherwise: T) -> T {
        let at = self.below(list.len() as u32);
        list.get(at as usize).copied().unwrap_or(otherwise)
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed(*state)
}

/// Mixes bits by SplitMix64's last step, so that close numbers become distant ones.
pub(super) fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A random choice of users by activity: the user of rank r has weight 1 / (r + q)^skew (Zipf and
/// Mandelbrot). q, a hundredth of the users, keeps the first user from having a fifth of all
/// events. Walker's alias method needs one draw, whatever the number of users.
pub(super) struct UserActivity {
    keep: Vec<f64>,
    alias: Vec<u32>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "every index is below the number of users, which is the length of every list here"
)]
impl UserActivity {
    pub(super) fn new(users: u32, skew: f64, random: &mut Xoshiro) -> Self {
        let count = users as usize;
        let offset = f64::from(users / 100);
        let mut keep: Vec<f64> = (0..users)
            .map(|rank| 1.0 / power(f64::from(rank + 1) + offset, skew))
            .collect();
        // The ranks of the users are random too (Fisher and Yates), so that a name does not show
        // how active a user is.
        for last in (1..users).rev() {
            keep.swap(last as usize, random.below(last + 1) as usize);
        }
        let mean = keep.iter().sum::<f64>() / f64::from(users);
        keep.iter_mut().for_each(|weight| *weight /= mean);

        let mut alias: Vec<u32> = (0..users).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..users).partition(|user| keep[*user as usize] < 1.0);
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            alias[poor as usize] = rich;
            keep[rich as usize] -= 1.0 - keep[poor as usize];
            if keep[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        debug_assert_eq!(alias.len(), count);
        Self { keep, alias }
    }

    pub(super) fn draw(&self, random: &mut Xoshiro) -> u32 {
        let user = random.below(self.keep.len() as u32);
        if random.unit() < self.keep[user as usize] {
            user
        } else {
            self.alias[user as usize]
        }
    }
}

/// Returns `base` to a power ≥ 0, by whole powers and repeated square roots. The exponent is
/// rounded to 20 binary places.
fn power(base: f64, exponent: f64) -> f64 {
    let mut result = 1.0;
    let mut whole = exponent as u32;
    let mut square = base;
    while whole > 0 {
        if whole % 2 == 1 {
            result *= square;
        }
        square *= square;
        whole /= 2;
    }
    let mut rest = exponent - f64::from(exponent as u32);
    let mut root = base;
    for _ in 0..20 {
        root = root.sqrt();
        rest *= 2.0;
        if rest >= 1.0 {
            rest -= 1.0;
            result *= root;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_do_not_change_between_versions() {
        let mut random = Xoshiro::new(1);
        let drawn: Vec<u32> = (0..8).map(|_| random.below(1000)).collect();
        assert_eq!(drawn, [811, 747, 100, 746, 184, 590, 986, 523]);
    }

    #[test]
    fn powers_are_right() {
        for (base, exponent) in [(2.0, 0.0), (7.0, 1.0), (10.0, 1.1), (3.5, 2.75)] {
            let exact: f64 = f64::powf(base, exponent);
            assert!((power(base, exponent) / exact - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn busy_users_are_drawn_more_often() {
        let mut random = Xoshiro::new(5);
        let mut draws = |skew| {
            let activity = UserActivity::new(1000, skew, &mut random);
            let mut counts = vec![0_u32; 1000];
            for _ in 0..100_000 {
                counts[activity.draw(&mut random) as usize] += 1;
            }
            counts.sort_unstable();
            counts
        };
        let even = draws(0.0);
        assert!(even[0] > 50 && even[999] < 160);
        let skewed = draws(1.1);
        assert!(skewed[999] > 1000 && skewed[500] < 100, "{skewed:?}");
    }
}
