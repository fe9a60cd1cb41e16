//! Globs for event names: `*` stands for any sequence of characters, every other character for
//! itself.

/// Returns true if a name matches.
pub(crate) fn matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        // The glob has no star.
        return rest.is_empty();
    };
    for part in parts {
        // The leftmost match leaves the most for the parts after it.
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run() {
        for (glob, name, expected) in [
            ("Purchase", "Purchase", true),
            ("Purchase", "Purchases", false),
            ("*", "", true),
            ("*", "anything", true),
            ("Checkout *", "Checkout Started", true),
            ("Checkout *", "Checkout", false),
            ("*out*", "Checkout Started", true),
            ("a*b*c", "a-bb-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("*é", "café", true),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
    }
}
