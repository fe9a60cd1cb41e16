//! User and device ids that are no ids: texts that programs write when they have none.

/// The texts that the vendor's API refuses as ids, in lower case (docs/facts.md, "Event input in
/// the wild").
const PLACEHOLDERS: [&str; 17] = [
    "-1",
    "0",
    "00000000-0000-0000-0000-000000000000",
    "[object object]",
    "anonymous",
    "lmy47d",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "null",
    "undefined",
    "unknown",
    "unset",
    "{}",
    "",
];

/// Returns true for a text that stands for no id. Case and blanks around it do not matter.
pub(super) fn is_placeholder(id: &str) -> bool {
    let id = id.trim();
    // The length of the longest one.
    id.len() <= 36
        && PLACEHOLDERS
            .iter()
            .any(|text| id.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known_in_any_case_and_ids_like_them_are_ids() {
        for text in PLACEHOLDERS {
            assert!(is_placeholder(text), "{text}");
            assert!(is_placeholder(&text.to_uppercase()), "{text}");
            assert!(is_placeholder(&format!(" {text}\t")), "{text}");
        }
        for id in [
            "00",
            "1",
            "no one",
            "nulls",
            "u0001",
            "null@shop.example",
            "Ann",
            "{",
            "-",
        ] {
            assert!(!is_placeholder(id), "{id}");
        }
    }
}
