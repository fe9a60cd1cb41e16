//! The identity of what a definition says about its members: a digest of a canonical encoding.
//!
//! The store keeps it with a cohort's members. If it changes, all users are evaluated again. So the
//! encoding has tags of its own: renaming a Rust type or variant must not change an identity. Each
//! list and text has its length in front, so two different bodies never have the same bytes.

use muster_model::{CohortId, Millis, Order};
use sha2::{Digest, Sha256};

use crate::{
    Aggregate, Body, Bound, Clause, Comparison, Condition, Did, DidInOrder, Duration, End,
    InAnyOrder, InstantBound, InstantTest, Length, LetterCase, Measure, NumberOf, Pattern,
    PatternKind, Predicate, Properties, Relation, RelationKind, Sample, Start, Step, Test,
    TimeZoneName, Unit, UserClause, When, Window, Without,
};

/// Returns the identity of a definition's body: SHA-256 of its canonical encoding.
///
/// Two bodies have the same identity if they say the same in the same order. A name, a cadence or a
/// destination does not belong to it.
///
/// ```
/// use muster_definition::{identity, parse};
/// use muster_document::SourceFile;
/// let of = |text| identity(&parse(&SourceFile::new("a.yaml", text)).unwrap().body);
/// assert_eq!(of("where: {did: A, in_last: 24 hours}"), of("where:\n  did: A\n  in_last: 1 day"));
/// assert_ne!(of("where: {did: A}"), of("where: {did: B}"));
/// ```
#[must_use]
pub fn identity(body: &Body) -> [u8; 32] {
    let mut encoder = Encoder(Vec::new());
    encoder.body(body);
    Sha256::digest(encoder.0).into()
}

/// The mark in front of a step with `with_user`.
const WITH_USER: u64 = u64::MAX;

/// Returns true if the first encoding of `did_in_order` has all that an order says: at most one
/// `without`, between the first and the last step.
fn is_plain(order: &DidInOrder) -> bool {
    let whole = |without: &Without| (without.from, without.to) == (1, order.steps.len());
    !order.strictly && order.without.len() < 2 && order.without.iter().all(whole)
}

/// The encoding so far. The numbers are a stored format: never change one, only add new ones.
struct Encoder(Vec<u8>);

impl Encoder {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.push(tag);
        self
    }

    fn integer(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn number(&mut self, number: f64) -> &mut Self {
        // -0.0 and 0.0 compare as equal.
        self.integer((number + 0.0).to_bits())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.integer(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.integer(items.len() as u64);
        for item in items {
            each(self, item);
        }
        self
    }

    fn texts(&mut self, texts: &[Box<str>]) -> &mut Self {
        self.list(texts, |encoder, text| {
            encoder.text(text);
        })
    }

    fn option<T>(&mut self, item: Option<&T>, each: impl FnOnce(&mut Self, &T)) -> &mut Self {
        match item {
            None => self.tag(0),
            Some(item) => {
                self.tag(1);
                each(self, item);
                self
            }
        }
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Where(clause) => self.tag(0).clause(clause),
            Body::Rule(path) => {
                self.tag(1).text(path);
            }
            Body::Members(path) => {
                self.tag(2).text(path);
            }
        }
    }

    fn clause(&mut self, clause: &Clause) {
        match clause {
            Clause::All(clauses) => {
                self.tag(0).list(clauses, Self::clause);
            }
            Clause::Any(clauses) => {
                self.tag(1).list(clauses, Self::clause);
            }
            Clause::Not(clause) => self.tag(2).clause(clause),
            Clause::Everyone => {
                self.tag(3);
            }
            Clause::Did(did) if did.relations.is_empty() => self.tag(4).did(did),
            Clause::Did(did) => self.tag(11).did(did),
            Clause::DidInOrder(order) if is_plain(order) => self.tag(5).order(order),
            Clause::DidInOrder(order) => self.tag(12).order(order),
            Clause::InAnyOrder(order) => self.tag(13).any_order(order),
            Clause::User(user) => self.tag(6).user(user),
            Clause::FirstSeen(window) => self.tag(7).window(window),
            Clause::Sample(sample) => self.tag(8).sample(sample),
            Clause::InCohort(id) => self.tag(9).cohort(id),
            Clause::Listed(id) => self.tag(10).cohort(id),
        }
    }

    fn cohort(&mut self, id: &CohortId) {
        self.text(id.as_str());
    }

    fn sample(&mut self, Sample { percent, seed }: &Sample) {
        self.number(*percent).text(seed);
    }

    fn step(&mut self, step: &Step) {
        let Step {
            names,
            with,
            with_any,
            with_user,
        } = step;
        // A mark that is no number of names. Without `with_user` the bytes are those of before.
        if !with_user.is_empty() {
            self.integer(WITH_USER).properties(with_user);
        }
        self.list(names, |encoder, name| {
            encoder.text(name.as_str());
        });
        self.properties(with);
        self.list(with_any, Self::properties);
    }

    fn properties(&mut self, properties: &Properties) {
        self.list(properties, |encoder, (name, predicate)| {
            encoder.text(name).predicate(predicate);
        });
    }

    fn did(&mut self, did: &Did) {
        let Did {
            step,
            relations,
            window,
            measure,
            per,
        } = did;
        if !relations.is_empty() {
            self.list(relations, Self::relation);
        }
        self.step(step);
        self.window(window);
        self.measure(measure);
        self.option(per.as_ref(), |encoder, property| {
            encoder.text(property);
        });
    }

    fn relation(&mut self, relation: &Relation) {
        let Relation {
            kind,
            step,
            within,
            same,
        } = relation;
        self.tag(match kind {
            RelationKind::FollowedBy => 0,
            RelationKind::NotFollowedBy => 1,
            RelationKind::PrecededBy => 2,
            RelationKind::NotPrecededBy => 3,
        })
        .step(step);
        self.option(within.as_ref(), |encoder, within| {
            encoder.duration(*within);
        })
        .option(same.as_ref(), |encoder, property| {
            encoder.text(property);
        });
    }

    fn measure(&mut self, measure: &Measure) {
        match measure {
            Measure::Times(comparison) => self.tag(0).comparison(comparison),
            Measure::Number(numbers) => {
                self.tag(1).list(numbers, Self::number_of);
            }
            Measure::Distinct(properties) => {
                self.tag(2)
                    .list(properties, |encoder, (property, comparison)| {
                        encoder.text(property).comparison(comparison);
                    });
            }
            Measure::Units(unit, zone, comparison) => {
                self.tag(3).unit(*unit).zone(zone).comparison(comparison);
            }
            Measure::Each(unit, comparison) => self.tag(4).unit(*unit).comparison(comparison),
            Measure::Regularly {
                every,
                of_last,
                at_least,
                times,
            } => self
                .tag(5)
                .duration(*every)
                .integer(u64::from(*of_last))
                .integer(u64::from(*at_least))
                .comparison(times),
            Measure::Nth(number) => {
                self.tag(6).integer(u64::from(*number));
            }
            Measure::First(properties) => self.tag(7).properties(properties),
            Measure::Last(properties) => self.tag(8).properties(properties),
        }
    }

    fn number_of(&mut self, number: &NumberOf) {
        let NumberOf {
            aggregate,
            property,
            comparison,
        } = number;
        let tag = match aggregate {
            Aggregate::Sum => 0,
            Aggregate::Average => 1,
            Aggregate::Smallest => 2,
            Aggregate::Largest => 3,
        };
        self.tag(tag).text(property).comparison(comparison);
    }

    fn order(&mut self, order: &DidInOrder) {
        let DidInOrder {
            steps,
            all_within,
            each_within,
            strictly,
            without,
            same,
            window,
        } = order;
        if !is_plain(order) {
            self.tag(u8::from(*strictly)).list(without, Self::without);
        }
        let plain = without.first().filter(|_| is_plain(order));
        let duration = |encoder: &mut Self, duration: &Duration| {
            encoder.duration(*duration);
        };
        self.list(steps, Self::step)
            .option(all_within.as_ref(), duration)
            .option(each_within.as_ref(), duration)
            .option(plain.map(|without| &without.step), Self::step)
            .option(same.as_ref(), |encoder, property| {
                encoder.text(property);
            })
            .window(window);
    }

    fn without(&mut self, Without { step, from, to }: &Without) {
        self.integer(*from as u64).integer(*to as u64).step(step);
    }

    fn any_order(&mut self, order: &InAnyOrder) {
        let InAnyOrder {
            steps,
            all_within,
            same,
            window,
        } = order;
        self.list(steps, Self::step)
            .option(all_within.as_ref(), |encoder, duration| {
                encoder.duration(*duration);
            })
            .option(same.as_ref(), |encoder, property| {
                encoder.text(property);
            })
            .window(window);
    }

    fn user(&mut self, UserClause { properties, when }: &UserClause) {
        self.properties(properties);
        match when {
            When::Now => {
                self.tag(0);
            }
            When::Ever => {
                self.tag(1);
            }
            When::During(start) => self.tag(2).start(start),
            When::HeldFor(duration) => {
                self.tag(3).duration(*duration);
            }
        }
    }

    fn window(&mut self, Window { start, end }: &Window) {
        self.start(start);
        match end {
            End::Now => self.tag(0),
            End::Before(duration) => self.tag(1).duration(*duration),
            End::At(instant) => self.tag(2).instant(*instant),
            End::WithinFirst(duration) => self.tag(3).duration(*duration),
        };
    }

    fn start(&mut self, start: &Start) {
        match start {
            Start::Ever => self.tag(0),
            Start::Last(duration) => self.tag(1).duration(*duration),
            Start::Calendar { unit, count, zone } => self
                .tag(2)
                .unit(*unit)
                .integer(u64::from(*count))
                .zone(zone),
            Start::At(instant) => self.tag(3).instant(*instant),
        };
    }

    fn unit(&mut self, unit: Unit) -> &mut Self {
        self.tag(match unit {
            Unit::Day => 0,
            Unit::Week => 1,
            Unit::Month => 2,
        })
    }

    fn zone(&mut self, zone: &TimeZoneName) -> &mut Self {
        self.text(zone.as_str())
    }

    fn duration(&mut self, duration: Duration) -> &mut Self {
        self.integer(duration.millis())
    }

    fn instant(&mut self, instant: Millis) -> &mut Self {
        self.integer(instant.0.cast_unsigned())
    }

    fn comparison(&mut self, comparison: &Comparison) {
        self.list(&comparison.conditions, |encoder, condition| {
            let tag = match condition {
                Condition::Exactly(_) => 0,
                Condition::Not(_) => 1,
                Condition::AtLeast(_) => 2,
                Condition::MoreThan(_) => 3,
                Condition::AtMost(_) => 4,
                Condition::LessThan(_) => 5,
            };
            encoder.tag(tag);
            match condition.bound() {
                Bound::Number(number) => {
                    encoder.tag(0).number(*number);
                }
                Bound::Times(step) => encoder.tag(1).step(step),
            }
        });
    }

    fn predicate(&mut self, predicate: &Predicate) {
        self.list(&predicate.tests, Self::test);
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::AnyOf(texts) => self.tag(0).texts(texts),
            Test::NoneOf(texts) => self.tag(1).texts(texts),
            Test::Fits(pattern) => self.tag(2).pattern(pattern),
            Test::FitsNot(pattern) => self.tag(3).pattern(pattern),
            Test::AtLeast(number) => self.tag(4).number(*number),
            Test::MoreThan(number) => self.tag(5).number(*number),
            Test::AtMost(number) => self.tag(6).number(*number),
            Test::LessThan(number) => self.tag(7).number(*number),
            Test::Instant(test) => {
                self.instant_test(test);
                self
            }
            Test::Set(set) => self.tag(12).tag(u8::from(*set)),
            Test::SameAs(property) => self.tag(13).text(property),
            Test::Version(conditions) => {
                self.tag(14);
                self.list(conditions, |encoder, (order, version)| {
                    let tag = match order {
                        Order::Exactly => 0,
                        Order::Not => 1,
                        Order::AtLeast => 2,
                        Order::MoreThan => 3,
                        Order::AtMost => 4,
                        Order::LessThan => 5,
                    };
                    encoder.tag(tag).text(version.as_str());
                });
                self
            }
            Test::CountOf(comparison) => {
                self.tag(15).comparison(comparison);
                self
            }
        };
    }

    /// Appends a test of an instant. In UTC, a test that older versions knew has its old form.
    fn instant_test(&mut self, InstantTest { zone, bound }: &InstantTest) {
        if *zone != TimeZoneName::utc() {
            self.tag(16).zone(zone);
        }
        match bound {
            InstantBound::Before(instant) => self.tag(8).instant(*instant),
            InstantBound::After(instant) => self.tag(9).instant(*instant),
            InstantBound::InLast(Length::Rolling(duration)) => self.tag(10).duration(*duration),
            InstantBound::BeforeLast(Length::Rolling(duration)) => self.tag(11).duration(*duration),
            InstantBound::InLast(length) => self.tag(17).length(*length),
            InstantBound::BeforeLast(length) => self.tag(18).length(*length),
            InstantBound::InNext(length) => self.tag(19).length(*length),
            InstantBound::Around(last, next) => self.tag(20).length(*last).length(*next),
        };
    }

    fn length(&mut self, length: Length) -> &mut Self {
        match length {
            Length::Rolling(duration) => self.tag(0).duration(duration),
            Length::Calendar(unit, count) => self.tag(1).unit(unit).integer(u64::from(count)),
        }
    }

    fn pattern(&mut self, pattern: &Pattern) -> &mut Self {
        let tag = match pattern.kind() {
            PatternKind::Contains(LetterCase::Ignored) => 0,
            PatternKind::StartsWith(LetterCase::Ignored) => 1,
            PatternKind::EndsWith(LetterCase::Ignored) => 2,
            PatternKind::Glob => 3,
            PatternKind::Regex => 4,
            PatternKind::Contains(LetterCase::Exact) => 5,
            PatternKind::StartsWith(LetterCase::Exact) => 6,
            PatternKind::EndsWith(LetterCase::Exact) => 7,
        };
        self.tag(tag).text(pattern.text())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_model::to_hex;

    use super::*;
    use crate::parse;
    use muster_document::SourceFile;

    fn of(text: &str) -> String {
        let definition = parse(&SourceFile::new("cohorts/a.yaml", text)).unwrap();
        to_hex(identity(&definition.body).iter().take(8))
    }

    /// Definitions with their identities. A changed identity evaluates all users of all stores
    /// again, so these never change.
    const PINNED: [(&str, &str); 29] = [
        ("where: {everyone: true}", "583c7dfb7b3055d9"),
        ("where: {did: Purchase}", "411bfa360fc1cccc"),
        ("where: {did: [A, 'B*']}", "ca8bce51e755451f"),
        (
            "where: {did_not: Purchase, in_last: 90 days}",
            "890e74fa1fc04546",
        ),
        (
            "where: {did: A, in_last: 2 calendar days}",
            "cad9253e4e662a91",
        ),
        (
            "where: {did: A, since: 2026-01-01, until: 2026-02-01T00:00:00Z}",
            "ab3600bf44f947bb",
        ),
        (
            "where: {did: A, within_first: 7 days, times: {at_least: 3, not: 7}}",
            "ee922ea67ddd2266",
        ),
        (
            "where: {did: A, times: {more_than: {did: B, with: {x: 1}}}, before_last: 1 day}",
            "af0d331eca295280",
        ),
        (
            "where: {did: A, sum_of: {x: {at_least: 1.5}}, per: cart}",
            "4a4a4d57326f8507",
        ),
        (
            "where: {did: A, distinct: {x: 2, y: {at_most: 3}}}",
            "13c02da02bd62a67",
        ),
        (
            "where: {did: A, weeks: {between: [2, 4]}, in_last: 8 calendar weeks}",
            "85e6c66540210399",
        ),
        (
            "where: {did: A, each: {day: 1}, in_last: 3 calendar days}",
            "34a2b86235c7beb4",
        ),
        (
            "where: {did: A, regularly: {every: 7 days, of_last: 4, at_least: 3, times: 2}}",
            "a151a40c5234be1a",
        ),
        (
            "where: {did: A, nth: 3, in_last: 7 days}",
            "f7fa3fcc7dd21ee8",
        ),
        (
            "where: {did: A, last: {plan: pro, note: {contains: x}}}",
            "0503e59624cf1ff9",
        ),
        (
            "where: {did_in_order: [A, {did: B, with_any: [{x: 1}, {y: {set: false}}]}], all_within: 1 day, without: C, same: id}",
            "d71cb75b9df0c91d",
        ),
        (
            "where: {all: [{user: {city: {glob: 'S*', not: ''}}, ever: true}, {not: {in_cohort: b}}]}",
            "b9572bf420fb8815",
        ),
        (
            "where: {any: [{first_seen: {in_last: 7 days}}, {sample: {percent: 12.5, seed: s}}]}",
            "3ed83baef1438d33",
        ),
        ("rule: vip.wasm", "6df5133c414e8cc4"),
        ("members: vip.csv", "6c55855bafa2040c"),
        (
            "where: {did: A, not_followed_by: {did: B, within: 1 day, same: x}}",
            "7c3b880a06dec5b8",
        ),
        ("where: {did: A, with_user: {x: 1}}", "4792266d887633a5"),
        (
            "where: {did_in_order: [A, B], strictly: true, without: {did: C, between: [1, 2]}}",
            "384b54c5eb02d047",
        ),
        (
            "where: {in_any_order: [A, B], all_within: 1 day}",
            "a237969175fdc949",
        ),
        ("where: {user: {x: {in_next: 3 days}}}", "ec9cc5939c7ac0b3"),
        (
            "where: {user: {x: {in_last: 1 calendar day}}}",
            "5fe41f8c6f48ddba",
        ),
        (
            "where: {user: {x: {version: {at_least: '1.2'}}}}",
            "172619c0aece1751",
        ),
        ("where: {user: {x: {count_of: 2}}}", "01dbbd426996e83b"),
        (
            "where: {user: {x: {contains: a, case: exact}}}",
            "6a1507e5f7dbf489",
        ),
    ];

    #[test]
    fn identities_are_pinned() {
        let found: Vec<_> = PINNED.iter().map(|(text, _)| of(text)).collect();
        let expected: Vec<_> = PINNED.iter().map(|(_, identity)| *identity).collect();
        assert_eq!(found, expected);
        assert_eq!(BTreeSet::from_iter(found).len(), PINNED.len());
    }

    #[test]
    fn the_spelling_does_not_matter_and_the_meaning_does() {
        let text = "where: {did: A, in_last: 1 day}";
        assert_eq!(
            of(text),
            of("# new\nname: B\ncadence: hourly\nwhere:\n  did: A\n  in_last: 24 hours\n")
        );
        assert_ne!(of(text), of("where: {did: A, in_last: 25 hours}"));
        // Texts have their lengths in front.
        assert_ne!(of("where: {did: [AB, C]}"), of("where: {did: [A, BC]}"));
        let zone = |zone: &str| {
            of(&format!(
                "time_zone: {zone}\nwhere: {{did: A, in_last: 1 calendar day}}"
            ))
        };
        assert_ne!(zone("UTC"), zone("Europe/Berlin"));
    }
}
