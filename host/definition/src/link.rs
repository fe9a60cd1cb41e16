//! Links cohorts that use cohorts (docs/cohorts.md, `in_cohort:`): the clause of the other cohort
//! replaces its id.

use std::collections::BTreeMap;

use muster_document::{Diagnostic, Diagnostics, Span, closest, quote};
use muster_model::CohortId;

use crate::{Body, Clause, Definition, limits};

/// Replaces each [`Clause::InCohort`] by the clause of that cohort, which keeps its own time zone,
/// or by [`Clause::Listed`] if that cohort is a static list. A definition with an error stays as it
/// was. `definitions` must hold all definitions of the project, and no two with one id
/// ([`crate::duplicate_ids`]).
///
/// # Errors
/// Reports ids that no definition has, cohorts with a `rule:`, and cohorts that use themselves
/// directly or indirectly. Also reports clauses that grow beyond [`limits::CLAUSES`],
/// [`limits::DEPTH`] or [`limits::LINKED_BYTES`].
#[must_use]
pub fn link(definitions: &mut [Definition]) -> Diagnostics {
    let mut linker = Linker {
        by_id: definitions
            .iter()
            .enumerate()
            .rev()
            .map(|(at, definition)| (definition.id.clone(), at))
            .collect(),
        states: vec![LinkState::Untouched; definitions.len()],
        diagnostics: Diagnostics::default(),
    };
    for at in 0..definitions.len() {
        linker.visit(definitions, at);
    }
    linker.diagnostics
}

struct Linker {
    by_id: BTreeMap<CohortId, usize>,
    states: Vec<LinkState>,
    diagnostics: Diagnostics,
}

/// The progress of a definition.
#[derive(Clone, Copy, PartialEq)]
enum LinkState {
    Untouched,
    /// The definition is on the path from the first definition.
    Open,
    /// The definition uses no other cohorts any more; `None`: it cannot be used.
    Done(Option<Size>),
}

/// The size of a clause.
#[derive(Clone, Copy, PartialEq)]
struct Size {
    clauses: usize,
    depth: usize,
    bytes: usize,
}

impl Linker {
    /// Links a definition, after all definitions that it uses. A list holds the path instead of the
    /// call stack, because the path may be as long as there are definitions.
    fn visit(&mut self, definitions: &mut [Definition], first: usize) {
        // Each definition with the number of the cohort that it uses and that comes next.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if self.state(first) == LinkState::Untouched {
            self.set(first, LinkState::Open);
            path.push((first, 0));
        }
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let used = definitions
                .get(at)
                .and_then(|definition| definition.spans.in_cohort.get(*next));
            *next += 1;
            let Some((id, _)) = used else {
                path.pop();
                let size = self.finish(definitions, at);
                self.set(at, LinkState::Done(size));
                continue;
            };
            let Some(other) = self.by_id.get(id).copied() else {
                continue;
            };
            match self.state(other) {
                LinkState::Untouched => {
                    self.set(other, LinkState::Open);
                    path.push((other, 0));
                }
                LinkState::Open => {
                    let begin = path.iter().position(|(at, _)| *at == other);
                    let steps = path.get(begin.unwrap_or_default()..).unwrap_or_default();
                    self.diagnostics.push(cycle(definitions, steps));
                }
                LinkState::Done(_) => {}
            }
        }
    }

    /// Replaces all references of a definition by clauses, if all of them are known.
    fn finish(&mut self, definitions: &mut [Definition], at: usize) -> Option<Size> {
        let definition = definitions.get(at)?;
        let clause = match &definition.body {
            Body::Where(clause) => clause,
            Body::Rule(_) | Body::Members(_) => {
                return Some(Size {
                    clauses: 1,
                    depth: 1,
                    bytes: 0,
                });
            }
        };
        let mut parts = BTreeMap::new();
        let mut complete = true;
        for (id, span) in &definition.spans.in_cohort {
            match self.used(definitions, definition, id, *span) {
                Some(part) => {
                    parts.insert(id, part);
                }
                None => complete = false,
            }
        }
        if !complete {
            return None;
        }
        let own = definition.source.text().len();
        let size = size(clause, &|id| parts.get(id).map(|(size, _)| *size)).more(own);
        if !definition.spans.in_cohort.is_empty() {
            self.within_limits(definition, size)?;
        }
        let mut linked = clause.clone();
        replace(&mut linked, &|id| {
            parts.get(id).map(|(_, clause)| clause.clone())
        });
        if let Some(definition) = definitions.get_mut(at) {
            definition.body = Body::Where(linked);
        }
        Some(size)
    }

    /// Returns the clause that replaces a reference to a cohort, or an error if the reference is
    /// wrong.
    fn used(
        &mut self,
        definitions: &[Definition],
        user: &Definition,
        id: &CohortId,
        span: Span,
    ) -> Option<(Size, Clause)> {
        let Some(at) = self.by_id.get(id).copied() else {
            let message = format!("no cohort has the id {}", quote(id.as_str()));
            let mut error = Diagnostic::error(message).at(&user.source, span, "");
            let known = self.by_id.keys().map(CohortId::as_str);
            if let Some(meant) = closest(id.as_str(), known) {
                error = error.help(format!("did you mean `{meant}`?"));
            } else {
                let help = "write the `id:` of a definition of this project, or its file's name without the extension";
                error = error.help(help);
            }
            self.diagnostics.push(error);
            return None;
        };
        let other = definitions.get(at)?;
        match (&other.body, self.state(at)) {
            (Body::Rule(path), _) => {
                let message = format!(
                    "the cohort {} has the rule {}, so no other cohort can use it",
                    quote(id.as_str()),
                    quote(path)
                );
                let error = Diagnostic::error(message).at(&user.source, span, "");
                let help = "use a cohort with `where:` or `members:`";
                self.diagnostics.push(error.help(help));
                None
            }
            // An error in the other definition, or a definition that uses itself, is reported
            // elsewhere.
            (_, LinkState::Untouched | LinkState::Open | LinkState::Done(None)) => None,
            (Body::Members(_), LinkState::Done(Some(size))) => {
                Some((size, Clause::Listed(id.clone())))
            }
            (Body::Where(clause), LinkState::Done(Some(size))) => Some((size, clause.clone())),
        }
    }

    fn within_limits(&mut self, definition: &Definition, size: Size) -> Option<()> {
        let (what, help) = if size.clauses > limits::CLAUSES {
            (
                format!("has {} clauses", size.clauses),
                format!(
                    "write at most {}; the clauses of a cohort count each time that it is used",
                    limits::CLAUSES
                ),
            )
        } else if size.depth > limits::DEPTH {
            (
                format!("nests clauses {} deep", size.depth),
                format!("at most {}", limits::DEPTH),
            )
        } else if size.bytes > limits::LINKED_BYTES {
            (
                format!("has {} bytes", size.bytes),
                format!(
                    "write at most {}; the file of a cohort counts each time that it is used",
                    limits::LINKED_BYTES
                ),
            )
        } else {
            return Some(());
        };
        let id = quote(definition.id.as_str());
        let message = format!("with all cohorts that it uses, {id} {what}");
        let mut error = Diagnostic::error(message);
        if let Some((_, span)) = definition.spans.in_cohort.first() {
            error = error.at(&definition.source, *span, "");
        }
        self.diagnostics.push(error.help(help));
        None
    }

    fn state(&self, at: usize) -> LinkState {
        self.states
            .get(at)
            .copied()
            .unwrap_or(LinkState::Done(None))
    }

    fn set(&mut self, at: usize, state: LinkState) {
        if let Some(place) = self.states.get_mut(at) {
            *place = state;
        }
    }
}

impl Size {
    fn more(self, bytes: usize) -> Self {
        Self {
            bytes: self.bytes.saturating_add(bytes),
            ..self
        }
    }
}

/// Reports a cohort that uses itself, with each step of the cycle and its place.
fn cycle(definitions: &[Definition], steps: &[(usize, usize)]) -> Diagnostic {
    let on_cycle: Vec<_> = steps
        .iter()
        .filter_map(|(at, next)| {
            let definition = definitions.get(*at)?;
            // The cohort that comes next was counted already.
            let (_, span) = definition.spans.in_cohort.get(next.checked_sub(1)?)?;
            Some((definition, *span))
        })
        .collect();
    let ids = on_cycle.iter().map(|(definition, _)| &definition.id);
    let names: Vec<_> = ids
        .clone()
        .chain(ids.take(1))
        .map(|id| format!("`{id}`"))
        .collect();
    let (message, help) = match on_cycle.as_slice() {
        [(definition, _)] => (
            format!("the cohort {} uses itself", quote(definition.id.as_str())),
            "remove this `in_cohort`",
        ),
        _ => (
            format!("cohorts use each other in a cycle: {}", shown(&names)),
            "remove one of these `in_cohort`",
        ),
    };
    let mut error = Diagnostic::error(message);
    for (definition, span) in on_cycle.iter().take(SHOWN) {
        error = error.at(&definition.source, *span, "");
    }
    error.help(help)
}

/// The number of steps of a cycle that are shown.
const SHOWN: usize = 8;

fn shown(names: &[String]) -> String {
    match names {
        [first @ .., last] if first.len() > SHOWN => {
            let first = first.get(..SHOWN).unwrap_or(first);
            format!("{} → … → {last}", first.join(" → "))
        }
        all => all.join(" → "),
    }
}

/// Returns the size of a clause, with that of each cohort in its place. Recurses as deep as clauses
/// nest.
fn size(clause: &Clause, of: &impl Fn(&CohortId) -> Option<Size>) -> Size {
    if let Clause::InCohort(id) = clause
        && let Some(size) = of(id)
    {
        return size;
    }
    let parts = clause.parts().iter().map(|part| size(part, of));
    let parts: Vec<Size> = parts.collect();
    let add = |sum: usize, part: usize| sum.saturating_add(part);
    Size {
        clauses: parts.iter().map(|part| part.clauses).fold(1, add),
        depth: 1 + parts
            .iter()
            .map(|part| part.depth)
            .max()
            .unwrap_or_default(),
        bytes: parts.iter().map(|part| part.bytes).fold(0, add),
    }
}

fn replace(clause: &mut Clause, by: &impl Fn(&CohortId) -> Option<Clause>) {
    if let Clause::InCohort(id) = clause
        && let Some(linked) = by(id)
    {
        *clause = linked;
        return;
    }
    for part in clause.parts_mut() {
        replace(part, by);
    }
}
