//! Policies: which actions on which resources they allow.

use serde_json::Value;

/// The statements of a policy.
#[derive(Clone, Debug, Default)]
pub struct Policy(pub Vec<Statement>);

/// A statement of a policy.
#[derive(Clone, Debug)]
pub struct Statement {
    /// False if it denies, whatever others allow.
    pub allow: bool,
    /// The actions, with `*` for any text.
    pub actions: Vec<String>,
    /// The ARNs of the resources, with `*` for any text.
    pub resources: Vec<String>,
}

/// The decision of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl Statement {
    /// Makes a statement that allows actions on a resource.
    pub fn allow(actions: &[&str], resource: &str) -> Self {
        Self {
            allow: true,
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            resources: vec![resource.to_owned()],
        }
    }

    /// Makes a statement that denies actions on a resource.
    pub fn deny(actions: &[&str], resource: &str) -> Self {
        Self {
            allow: false,
            ..Self::allow(actions, resource)
        }
    }

    fn applies(&self, action: &str, resource: &str) -> bool {
        // IAM: the names of actions ignore case, ARNs do not.
        let action = action.to_lowercase();
        let mut actions = self.actions.iter();
        actions.any(|pattern| matches(&pattern.to_lowercase(), &action))
            && self
                .resources
                .iter()
                .any(|pattern| matches(pattern, resource))
    }
}

impl Policy {
    /// Makes a policy that allows everything.
    pub fn everything() -> Self {
        Self(vec![Statement::allow(&["*"], "*")])
    }

    /// Reads a policy document, as IAM and STS take it.
    pub fn parse(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let statements = one_or_many(document.get("Statement")?);
        let statement = |value: &Value| {
            let texts = |key: &str| -> Option<Vec<String>> {
                let values = one_or_many(value.get(key)?);
                values
                    .into_iter()
                    .map(|text| Some(text.as_str()?.to_owned()))
                    .collect()
            };
            Some(Statement {
                allow: match value.get("Effect")?.as_str()? {
                    "Allow" => true,
                    "Deny" => false,
                    _ => return None,
                },
                actions: texts("Action")?,
                resources: texts("Resource")?,
            })
        };
        statements
            .into_iter()
            .map(statement)
            .collect::<Option<_>>()
            .map(Self)
    }

    pub(crate) fn decide(&self, action: &str, resource: &str) -> Decision {
        let applying = || {
            self.0
                .iter()
                .filter(|statement| statement.applies(action, resource))
        };
        if applying().any(|statement| !statement.allow) {
            Decision::ExplicitDeny
        } else if applying().next().is_some() {
            Decision::Allowed
        } else {
            Decision::ImplicitDeny
        }
    }
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

/// Returns true if a text matches a pattern in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|start| tail.is_char_boundary(*start))
                .any(|start| matches(rest, &tail[start..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_wins_over_what_is_allowed() {
        let policy = Policy(vec![
            Statement::allow(&["kinesis:Put*"], "arn:aws:kinesis:*:stream/cohorts"),
            Statement::deny(&["kinesis:PutRecord"], "*"),
        ]);
        let decide = |action: &str, stream: &str| {
            policy.decide(
                action,
                &format!("arn:aws:kinesis:eu-west-1:1:stream/{stream}"),
            )
        };
        assert_eq!(decide("kinesis:PutRecords", "cohorts"), Decision::Allowed);
        assert_eq!(decide("KINESIS:putrecords", "cohorts"), Decision::Allowed);
        assert_eq!(
            decide("kinesis:PutRecords", "other"),
            Decision::ImplicitDeny
        );
        assert_eq!(
            decide("kinesis:PutRecord", "cohorts"),
            Decision::ExplicitDeny
        );
    }

    #[test]
    fn a_document_has_one_or_many_statements() {
        let one = r#"{"Statement":{"Effect":"Allow","Action":"a:*","Resource":"*"}}"#;
        assert_eq!(
            Policy::parse(one).unwrap().decide("a:B", "x"),
            Decision::Allowed
        );
        assert!(Policy::parse(r#"{"Statement":[{"Effect":"Maybe"}]}"#).is_none());
    }
}
