//! The page `docs/configuration.md`, made from the tables of keys.

use super::project::PROJECT;

const INTRODUCTION: &str = include_str!("introduction.md");

/// Returns the reference of `muster.yaml`, in Markdown.
pub fn reference() -> String {
    muster_document::reference(INTRODUCTION, &PROJECT)
}
