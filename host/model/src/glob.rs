//! Globs for event names: `*` stands for any text, every other character for itself.

/// Returns true if a name fits a glob. Case counts.
///
/// ```
/// assert!(muster_model::matches_glob("Checkout *", "Checkout Started"));
/// assert!(!muster_model::matches_glob("Checkout *", "Checkout"));
/// ```
#[must_use]
pub fn matches_glob(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(rest) = parts.next().and_then(|head| name.strip_prefix(head)) else {
        return false;
    };
    let Some(tail) = parts.next_back() else {
        // The glob has no star.
        return rest.is_empty();
    };
    parts
        .try_fold(rest, |rest, part| {
            // The leftmost fit of a middle part leaves the longest text for the parts after it.
            rest.split_once(part).map(|(_, behind)| behind)
        })
        .is_some_and(|rest| rest.ends_with(tail))
}

#[cfg(test)]
mod tests {
    use super::matches_glob;

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
    fn all_other_characters_stand_for_themselves() {
        for (glob, name) in [("a.c", "abc"), ("[ab]", "a"), ("?", "a")] {
            assert!(!matches_glob(glob, name), "{glob} {name}");
            assert!(matches_glob(glob, glob));
        }
    }
}
