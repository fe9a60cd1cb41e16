//! What those need to know of a project who only read its definitions: they need no secret to be
//! set.

use muster_definition::yaml::YamlReader;
use muster_definition::{Diagnostics, SourceFile, TimeZoneName};

use super::project::{self, PROJECT};
use super::read::fields;
use super::variables::{Lookup, expand};

/// Where the definitions are, and whose days they mean.
#[derive(Debug)]
pub(crate) struct ProjectOutline {
    /// The time zone of cohorts that name none.
    pub(crate) time_zone: TimeZoneName,
    /// Globs of definitions.
    pub(crate) cohorts: Vec<String>,
}

impl ProjectOutline {
    /// Reads these keys of the file, and variables in them alone.
    pub(crate) fn parse(source: &SourceFile, lookup: Lookup<'_>) -> Result<Self, Diagnostics> {
        let mut reader = YamlReader::new(source);
        let outline = reader.load().and_then(|root| {
            let fields = fields(&mut reader, &root, &PROJECT)?;
            let mut of = |key| {
                let mut node = fields.get(key).cloned();
                if let Some(node) = &mut node {
                    expand(&mut reader, node, lookup);
                }
                node
            };
            let (time_zone, cohorts) = (of("time_zone"), of("cohorts"));
            Some(Self {
                time_zone: project::time_zone(&mut reader, time_zone.as_ref())?,
                cohorts: project::cohorts(&mut reader, cohorts.as_ref()),
            })
        });
        let diagnostics = reader.finish();
        match outline {
            Some(outline) if !diagnostics.has_errors() => Ok(outline),
            _ => Err(diagnostics),
        }
    }
}
