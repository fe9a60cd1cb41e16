//! A project's folder: configuration, definitions, rules, store.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use muster_compiler::Module;
use muster_definition::yaml::closest;
use muster_definition::{Body, Clause, Definition, Diagnostic, Diagnostics, Source, quote};
use muster_engine::{Cohort, Sync};
use muster_ingest::{ImportOptions, find_files, import_file};
use muster_model::CohortId;
use muster_sandbox::{LoadError, Options, Origin, Rule, Sandbox, componentize};
use muster_store::Store;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config::{self, Config};
use crate::lists::MemberLists;
use crate::output::{Output, Rendered, Unit, count};
use crate::retention;

/// A project that is right as far as its files say.
pub(crate) struct Project {
    pub(crate) directory: PathBuf,
    pub(crate) config: Config,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) lists: MemberLists,
}

/// A rule and the cohorts it answers for. A rule that cannot be loaded concerns its own cohorts only.
pub(crate) struct Loaded {
    pub(crate) rule: Result<Rule, String>,
    pub(crate) cohorts: Vec<Cohort>,
}

impl Project {
    /// Reads `muster.yaml` and all definitions. Warnings are shown; errors are shown all at once.
    pub(crate) fn load(directory: &Path, output: &Output) -> anyhow::Result<Self> {
        let path = directory.join(config::FILE);
        if !path.is_file() {
            bail!(
                "there is no {} in {}: give the project's folder, or make one with `muster init DIR`",
                config::FILE,
                directory.display()
            );
        }
        let mut problems = Diagnostics::default();
        let config =
            match read(&path).and_then(|source| Config::parse(&source, &config::environment)) {
                Ok(config) => config,
                Err(diagnostics) => return Err(Rendered(output.diagnostics(&diagnostics)).into()),
            };
        let mut definitions = Vec::new();
        for pattern in &config.cohorts {
            // A pattern that fits nothing is fine: a project has YAML or JSON, and may have no cohort yet.
            for path in find_definitions(pattern, directory) {
                let parse =
                    |source: Source| muster_definition::parse_in(&source, &config.time_zone);
                match read(&path).and_then(parse) {
                    Ok(definition) => definitions.push(definition),
                    Err(diagnostics) => problems.append(diagnostics),
                }
            }
        }
        for definition in &definitions {
            problems.append(definition.warnings.clone());
            problems.append(unknown_destinations(definition, &config));
        }
        problems.append(muster_definition::duplicate_ids(&definitions));
        // A definition that could not be read is not missing.
        if !problems.has_errors() {
            problems.append(muster_definition::link(&mut definitions));
        }
        problems.append(retention::of_definitions(&definitions, config.retention));
        let lists = MemberLists::read(&definitions).unwrap_or_else(|diagnostics| {
            problems.append(diagnostics);
            MemberLists::default()
        });
        if problems.has_errors() {
            return Err(Rendered(output.diagnostics(&problems)).into());
        }
        if !problems.is_empty() {
            output.note(&output.diagnostics(&problems));
        }
        Ok(Self {
            directory: directory.to_owned(),
            config,
            definitions,
            lists,
        })
    }

    /// The definitions in the cohort language, compiled.
    pub(crate) fn compile(&self) -> anyhow::Result<Vec<Module>> {
        let clauses: Vec<_> = self
            .definitions
            .iter()
            .filter_map(|definition| Some((definition.id.clone(), clause(definition)?)))
            .collect();
        let clauses: Vec<(CohortId, &Clause)> = clauses
            .iter()
            .map(|(id, clause)| (id.clone(), &**clause))
            .collect();
        Ok(muster_compiler::compile(&clauses, &|cohort| {
            self.lists.name(cohort)
        })?)
    }

    /// Every rule: the compiled modules, then the hand-written ones.
    pub(crate) fn rules(&self) -> anyhow::Result<Vec<Loaded>> {
        let cache = self.store_directory().join("cache");
        let sandbox = Sandbox::new(Options {
            cache: Some(cache),
            ..Options::default()
        })?;
        let mut rules = Vec::new();
        for module in self.compile()? {
            let of_module = |definition: &&Definition| module.cohorts.contains(&definition.id);
            let cohorts = self
                .definitions
                .iter()
                .filter(of_module)
                .map(cohort)
                .collect();
            rules.push(Loaded {
                rule: sandbox
                    .load(&module.wasm, Origin::Compiled)
                    .map_err(|error| error.to_string()),
                cohorts,
            });
        }
        let mut files: BTreeMap<[u8; 32], Result<Rule, String>> = BTreeMap::new();
        for definition in &self.definitions {
            if let Body::Rule(path) = &definition.body {
                let path = beside(definition, path);
                let bytes = std::fs::read(&path).with_context(|| {
                    format!(
                        "cannot read {}, the rule of `{}`",
                        path.display(),
                        definition.id
                    )
                })?;
                let digest = Sha256::digest(&bytes).into();
                let rule = files
                    .entry(digest)
                    .or_insert_with(|| hand_written(&sandbox, &bytes));
                let cohort = Cohort {
                    definition: digest,
                    ..cohort(definition)
                };
                join(&mut rules, rule, cohort);
            }
        }
        Ok(rules)
    }

    pub(crate) fn store_directory(&self) -> PathBuf {
        self.directory.join(&self.config.store)
    }

    pub(crate) fn open_store(&self) -> anyhow::Result<Store> {
        let directory = self.store_directory();
        Store::open(&directory, &muster_store::Options::default())
            .with_context(|| format!("cannot open the store in {}", directory.display()))
    }

    /// Whether there is a store: opening one that is not there would make it.
    pub(crate) fn has_store(&self) -> bool {
        // LMDB's file.
        self.store_directory().join("data.mdb").is_file()
    }

    /// The store, for a command that only looks: it makes none.
    pub(crate) fn existing_store(&self) -> anyhow::Result<Store> {
        if !self.has_store() {
            bail!(
                "the project has no store yet, so nothing is known of any user: import events with `muster run --once` or `muster import`"
            );
        }
        self.open_store()
    }

    /// The cohort of an id.
    pub(crate) fn cohort(&self, id: &str) -> anyhow::Result<&Definition> {
        let definitions = &self.definitions;
        let found = definitions.iter().find(|known| known.id.as_str() == id);
        found.ok_or_else(|| {
            let unknown = format!("no cohort has the id {}", quote(id));
            // Whoever has the file in mind, or the name, means the cohort too.
            let mut others = definitions.iter();
            let other = others.find(|known| known.source.stem() == id || known.name == id);
            let ids = definitions.iter().map(|known| known.id.as_str());
            let meant = other.map(|known| known.id.as_str());
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

    /// Imports the files of a glob; those that the store has already are passed over.
    pub(crate) fn import(
        &self,
        store: &Store,
        pattern: &str,
        base: &Path,
        max_malformed: f64,
        output: &Output,
        imported: &mut Imported,
    ) -> anyhow::Result<()> {
        let options = ImportOptions {
            max_malformed: max_malformed / 100.0,
            ..ImportOptions::default()
        };
        for path in find_files(pattern, base)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let bar = output.progress(&name, Unit::Bytes);
            let report = import_file(store, &path, &options, &mut |progress| {
                bar.set_length(progress.bytes_total);
                bar.set_position(progress.bytes);
                let seconds = bar.elapsed().as_secs_f64().max(0.001);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rate for people"
                )]
                bar.set_message(format!(
                    "{} events/s",
                    crate::output::number((progress.events as f64 / seconds) as u64)
                ));
            });
            bar.finish_and_clear();
            let report = report?;
            for malformed in &report.malformed {
                output.note(&format!(
                    "{}:{}: skipped: {}",
                    path.display(),
                    malformed.line,
                    malformed.reason
                ));
            }
            imported.add(&report);
        }
        Ok(())
    }
}

/// What imports did, together.
#[derive(Default)]
pub(crate) struct Imported {
    pub(crate) json: Vec<Value>,
    counts: muster_ingest::Counts,
    files: u64,
    known: u64,
    duplicates: u64,
    seconds: f64,
}

impl Imported {
    fn add(&mut self, report: &muster_ingest::ImportReport) {
        if report.already_imported {
            self.known += 1;
        } else {
            self.files += 1;
            self.counts.add(&report.counts);
            self.duplicates += report.duplicates;
            self.seconds += report.seconds;
        }
        self.json.push(json!({
            "path": report.path,
            "already_imported": report.already_imported,
            "counts": report.counts,
            "duplicates": report.duplicates,
            "bytes": report.bytes,
            "seconds": report.seconds,
        }));
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("imported {}", count(self.files, "file"));
        if self.known > 0 {
            text += &format!(" ({} known already)", crate::output::number(self.known));
        }
        if self.files > 0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate for people"
            )]
            let rate = (self.counts.events as f64 / self.seconds.max(0.001)) as u64;
            text += &format!(
                ": {}, {}/s",
                count(self.counts.events, "event"),
                crate::output::number(rate)
            );
            for (number, what) in [
                (self.counts.anonymous, "without a user id skipped"),
                (self.counts.malformed, "malformed and skipped"),
                (self.duplicates, "doubles dropped"),
            ] {
                if number > 0 {
                    text += &format!(", {} {what}", crate::output::number(number));
                }
            }
        }
        text
    }
}

/// The definitions of a glob: tests of definitions stand beside them.
pub(crate) fn find_definitions(pattern: &str, base: &Path) -> Vec<PathBuf> {
    let mut paths = find_files(pattern, base).unwrap_or_default();
    paths.retain(|path| !is_test(path));
    paths
}

/// Whether a file is a test of a definition: `NAME.test.yaml`.
pub(crate) fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".test.yaml", ".test.yml", ".test.json"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// A path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    let name = path.display().to_string();
    name.strip_prefix("./").unwrap_or(&name).to_owned()
}

pub(crate) fn read(path: &Path) -> Result<Source, Diagnostics> {
    let name = shown(path);
    match std::fs::read(path) {
        Ok(bytes) => Source::from_bytes(&name, &bytes),
        Err(error) => Err(config::unreadable(&Source::new(&name, ""), error)),
    }
}

/// Adds a cohort to its rule. The store knows a rule by its bytes, so cohorts that share them are one rule's, and ticked together.
fn join(rules: &mut Vec<Loaded>, rule: &Result<Rule, String>, cohort: Cohort) {
    let same = |loaded: &&mut Loaded| match (&loaded.rule, rule) {
        (Ok(loaded), Ok(rule)) => loaded.digest() == rule.digest() && answers_for(rule, &cohort),
        _ => false,
    };
    match rules.iter_mut().find(same) {
        Some(loaded) => loaded.cohorts.push(cohort),
        None => rules.push(Loaded {
            rule: rule.clone(),
            cohorts: vec![cohort],
        }),
    }
}

/// Whether a rule is one for this cohort: only one for many cohorts is particular. A cohort it is not for fails alone.
fn answers_for(rule: &Rule, cohort: &Cohort) -> bool {
    match rule.description().cohorts.as_slice() {
        [_] => true,
        many => many.iter().any(|id| id == cohort.id.as_str()),
    }
}

/// Loads a component, or what a compiler for `wasm32-unknown-unknown` puts out, of which a component is made first.
pub(crate) fn hand_written(sandbox: &Sandbox, bytes: &[u8]) -> Result<Rule, String> {
    match sandbox.load(bytes, Origin::HandWritten) {
        Err(LoadError::CoreModule) => {
            let component = componentize(bytes).map_err(|error| error.to_string())?;
            sandbox
                .load(&component, Origin::HandWritten)
                .map_err(|error| error.to_string())
        }
        loaded => loaded.map_err(|error| error.to_string()),
    }
}

/// A path in a definition is relative to the definition's folder.
pub(crate) fn beside(definition: &Definition, path: &str) -> PathBuf {
    Path::new(definition.source.path())
        .parent()
        .unwrap_or(Path::new(""))
        .join(path)
}

/// The clause that says who is in; `None` if a hand-written rule does.
pub(crate) fn clause(definition: &Definition) -> Option<Cow<'_, Clause>> {
    match &definition.body {
        Body::Where(clause) => Some(Cow::Borrowed(clause)),
        Body::Members(_) => Some(Cow::Owned(Clause::Listed(definition.id.clone()))),
        Body::Rule(_) => None,
    }
}

/// What the engine needs to know of a definition. Its digest is that of the clause: a new name or destination asks nobody again.
fn cohort(definition: &Definition) -> Cohort {
    let sync = |sync: &muster_definition::Sync| Sync {
        destination: sync.to.clone(),
        user_properties: sync.user_properties.clone(),
    };
    Cohort {
        id: definition.id.clone(),
        name: definition.name.clone(),
        definition: Sha256::digest(format!("{:?}", definition.body)).into(),
        sync: definition.sync.iter().map(sync).collect(),
    }
}

fn unknown_destinations(definition: &Definition, config: &Config) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (sync, span) in definition.sync.iter().zip(&definition.spans.sync) {
        if !config.destinations.contains_key(&sync.to) {
            let message = format!("no destination is called `{}`", sync.to);
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
