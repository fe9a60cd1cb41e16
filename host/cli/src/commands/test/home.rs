//! The project that a test belongs to: its time zone, and the cohorts that others may use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster_definition::{Definition, TimeZoneName, link, parse_in};
use muster_document::Diagnostics;
use muster_project::MemberLists;
use muster_project::config::{self, ProjectOutline};
use muster_project::read;
use muster_project::{find_with_tests, is_test, unlisted};
use muster_sandbox::{Ceilings, Sandbox, SandboxOptions};

use crate::commands::compile_rule;
use crate::load::environment;
use crate::output::Output;

/// The parts of a project that its tests need. Without a project there is no other cohort, and the
/// time zone is UTC.
pub(super) struct Home {
    pub(super) zone: TimeZoneName,
    /// The definitions without errors.
    pub(super) definitions: Vec<Definition>,
    /// The folders of all definitions and of their tests.
    pub(super) folders: BTreeSet<PathBuf>,
    /// The sandbox in which its modules run.
    pub(super) sandbox: Sandbox,
    /// The errors of the other definitions. They fail only the tests of these definitions, and of
    /// those that use them.
    problems: Diagnostics,
}

impl Home {
    pub(super) fn none() -> anyhow::Result<Self> {
        Ok(Self::new(
            TimeZoneName::utc(),
            sandbox(None, Ceilings::default())?,
        ))
    }

    fn new(zone: TimeZoneName, sandbox: Sandbox) -> Self {
        Self {
            zone,
            definitions: Vec::new(),
            folders: BTreeSet::new(),
            sandbox,
            problems: Diagnostics::default(),
        }
    }

    pub(super) fn load(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let outline = read(&directory.join(config::FILE))
            .and_then(|source| ProjectOutline::parse(&source, &environment));
        let outline = outline.map_err(|diagnostics| output.refusal(&diagnostics))?;
        // A rule that needs more than usual brings an interpreter, which takes long to compile. So
        // its machine code is kept. Other tests leave nothing behind.
        let grants = outline.rules != Ceilings::default();
        let cache = grants.then(|| directory.join(CACHE));
        let sandbox = sandbox(cache, outline.rules)?;
        let mut home = Self::new(outline.time_zone, sandbox);
        for pattern in &outline.cohorts {
            let paths = find_with_tests(pattern, directory).unwrap_or_else(|error| {
                home.problems.append(unlisted(directory, &error));
                Vec::new()
            });
            for path in paths {
                home.folders.extend(path.parent().map(Path::to_owned));
                // A test may bring its own clause, in a folder without definitions.
                if is_test(&path) {
                    continue;
                }
                match read(&path).and_then(|source| parse_in(&source, &home.zone)) {
                    Ok(definition) => home.definitions.push(definition),
                    Err(diagnostics) => home.problems.append(diagnostics),
                }
            }
        }
        Ok(home)
    }

    /// Replaces the ids of other cohorts in a definition by their clauses. Returns the definition
    /// and the static lists that it reads.
    pub(super) fn link(
        &self,
        definition: Definition,
    ) -> Result<(Definition, MemberLists), Diagnostics> {
        let id = definition.id.clone();
        let mut all = vec![definition];
        // The project may hold the tested definition too, as read from its file.
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
        // Errors of cohorts that the definition does not use do not fail its test.
        let mut problems = Diagnostics::default();
        for fault in faults.iter() {
            let of_used = |path: &str| all.iter().any(|used| used.source.path() == path);
            if fault.place().is_none_or(|(path, ..)| of_used(path)) {
                problems.push(fault.clone());
            }
        }
        if problems.has_errors() {
            // A missing cohort may be one whose definition has an error.
            problems.append(self.problems.clone());
            return Err(problems);
        }
        let (lists, faults) = MemberLists::read(&all);
        let mut faults = faults.into_iter().map(|(_, faults)| faults);
        if let Some(faults) = faults.find(Diagnostics::has_errors) {
            return Err(faults);
        }
        match all.into_iter().next() {
            Some(definition) => Ok((definition, lists)),
            None => Err(problems),
        }
    }
}

/// The folder of machine code in a project's folder.
const CACHE: &str = ".muster/cache";

/// Makes a sandbox that counts fuel.
fn sandbox(cache: Option<PathBuf>, ceilings: Ceilings) -> anyhow::Result<Sandbox> {
    let options = SandboxOptions {
        metered: true,
        ceilings,
        compile: compile_rule::in_other_process(),
        ..SandboxOptions::default()
    };
    // Where no folder can be made, as in a checkout of a CI server, rules are compiled each time.
    let cached = cache.and_then(|cache| {
        let cache = Some(cache);
        Sandbox::new(SandboxOptions {
            cache,
            ..options.clone()
        })
        .ok()
    });
    match cached {
        Some(sandbox) => Ok(sandbox),
        None => Ok(Sandbox::new(options)?),
    }
}
