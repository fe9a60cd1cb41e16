//! Tables of keys. A file's reader takes the known names from its tables, and the JSON Schema, the
//! reference page and the help for unknown keys are made from the same tables.

/// A map with known keys. `N` names the kinds of the file's own language.
#[derive(Debug)]
pub struct Map<N: 'static = NoKind> {
    /// The name of the map in messages: ``unknown key `x` in NAME``.
    pub name: &'static str,
    /// The heading of the map in the reference; empty: no reference has the map.
    pub heading: &'static str,
    /// The purpose of the map; empty: the schema and the reference do not describe the map.
    pub about: &'static str,
    /// The keys of the map, in the order of the reference.
    pub keys: &'static [Key<N>],
    /// The map must have exactly one of the keys.
    pub one_of: bool,
}

/// A key of a map.
#[derive(Clone, Copy, Debug)]
pub struct Key<N: 'static = NoKind> {
    /// The key as it is written.
    pub name: &'static str,
    /// The kind of the key's value.
    pub takes: Takes<N>,
    /// The default of the key.
    pub default: KeyDefault,
    /// The meaning of the key, in a few sentences.
    pub about: &'static str,
}

/// The default of a key.
#[derive(Clone, Copy, Debug)]
pub enum KeyDefault {
    /// No default: the key is required.
    Required,
    /// This value, in YAML.
    Value(&'static str),
    /// A default that is described in words.
    Words(&'static str),
    /// The key may be left out. If that needs an explanation, the key's meaning has it.
    Explained,
}

/// The kind of a value.
#[derive(Clone, Copy, Debug)]
pub enum Takes<N: 'static = NoKind> {
    /// A kind that has a name. Its schema stands once under `$defs`.
    Kind(N),
    /// One line of text.
    Text(TextForm),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number.
    Number(Number),
    /// A text, or a list of them.
    Texts(TextForm),
    /// A list of texts.
    List {
        /// The form of each text.
        of: TextForm,
        /// The least number of texts.
        least: usize,
    },
    /// A list of maps.
    Maps {
        /// The form of each map.
        of: &'static Map<N>,
        /// The largest number of maps.
        most: usize,
    },
    /// Maps by names of the user's choice.
    Named {
        /// The form of each map.
        of: &'static Map<N>,
        /// A regular expression for editors. Every valid name matches it as a whole.
        names: &'static str,
    },
    /// A map.
    Map(&'static Map<N>),
    /// An empty map: `{}`.
    Nothing,
    /// A value of one of these kinds.
    Either(&'static [Takes<N>]),
}

/// A kind of value that has a name in its language.
pub trait NamedKind: Copy + 'static {
    /// Returns the name of the kind under `$defs` of the schema.
    fn name(self) -> &'static str;
}

/// The names of a language that names no kind.
#[derive(Clone, Copy, Debug)]
pub enum NoKind {}

/// One line of text of some form.
#[derive(Clone, Copy, Debug)]
pub struct TextForm {
    /// The name of the form, with an article.
    pub what: &'static str,
    /// A valid example.
    pub example: &'static str,
    /// A regular expression for editors. Every valid text matches it as a whole.
    pub pattern: &'static str,
}

/// A number between bounds, both included.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The name of the number, with an article.
    pub what: &'static str,
    /// The least allowed number.
    pub least: f64,
    /// The largest allowed number; `None`: there is no bound.
    pub most: Option<f64>,
    /// The number must be whole.
    pub whole: bool,
    /// A valid example.
    pub example: &'static str,
}

impl<N> Map<N> {
    /// Makes a map that only its keys describe.
    #[must_use]
    pub const fn new(name: &'static str, keys: &'static [Key<N>]) -> Self {
        Self {
            name,
            heading: "",
            about: "",
            keys,
            one_of: false,
        }
    }

    /// Returns the names of the map's keys, as the reader compares them.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// Returns true if the map has a key of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }
}

impl<N> Key<N> {
    /// Makes a required key.
    #[must_use]
    pub const fn needed(name: &'static str, takes: Takes<N>, about: &'static str) -> Self {
        Self::new(name, takes, KeyDefault::Required, about)
    }

    /// Makes a key that may be left out. If that needs an explanation, `about` has it.
    #[must_use]
    pub const fn optional(name: &'static str, takes: Takes<N>, about: &'static str) -> Self {
        Self::new(name, takes, KeyDefault::Explained, about)
    }

    /// Makes a key with its default.
    #[must_use]
    pub const fn new(
        name: &'static str,
        takes: Takes<N>,
        default: KeyDefault,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            takes,
            default,
            about,
        }
    }

    /// Returns true if the map must have the key.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self.default, KeyDefault::Required)
    }
}

impl NamedKind for NoKind {
    fn name(self) -> &'static str {
        match self {}
    }
}

/// Returns the names of some keys, as the reader compares them.
#[expect(
    clippy::indexing_slicing,
    reason = "it runs while compiling, where an index out of bounds is an error"
)]
#[must_use]
pub const fn names<N, const COUNT: usize>(keys: &[Key<N>; COUNT]) -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    let mut at = 0;
    while at < COUNT {
        names[at] = keys[at].name;
        at += 1;
    }
    names
}
