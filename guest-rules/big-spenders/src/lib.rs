//! Decides the cohort of users in Seattle who bought for 50 or more at least three times in 30
//! days, without a refund in 7 days. A definition can say this too: the rule is here to compare
//! languages.

use muster_rule::{days, rule};

rule! {
    cohort "big-spenders" when is_big_spender;
    user Shopper { city: text }
    events purchases: Purchase = "Purchase" in_last(days(30)) { amount: number }
    events refunds: Refund = "Refund" in_last(days(7)) {}
}

fn is_big_spender(user: &Shopper) -> bool {
    user.city() == Some("Seattle")
        && user.refunds().in_last(days(7)).is_empty()
        && user
            .purchases()
            .in_last(days(30))
            .filter(|purchase| purchase.amount() >= Some(50.0))
            .at_least(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_rule::testing::TestUser;

    fn user(purchases: &[i32]) -> TestUser {
        let user = TestUser::at("2026-03-01T00:00:00Z").property("city", "Seattle");
        let days_ago = purchases.iter().zip(1..);
        days_ago.fold(user, |user, (amount, ago)| {
            user.event("Purchase", days(ago)).having("amount", *amount)
        })
    }

    #[test]
    fn three_large_purchases_make_a_member() {
        let answer = user(&[50, 60, 10, 70]).ask::<Shopper>();
        assert!(answer.member);
        // The third newest large purchase is four days old.
        assert_eq!(answer.until, Some("2026-03-27T00:00:00Z".into()));
        assert!(!user(&[50, 60, 49]).ask::<Shopper>().member);
        assert!(
            !user(&[50, 60, 70])
                .property("city", "Berlin")
                .ask::<Shopper>()
                .member
        );
    }

    #[test]
    fn a_refund_excludes_for_a_week() {
        let answer = user(&[50, 60, 70])
            .event("Refund", days(2))
            .ask::<Shopper>();
        assert!(!answer.member);
        assert_eq!(answer.until, Some("2026-03-06T00:00:00Z".into()));
    }
}
