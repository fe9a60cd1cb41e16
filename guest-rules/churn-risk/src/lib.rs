//! Decides the cohort of users who may leave, by a score over sessions that decays. A session
//! weighs 1 when it happens, and half as much after each 14 days. A member's score is below half of
//! the score of 28 days ago, and at that time the user had four sessions or more.
//!
//! It is no clause, because a clause counts the events of a window alike: none weighs an event by
//! its age.

use muster_rule::{Events, Instant, Span, days, rule};

const HALF_LIFE: Span = days(14);
const FORMERLY: Span = days(28);
const SHARE: f64 = 0.5;
const SESSIONS: usize = 4;
/// The lookback. A session of this age weighs less than 0.0002, and then counts no more.
const LOOKBACK: Span = days(180);

rule! {
    cohort "churn-risk" when may_leave;
    user Visitor {}
    events sessions: Session = "Session Started" in_last(LOOKBACK) {}
}

/// Returns true if the score fell below the share.
///
/// All weights decay alike. So the share is the same at any instant from which the ages are
/// measured, and changes only when a session becomes 28 days old or leaves the lookback. The
/// windows note both. Measuring from now would give the same share, but ask again at each run.
fn may_leave(user: &Visitor) -> bool {
    let sessions = user.sessions().in_last(LOOKBACK);
    let former = sessions.before_last(FORMERLY);
    let Some(newest) = user.sessions().last() else {
        return false;
    };
    former.at_least(SESSIONS)
        && score(sessions, newest.time()) < SHARE * score(former, newest.time() - FORMERLY)
}

/// Returns the sum of the sessions' weights at an instant.
fn score(sessions: Events<'_, Session<'_>>, at: Instant) -> f64 {
    let half_lives = |session: Session<'_>| (at - session.time()).in_days() / HALF_LIFE.in_days();
    sessions.map(|session| (-half_lives(session)).exp2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ops::RangeInclusive;
    use muster_rule::testing::TestUser;
    use muster_rule::weeks;

    /// Makes a user with a session in each of these weeks before now.
    fn visitor(weeks_ago: RangeInclusive<i64>) -> TestUser {
        weeks_ago.fold(TestUser::at("2026-03-01T00:00:00Z"), |user, ago| {
            user.event("Session Started", weeks(ago))
        })
    }

    #[test]
    fn a_user_who_stays_away_becomes_a_member() {
        let answer = visitor(5..=12).ask::<Visitor>();
        assert!(answer.member);
        // The oldest session, of 84 days ago, leaves the lookback.
        assert_eq!(answer.until, Some("2026-06-05T00:00:00Z".into()));
    }

    #[test]
    fn the_clock_alone_makes_a_member_of_a_weekly_visitor() {
        let user = visitor(1..=12);
        let answer = user.ask::<Visitor>();
        assert!(!answer.member);
        // The session of three weeks ago becomes 28 days old.
        assert_eq!(answer.until, Some("2026-03-08T00:00:00Z".into()));
        // Both scores are close to a half a week later, and far from it after another.
        let member = |at| user.clone().later(at).ask::<Visitor>().member;
        assert!(!member("2026-03-08"));
        assert!(member("2026-03-15"));
        assert!(member("2026-06-01"));
        // A user who never comes again leaves the cohort in the end.
        assert!(!member("2026-09-01"));
    }

    #[test]
    fn one_session_brings_a_user_back() {
        let back = visitor(5..=12).event("Session Started", days(0));
        assert!(!back.ask::<Visitor>().member);
    }

    #[test]
    fn a_user_who_hardly_came_is_no_loss() {
        let answer = visitor(5..=7).ask::<Visitor>();
        assert!(!answer.member);
        assert_eq!(answer.until, None);
    }
}
