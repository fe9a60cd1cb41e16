//! Tables of cases: a clause, now, and rows. Each row has a reason, a user's history and the
//! answer. A history is written as [`muster_testkit::history`] reads it.

use muster_definition::Clause;
use muster_definition::interpreter::{evaluate, trace};
use muster_model::Millis;
use muster_testkit::history::{history, instant};

/// The answer that a row expects: in or out, and the instant until which it holds, if the row names
/// one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExpectedAnswer {
    In,
    Out,
    InUntil(&'static str),
    OutUntil(&'static str),
    InForEver,
    OutForEver,
}

pub(crate) use ExpectedAnswer::{In, InForEver, InUntil, Out, OutForEver, OutUntil};

/// Checks the rows of a table.
pub(crate) fn table(clause: impl Into<Clause>, now: &str, rows: &[(&str, &str, ExpectedAnswer)]) {
    let (clause, now) = (clause.into(), instant(now, Millis(0)));
    for (why, text, says) in rows {
        let history = history(text, now);
        let answer = evaluate(&clause, &history, now);
        let (member, until) = match *says {
            In => (true, answer.until),
            Out => (false, answer.until),
            InUntil(until) => (true, Some(instant(until, now))),
            OutUntil(until) => (false, Some(instant(until, now))),
            InForEver => (true, None),
            OutForEver => (false, None),
        };
        let trace = || trace(&clause, &history, now).render();
        assert_eq!(answer.member, member, "{why}, at {now}\n{}", trace());
        assert_eq!(answer.until, until, "until: {why}, at {now}\n{}", trace());
    }
}
