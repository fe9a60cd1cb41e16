//! Decides a cohort that a YAML definition cannot express. A loyal shopper
//!
//! - bought in at least 3 of the last 4 spans of 7 days, the last of which ends now,
//! - spent 40 or more on average over the last 3 purchases that have an amount,
//! - and never returned two things in a row without a purchase between them.

use muster_rule::{Answer, DecimalSum, Reads, Rule, Stream, User};

const SPAN: i64 = 7 * 24 * 60 * 60 * 1000;
const SPANS: usize = 4;
const BOUGHT_IN: usize = 3;
const BASKETS: usize = 3;
const AVERAGE: f64 = 40.0;

/// The rule.
#[derive(Debug)]
pub struct LoyalShopper;

muster_rule::export!(LoyalShopper);

impl Rule for LoyalShopper {
    fn reads() -> Reads {
        // The stream has no lookback, because the last three purchases may lie anywhere in the
        // history.
        Reads::for_cohort("loyal-shopper")
            .stream(Stream::of(["Purchase"]).number("amount"))
            .stream(Stream::of(["Refund"]))
    }

    fn answer(user: &User<'_>) -> Answer {
        let (purchases, refunds) = (user.events(0), user.events(1));
        decide(
            user.now(),
            purchases.times(),
            purchases.numbers(0),
            refunds.times(),
        )
    }
}

fn decide(now: i64, purchases: &[i64], amounts: &[f64], refunds: &[i64]) -> Answer {
    // Neither of these conditions changes by the clock alone.
    if two_in_a_row(refunds, purchases) || average(amounts).is_none_or(|average| average < AVERAGE)
    {
        return Answer::stranger();
    }
    let mut bought = [false; SPANS];
    let mut until = i64::MAX;
    for time in purchases
        .iter()
        .rev()
        .take_while(|time| **time > now - SPAN * SPANS as i64)
    {
        // Span 0 is now - 7 days < t <= now.
        let span = (now - time) / SPAN;
        bought[span as usize] = true;
        // From that instant on the purchase counts for the span before, or for none.
        until = until.min(time + (span + 1) * SPAN);
    }
    Answer::of(bought.iter().filter(|bought| **bought).count() >= BOUGHT_IN).until(until)
}

/// Returns true if two refunds have no purchase between them. A purchase at the instant of either
/// one counts as between.
fn two_in_a_row(refunds: &[i64], purchases: &[i64]) -> bool {
    refunds.windows(2).any(|pair| {
        let next = purchases.partition_point(|time| *time < pair[0]);
        purchases.get(next).is_none_or(|time| *time > pair[1])
    })
}

fn average(amounts: &[f64]) -> Option<f64> {
    let known = amounts
        .iter()
        .rev()
        .filter(|amount| !amount.is_nan())
        .take(BASKETS);
    let known: Vec<f64> = known.copied().collect();
    let sum: DecimalSum = known.iter().copied().collect();
    (known.len() == BASKETS).then(|| sum.over(BASKETS as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100 * SPAN;

    #[test]
    fn averages_of_decimals_are_exact() {
        assert_eq!(average(&[0.1; 3]), Some(0.1));
        assert_eq!(average(&[0.1; 2]), None);
    }

    #[test]
    fn three_of_four_spans_make_a_member() {
        let bought = [NOW - 3 * SPAN, NOW - SPAN, NOW];
        // The purchases lie in spans 3, 1 and 0. The first to change its span is that of a week
        // ago, at once: it lies on a border.
        let answer = decide(NOW, &bought, &[40.0; 3], &[]);
        assert_eq!(answer, Answer::member().until(NOW + SPAN));
        // Just before that instant the purchase was in the span after.
        let answer = decide(NOW - 1, &bought[..2], &[40.0; 3], &[]);
        assert_eq!(answer, Answer::stranger().until(NOW));
        // A week later the oldest purchase has left.
        let answer = decide(NOW + SPAN, &bought, &[40.0; 3], &[]);
        assert_eq!(answer, Answer::stranger().until(NOW + 2 * SPAN));
    }

    /// Checks the answer at each instant at which a purchase crosses a border of spans: none before
    /// `until` changes the membership.
    #[test]
    fn the_answer_holds_until_its_instant() {
        for seed in 0..200_i64 {
            let step = 1 + seed * 37 % 11;
            let mut bought: Vec<i64> = (0..6)
                .map(|n| NOW - n * step * SPAN / 5 - seed * n)
                .collect();
            bought.reverse();
            let answer = |at| format!("{:?}", decide(at, &bought, &[50.0; 6], &[]));
            let member = |at| answer(at).contains("member: true");
            let Some(until) = (decide(NOW, &bought, &[50.0; 6], &[]) != Answer::stranger())
                .then(|| {
                    bought
                        .iter()
                        .flat_map(|time| (1..=4).map(move |span| time + span * SPAN))
                })
                .and_then(|borders| borders.filter(|border| *border > NOW).min())
            else {
                continue;
            };
            assert!(
                answer(NOW).contains(&format!("until: {until}")),
                "{}",
                answer(NOW)
            );
            assert_eq!(member(until - 1), member(NOW));
        }
    }

    #[test]
    fn the_last_three_amounts_count() {
        assert_eq!(average(&[1.0, 30.0, 40.0, f64::NAN, 50.0]), Some(40.0));
        assert_eq!(average(&[50.0, f64::NAN, 50.0]), None);
        let poor = decide(NOW, &[NOW - 2, NOW - 1, NOW], &[39.0; 3], &[]);
        assert_eq!(poor, Answer::stranger());
    }

    #[test]
    fn two_refunds_in_a_row_exclude_a_user_for_good() {
        assert!(!two_in_a_row(&[], &[]));
        assert!(!two_in_a_row(&[5], &[]));
        assert!(two_in_a_row(&[5, 6], &[1, 7]));
        assert!(!two_in_a_row(&[5, 7], &[1, 6]));
        assert!(two_in_a_row(&[5, 7, 8], &[6, 9]));
    }
}
