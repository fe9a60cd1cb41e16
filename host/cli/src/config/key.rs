//! The keys of `muster.yaml` as tables: the reader takes the names that it knows from them, and the
//! JSON Schema and `docs/configuration.md` are made of them.

/// A map of the file.
#[derive(Debug)]
pub(crate) struct Map {
    /// What it is in a message: ``unknown key `x` in NAME``.
    pub(super) name: &'static str,
    /// Its heading in the reference.
    pub(super) heading: &'static str,
    /// What it is for.
    pub(super) about: &'static str,
    /// Its keys, in the order in which they are told.
    pub(super) keys: &'static [SettingKey],
    /// Exactly one of the keys is there.
    pub(super) one_of: bool,
}

/// A key of a map.
#[derive(Debug)]
pub(crate) struct SettingKey {
    /// How it is written.
    pub(super) name: &'static str,
    /// What its value is.
    pub(super) takes: Takes,
    /// What it means to leave it out.
    pub(super) otherwise: Otherwise,
    /// What it says, in one sentence.
    pub(super) about: &'static str,
}

/// What it means to leave a key out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Otherwise {
    /// It must be there.
    Missing,
    /// The same as this, as it would be written.
    Is(&'static str),
    /// What these words say.
    Means(&'static str),
}

/// What a value is.
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
        /// Each of them.
        of: TextForm,
        /// How many there must be.
        least: usize,
    },
    /// A list of maps.
    Maps(&'static Map),
    /// Maps by names of the user's choice.
    Named(&'static Map),
    /// A map.
    Map(&'static Map),
    /// Nothing more is said: `{}`.
    Nothing,
    /// A value of one of these kinds.
    Either(&'static [Takes]),
}

/// One line of text of some form.
#[derive(Debug)]
pub(super) struct TextForm {
    /// What it is, with its article.
    pub(super) what: &'static str,
    /// One that is right.
    pub(super) example: &'static str,
    /// A regular expression that every right one matches as a whole, for editors.
    pub(super) pattern: &'static str,
}

/// A number between bounds, both included.
#[derive(Debug)]
pub(super) struct Number {
    /// What it is, with its article.
    pub(super) what: &'static str,
    /// The least.
    pub(super) least: f64,
    /// The most; none: there is no bound.
    pub(super) most: Option<f64>,
    /// It has no fraction.
    pub(super) whole: bool,
    /// One that is right.
    pub(super) example: &'static str,
}

impl Map {
    /// The names of its keys, as the reader compares them.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

impl SettingKey {
    /// A key that must be there.
    pub(super) const fn needed(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self::new(name, takes, Otherwise::Missing, about)
    }

    /// A key that may be left out.
    pub(super) const fn new(
        name: &'static str,
        takes: Takes,
        otherwise: Otherwise,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            takes,
            otherwise,
            about,
        }
    }
}

/// A text of any form.
pub(super) const ANY: &str = ".+";

/// A length of time as the cohort language has it.
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

/// Where a server listens.
pub(super) const LISTEN: TextForm = TextForm {
    what: "an IP address and a port",
    example: "127.0.0.1:8080",
    pattern: r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}",
};
