//! Finds the parts of a JSON list or object by brackets and quotes alone. So a part that is no JSON
//! spoils only itself.

use crate::content::Nesting;

/// The parts of a list, in order, not parsed. A list whose brackets or quotes do not match ends
/// with an error.
pub(super) struct ListParts<'a> {
    text: &'a str,
    at: usize,
    began: bool,
}

/// A list or object whose brackets or quotes do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

impl<'a> ListParts<'a> {
    /// Begins a list. Returns `None` if the text is no list.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        text.starts_with('[').then_some(Self {
            text,
            at: 1,
            began: false,
        })
    }

    fn next_part(&mut self) -> Result<Option<&'a str>, Unbalanced> {
        let (part, end) = part(self.text, self.at)?;
        self.at = end + 1;
        let last = match self.text.as_bytes().get(end) {
            Some(b']') => true,
            Some(b',') => false,
            _ => return Err(Unbalanced),
        };
        if last && self.at != self.text.len() {
            return Err(Unbalanced);
        }
        let empty = last && part.is_empty() && !self.began;
        self.began = true;
        Ok((!empty).then_some(part))
    }
}

impl<'a> Iterator for ListParts<'a> {
    type Item = Result<&'a str, Unbalanced>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() && self.began {
            return None;
        }
        let next = self.next_part();
        if next.is_err() {
            self.began = true;
            self.at = self.text.len();
        }
        next.transpose()
    }
}

/// Returns the values of these keys of an object, not parsed. Returns an error if the brackets or
/// quotes do not match, or a key stands there twice.
pub(super) fn members<'a, const N: usize>(
    text: &'a str,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], Unbalanced> {
    let text = text.trim_ascii();
    let mut values = [None; N];
    let mut at = 1;
    loop {
        let (member, end) = part(text, at)?;
        if let Some((key, value)) = key_and_value(member)
            && let Some(place) = keys.iter().position(|each| *each == key)
            && let Some(held) = values.get_mut(place)
            && held.replace(value).is_some()
        {
            return Err(Unbalanced);
        }
        at = end + 1;
        match text.as_bytes().get(end) {
            Some(b',') => {}
            Some(b'}') if at == text.len() => return Ok(values),
            _ => return Err(Unbalanced),
        }
    }
}

/// Splits a member of an object. A key with escapes is none of those that are wanted.
fn key_and_value(member: &str) -> Option<(&str, &str)> {
    let (key, value) = member.strip_prefix('"')?.split_once('"')?;
    let value = value.trim_ascii_start().strip_prefix(':')?;
    Some((key, value.trim_ascii()))
}

/// Returns the part that begins at a place, without blanks around it, and the place of the comma or
/// bracket behind it.
fn part(text: &str, start: usize) -> Result<(&str, usize), Unbalanced> {
    let mut nesting = Nesting::default();
    for (at, byte) in text.bytes().enumerate().skip(start) {
        if nesting.is_outside() && matches!(byte, b']' | b'}' | b',') {
            let part = text.get(start..at).ok_or(Unbalanced)?;
            return Ok((part.trim_ascii(), at));
        }
        nesting.pass(byte);
    }
    Err(Unbalanced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn parts(list: &str) -> Option<Vec<Result<&str, Unbalanced>>> {
        ListParts::new(list).map(Iterator::collect)
    }

    #[test]
    fn a_part_that_is_no_json_spoils_only_itself() {
        let good = |parts: &[&'static str]| Some(parts.iter().map(|part| Ok(*part)).collect());
        for (list, wanted) in [
            ("[]", good(&[])),
            (" [ ] ", good(&[])),
            ("[1]", good(&["1"])),
            (
                r#"[{"a": NaN}, {"b": "],}\""}]"#,
                good(&[r#"{"a": NaN}"#, r#"{"b": "],}\""}"#]),
            ),
            (
                "[{\"a\": [1, {}]},\n undefined , -Infinity]",
                good(&["{\"a\": [1, {}]}", "undefined", "-Infinity"]),
            ),
            ("[1,]", good(&["1", ""])),
            ("[,1]", good(&["", "1"])),
            ("[1", Some(vec![Err(Unbalanced)])),
            ("[1,\"2]", Some(vec![Ok("1"), Err(Unbalanced)])),
            ("[1] 2", Some(vec![Err(Unbalanced)])),
            ("[1}", Some(vec![Err(Unbalanced)])),
            ("[", Some(vec![Err(Unbalanced)])),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(parts(list), wanted, "{list}");
        }
    }

    #[test]
    fn members_are_found_beside_others_that_are_no_json() {
        let keys = ["key", "list"];
        for (object, wanted) in [
            ("{}", Ok([None, None])),
            (
                r#" {"list" : [NaN, "}"] ,"other": {"key": 1}, "key":"k" } "#,
                Ok([Some("\"k\""), Some("[NaN, \"}\"]")]),
            ),
            (r#"{"key": 1, "key": 2}"#, Err(Unbalanced)),
            (r#"{"key": 1"#, Err(Unbalanced)),
            (r#"{"key": 1}}"#, Err(Unbalanced)),
            (r#"{"key": "1}"#, Err(Unbalanced)),
            (r#"{"key": 1]"#, Err(Unbalanced)),
        ] {
            assert_eq!(members(object, keys), wanted, "{object}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-z\\[\\]{},\"\\\\ ]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z\"{]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn parts_of_json_are_its_elements_and_members(
            values in proptest::collection::vec(json(), 0..6),
            pretty in any::<bool>(),
        ) {
            let write = |value: &Value| match pretty {
                true => serde_json::to_string_pretty(value).unwrap(),
                false => value.to_string(),
            };
            let list = write(&Value::from(values.clone()));
            let read: Vec<Value> = ListParts::new(&list)
                .unwrap()
                .map(|part| serde_json::from_str(part.unwrap()).unwrap())
                .collect();
            prop_assert_eq!(&read, &values);
            let object = write(&serde_json::json!({"a": 1, "list": values, "z": "}"}));
            let [found, other] = members(&object, ["list", "none"]).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<Value>>(found.unwrap()).unwrap(), values);
            prop_assert_eq!(other, None);
        }

        #[test]
        fn any_text_ends(text in "[\\[\\]{},:\"\\\\a1 ]{0,40}") {
            if let Some(parts) = ListParts::new(&text) {
                prop_assert!(parts.count() <= text.len());
            }
            let _ = members(&text, ["a"]);
        }
    }
}
