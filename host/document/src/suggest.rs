//! Suggestions for "did you mean".

/// Returns the known word that the user most likely meant, if there is one.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer word is not a typing slip, and the comparison costs its length squared.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let likeness = |other: &str| {
        let other = plain(other);
        let edits = strsim::damerau_levenshtein(&word, &other);
        // One slip in a short word, one per three letters in a longer word. A known word that
        // begins with the word is near too (`sec`, `prop`).
        let near = edits <= (word.chars().count().min(other.chars().count()) / 3).max(1);
        let begins = !word.is_empty() && other.starts_with(&word);
        (near || begins).then_some(edits)
    };
    let likely = known
        .into_iter()
        .filter_map(|other| likeness(other).map(|edits| (edits, other)));
    likely
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, other)| other)
}

/// Lists words for a message: `` `a`, `b` and `c` ``.
#[must_use]
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Lists words as a choice for a message: `` `a`, `b` or `c` ``.
#[must_use]
pub fn either(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => {
            let first: Vec<_> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
        _ => list(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_suggested_and_other_words_are_not() {
        let keys = [
            "id",
            "name",
            "where",
            "time_zone",
            "user_properties",
            "in_last",
        ];
        assert_eq!(closest("wehre", keys), Some("where"));
        assert_eq!(closest("timezone", keys), Some("time_zone"));
        assert_eq!(closest("Time-Zone", keys), Some("time_zone"));
        assert_eq!(closest("user_props", keys), None);
        assert_eq!(closest("user_prop", keys), Some("user_properties"));
        assert_eq!(closest("ids", keys), Some("id"));
        assert_eq!(closest("cadence", keys), None);
        assert_eq!(closest("", keys), None);
        assert_eq!(closest(&"i".repeat(100_000), keys), None);
    }

    #[test]
    fn words_become_a_list() {
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(either(&[]), "");
        assert_eq!(either(&["a"]), "`a`");
        assert_eq!(either(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
