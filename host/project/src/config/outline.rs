//! The settings that commands need which read only definitions. They need no variables of sources
//! and destinations.

use muster_definition::TimeZoneName;
use muster_document::{Diagnostics, SourceFile, YamlReader};
use muster_sandbox::Ceilings;

use super::project::{self, PROJECT};
use super::rules::rules;
use super::variables::{Lookup, expand};

/// The globs of a project's definitions, and their time zone.
#[derive(Debug)]
pub struct ProjectOutline {
    /// The time zone of cohorts that name none.
    pub time_zone: TimeZoneName,
    /// Globs of definitions.
    pub cohorts: Vec<String>,
    /// The ceilings of hand-written rules.
    pub rules: Ceilings,
}

impl ProjectOutline {
    /// Reads only these keys of the file, and only the variables in them.
    pub fn parse(source: &SourceFile, lookup: Lookup<'_>) -> Result<Self, Diagnostics> {
        let mut reader = YamlReader::new(source);
        let outline = reader.load().and_then(|root| {
            let fields = reader.fields_of(&root, &PROJECT)?;
            let mut of = |key| {
                let mut node = fields.get(key).cloned();
                if let Some(node) = &mut node {
                    expand(&mut reader, node, lookup);
                }
                node
            };
            let (time_zone, cohorts) = (of("time_zone"), of("cohorts"));
            let ceilings = of("rules");
            let ceilings = match &ceilings {
                Some(node) => rules(&mut reader, node)?,
                None => Ceilings::default(),
            };
            Some(Self {
                time_zone: project::time_zone(&mut reader, time_zone.as_ref())?,
                cohorts: project::cohorts(&mut reader, cohorts.as_ref()),
                rules: ceilings,
            })
        });
        let diagnostics = reader.finish();
        match outline {
            Some(outline) if !diagnostics.has_errors() => Ok(outline),
            _ => Err(diagnostics),
        }
    }
}
