//! The keys of `muster.yaml` as tables. The reader takes the known names from them, and the JSON
//! Schema and `docs/configuration.md` are made from them.

/// A map of the file.
#[derive(Debug)]
pub(crate) struct Map {
    /// The name of the map in messages: ``unknown key `x` in NAME``.
    pub(super) name: &'static str,
    /// The heading of the map in the reference.
    pub(super) heading: &'static str,
    /// The purpose of the map.
    pub(super) about: &'static str,
    /// The keys of the map, in the order of the reference.
    pub(super) keys: &'static [SettingKey],
    /// The map must have exactly one of the keys.
    pub(super) one_of: bool,
}

/// A key of a map.
#[derive(Debug)]
pub(crate) struct SettingKey {
    /// The key as it is written.
    pub(super) name: &'static str,
    /// The kind of the key's value.
    pub(super) takes: Takes,
    /// The default of a key.
    pub(super) default: KeyDefault,
    /// The meaning of the key, in a few sentences.
    pub(super) about: &'static str,
}

/// The default of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyDefault {
    /// No default: the key is required.
    Required,
    /// This value, in YAML.
    Value(&'static str),
    /// A default that is described in words.
    Words(&'static str),
}

/// The kind of a value.
#[derive(Debug)]
pub(super) enum Takes {
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
    Maps(&'static Map),
    /// Maps by names of the user's choice.
    Named(&'static Map),
    /// A map.
    Map(&'static Map),
    /// An empty map: `{}`.
    Nothing,
    /// A value of one of these kinds.
    Either(&'static [Takes]),
}

/// One line of text of some form.
#[derive(Debug)]
pub(super) struct TextForm {
    /// The name of the form, with an article.
    pub(super) what: &'static str,
    /// A valid example.
    pub(super) example: &'static str,
    /// A regular expression for editors. Every valid text matches it as a whole.
    pub(super) pattern: &'static str,
}

/// A number between bounds, both included.
#[derive(Debug)]
pub(super) struct Number {
    /// The name of the number, with an article.
    pub(super) what: &'static str,
    /// The least allowed number.
    pub(super) least: f64,
    /// The largest allowed number; `None`: there is no bound.
    pub(super) most: Option<f64>,
    /// The number must be whole.
    pub(super) whole: bool,
    /// A valid example.
    pub(super) example: &'static str,
}

impl Map {
    /// Returns the names of the map's keys, as the reader compares them.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

impl SettingKey {
    /// Returns a required key.
    pub(super) const fn needed(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self::new(name, takes, KeyDefault::Required, about)
    }

    /// Returns a key with its default.
    pub(super) const fn new(
        name: &'static str,
        takes: Takes,
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
}

/// The pattern of any text.
pub(super) const ANY: &str = ".+";

/// A length of time, as in the cohort language.
pub(super) const DURATION: TextForm = TextForm {
    what: "a length of time",
    example: "400 days",
    pattern: r"\s*0*[1-9][0-9]*\s*(second|minute|hour|day|week)s?\s*",
};

/// An instant.
pub(super) const INSTANT: TextForm = TextForm {
    what: "an instant",
    example: "2026-03-01T00:00:00Z",
    pattern: r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?",
};

/// The address at which a server listens.
pub(super) const LISTEN: TextForm = TextForm {
    what: "an IP address and a port",
    example: "127.0.0.1:8080",
    pattern: r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}",
};
