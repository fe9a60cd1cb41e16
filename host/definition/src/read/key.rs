//! Keys of the language: the tables that the reader of definitions and the JSON Schema share.

/// A key of a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// The spelling of the key.
    pub(crate) name: &'static str,
    /// The kind of its value, by its name under `$defs` in the schema. A test compiles the schema
    /// and fails if a name is missing there.
    pub(crate) takes: &'static str,
    /// The meaning of the key, in one sentence.
    pub(crate) about: &'static str,
    /// The map must have the key.
    pub(crate) needed: bool,
}

impl Key {
    /// Makes a key that may be left out.
    pub(crate) const fn new(name: &'static str, takes: &'static str, about: &'static str) -> Self {
        Self {
            name,
            takes,
            about,
            needed: false,
        }
    }

    /// Makes a key that must be there.
    pub(crate) const fn needed(
        name: &'static str,
        takes: &'static str,
        about: &'static str,
    ) -> Self {
        Self {
            needed: true,
            ..Self::new(name, takes, about)
        }
    }
}

/// Returns the names of the keys, as the reader compares them.
#[expect(
    clippy::indexing_slicing,
    reason = "it runs while compiling, where an index out of bounds is an error"
)]
pub(crate) const fn names<const N: usize>(keys: &[Key; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = keys[at].name;
        at += 1;
    }
    names
}
