//! The files of a project, as read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_definition::{Body, Clause, Definition};
use muster_document::{Diagnostic, Diagnostics, Severity, SourceFile, closest, quote};

use crate::config::{self, Config, Lookup};
use crate::definition_files::{DefinitionFiles, find_definitions};
use crate::files::read;
use crate::fingerprint::FileFingerprints;
use crate::lists::MemberLists;
use crate::lock::{self, RuleLock};

/// A reader of `muster.yaml`: of all of it, or of as much as a caller needs.
pub type Parse = fn(&SourceFile, Lookup<'_>) -> Result<Config, Diagnostics>;

/// A project, as read from its files.
pub struct Project {
    /// The project's folder.
    pub directory: PathBuf,
    /// The settings in `muster.yaml`.
    pub config: Arc<Config>,
    /// `config` holds all of `muster.yaml`, and not only the folder of the store.
    pub knows_settings: bool,
    /// The definitions without errors.
    pub definitions: Vec<Definition>,
    /// The static lists of these definitions.
    pub lists: MemberLists,
    /// The hand-written rules that are accepted; `None`: all. Or the reason why that is not known.
    pub lock: Result<Option<RuleLock>, String>,
    /// Errors and warnings of the project's files.
    pub problems: Diagnostics,
    /// The fingerprint of each file, taken before the file was read.
    pub fingerprints: FileFingerprints,
    /// Patterns of `cohorts:` that match no file.
    unmatched: Vec<String>,
}

/// A project that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The folder has no `muster.yaml`.
    #[error(
        "there is no {} in {}: give the project's folder, or make one with `muster init DIR`",
        config::FILE,
        .0.display()
    )]
    Missing(PathBuf),
    /// `muster.yaml` has errors.
    #[error("{0}")]
    Invalid(Diagnostics),
}

/// No cohort has this id.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnknownCohort(String);

impl Project {
    /// Reads `muster.yaml` and all definitions. Errors of definitions are in [`Self::problems`].
    ///
    /// # Errors
    /// If `muster.yaml` is missing or has errors.
    pub fn read(directory: &Path, parse: Parse, lookup: Lookup<'_>) -> Result<Self, ProjectError> {
        let mut fingerprints = FileFingerprints::default();
        let config = Self::config(directory, &mut fingerprints, parse, lookup)?;
        fingerprints.add(&directory.join(lock::FILE));
        let files = DefinitionFiles::new(directory, &config, fingerprints);
        Ok(Self::of(directory, config, files))
    }

    /// Reads only the store's folder from `muster.yaml`.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn store_only(directory: &Path, lookup: Lookup<'_>) -> Result<Self, ProjectError> {
        let mut fingerprints = FileFingerprints::default();
        let parse = Config::parse_store_folder;
        let config = Self::config(directory, &mut fingerprints, parse, lookup)?;
        let files = DefinitionFiles::empty(fingerprints);
        Ok(Self {
            knows_settings: false,
            ..Self::of(directory, config, files)
        })
    }

    /// Returns the same project with the errors of its files.
    #[must_use]
    pub fn with_problems(self, problems: Diagnostics) -> Self {
        Self { problems, ..self }
    }

    /// Reads `muster.yaml`.
    fn config(
        directory: &Path,
        fingerprints: &mut FileFingerprints,
        parse: Parse,
        lookup: Lookup<'_>,
    ) -> Result<Arc<Config>, ProjectError> {
        let path = directory.join(config::FILE);
        if !path.is_file() {
            return Err(ProjectError::Missing(directory.to_owned()));
        }
        fingerprints.add(&path);
        let parsed = read(&path).and_then(|source| parse(&source, lookup));
        parsed.map(Arc::new).map_err(ProjectError::Invalid)
    }

    /// Reads the definitions of a project again. The settings stay the same.
    #[must_use]
    pub fn reload(&self) -> Self {
        let mut fingerprints = FileFingerprints::default();
        fingerprints.add(&self.directory.join(config::FILE));
        fingerprints.add(&self.directory.join(lock::FILE));
        let config = Arc::clone(&self.config);
        let files = DefinitionFiles::new(&self.directory, &config, fingerprints);
        Self::of(&self.directory, config, files)
    }

    /// Returns the same project with other definitions, such as the active ones of a service.
    #[must_use]
    pub fn with_definitions(&self, sources: Vec<SourceFile>) -> Self {
        let files = DefinitionFiles::of_sources(sources, &self.config);
        Self {
            knows_settings: self.knows_settings,
            ..Self::of(&self.directory, Arc::clone(&self.config), files)
        }
    }

    fn of(directory: &Path, config: Arc<Config>, files: DefinitionFiles) -> Self {
        Self {
            directory: directory.to_owned(),
            config,
            knows_settings: true,
            definitions: files.definitions,
            lists: files.lists,
            lock: RuleLock::read(directory),
            problems: files.problems,
            fingerprints: files.fingerprints,
            unmatched: files.unmatched,
        }
    }

    /// Returns the faults of the project's definitions, each in a line.
    pub fn fault_lines(&self) -> Vec<String> {
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

    /// Takes the fingerprints of the files as they are now: of the files in the earlier
    /// fingerprints, and of new files.
    pub fn fingerprint_again(&self) -> FileFingerprints {
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
    pub fn unmatched(&self) -> Vec<&str> {
        let patterns = self.unmatched.iter().map(String::as_str);
        patterns
            .filter(|pattern| !config::COHORTS.contains(pattern))
            .collect()
    }

    /// Returns the definition of the cohort with an id.
    ///
    /// # Errors
    /// If no cohort has it; the error names the id that is most similar.
    pub fn cohort(&self, id: &str) -> Result<&Definition, UnknownCohort> {
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
                return UnknownCohort(format!(
                    "{unknown} among the right definitions; the faults are:\n  {faults}"
                ));
            }
            let text = match meant.or_else(|| closest(id, ids.clone())) {
                Some(meant) => format!("{unknown}: did you mean `{meant}`?"),
                None if definitions.is_empty() => format!("{unknown}: the project has no cohort"),
                None => {
                    let ids: Vec<_> = ids.map(|id| format!("`{id}`")).collect();
                    format!("{unknown}: the project has {}", ids.join(", "))
                }
            };
            UnknownCohort(text)
        })
    }
}

/// Returns the clause that decides membership; `None`: a hand-written rule decides.
#[must_use]
pub fn clause(definition: &Definition) -> Option<Cow<'_, Clause>> {
    match &definition.body {
        Body::Where(clause) => Some(Cow::Borrowed(clause)),
        Body::Members(_) => Some(Cow::Owned(Clause::Listed(definition.id.clone()))),
        Body::Rule(_) => None,
    }
}
