//! Decides a cohort that a YAML definition cannot express. A loyal shopper
//!
//! - bought in at least 3 of the last 4 spans of 7 days, the last of which ends now,
//! - spent 40 or more on average over the last 3 purchases that have an amount,
//! - and never returned two things in a row without a purchase between them.

use muster_rule::{DecimalSum, rule, weeks};

const SPANS: i64 = 4;
const BOUGHT_IN: usize = 3;
const BASKETS: usize = 3;
const AVERAGE: f64 = 40.0;

rule! {
    cohort "loyal-shopper" when is_loyal;
    /// A shopper. The streams have no lookback, because the last three purchases may lie anywhere
    /// in the history.
    user Shopper {}
    events purchases: Purchase = "Purchase" { amount: number }
    events refunds: Refund = "Refund" {}
}

fn is_loyal(user: &Shopper) -> bool {
    let bought_in_span = |span: &i64| {
        let span = user
            .purchases()
            .in_last(weeks(span + 1))
            .before_last(weeks(*span));
        !span.is_empty()
    };
    !sent_two_back_in_a_row(user)
        && last_baskets_average(user) >= Some(AVERAGE)
        && (0..SPANS).filter(bought_in_span).count() >= BOUGHT_IN
}

/// Returns true if two refunds have no purchase between them. A purchase at the instant of either
/// one counts as between.
fn sent_two_back_in_a_row(user: &Shopper) -> bool {
    let pairs = user.refunds().zip(user.refunds().skip(1));
    pairs.into_iter().any(|(one, next)| {
        let between = user.purchases().since(one.time()).first();
        between.is_none_or(|purchase| purchase.time() > next.time())
    })
}

/// Returns the average amount of the last purchases; `None` if there are too few.
fn last_baskets_average(user: &Shopper) -> Option<f64> {
    let known = user
        .purchases()
        .rev()
        .filter_map(|purchase| purchase.amount());
    let (mut sum, mut count) = (DecimalSum::default(), 0);
    for amount in known.take(BASKETS) {
        sum.add(amount);
        count += 1;
    }
    (count == BASKETS).then(|| sum.over(BASKETS as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_rule::testing::TestUser;
    use muster_rule::{Instant, Span, days};

    const NOW: &str = "2026-03-01T00:00:00Z";

    /// Makes a user with purchases of an amount so long ago.
    fn buyer(amount: f64, ago: &[Span]) -> TestUser {
        let bought =
            |user: TestUser, ago: &Span| user.event("Purchase", *ago).having("amount", amount);
        ago.iter().fold(TestUser::at(NOW), bought)
    }

    #[test]
    fn three_of_four_spans_make_a_member() {
        let user = buyer(40.0, &[weeks(3), weeks(1), days(0)]);
        let answer = user.ask::<Shopper>();
        // The purchases lie in spans 3, 1 and 0. That of a week ago and that of three weeks ago
        // have just changed their spans, and that of now changes it in a week.
        assert!(answer.member);
        let next = Instant::from(NOW) + weeks(1);
        assert_eq!(answer.until, Some(next));
        // A week later the oldest purchase has left.
        assert!(!user.later(next).ask::<Shopper>().member);
    }

    #[test]
    fn two_spans_are_too_few() {
        let user = buyer(40.0, &[weeks(3), Span(weeks(1).ms() - 1), days(0)]);
        let answer = user.ask::<Shopper>();
        assert!(!answer.member);
        // In a millisecond the second purchase lies in the span before.
        assert_eq!(answer.until, Some(Instant(Instant::from(NOW).0 + 1)));
        assert!(user.later(answer.until.unwrap()).ask::<Shopper>().member);
    }

    #[test]
    fn the_last_three_amounts_count() {
        let member = |amount| {
            buyer(amount, &[weeks(2), weeks(1), days(0)])
                .ask::<Shopper>()
                .member
        };
        assert!(member(40.0));
        assert!(!member(39.99));
        // A purchase without an amount counts for its span only.
        let user = buyer(40.0, &[weeks(2), weeks(1)]).event("Purchase", days(0));
        assert!(!user.ask::<Shopper>().member);
        assert!(
            user.event("Purchase", weeks(50))
                .having("amount", 90)
                .ask::<Shopper>()
                .member
        );
    }

    #[test]
    fn two_refunds_in_a_row_exclude_a_user_for_good() {
        let user = buyer(50.0, &[weeks(2), weeks(1), days(1)]);
        let once = user.event("Refund", days(3));
        assert!(once.ask::<Shopper>().member);
        assert!(
            once.clone()
                .event("Refund", days(1))
                .ask::<Shopper>()
                .member
        );
        let answer = once.event("Refund", days(2)).ask::<Shopper>();
        assert!(!answer.member);
        assert_eq!(answer.until, None);
    }
}
