//! What is tested: a rule that is loaded, and the clause it was made of.

use std::path::{Path, PathBuf};

use muster_definition::{Body, Clause, Diagnostic, Diagnostics, Span, parse, quote};
use muster_model::CohortId;
use muster_sandbox::{Origin, Rule, Sandbox};

use super::case::{TestFile, Tested};
use crate::project::{beside, hand_written, read};

/// A rule under test.
pub(super) struct Subject {
    /// The file that says who is in.
    pub(super) path: String,
    pub(super) id: CohortId,
    /// `None`: the rule is written by hand.
    pub(super) clause: Option<Clause>,
    pub(super) rule: Rule,
}

/// Endings of definitions and rules, in the order in which they are looked for.
const ENDINGS: [&str; 4] = ["yaml", "yml", "json", "wasm"];

impl Subject {
    /// Finds, reads, compiles and loads what a file tests.
    pub(super) fn load(file: &TestFile, sandbox: &Sandbox) -> Result<Self, Diagnostics> {
        let folder = Path::new(file.source.path()).parent();
        let folder = folder.unwrap_or(Path::new(""));
        match &file.tests {
            Tested::Where(clause, span) => {
                let id =
                    CohortId::new("inline").map_err(|error| place(file, Some(*span), error))?;
                compiled(file, Some(*span), file.source.path(), id, clause, sandbox)
            }
            Tested::Cohort(path, span) => {
                definition(file, Some(*span), &folder.join(path), sandbox)
            }
            Tested::Rule(path, span) => rule(file, Some(*span), &folder.join(path), sandbox),
            Tested::SameName => {
                let path = same_name(file, folder)?;
                if path.extension().is_some_and(|ending| ending == "wasm") {
                    rule(file, None, &path, sandbox)
                } else {
                    definition(file, None, &path, sandbox)
                }
            }
        }
    }
}

/// `big-spenders.yaml` for `big-spenders.test.yaml`.
fn same_name(file: &TestFile, folder: &Path) -> Result<PathBuf, Diagnostics> {
    let name = file.source.stem();
    let name = name.strip_suffix(".test").unwrap_or(name);
    let mut paths = ENDINGS
        .iter()
        .map(|ending| folder.join(format!("{name}.{ending}")));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        let error = Diagnostic::error("this test file does not say what it tests")
            .in_file(&file.source)
            .help(format!(
                "there is no `{name}.yaml` beside it: add `cohort:` with the path of a definition, `rule:` with that of a module, or `where:`"
            ));
        one(error)
    })
}

fn definition(
    file: &TestFile,
    span: Option<Span>,
    path: &Path,
    sandbox: &Sandbox,
) -> Result<Subject, Diagnostics> {
    if !path.is_file() {
        return Err(missing(file, span, path));
    }
    let definition = parse(&read(path)?)?;
    if let Body::Where(clause) = &definition.body {
        let path = definition.source.path();
        compiled(file, span, path, definition.id.clone(), clause, sandbox)
    } else if let Body::Rule(module) = &definition.body {
        let subject = rule(file, span, &beside(&definition, module), sandbox)?;
        Ok(Subject {
            id: definition.id.clone(),
            ..subject
        })
    } else {
        Err(place(file, span, "a list of members has no rule to test"))
    }
}

fn compiled(
    file: &TestFile,
    span: Option<Span>,
    path: &str,
    id: CohortId,
    clause: &Clause,
    sandbox: &Sandbox,
) -> Result<Subject, Diagnostics> {
    let modules = muster_compiler::compile(&[(id.clone(), clause)], &|list| list.to_string());
    let modules = modules.map_err(|error| place(file, span, error))?;
    let [module] = modules.as_slice() else {
        return Err(place(file, span, "one clause made several modules"));
    };
    let rule = sandbox.load(&module.wasm, Origin::Compiled);
    Ok(Subject {
        path: path.to_owned(),
        id,
        clause: Some(clause.clone()),
        rule: rule.map_err(|error| place(file, span, error))?,
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
    let rule = hand_written(sandbox, &bytes)
        .map_err(|error| place(file, span, format!("cannot load {shown}: {error}")))?;
    // The one cohort of a rule serves whichever definition names it.
    let id = rule
        .description()
        .cohorts
        .first()
        .map_or("rule", String::as_str);
    Ok(Subject {
        path: shown,
        id: CohortId::new(id).map_err(|error| place(file, span, error))?,
        clause: None,
        rule,
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
