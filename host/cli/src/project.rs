//! A project's folder: configuration, definitions, hand-written rules and store.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use muster_definition::{Body, Clause, Definition};
use muster_document::{Diagnostic, Diagnostics, Severity, SourceFile, closest, quote};
use muster_model::CohortId;
use muster_store::{Snapshot, Store, StoreError};
use serde_json::Value;

use crate::config::{self, Config};
use crate::definition_files::{DefinitionFiles, find_definitions};
use crate::fingerprint::FileFingerprints;
use crate::lists::MemberLists;
use crate::output::Output;
use crate::output_json;
use crate::service::control;

/// A reader of `muster.yaml`: of all of it, or of as much as a command needs.
type Parse = fn(&SourceFile, config::Lookup<'_>) -> Result<Config, Diagnostics>;

/// A project, as read from its files.
pub(crate) struct Project {
    pub(crate) directory: PathBuf,
    pub(crate) config: Arc<Config>,
    /// `config` holds all of `muster.yaml`, and not only the folder of the store.
    pub(crate) knows_settings: bool,
    /// The definitions without errors.
    pub(crate) definitions: Vec<Definition>,
    pub(crate) lists: MemberLists,
    /// Errors and warnings of the project's definitions.
    pub(crate) problems: Diagnostics,
    /// The fingerprint of each file, taken before the file was read.
    pub(crate) fingerprints: FileFingerprints,
    /// Patterns of `cohorts:` that match no file.
    unmatched: Vec<String>,
}

impl Project {
    /// Reads `muster.yaml` and all definitions, and shows the warnings. This is for commands that
    /// open no source and no destination.
    pub(crate) fn load(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let (project, warnings) =
            Self::read_sound(directory, output, Config::parse_without_secrets)?.strict(output)?;
        if !warnings.is_empty() {
            output.note(&output.diagnostics(&warnings));
        }
        Ok(project)
    }

    /// Reads `muster.yaml` and all definitions. Returns the warnings, or all errors at once.
    pub(crate) fn read(directory: &Path, output: &Output) -> anyhow::Result<(Self, Diagnostics)> {
        Self::read_sound(directory, output, Config::parse)?.strict(output)
    }

    /// Reads `muster.yaml` and the definitions without errors, and shows the errors. This is for
    /// commands that work with the other definitions and open no source and no destination.
    pub(crate) fn load_sound(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let project = Self::read_sound(directory, output, Config::parse_without_secrets)?;
        project.note_problems(output);
        Ok(project)
    }

    /// Reads all files without errors, and shows the errors. This is for commands that answer from
    /// the store. If `muster.yaml` has an error, only the store's folder and the faults are known
    /// ([`Self::knows_settings`]).
    pub(crate) fn load_lenient(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let mut fingerprints = FileFingerprints::default();
        let project =
            match Self::config(directory, &mut fingerprints, Config::parse_without_secrets)? {
                Ok(config) => Self::with(directory, config, fingerprints),
                Err(problems) => Self {
                    problems,
                    ..Self::store_only(directory, output)?
                },
            };
        project.note_problems(output);
        Ok(project)
    }

    /// Reads `muster.yaml` and the definitions without errors.
    fn read_sound(directory: &Path, output: &Output, parse: Parse) -> anyhow::Result<Self> {
        let mut fingerprints = FileFingerprints::default();
        match Self::config(directory, &mut fingerprints, parse)? {
            Ok(config) => Ok(Self::with(directory, config, fingerprints)),
            Err(problems) => Err(output.refusal(&problems).into()),
        }
    }

    /// Reads only the store's folder from `muster.yaml`.
    pub(crate) fn store_only(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let mut fingerprints = FileFingerprints::default();
        match Self::config(directory, &mut fingerprints, Config::parse_store_folder)? {
            Ok(config) => Ok(Self {
                directory: directory.to_owned(),
                config,
                knows_settings: false,
                definitions: Vec::new(),
                lists: MemberLists::default(),
                problems: Diagnostics::default(),
                fingerprints,
                unmatched: Vec::new(),
            }),
            Err(problems) => Err(output.refusal(&problems).into()),
        }
    }

    fn note_problems(&self, output: &Output) {
        if !self.problems.is_empty() {
            output.note(&output.diagnostics(&self.problems));
        }
    }

    /// Reads `muster.yaml`. The inner error holds the faults of the file.
    fn config(
        directory: &Path,
        fingerprints: &mut FileFingerprints,
        parse: Parse,
    ) -> anyhow::Result<Result<Arc<Config>, Diagnostics>> {
        let path = directory.join(config::FILE);
        if !path.is_file() {
            bail!(
                "there is no {} in {}: give the project's folder, or make one with `muster init DIR`",
                config::FILE,
                directory.display()
            );
        }
        fingerprints.add(&path);
        let parsed = read(&path).and_then(|source| parse(&source, &config::environment));
        Ok(parsed.map(Arc::new))
    }

    /// Reads the definitions of a project again. The configuration stays the same.
    pub(crate) fn reload(&self) -> Self {
        let mut fingerprints = FileFingerprints::default();
        fingerprints.add(&self.directory.join(config::FILE));
        Self::with(&self.directory, Arc::clone(&self.config), fingerprints)
    }

    /// Returns the faults of the project's files as JSON: the file, the place and the fault.
    pub(crate) fn faults(&self) -> Vec<Value> {
        output_json::faults(&self.problems)
    }

    /// Returns the faults of the project's definitions, each in a line.
    pub(crate) fn fault_lines(&self) -> Vec<String> {
        let errors = self.problems.iter();
        let errors = errors.filter(|problem| problem.severity() == Severity::Error);
        let line = |problem: &Diagnostic| match (problem.place(), problem.path()) {
            (Some((path, line, column)), _) => {
                format!("{path}:{line}:{column}: {}", problem.message())
            }
            (None, Some(path)) => format!("{path}: {}", problem.message()),
            (None, None) => problem.message().to_owned(),
        };
        errors.map(line).collect()
    }

    fn strict(self, output: &Output) -> anyhow::Result<(Self, Diagnostics)> {
        let problems = self.problems.clone();
        match problems.has_errors() {
            true => Err(output.refusal(&problems).into()),
            false => Ok((self, problems)),
        }
    }

    fn with(directory: &Path, config: Arc<Config>, fingerprints: FileFingerprints) -> Self {
        let reading = DefinitionFiles::new(directory, &config, fingerprints);
        Self {
            directory: directory.to_owned(),
            config,
            knows_settings: true,
            definitions: reading.definitions,
            lists: reading.lists,
            problems: reading.problems,
            fingerprints: reading.fingerprints,
            unmatched: reading.unmatched,
        }
    }

    /// Returns the same project with the active definitions; `None`: no service runs.
    pub(crate) fn active(&self) -> anyhow::Result<Option<Self>> {
        let Some(sources) = control::definitions(&self.store_directory())? else {
            return Ok(None);
        };
        let reading = DefinitionFiles::of_sources(sources, &self.config);
        Ok(Some(Self {
            directory: self.directory.clone(),
            config: Arc::clone(&self.config),
            knows_settings: self.knows_settings,
            definitions: reading.definitions,
            lists: reading.lists,
            problems: reading.problems,
            fingerprints: reading.fingerprints,
            unmatched: reading.unmatched,
        }))
    }

    /// Takes the fingerprints of the files as they are now: of the files in the earlier
    /// fingerprints, and of new files.
    pub(crate) fn fingerprint_again(&self) -> FileFingerprints {
        let mut fingerprints = FileFingerprints::default();
        self.fingerprints
            .paths()
            .for_each(|path| fingerprints.add(path));
        for pattern in &self.config.cohorts {
            // A folder that cannot be listed now has files in the earlier fingerprints, so the
            // difference shows.
            let paths = find_definitions(pattern, &self.directory).unwrap_or_default();
            paths.iter().for_each(|path| fingerprints.add(path));
        }
        fingerprints
    }

    /// Returns the patterns of `cohorts:` that match no file. The default patterns are left out,
    /// because most projects have no files for some of them.
    pub(crate) fn unmatched(&self) -> Vec<&str> {
        let patterns = self.unmatched.iter().map(String::as_str);
        patterns
            .filter(|pattern| !config::COHORTS.contains(pattern))
            .collect()
    }

    pub(crate) fn store_directory(&self) -> PathBuf {
        self.directory.join(&self.config.store)
    }

    pub(crate) fn open_store(&self) -> anyhow::Result<Store> {
        let directory = self.store_directory();
        Store::open(&directory, &self.store_options()).map_err(|error| match error {
            // These errors name the folder themselves.
            StoreError::Locked { .. }
            | StoreError::Version { .. }
            | StoreError::Damaged { .. }
            | StoreError::NotWritable { .. } => error.into(),
            error => anyhow::Error::new(error).context(format!(
                "cannot open the store in `{}`",
                directory.display()
            )),
        })
    }

    pub(crate) fn store_options(&self) -> muster_store::StoreOptions {
        muster_store::StoreOptions {
            keep_records: millis(self.config.run_records),
            keep_events: self.config.retention.map(millis),
            ..muster_store::StoreOptions::default()
        }
    }

    /// Opens a snapshot of the store for reading, whether the service runs or not.
    ///
    /// # Errors
    /// If there is no store yet (none is made), or it cannot be read.
    pub(crate) fn open_snapshot(&self) -> anyhow::Result<Snapshot> {
        self.open_read_only()?.context(
            "the project has no store yet, so it has no events: import some with `muster run --once` or `muster import`",
        )
    }

    /// Opens a snapshot of the store as [`Self::open_snapshot`] does; `None`: there is no store
    /// yet.
    pub(crate) fn open_read_only(&self) -> anyhow::Result<Option<Snapshot>> {
        let directory = self.store_directory();
        match Store::open_read_only(&directory, &self.store_options()) {
            Err(StoreError::Missing { .. }) => Ok(None),
            opened => opened
                .map(Some)
                .with_context(|| format!("cannot read the store in {}", directory.display())),
        }
    }

    /// Returns the id of a cohort that is defined, or that was defined and has runs and members in
    /// the store.
    pub(crate) fn known_cohort(&self, id: &str) -> anyhow::Result<CohortId> {
        match self.cohort(id) {
            Ok(definition) => Ok(definition.id.clone()),
            Err(unknown) => {
                let known = self
                    .open_snapshot()
                    .and_then(|snapshot| Ok(snapshot.cohorts()?));
                let known = known
                    .unwrap_or_default()
                    .into_iter()
                    .find(|known| known.as_str() == id);
                known.ok_or(unknown)
            }
        }
    }

    /// Returns the definition of the cohort with an id.
    pub(crate) fn cohort(&self, id: &str) -> anyhow::Result<&Definition> {
        let definitions = &self.definitions;
        let found = definitions.iter().find(|known| known.id.as_str() == id);
        found.ok_or_else(|| {
            let unknown = format!("no cohort has the id {}", quote(id));
            // The user may have written the file's name or the cohort's name in place of its id.
            let mut others = definitions.iter();
            let other = others.find(|known| known.source.stem() == id || known.name == id);
            let ids = definitions.iter().map(|known| known.id.as_str());
            let meant = other.map(|known| known.id.as_str());
            if meant.is_none() && self.problems.has_errors() {
                let faults = self.fault_lines().join("\n  ");
                return anyhow!(
                    "{unknown} among the right definitions; the faults are:\n  {faults}"
                );
            }
            match meant.or_else(|| closest(id, ids.clone())) {
                Some(meant) => anyhow!("{unknown}: did you mean `{meant}`?"),
                None if definitions.is_empty() => anyhow!("{unknown}: the project has no cohort"),
                None => {
                    let ids: Vec<_> = ids.map(|id| format!("`{id}`")).collect();
                    anyhow!("{unknown}: the project has {}", ids.join(", "))
                }
            }
        })
    }
}

/// Returns a path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    let name = path.display().to_string();
    name.strip_prefix("./").unwrap_or(&name).to_owned()
}

pub(crate) fn read(path: &Path) -> Result<SourceFile, Diagnostics> {
    let name = shown(path);
    match std::fs::read(path) {
        Ok(bytes) => SourceFile::from_bytes(&name, &bytes),
        Err(error) => Err(config::unreadable(&SourceFile::new(&name, ""), error)),
    }
}

/// Returns a duration in ms, the store's unit.
pub(crate) fn millis(duration: muster_definition::Duration) -> i64 {
    i64::try_from(duration.millis()).unwrap_or(i64::MAX)
}

/// Resolves a path in a definition, which is relative to the definition's folder.
pub(crate) fn beside(definition: &Definition, path: &str) -> PathBuf {
    Path::new(definition.source.path())
        .parent()
        .unwrap_or(Path::new(""))
        .join(path)
}

/// Returns the clause that decides membership; `None`: a hand-written rule decides.
pub(crate) fn clause(definition: &Definition) -> Option<Cow<'_, Clause>> {
    match &definition.body {
        Body::Where(clause) => Some(Cow::Borrowed(clause)),
        Body::Members(_) => Some(Cow::Owned(Clause::Listed(definition.id.clone()))),
        Body::Rule(_) => None,
    }
}
