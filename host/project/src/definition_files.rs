//! Reading of all definitions of a project: the definitions without errors, and the faults of the
//! others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster_definition::{Body, Definition};
use muster_document::{Diagnostic, Diagnostics, Severity, SourceFile, closest};
use muster_ingest::{FindError, find_files};

use crate::config::{self, Config};
use crate::files::{beside, read, shown};
use crate::fingerprint::FileFingerprints;
use crate::lists::MemberLists;
use crate::retention;

/// The content of a project's definition files.
pub(crate) struct DefinitionFiles {
    /// The definitions without errors, linked with those that they use.
    pub(crate) definitions: Vec<Definition>,
    /// The static lists of these definitions.
    pub(crate) lists: MemberLists,
    /// Errors and warnings of all files.
    pub(crate) problems: Diagnostics,
    /// The fingerprint of each file, taken before the file was read.
    pub(crate) fingerprints: FileFingerprints,
    /// Patterns of `cohorts:` that match no file.
    pub(crate) unmatched: Vec<String>,
}

impl DefinitionFiles {
    /// Reads all definitions. An error affects only its definition and those that use it.
    pub(crate) fn new(directory: &Path, config: &Config, fingerprints: FileFingerprints) -> Self {
        let mut files = Self::empty(fingerprints);
        files.parse(directory, config);
        files.checked(config)
    }

    /// Reads definitions from their texts.
    pub(crate) fn of_sources(sources: Vec<SourceFile>, config: &Config) -> Self {
        let mut files = Self::empty(FileFingerprints::default());
        for source in sources {
            files.take(muster_definition::parse_in(&source, &config.time_zone));
        }
        files.checked(config)
    }

    pub(crate) fn empty(fingerprints: FileFingerprints) -> Self {
        Self {
            definitions: Vec::new(),
            lists: MemberLists::default(),
            problems: Diagnostics::default(),
            fingerprints,
            unmatched: Vec::new(),
        }
    }

    fn take(&mut self, parsed: Result<Definition, Diagnostics>) {
        match parsed {
            Ok(definition) => self.definitions.push(definition),
            Err(diagnostics) => self.problems.append(diagnostics),
        }
    }

    /// Finds the errors between files, keeps the definitions without errors, and links them.
    fn checked(self, config: &Config) -> Self {
        let mut files = self;
        let mut wrong = BTreeSet::new();
        for definition in &files.definitions {
            let mut problems = definition.warnings.clone();
            problems.append(unknown_destinations(definition, config));
            wrong.extend(paths(&problems));
            files.problems.append(problems);
        }
        let doubles = muster_definition::duplicate_ids(&files.definitions);
        wrong.extend(paths(&doubles));
        files.problems.append(doubles);
        // Linking would report a definition with an error as missing.
        if !files.problems.has_errors() {
            let links = muster_definition::link(&mut files.definitions.clone());
            wrong.extend(paths(&links));
            files.problems.append(links);
        }
        let short = retention::of_definitions(&files.definitions, config.retention);
        files.problems.append(short);
        let (lists, faults) = MemberLists::read(&files.definitions);
        files.lists = lists;
        for (source, problems) in faults {
            if problems.has_errors() {
                wrong.insert(source);
            }
            files.problems.append(problems);
        }
        let sound = |definition: &Definition| !wrong.contains(definition.source.path());
        files.definitions.retain(sound);
        files.link();
        files
    }

    fn parse(&mut self, directory: &Path, config: &Config) {
        for pattern in &config.cohorts {
            let paths = match find_definitions(pattern, directory) {
                Ok(paths) => paths,
                Err(error) => {
                    self.problems.append(unlisted(directory, &error));
                    continue;
                }
            };
            // This is no error: a project has YAML or JSON, and may have no cohort yet. `muster
            // check` warns of it.
            if paths.is_empty() {
                self.unmatched.push(pattern.clone());
            }
            for path in paths {
                self.fingerprints.add(&path);
                let parse =
                    |source: SourceFile| muster_definition::parse_in(&source, &config.time_zone);
                self.take(read(&path).and_then(parse));
            }
        }
        for definition in &self.definitions {
            if let Body::Rule(path) | Body::Members(path) = &definition.body {
                self.fingerprints.add(&beside(definition, path));
            }
        }
    }

    /// Replaces the ids of used cohorts by their clauses. A definition that uses one with an error
    /// has an error, too.
    fn link(&mut self) {
        loop {
            let mut linked = self.definitions.clone();
            let wrong = paths(&muster_definition::link(&mut linked));
            if wrong.is_empty() {
                self.definitions = linked;
                return;
            }
            for path in &wrong {
                let message = "this cohort uses another whose definition has an error";
                let source = SourceFile::new(path, "");
                let problem = Diagnostic::error(message).in_file(&source);
                self.problems.push(problem);
            }
            let is_wrong = |definition: &Definition| wrong.contains(definition.source.path());
            self.definitions.retain(|definition| !is_wrong(definition));
        }
    }
}

/// Returns the files that have errors.
fn paths(problems: &Diagnostics) -> BTreeSet<String> {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity() == Severity::Error);
    errors
        .filter_map(|problem| Some(problem.path()?.to_owned()))
        .collect()
}

/// Returns the definition files that match a glob, which may be none. Tests of definitions lie in
/// the same folders and are left out.
///
/// # Errors
/// If the pattern is no glob, or a folder cannot be listed. The definitions in such a folder are
/// unknown, so none may count as removed.
pub fn find_definitions(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, FindError> {
    let mut paths = find_with_tests(pattern, base)?;
    paths.retain(|path| !is_test(path));
    Ok(paths)
}

/// Returns the definition files that match a glob, and the tests beside them that match too.
///
/// # Errors
/// As for [`find_definitions`].
pub fn find_with_tests(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, FindError> {
    match find_files(pattern, base) {
        Ok(paths) => Ok(paths),
        Err(error) if error.is_absence() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Returns the error that the definitions of a glob cannot be found.
#[must_use]
pub fn unlisted(directory: &Path, error: &FindError) -> Diagnostics {
    let source = SourceFile::new(&shown(&directory.join(config::FILE)), "");
    let message = format!("`cohorts:`: {error}");
    let mut diagnostic = Diagnostic::error(message).in_file(&source);
    if let FindError::Read { .. } = error {
        diagnostic = diagnostic
            .help("make it readable; until then no definition counts as changed or removed");
    }
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(diagnostic);
    diagnostics
}

/// Returns true if a file is a test of a definition: `NAME.test.yaml`.
pub fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".test.yaml", ".test.yml", ".test.json"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

fn unknown_destinations(definition: &Definition, config: &Config) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (sync, span) in definition.sync.iter().zip(&definition.spans.sync) {
        if !config.destinations.contains_key(&sync.to) {
            let message = format!("no destination has the name `{}`", sync.to);
            let names: Vec<_> = config.destinations.keys().map(String::as_str).collect();
            let help = match closest(&sync.to, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if names.is_empty() => format!("{} has no `destinations:` yet", config::FILE),
                None => format!("{} has {}", config::FILE, names.join(", ")),
            };
            diagnostics.push(
                Diagnostic::error(message)
                    .at(&definition.source, *span, "")
                    .help(help),
            );
        }
    }
    diagnostics
}
