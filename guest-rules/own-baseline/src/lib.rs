//! Decides the cohort of users whose spending is unusual for themselves. A member spent more in the
//! last 7 days than the user's own weekly mean plus three standard deviations, and more than twice
//! that mean. The 12 weeks before are the baseline, and six of them must have a purchase.
//!
//! It is no clause, because a clause compares a sum with a number of the definition, never with
//! another sum of the same user.

use muster_rule::{rule, weeks};

const WEEKS: usize = 12;
const KNOWN_WEEKS: usize = 6;
const DEVIATIONS: f64 = 3.0;
/// A user who spends the same each week has no deviation, so that a cent more would be unusual.
const TIMES: f64 = 2.0;

rule! {
    cohort "own-baseline" when spends_unusually;
    user Shopper {}
    events purchases: Purchase = "Purchase" in_last(weeks(WEEKS as i64 + 1)) { amount: number }
}

/// Returns true if this week is far above the weeks before. Weeks are spans of 7 days that end now.
/// Their windows note when the next purchase moves from one to another, so `until` is derived.
fn spends_unusually(user: &Shopper) -> bool {
    let spent = |weeks_ago: usize| {
        let ago = weeks_ago as i64;
        let week = user.purchases().in_last(weeks(ago + 1));
        week.before_last(weeks(ago))
            .sum_of(|purchase| purchase.amount())
    };
    let former: [f64; WEEKS] = core::array::from_fn(|week| spent(week + 1));
    if former.iter().filter(|spent| **spent > 0.0).count() < KNOWN_WEEKS {
        return false;
    }
    let mean = former.iter().sum::<f64>() / WEEKS as f64;
    let squares = former.iter().map(|spent| (spent - mean).powi(2));
    let deviation = (squares.sum::<f64>() / WEEKS as f64).sqrt();
    let unusual = (mean + DEVIATIONS * deviation).max(TIMES * mean);
    spent(0) > unusual
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_rule::days;
    use muster_rule::testing::TestUser;

    /// Makes a user with a purchase a day after the start of each week, the current week first.
    fn shopper(amounts: &[f64]) -> TestUser {
        let weeks_ago = amounts.iter().zip(0..);
        let user = TestUser::at("2026-03-01T00:00:00Z");
        weeks_ago.fold(user, |user, (amount, week)| {
            user.event("Purchase", days(week * 7 + 6))
                .having("amount", *amount)
        })
    }

    /// Makes a user who spent so much in this week, and two amounts by turns before.
    fn after(this_week: f64, even: f64, odd: f64) -> TestUser {
        let mut amounts = vec![this_week];
        amounts.extend([even, odd].into_iter().cycle().take(WEEKS));
        shopper(&amounts)
    }

    #[test]
    fn a_steady_spender_must_spend_twice_as_much() {
        assert!(!after(100.0, 50.0, 50.0).ask::<Shopper>().member);
        let answer = after(100.01, 50.0, 50.0).ask::<Shopper>();
        assert!(answer.member);
        // The purchases move to the weeks before in a day.
        assert_eq!(answer.until, Some("2026-03-02T00:00:00Z".into()));
    }

    #[test]
    fn the_deviation_counts_for_a_wavering_spender() {
        // The mean is 50 and the deviation 30.
        assert!(!after(140.0, 20.0, 80.0).ask::<Shopper>().member);
        let user = after(140.01, 20.0, 80.0);
        assert!(user.ask::<Shopper>().member);
        // A day later the large week is part of the baseline.
        assert!(!user.later("2026-03-02").ask::<Shopper>().member);
    }

    #[test]
    fn a_short_history_is_no_baseline() {
        let member = |weeks: usize| {
            let mut amounts = vec![500.0];
            amounts.extend(vec![10.0; weeks]);
            shopper(&amounts).ask::<Shopper>().member
        };
        assert!(!member(KNOWN_WEEKS - 1));
        assert!(member(KNOWN_WEEKS));
    }
}
