//! Identify operations: how user properties change (docs/facts.md, "Identify operations").

use crate::{Scalar, Value};

/// A kind of change to one user property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `$set`, and every property that an event carries: replaces the value.
    Set,
    /// `$setOnce`: sets the value if the property has none.
    SetOnce,
    /// `$unset`: removes the value.
    Unset,
    /// `$add`: adds to the number. An absent value or a value that is not a number counts as 0.
    Add,
    /// `$append`: adds at the end of the list.
    Append,
    /// `$prepend`: adds at the front of the list.
    Prepend,
    /// `$preInsert`: adds at the front the values that the list does not contain yet.
    PreInsert,
    /// `$postInsert`: adds at the end the values that the list does not contain yet.
    PostInsert,
    /// `$remove`: removes every equal element from the list.
    Remove,
    /// `$clearAll`: removes all user properties. Its property name is empty.
    ClearAll,
}

/// One operation on one user property.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The kind of change.
    pub operator: Operator,
    /// The user property; empty for [`Operator::ClearAll`].
    pub property: Box<str>,
    /// The operand; `None` for [`Operator::Unset`] and [`Operator::ClearAll`].
    pub value: Option<Value>,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 10] = [
        Self::Set,
        Self::SetOnce,
        Self::Unset,
        Self::Add,
        Self::Append,
        Self::Prepend,
        Self::PreInsert,
        Self::PostInsert,
        Self::Remove,
        Self::ClearAll,
    ];

    /// Returns the operator's key in the vendor's JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Set => "$set",
            Self::SetOnce => "$setOnce",
            Self::Unset => "$unset",
            Self::Add => "$add",
            Self::Append => "$append",
            Self::Prepend => "$prepend",
            Self::PreInsert => "$preInsert",
            Self::PostInsert => "$postInsert",
            Self::Remove => "$remove",
            Self::ClearAll => "$clearAll",
        }
    }

    /// Returns the operator with a key of the vendor's JSON.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.key() == key)
    }

    /// Returns the value of the property after the operation.
    #[must_use]
    pub fn apply(self, current: Option<Value>, operand: Option<Value>) -> Option<Value> {
        match self {
            Self::Set => operand.or(current),
            Self::SetOnce => current.or(operand),
            Self::Unset | Self::ClearAll => None,
            Self::Add => add(current, operand),
            Self::Append => joined(current, operand, |list, new| list.extend(new)),
            Self::Prepend => joined(current, operand, |list, new| drop(list.splice(0..0, new))),
            Self::PostInsert => joined(current, operand, |list, new| {
                let new: Vec<_> = new
                    .into_iter()
                    .filter(|value| !holds(list, value))
                    .collect();
                list.extend(new);
            }),
            Self::PreInsert => joined(current, operand, |list, new| {
                let new: Vec<_> = new
                    .into_iter()
                    .filter(|value| !holds(list, value))
                    .collect();
                list.splice(0..0, new);
            }),
            Self::Remove => {
                let gone = operand.map(scalars).unwrap_or_default();
                let mut list = scalars(current?);
                list.retain(|value| !holds(&gone, value));
                Value::list(list)
            }
        }
    }
}

fn add(current: Option<Value>, operand: Option<Value>) -> Option<Value> {
    let Some(operand) = operand.as_ref().and_then(Value::as_number) else {
        return current;
    };
    let sum = current.as_ref().and_then(Value::as_number).unwrap_or(0.0) + operand;
    if sum.is_finite() {
        Some(Value::One(Scalar::Number(sum)))
    } else {
        current
    }
}

fn joined(
    current: Option<Value>,
    operand: Option<Value>,
    join: impl FnOnce(&mut Vec<Scalar>, Vec<Scalar>),
) -> Option<Value> {
    let mut list = current.map(scalars).unwrap_or_default();
    join(&mut list, operand.map(scalars).unwrap_or_default());
    Value::list(list)
}

fn scalars(value: Value) -> Vec<Scalar> {
    match value {
        Value::One(scalar) => vec![scalar],
        Value::List(list) => list,
    }
}

/// Returns true if the list contains the value. Elements are equal if their canonical texts are, as
/// everywhere in the language.
fn holds(list: &[Scalar], value: &Scalar) -> bool {
    list.iter()
        .any(|element| element.canonical_text() == value.canonical_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: f64) -> Option<Value> {
        Some(Value::One(Scalar::Number(n)))
    }

    fn list(texts: &[&str]) -> Option<Value> {
        Value::list(
            texts
                .iter()
                .map(|text| Scalar::Text((*text).into()))
                .collect(),
        )
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::One(Scalar::Text(text.into())))
    }

    #[test]
    fn each_operator_does_what_the_vendor_documents() {
        assert_eq!(Operator::Set.apply(number(1.0), number(2.0)), number(2.0));
        assert_eq!(
            Operator::SetOnce.apply(number(1.0), number(2.0)),
            number(1.0)
        );
        assert_eq!(Operator::SetOnce.apply(None, number(2.0)), number(2.0));
        assert_eq!(Operator::Unset.apply(number(1.0), None), None);
        assert_eq!(Operator::Add.apply(number(1.0), number(2.0)), number(3.0));
        assert_eq!(Operator::Add.apply(None, number(2.0)), number(2.0));
        assert_eq!(
            Operator::Append.apply(text("a"), text("b")),
            list(&["a", "b"])
        );
        assert_eq!(
            Operator::Append.apply(None, list(&["a", "b"])),
            list(&["a", "b"])
        );
        assert_eq!(
            Operator::Prepend.apply(list(&["a"]), list(&["b", "c"])),
            list(&["b", "c", "a"])
        );
        assert_eq!(
            Operator::PostInsert.apply(list(&["a"]), list(&["a", "b"])),
            list(&["a", "b"])
        );
        assert_eq!(
            Operator::PreInsert.apply(list(&["a"]), list(&["a", "b"])),
            list(&["b", "a"])
        );
        assert_eq!(
            Operator::Remove.apply(list(&["a", "b", "a"]), text("a")),
            list(&["b"])
        );
        assert_eq!(Operator::Remove.apply(list(&["a"]), text("a")), None);
        assert_eq!(Operator::ClearAll.apply(list(&["a"]), None), None);
    }

    #[test]
    fn keys_round_trip() {
        for operator in Operator::ALL {
            assert_eq!(Operator::from_key(operator.key()), Some(operator));
        }
        assert_eq!(Operator::from_key("$sit"), None);
    }
}
