//! Decides the cohort of users who overdraw their account again and again. A member's last
//! withdrawals, two or more, each left the balance below zero, and no deposit came between or after
//! them.
//!
//! It is no clause, because the balance is a state: each event changes it, and no step of
//! `did_in_order` knows a total of the events before it. With the balance in each event, a
//! definition could say this.

use muster_rule::{DecimalSum, rule};

const IN_A_ROW: usize = 2;

rule! {
    cohort "overdrawn" when overdraws_in_a_row;
    /// An owner of an account. The stream has no lookback, because all events since the first make
    /// the balance.
    user Owner {}
    events bookings: Booking = "Deposit" | "Withdrawal" { what: event_name, amount: number }
}

/// Returns true if the last bookings are overdrafts. The clock is not read, so an answer holds
/// until the next event.
fn overdraws_in_a_row(user: &Owner) -> bool {
    let (mut balance, mut overdrafts) = (DecimalSum::default(), 0);
    // Of one instant, deposits come first: events are ordered by time and name.
    for booking in user.bookings() {
        let Some(amount) = booking.amount() else {
            continue;
        };
        let is_deposit = booking.what() == "Deposit";
        balance.add(if is_deposit { amount } else { -amount });
        overdrafts = if is_deposit || balance.sum() >= 0.0 {
            0
        } else {
            overdrafts + 1
        };
    }
    overdrafts >= IN_A_ROW
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_rule::days;
    use muster_rule::testing::TestUser;

    /// Makes a user with a booking a day: amounts above zero are deposits.
    fn owner(bookings: &[f64]) -> TestUser {
        let newest_first = bookings.iter().rev().zip(0..);
        let user = TestUser::at("2026-03-01T00:00:00Z");
        newest_first.fold(user, |user, (amount, ago)| {
            let name = if *amount > 0.0 {
                "Deposit"
            } else {
                "Withdrawal"
            };
            user.event(name, days(ago)).having("amount", amount.abs())
        })
    }

    #[test]
    fn two_overdrafts_in_a_row_make_a_member_until_a_deposit() {
        for (bookings, member) in [
            (&[100.0, -120.0, -10.0][..], true),
            (&[-10.0, -10.0, -10.0], true),
            // One overdraft.
            (&[100.0, -90.0, -20.0], false),
            // A deposit between, whether it covers the overdraft or not.
            (&[100.0, -120.0, 50.0, -40.0], false),
            (&[100.0, -120.0, 5.0, -10.0], false),
            // Again two after it.
            (&[100.0, -120.0, 5.0, -10.0, -10.0], true),
            // A deposit after them.
            (&[100.0, -120.0, -10.0, 1.0], false),
            (&[], false),
        ] {
            let answer = owner(bookings).ask::<Owner>();
            assert_eq!(answer.member, member, "{bookings:?}");
            assert_eq!(answer.until, None, "{bookings:?}");
        }
    }

    #[test]
    fn a_balance_of_zero_is_no_overdraft() {
        // The sum of these `f64` is below zero.
        assert!(!owner(&[0.3, -0.1, -0.2, -0.1]).ask::<Owner>().member);
    }

    #[test]
    fn a_booking_without_an_amount_is_ignored() {
        let user = owner(&[100.0, -120.0, -10.0]).event("Deposit", days(0));
        assert!(user.ask::<Owner>().member);
    }
}
