//! Globs: `*` stands for any text, `\*` for a star and `\\` for a backslash. Every other character
//! stands for itself, also a backslash before another character.

use std::borrow::Cow;

/// Returns the texts between the stars of a glob, with escapes replaced. There is one more part
/// than there are stars.
#[must_use]
pub fn glob_parts(glob: &str) -> Vec<Cow<'_, str>> {
    if !glob.contains('\\') {
        return glob.split('*').map(Cow::Borrowed).collect();
    }
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut chars = glob.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '*' => parts.push(Cow::Owned(std::mem::take(&mut part))),
            '\\' => part.push(chars.next_if(|next| "*\\".contains(*next)).unwrap_or('\\')),
            other => part.push(other),
        }
    }
    parts.push(Cow::Owned(part));
    parts
}

/// Returns the only name that fits a glob without a star, or `None` if the glob has a star.
#[must_use]
pub fn plain_name(glob: &str) -> Option<Cow<'_, str>> {
    let mut parts = glob_parts(glob);
    match parts.len() {
        1 => parts.pop(),
        _ => None,
    }
}

/// Returns true if a name fits a glob. Case counts.
///
/// ```
/// assert!(muster_model::matches_glob("Checkout *", "Checkout Started"));
/// assert!(!muster_model::matches_glob("Checkout *", "Checkout"));
/// assert!(muster_model::matches_glob(r"5\* Review", "5* Review"));
/// ```
#[must_use]
pub fn matches_glob(glob: &str, name: &str) -> bool {
    let parts = glob_parts(glob);
    let Some((head, behind)) = parts.split_first() else {
        return false;
    };
    let Some(rest) = name.strip_prefix(&**head) else {
        return false;
    };
    let Some((tail, middle)) = behind.split_last() else {
        // The glob has no star.
        return rest.is_empty();
    };
    middle
        .iter()
        .try_fold(rest, |rest, part| {
            // The leftmost fit of a middle part leaves the longest text for the parts after it.
            rest.split_once(&**part).map(|(_, behind)| behind)
        })
        .is_some_and(|rest| rest.ends_with(&**tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (glob, name, expected) in [
            ("Purchase", "Purchase", true),
            ("Purchase", "Purchases", false),
            ("Purchase", "purchase", false),
            ("*", "", true),
            ("*", "anything", true),
            ("Checkout *", "Checkout Started", true),
            ("Checkout *", "Checkout", false),
            ("*out*", "Checkout Started", true),
            ("a*b*c", "a-bb-c", true),
            ("a*b*c", "a-c", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("a***", "a", true),
            ("*é", "café", true),
        ] {
            assert_eq!(matches_glob(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn a_backslash_makes_a_star_or_a_backslash_stand_for_itself() {
        for (glob, name, expected) in [
            (r"5\* Review", "5* Review", true),
            (r"5\* Review", "55 Review", false),
            (r"\**", "*abc", true),
            (r"\**", "abc", false),
            (r"a\\*", r"a\b", true),
            (r"a\\*", "ab", false),
            (r"a\b", r"a\b", true),
            (r"a\b*", r"a\bc", true),
            ("a\\", "a\\", true),
            (r"\\\*", r"\*", true),
        ] {
            assert_eq!(matches_glob(glob, name), expected, "{glob} {name}");
        }
        assert_eq!(plain_name(r"5\* Review").as_deref(), Some("5* Review"));
        assert_eq!(plain_name("Buy").as_deref(), Some("Buy"));
        assert_eq!(plain_name("Buy *"), None);
    }

    #[test]
    fn all_other_characters_stand_for_themselves() {
        for (glob, name) in [("a.c", "abc"), ("[ab]", "a"), ("?", "a")] {
            assert!(!matches_glob(glob, name), "{glob} {name}");
            assert!(matches_glob(glob, glob));
        }
    }
}
