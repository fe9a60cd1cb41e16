//! The kinds of values in the language, and the keys that take them.

use muster_document::{Key, NamedKind, Takes};

/// A key of the language.
pub(crate) type LanguageKey = Key<LanguageKind>;

/// A kind of value in the language. A test compiles the schema and fails if the schema of a kind is
/// missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LanguageKind {
    /// A cohort's id.
    Id,
    /// A name.
    Name,
    /// A property's name.
    Property,
    /// A text of any length.
    Text,
    /// A time zone.
    TimeZone,
    /// The path of a module.
    Rule,
    /// The path of a list of user ids.
    Members,
    /// A length of time that is always the same.
    Duration,
    /// A length of time, also in calendar units.
    Length,
    /// A date or an instant.
    Instant,
    /// Hours and minutes.
    TimeOfDay,
    /// A minute of the hour.
    Minute,
    /// The time of a daily cadence.
    Daily,
    /// The minute of an hourly cadence.
    Hourly,
    /// A number.
    Number,
    /// A whole number, 0 or more.
    Natural,
    /// A whole number, or the number of another event.
    NaturalOrEvent,
    /// A whole number, 1 or more.
    Whole,
    /// A share in percent.
    Percent,
    /// A number of spans.
    Spans,
    /// `true` or `false`.
    Flag,
    /// Always `true`.
    True,
    /// The lowest and the highest number.
    Range,
    /// A count of events, also compared with another event.
    Times,
    /// A count.
    Count,
    /// A condition on a number.
    Comparison,
    /// A text, a number or a flag.
    Scalar,
    /// A list of scalars.
    Values,
    /// A list of scalars that are elements.
    Elements,
    /// A version, or conditions on it.
    Version,
    /// The treatment of case.
    Case,
    /// A user property to compare with.
    SameAs,
    /// A predicate on a property.
    Predicate,
    /// Properties, each with its predicate.
    Properties,
    /// A list of maps of properties.
    Alternatives,
    /// Properties, each with a condition on the number.
    Numbers,
    /// Properties, each with a condition on the number of values.
    Counts,
    /// The names of events.
    Events,
    /// An event's name.
    EventName,
    /// An event, also with predicates.
    Step,
    /// An event before or after another.
    Relation,
    /// Steps in time order.
    Steps,
    /// An event between steps, or a list of events.
    Without,
    /// The numbers of two steps.
    StepNumbers,
    /// The window of the first event.
    FirstSeen,
    /// A calendar unit with the count in each.
    Each,
    /// A count that holds in most of the last spans.
    Regularly,
    /// A share of users.
    Sample,
    /// A cadence.
    Cadence,
    /// A list of destinations.
    Sync,
    /// The treatment of members of a removed definition.
    OnRemove,
    /// A destination.
    Destination,
    /// A list of user properties.
    UserProperties,
    /// A clause.
    Clause,
    /// A list of clauses.
    Clauses,
}

impl NamedKind for LanguageKind {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Property => "property",
            Self::Text => "text",
            Self::TimeZone => "time_zone",
            Self::Rule => "rule",
            Self::Members => "members",
            Self::Duration => "duration",
            Self::Length => "length",
            Self::Instant => "instant",
            Self::TimeOfDay => "time_of_day",
            Self::Minute => "minute",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Number => "number",
            Self::Natural => "natural",
            Self::NaturalOrEvent => "natural_or_event",
            Self::Whole => "whole",
            Self::Percent => "percent",
            Self::Spans => "spans",
            Self::Flag => "flag",
            Self::True => "true",
            Self::Range => "range",
            Self::Times => "times",
            Self::Count => "count",
            Self::Comparison => "comparison",
            Self::Scalar => "scalar",
            Self::Values => "values",
            Self::Elements => "elements",
            Self::Version => "version",
            Self::Case => "case",
            Self::SameAs => "same_as",
            Self::Predicate => "predicate",
            Self::Properties => "properties",
            Self::Alternatives => "alternatives",
            Self::Numbers => "numbers",
            Self::Counts => "counts",
            Self::Events => "events",
            Self::EventName => "event_name",
            Self::Step => "step",
            Self::Relation => "relation",
            Self::Steps => "steps",
            Self::Without => "without",
            Self::StepNumbers => "step_numbers",
            Self::FirstSeen => "first_seen",
            Self::Each => "each",
            Self::Regularly => "regularly",
            Self::Sample => "sample",
            Self::Cadence => "cadence",
            Self::Sync => "sync",
            Self::OnRemove => "on_remove",
            Self::Destination => "destination",
            Self::UserProperties => "user_properties",
            Self::Clause => "clause",
            Self::Clauses => "clauses",
        }
    }
}

/// Makes a key that may be left out.
pub(crate) const fn key(
    name: &'static str,
    kind: LanguageKind,
    about: &'static str,
) -> LanguageKey {
    Key::optional(name, Takes::Kind(kind), about)
}

/// Makes a key that must be there.
pub(crate) const fn needed_key(
    name: &'static str,
    kind: LanguageKind,
    about: &'static str,
) -> LanguageKey {
    Key::needed(name, Takes::Kind(kind), about)
}
