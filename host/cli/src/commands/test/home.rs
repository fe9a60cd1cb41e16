//! The project that a test belongs to: its time zone, and the cohorts that others may use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster_definition::{Definition, Diagnostics, TimeZoneName, link, parse_in};

use crate::config::{self, ProjectOutline};
use crate::definition_files::{find_definitions, unlisted};
use crate::lists::MemberLists;
use crate::output::Output;
use crate::project::read;

/// A project as its tests need it; without one there is no other cohort, and the time zone is UTC.
pub(super) struct Home {
    pub(super) zone: TimeZoneName,
    /// All that can be read.
    pub(super) definitions: Vec<Definition>,
    /// The folders of all definitions.
    pub(super) folders: BTreeSet<PathBuf>,
    /// What is wrong with the others; it concerns their own tests, and whoever uses them.
    problems: Diagnostics,
}

impl Home {
    pub(super) fn none() -> Self {
        Self {
            zone: TimeZoneName::utc(),
            definitions: Vec::new(),
            folders: BTreeSet::new(),
            problems: Diagnostics::default(),
        }
    }

    pub(super) fn load(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let outline = read(&directory.join(config::FILE))
            .and_then(|source| ProjectOutline::parse(&source, &config::environment));
        let outline = outline.map_err(|diagnostics| output.refusal(&diagnostics))?;
        let mut home = Self {
            zone: outline.time_zone,
            ..Self::none()
        };
        for pattern in &outline.cohorts {
            let paths = find_definitions(pattern, directory).unwrap_or_else(|error| {
                home.problems.append(unlisted(directory, &error));
                Vec::new()
            });
            for path in paths {
                home.folders.extend(path.parent().map(Path::to_owned));
                match read(&path).and_then(|source| parse_in(&source, &home.zone)) {
                    Ok(definition) => home.definitions.push(definition),
                    Err(diagnostics) => home.problems.append(diagnostics),
                }
            }
        }
        Ok(home)
    }

    /// A definition in which the clauses of other cohorts stand in the place of their ids, and the
    /// lists that it reads.
    pub(super) fn link(
        &self,
        definition: Definition,
    ) -> Result<(Definition, MemberLists), Diagnostics> {
        let id = definition.id.clone();
        let mut all = vec![definition];
        // The tested one is perhaps among them, read once more.
        let others = self.definitions.iter().filter(|other| other.id != id);
        all.extend(others.cloned());
        let mut used = BTreeSet::from([id]);
        let mut size = 0;
        while size < used.len() {
            size = used.len();
            for definition in &all {
                if used.contains(&definition.id) {
                    let ids = definition.spans.in_cohort.iter().map(|(id, _)| id.clone());
                    used.extend(ids);
                }
            }
        }
        let faults = link(&mut all);
        all.retain(|definition| used.contains(&definition.id));
        // Those of cohorts that are not used are not the test's.
        let mut problems = Diagnostics::default();
        for fault in faults.iter() {
            let of_used = |path: &str| all.iter().any(|used| used.source.path() == path);
            if fault.place().is_none_or(|(path, ..)| of_used(path)) {
                problems.push(fault.clone());
            }
        }
        if problems.has_errors() {
            // A cohort that is missing may be one that cannot be read.
            problems.append(self.problems.clone());
            return Err(problems);
        }
        let (lists, faults) = MemberLists::read(&all);
        if let Some((_, faults)) = faults.into_iter().next() {
            return Err(faults);
        }
        match all.into_iter().next() {
            Some(definition) => Ok((definition, lists)),
            None => Err(problems),
        }
    }
}
