//! The check that a hand-written rule answers for each user alone: the same among other users, in
//! another order and again (wit/cohort.wit).

use muster_document::quote;
use muster_model::Millis;

use super::case::{Case, CaseKind, UsersAt};
use super::check::CaseFailure;
use super::subject::Subject;
use super::world::CaseStore;

/// Returns the users whose answer depends on more than their own rows and the clock. Compiled
/// clauses are not checked, and neither are cases with steps.
///
/// # Errors
/// If the module or the store fails.
pub(super) fn check(subject: &Subject, case: &Case) -> anyhow::Result<Vec<CaseFailure>> {
    let CaseKind::UsersAt(users) = &case.what else {
        return Ok(Vec::new());
    };
    if subject.clause.is_some() {
        return Ok(Vec::new());
    }
    let order: Vec<&str> = users.users.iter().map(|user| user.user.as_str()).collect();
    let reversed: Vec<&str> = order.iter().rev().copied().collect();
    let together = [
        ("beside other users", evaluated(subject, users, &order)?),
        ("in another order", evaluated(subject, users, &reversed)?),
        (
            "when it is evaluated again",
            evaluated(subject, users, &order)?,
        ),
    ];
    let mut failures = Vec::new();
    for expected in &users.users {
        let user = expected.user.as_str();
        let alone = evaluated(subject, users, &[user])?;
        let member = alone.members()?.contains(user);
        let until = alone.next_due()?;
        for (how, world) in &together {
            let difference = if world.members()?.contains(user) != member {
                "another answer"
            } else if !is_until(world, user, until)? {
                "the same answer until another instant"
            } else {
                continue;
            };
            let message = format!(
                "{} gets {difference} {how}: an answer must depend on the user's own rows and the clock alone",
                quote(user)
            );
            failures.push(CaseFailure {
                span: expected.span,
                message,
                trace: None,
            });
            break;
        }
    }
    Ok(failures)
}

/// Returns true if a user's answer expires exactly at an instant, or never.
fn is_until(world: &CaseStore<'_>, user: &str, until: Option<Millis>) -> anyhow::Result<bool> {
    Ok(match until {
        Some(until) => {
            world.is_due(user, until)? && !world.is_due(user, Millis(until.0.saturating_sub(1)))?
        }
        None => !world.is_due(user, Millis::MAX)?,
    })
}

/// Makes a store of users, whose numbers and places in a batch have the given order, and evaluates
/// them.
fn evaluated<'s>(
    subject: &'s Subject,
    case: &UsersAt,
    order: &[&str],
) -> anyhow::Result<CaseStore<'s>> {
    let world = CaseStore::new(subject)?;
    for user in order {
        world.append(&case.rows.of(user))?;
    }
    world.run(case.at)?;
    Ok(world)
}
