//! The check of a case on the real module.

use std::collections::{BTreeMap, BTreeSet};

use muster_definition::Clause;
use muster_definition::interpreter::{Trace, trace};
use muster_document::{Span, quote};
use muster_model::Millis;

use super::case::{Case, CaseKind, CaseStep, Expected, Until, UsersAt};
use super::coverage::Coverage;
use super::subject::Subject;
use super::world::CaseStore;

/// An expectation of a case that is not met.
pub(super) struct CaseFailure {
    /// The place of the expectation in the test file.
    pub(super) span: Span,
    pub(super) message: String,
    /// The trace of the clause, unless a hand-written rule decides.
    pub(super) trace: Option<Trace>,
}

/// Runs a case and returns the expectations that are not met.
///
/// # Errors
/// If the module or the store fails.
pub(super) fn check(
    subject: &Subject,
    case: &Case,
    coverage: Option<&mut Coverage>,
) -> anyhow::Result<Vec<CaseFailure>> {
    let mut checker = Checker {
        subject,
        coverage,
        failures: Vec::new(),
    };
    match &case.what {
        CaseKind::UsersAt(users) => checker.users_at(users, case.span)?,
        CaseKind::Steps(steps) => checker.steps(steps)?,
    }
    Ok(checker.failures)
}

struct Checker<'s, 'c> {
    subject: &'s Subject,
    coverage: Option<&'c mut Coverage>,
    failures: Vec<CaseFailure>,
}

impl Checker<'_, '_> {
    fn fails(&mut self, span: Span, message: String, trace: Option<Trace>) {
        self.failures.push(CaseFailure {
            span,
            message,
            trace,
        });
    }

    fn users_at(&mut self, case: &UsersAt, span: Span) -> anyhow::Result<()> {
        let world = CaseStore::new(self.subject)?;
        world.append(&case.rows)?;
        world.run(case.at)?;
        let members = world.members()?;
        let mut traces = self.traces(&world, &members, case.at, span)?;
        let mut expiries = Vec::new();
        for expected in &case.users {
            let user = quote(&expected.user);
            let trace = traces.remove(&expected.user);
            let known = world.history(&expected.user, case.at)?.is_some();
            let member = members.contains(&expected.user);
            if member != expected.member {
                let (is, should) = (word(member), word(expected.member));
                let why = if known {
                    ""
                } else {
                    ", because the user has no event or property yet"
                };
                let message = format!("{user} is {is} at {}{why}, and should be {should}", case.at);
                self.fails(expected.span, message, trace);
                continue;
            }
            let Some((until, span)) = expected.until else {
                continue;
            };
            let wanted = match until {
                Until::At(until) => Some(until),
                Until::Never => None,
            };
            let later = case.rows.instants_after(case.at, &expected.user);
            // The answer for a user without rows never changes with time.
            let has_rows = known || !later.is_empty();
            let decided = match &self.subject.clause {
                Some(clause) => Some(turns(clause, &world, expected, case.at, &later)?),
                None if !has_rows => Some(None),
                None => None,
            };
            if let Some(until) = decided.filter(|until| *until != wanted) {
                let (stands, should) = (stands(until), stands(wanted));
                let message = format!(
                    "{user} is {} {stands}, and should be {should}",
                    word(member)
                );
                self.fails(span, message, trace);
            } else if has_rows {
                expiries.push(ExpectedExpiry {
                    user: &expected.user,
                    member,
                    // Nothing is later than this.
                    at: wanted.unwrap_or(Millis::MAX),
                    turns: wanted.is_some(),
                    span,
                });
            }
        }
        self.expiries(case, expiries)
    }

    /// Moves the clock to the expected expiries and to the times of stored rows, and makes a run at
    /// each, which evaluates only due users. This finds an answer whose expiry is too early or too
    /// late.
    fn expiries(
        &mut self,
        case: &UsersAt,
        mut users: Vec<ExpectedExpiry<'_>>,
    ) -> anyhow::Result<()> {
        let Some(last) = users.iter().map(|user| user.at).max() else {
            return Ok(());
        };
        let world = CaseStore::new(self.subject)?;
        world.append(&case.rows)?;
        world.run(case.at)?;
        let mut instants: BTreeSet<Millis> = case.rows.instants().collect();
        for user in &users {
            instants.extend([Millis(user.at.0 - 1), user.at]);
        }
        for at in instants {
            if at <= case.at || at > last {
                continue;
            }
            world.run(at)?;
            let members = world.members()?;
            users.retain(|user| {
                let (name, was) = (quote(user.user), word(user.member));
                let stands = members.contains(user.user) == user.member;
                let message = match (at < user.at, stands) {
                    (true, true) => return true,
                    (true, false) => format!("{name} stops being {was} before {}", user.at),
                    (false, true) if user.turns => format!("{name} is still {was} at {at}"),
                    (false, false) if !user.turns => format!("{name} is not {was} for ever"),
                    (false, _) => return false,
                };
                let message = format!("{message}, as the module answers");
                self.fails(user.span, message, None);
                false
            });
        }
        Ok(())
    }

    fn steps(&mut self, steps: &[CaseStep]) -> anyhow::Result<()> {
        let world = CaseStore::new(self.subject)?;
        let mut before = BTreeSet::new();
        for step in steps {
            world.append(&step.rows)?;
            world.run(step.at)?;
            let members = world.members()?;
            let traces = self.traces(&world, &members, step.at, step.span)?;
            let entered: BTreeSet<_> = members.difference(&before).cloned().collect();
            let exited: BTreeSet<_> = before.difference(&members).cloned().collect();
            for (verb, wanted, moved) in [
                ("enter", &step.enters, entered),
                ("exit", &step.exits, exited),
            ] {
                let Some(wanted) = wanted else { continue };
                for user in wanted.symmetric_difference(&moved) {
                    let name = quote(user);
                    let message = if moved.contains(user) {
                        format!("{name} {verb}s at {}, and should not", step.at)
                    } else {
                        format!("{name} does not {verb} at {}, and should", step.at)
                    };
                    self.fails(step.span, message, traces.get(user).cloned());
                }
            }
            before = members;
        }
        Ok(())
    }

    /// Returns the trace of each known user. A module whose answer differs from that of the
    /// interpreter is a failure.
    fn traces(
        &mut self,
        world: &CaseStore<'_>,
        members: &BTreeSet<String>,
        at: Millis,
        span: Span,
    ) -> anyhow::Result<BTreeMap<String, Trace>> {
        let mut traces = BTreeMap::new();
        let Some(clause) = &self.subject.clause else {
            return Ok(traces);
        };
        for user in world.users()? {
            let Some(history) = world.history(&user, at)? else {
                continue;
            };
            let trace = trace(clause, &history, at);
            if let Some(coverage) = &mut self.coverage {
                coverage.add(&trace);
            }
            let member = members.contains(&user);
            if member != trace.holds {
                let message = format!(
                    "the module answers {} for {} at {at}, and the interpreter {}: this is a fault in Muster",
                    word(member),
                    quote(&user),
                    word(trace.holds)
                );
                self.fails(span, message, Some(trace.clone()));
            }
            traces.insert(user, trace);
        }
        Ok(traces)
    }
}

/// Returns the instant at which the answer for a user changes without new events. The rows that are
/// stored for later instants count from then on, as in a run.
fn turns(
    clause: &Clause,
    world: &CaseStore<'_>,
    expected: &Expected,
    at: Millis,
    later: &BTreeSet<Millis>,
) -> anyhow::Result<Option<Millis>> {
    let traced = |at| -> anyhow::Result<_> {
        let history = world.history(&expected.user, at)?;
        let trace = history.map(|history| trace(clause, &history, at));
        Ok(trace.map_or((false, None), |trace| (trace.holds, trace.until)))
    };
    let (_, mut until) = traced(at)?;
    for next in later {
        if until.is_some_and(|until| until < *next) {
            break;
        }
        let (holds, then) = traced(*next)?;
        if holds != expected.member {
            return Ok(Some(*next));
        }
        until = then;
    }
    Ok(until)
}

/// A user whose answer must change at an instant, or never.
struct ExpectedExpiry<'a> {
    user: &'a str,
    /// The answer before that instant.
    member: bool,
    at: Millis,
    /// The answer changes at that instant.
    turns: bool,
    span: Span,
}

fn word(member: bool) -> &'static str {
    if member { "in" } else { "out" }
}

fn stands(until: Option<Millis>) -> String {
    until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"))
}
