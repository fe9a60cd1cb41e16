//! What COHORTS.md describes and this version does not do yet. Whoever adds one of these takes it out of the table.

/// Where in a definition a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top.
    Definition,
    /// As the subject of a clause.
    Subject,
    /// Beside `did` or `did_not`, choosing events.
    Window,
    /// Beside `did`, saying what of the events counts.
    Measure,
    /// Beside `did` or `did_not`, more than the above.
    Did,
    /// Beside `user`.
    User,
    /// In a predicate.
    Predicate,
}

const NOT_YET: [(Place, &[&str]); 7] = [
    (Place::Definition, &["members"]),
    (
        Place::Subject,
        &["did_in_order", "first_seen", "in_cohort", "sample"],
    ),
    (
        Place::Window,
        &["before_last", "since", "until", "within_first"],
    ),
    (
        Place::Measure,
        &[
            "sum_of",
            "average_of",
            "smallest",
            "largest",
            "distinct",
            "days",
            "weeks",
            "months",
            "each",
            "regularly",
            "nth",
            "first",
            "last",
            "more_than",
        ],
    ),
    (Place::Did, &["with_any", "per"]),
    (Place::User, &["ever", "in_last", "held_for"]),
    (
        Place::Predicate,
        &[
            "contains",
            "not_contains",
            "starts_with",
            "not_starts_with",
            "ends_with",
            "glob",
            "not_glob",
            "matches",
            "before",
            "after",
            "in_last",
            "before_last",
            "contains_all",
            "same_as",
        ],
    ),
];

/// Whether the language has this key there, but this version does not.
pub(super) fn is_not_yet(place: Place, key: &str) -> bool {
    NOT_YET
        .iter()
        .any(|(other, keys)| *other == place && keys.contains(&key))
}

/// The message about such a key.
pub(super) fn message(key: &str) -> String {
    format!("`{key}` is not supported yet")
}

impl Place {
    /// What this version offers in its stead.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Definition => "this version says who is in by `where` or by `rule`",
            Self::Subject => {
                "the subjects of this version are `all`, `any`, `not`, `did`, `did_not`, `user` and `everyone`"
            }
            Self::Window => "the window of this version is a rolling one: `in_last: 30 days`",
            Self::Measure => "the measure of this version is `times`: how many events match",
            Self::Did => "this version chooses events by `with`, all of which must hold",
            Self::User => "this version looks at what user properties hold now",
            Self::Predicate => {
                "the predicates of this version are `is`, `not`, `any_of`, `none_of`, `at_least`, `more_than`, `at_most`, \
                 `less_than`, `between` and `set`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, parse};

    #[test]
    fn each_is_refused_by_name_where_it_would_stand() {
        for (place, keys) in NOT_YET {
            for key in keys {
                let text = match place {
                    Place::Definition => format!("{key}: x"),
                    Place::Subject => format!("where: {{{key}: x}}"),
                    Place::Window | Place::Measure | Place::Did => {
                        format!("where: {{did: A, {key}: x}}")
                    }
                    Place::User => format!("where: {{user: {{p: x}}, {key}: x}}"),
                    Place::Predicate => format!("where: {{user: {{p: {{{key}: x}}}}}}"),
                };
                let diagnostics = parse(&Source::new("a.yaml", &text)).unwrap_err();
                let messages: Vec<_> = diagnostics.iter().map(crate::Diagnostic::message).collect();
                assert_eq!(messages, [message(key)], "{text}");
            }
        }
    }
}
