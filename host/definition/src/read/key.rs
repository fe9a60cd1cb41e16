//! The keys of the language: the tables that the reader of definitions and their JSON Schema share.

/// A key of some map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// How it is written.
    pub(crate) name: &'static str,
    /// The kind of its value, by its name under `$defs` in the schema. A test compiles the schema,
    /// which finds a name that is not there.
    pub(crate) takes: &'static str,
    /// What it says, in one sentence.
    pub(crate) about: &'static str,
    /// Whether the map must have it.
    pub(crate) needed: bool,
}

impl Key {
    /// A key that may be left out.
    pub(crate) const fn new(name: &'static str, takes: &'static str, about: &'static str) -> Self {
        Self {
            name,
            takes,
            about,
            needed: false,
        }
    }

    /// A key that must be there.
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

/// The names alone, as the reader compares them.
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
