//! Reads `sample` (docs/cohorts.md, "Clauses"): a stable share of users.

use muster_document::{Map, Node, NodeContent};

use crate::clause::Sample;

use super::clause::Clauses;
use super::key::{LanguageKind, key, needed_key};

pub(crate) static TABLE: Map<LanguageKind> = Map::new(
    "a sample",
    &[
        needed_key(
            "percent",
            LanguageKind::Percent,
            "The size of the share, in percent.",
        ),
        key(
            "seed",
            LanguageKind::Name,
            "A text; another seed selects other users.",
        ),
    ],
);

const EXAMPLE: &str = "write `sample: {percent: 10}`";

impl Clauses<'_, '_> {
    pub(super) fn sample(&mut self, node: &Node) -> Option<Sample> {
        let NodeContent::Map(_) = node.content else {
            return self.reader.expected(node, "a sample", EXAMPLE);
        };
        let fields = self.reader.fields_of(node, &TABLE)?;
        let seed = match fields.get("seed") {
            Some(node) => self.reader.text(node, "a seed").map(Box::from),
            None => Some("".into()),
        };
        let Some(percent) = fields.get("percent") else {
            return self
                .reader
                .wrong(node.span, "`percent` is missing", EXAMPLE);
        };
        Some(Sample {
            percent: self.percent(percent)?,
            seed: seed?,
        })
    }

    fn percent(&mut self, node: &Node) -> Option<f64> {
        const WHAT: &str = "a share in percent";
        if let NodeContent::Text(text) = &node.content
            && let Some(digits) = text.strip_suffix('%')
        {
            let help = format!("leave the sign out: `percent: {}`", digits.trim_end());
            return self.reader.expected(node, WHAT, &help);
        }
        let percent = self.reader.number(node, WHAT)?;
        if !(0.0..=100.0).contains(&percent) {
            let message = format!("`{percent}` is not a share in percent");
            return self
                .reader
                .wrong(node.span, message, "write a number from 0 to 100");
        }
        if percent == 0.0 {
            self.reader.warn(
                node.span,
                "this sample has no users",
                "the clause never holds",
            );
        } else if percent == 100.0 {
            self.reader.warn(
                node.span,
                "this sample has all users",
                "the clause always holds",
            );
        }
        Some(percent)
    }
}
