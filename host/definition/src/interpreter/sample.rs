//! A stable share of users (docs/cohorts.md, "Clauses": `sample`).

use muster_model::user_hash;

/// Returns true if a user is in the share: the user's hash, mixed with the seed, lies in the lowest
/// `percent` of all hashes. This is pure arithmetic, so it is the same on every machine. The
/// compiled module computes the same.
#[must_use]
pub fn sampled(hash: u64, seed: &str, percent: f64) -> bool {
    place(hash, seed) < percent / 100.0
}

/// Returns the place of a user among all users: 0 ≤ place < 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
pub(super) fn place(hash: u64, seed: &str) -> f64 {
    // Mixing gives other users for another seed. This is the finalizer of splitmix64.
    let mut mixed = hash ^ user_hash(seed);
    mixed ^= mixed >> 30;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 27;
    mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // The upper 53 bits are exact as a float.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_its_part_of_all_users() {
        let users = || (0..10_000).map(|user| user_hash(&format!("user {user}")));
        let share = |seed, percent| users().filter(|hash| sampled(*hash, seed, percent)).count();
        assert_eq!(share("", 0.0), 0);
        assert_eq!(share("", 100.0), 10_000);
        for percent in [1.0, 10.0, 50.0] {
            let members = share("", percent) as f64 / 100.0;
            assert!(
                (members - percent).abs() < 1.5,
                "{percent} % became {members} %"
            );
        }
        let both = |hash: &u64| sampled(*hash, "a", 50.0) && sampled(*hash, "b", 50.0);
        let both = users().filter(both).count();
        assert!(
            (2_300..2_700).contains(&both),
            "seeds are independent: {both}"
        );
        let grows = |hash: u64| !sampled(hash, "", 10.0) || sampled(hash, "", 20.0);
        assert!(users().all(grows), "a larger share holds the smaller one");
    }
}
