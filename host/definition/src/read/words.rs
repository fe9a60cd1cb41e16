//! Words of other query languages, with the word of this one.

use muster_document::{Entry, YamlReader, closest};

/// The common words of other languages, with the word here. A word with several meanings is listed
/// several times; the reader takes the meaning that fits.
const SYNONYMS: [(&str, &str); 70] = [
    ("and", "all"),
    ("or", "any"),
    ("event", "did"),
    ("events", "did"),
    ("performed", "did"),
    ("didnt", "did_not"),
    ("never", "did_not"),
    ("funnel", "did_in_order"),
    ("in_order", "did_in_order"),
    ("sequence", "did_in_order"),
    ("steps", "did_in_order"),
    ("property", "user"),
    ("user_properties", "user"),
    ("cohort", "in_cohort"),
    ("member_of", "in_cohort"),
    ("new_user", "first_seen"),
    ("everybody", "everyone"),
    ("percent", "sample"),
    ("filter", "with"),
    ("where", "with"),
    ("properties", "with"),
    ("count", "times"),
    ("within", "all_within"),
    ("within", "in_last"),
    ("last_days", "in_last"),
    ("from", "since"),
    ("after", "since"),
    ("since", "after"),
    ("to", "until"),
    ("before", "until"),
    ("until", "before"),
    ("total", "sum_of"),
    ("avg", "average_of"),
    ("mean", "average_of"),
    ("min", "smallest"),
    ("max", "largest"),
    ("unique", "distinct"),
    ("by", "per"),
    ("group_by", "per"),
    ("group_by", "same"),
    ("exclude", "without"),
    ("any_order", "in_any_order"),
    ("did_in_any_order", "in_any_order"),
    ("strict", "strictly"),
    ("exactly", "strictly"),
    ("then", "followed_by"),
    ("followed", "followed_by"),
    ("not_then", "not_followed_by"),
    ("not_followed", "not_followed_by"),
    ("preceded", "preceded_by"),
    ("user", "with_user"),
    ("equals", "is"),
    ("eq", "is"),
    ("eq", "exactly"),
    ("equals", "exactly"),
    ("in", "any_of"),
    ("not_in", "none_of"),
    ("regex", "matches"),
    ("exists", "set"),
    ("like", "glob"),
    (">=", "at_least"),
    ("gte", "at_least"),
    ("min", "at_least"),
    (">", "more_than"),
    ("gt", "more_than"),
    ("<=", "at_most"),
    ("lte", "at_most"),
    ("max", "at_most"),
    ("<", "less_than"),
    ("lt", "less_than"),
];

/// Reports a key that does not belong to a map, with the word here if the key is a known synonym.
pub(super) fn unknown_key(reader: &mut YamlReader<'_>, entry: &Entry, what: &str, keys: &[&str]) {
    let synonym = SYNONYMS
        .iter()
        .find(|(word, here)| *word == &*entry.key && keys.contains(here))
        .map(|(_, here)| *here);
    let meant = synonym.or_else(|| closest(&entry.key, keys.iter().copied()));
    reader.unknown_key_meant(entry, what, keys, meant);
}
