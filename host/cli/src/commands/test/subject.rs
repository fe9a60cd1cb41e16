//! The subject of a test: a loaded module, and the clause that it was compiled from.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use muster_definition::{Body, Clause, Definition, parse_in};
use muster_document::{Diagnostic, Diagnostics, Span, quote};
use muster_model::CohortId;
use muster_project::MemberLists;
use muster_project::modules::hand_written;
use muster_project::{beside, clause, read};
use muster_sandbox::{Module, Origin, Sandbox};

use super::case::{TestFile, Tested};
use super::home::Home;

/// A module under test.
pub(super) struct Subject {
    /// The file of the definition or rule.
    pub(super) path: String,
    pub(super) id: CohortId,
    /// The clause that the module was compiled from; `None`: a hand-written rule.
    pub(super) clause: Option<Clause>,
    /// The static lists that the clause reads.
    pub(super) lists: MemberLists,
    pub(super) module: Module,
    /// The number of evaluated users so far. A user that is evaluated twice counts twice.
    pub(super) evaluated: AtomicU64,
}

/// The endings of definitions and rules, in the order of the search.
const ENDINGS: [&str; 4] = ["yaml", "yml", "json", "wasm"];

impl Subject {
    /// Returns the fuel that the module used per user, on average.
    pub(super) fn fuel(&self) -> u64 {
        self.module.fuel() / self.evaluated.load(Ordering::Relaxed).max(1)
    }

    /// Finds, reads, compiles and loads the subject of a test file.
    pub(super) fn load(file: &TestFile, home: &Home) -> Result<Self, Diagnostics> {
        let folder = Path::new(file.source.path()).parent();
        let folder = folder.unwrap_or(Path::new(""));
        let (path, span) = match &file.tests {
            Tested::Where(definition) => {
                let span = Some(definition.spans.body);
                return compiled(file, span, home, (**definition).clone());
            }
            Tested::Cohort(path, span) => {
                return definition(file, Some(*span), home, &folder.join(path));
            }
            Tested::Rule(path, span) => (folder.join(path), Some(*span)),
            Tested::SameName => (same_name(file, folder)?, None),
        };
        if span.is_some() || path.extension().is_some_and(|ending| ending == "wasm") {
            rule(file, span, &path, &home.sandbox)
        } else {
            definition(file, None, home, &path)
        }
    }
}

/// Returns the file of the same name: `big-spenders.yaml` for `big-spenders.test.yaml`.
fn same_name(file: &TestFile, folder: &Path) -> Result<PathBuf, Diagnostics> {
    let name = file.source.stem();
    let name = name.strip_suffix(".test").unwrap_or(name);
    let mut paths = ENDINGS
        .iter()
        .map(|ending| folder.join(format!("{name}.{ending}")));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        let error = Diagnostic::error("this test file does not name what it tests")
            .in_file(&file.source)
            .help(format!(
                "there is no `{name}.yaml` beside it: add `cohort:` with the path of a definition, `rule:` with the path of a module, or `where:`"
            ));
        one(error)
    })
}

fn definition(
    file: &TestFile,
    span: Option<Span>,
    home: &Home,
    path: &Path,
) -> Result<Subject, Diagnostics> {
    if !path.is_file() {
        return Err(missing(file, span, path));
    }
    let definition = parse_in(&read(path)?, &home.zone)?;
    let Body::Rule(module) = &definition.body else {
        return compiled(file, span, home, definition);
    };
    let subject = rule(file, span, &beside(&definition, module), &home.sandbox)?;
    Ok(Subject {
        id: definition.id,
        ..subject
    })
}

fn compiled(
    file: &TestFile,
    span: Option<Span>,
    home: &Home,
    definition: Definition,
) -> Result<Subject, Diagnostics> {
    let (definition, lists) = home.link(definition)?;
    let Some(clause) = clause(&definition) else {
        return Err(place(file, span, "a hand-written rule has no clause"));
    };
    let cohorts = [(definition.id.clone(), &*clause)];
    let modules = muster_compiler::compile(&cohorts, &|list| lists.name(list));
    let modules = modules.all().map_err(|error| place(file, span, error))?;
    let [compiled] = modules.as_slice() else {
        return Err(place(file, span, "one clause made several modules"));
    };
    let module = home.sandbox.load(&compiled.wasm, Origin::Compiled);
    Ok(Subject {
        path: definition.source.path().to_owned(),
        id: definition.id.clone(),
        clause: Some(clause.into_owned()),
        lists,
        module: module.map_err(|error| place(file, span, error))?,
        evaluated: AtomicU64::default(),
    })
}

fn rule(
    file: &TestFile,
    span: Option<Span>,
    path: &Path,
    sandbox: &Sandbox,
) -> Result<Subject, Diagnostics> {
    if !path.is_file() {
        return Err(missing(file, span, path));
    }
    let shown = path.display().to_string();
    let bytes = std::fs::read(path);
    let bytes =
        bytes.map_err(|error| place(file, span, format!("cannot read {shown}: {error}")))?;
    let module = hand_written(&mut |bytes, origin| sandbox.load(bytes, origin), &bytes)
        .map_err(|error| place(file, span, format!("cannot load {shown}: {error}")))?;
    // A rule has one cohort, which serves any definition that names the rule.
    let id = module
        .description()
        .cohorts
        .first()
        .map_or("rule", String::as_str);
    Ok(Subject {
        path: shown,
        id: CohortId::new(id).map_err(|error| place(file, span, error))?,
        clause: None,
        lists: MemberLists::default(),
        module,
        evaluated: AtomicU64::default(),
    })
}

fn missing(file: &TestFile, span: Option<Span>, path: &Path) -> Diagnostics {
    let shown = path.display().to_string();
    let error = at(file, span, format!("there is no file {}", quote(&shown)));
    one(error.help("a path is relative to the test file's folder"))
}

fn place(file: &TestFile, span: Option<Span>, message: impl ToString) -> Diagnostics {
    one(at(file, span, message.to_string()))
}

fn at(file: &TestFile, span: Option<Span>, message: String) -> Diagnostic {
    let error = Diagnostic::error(message);
    match span {
        Some(span) => error.at(&file.source, span, ""),
        None => error.in_file(&file.source),
    }
}

fn one(diagnostic: Diagnostic) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(diagnostic);
    diagnostics
}
