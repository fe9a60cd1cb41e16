//! Forms of text that several keys of `muster.yaml` have.

use muster_document::TextForm;

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
