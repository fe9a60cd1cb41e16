//! The state of the activation of definitions.

/// The state of the activation of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The files that exist are being imported, and no cohort is evaluated yet.
    Starting,
    /// Some groups end and others begin.
    Changing,
    /// The definitions are active. The number counts the activations.
    Active(u64),
}
