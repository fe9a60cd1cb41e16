//! The modules of a project: compiled definitions and hand-written rules, loaded, with the cohorts
//! that are computed together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use muster_compiler::Compiled;
use muster_definition::{Body, Clause, Definition, OnRemove};
use muster_engine::{Cohort, CohortSync};
use muster_model::{Cadence, CohortId, Schedule};
use muster_sandbox::{
    Compile, LoadError, Module, Origin, Sandbox, SandboxError, SandboxOptions, componentize,
};
use sha2::{Digest, Sha256};

use crate::files::beside;
use crate::machine;
use crate::project::{Project, clause};

/// A module and its cohorts, which share a cadence. A module that cannot be loaded affects only its
/// own cohorts.
#[derive(Clone)]
pub struct LoadedModule {
    /// The module, or the reason why it cannot be loaded.
    pub module: Result<Module, String>,
    /// The cohorts that the module computes.
    pub cohorts: Vec<Cohort>,
    /// The cadence and time zone that they share.
    pub cadence: GroupCadence,
}

/// The cadence and time zone of cohorts. Only cohorts that agree in both share a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupCadence {
    /// The cadence.
    pub cadence: Cadence,
    /// The time zone of the cadence; empty in real time.
    pub time_zone: String,
}

impl LoadedModule {
    /// Returns true if the other module has the same code, cadence and cohorts, so that its running
    /// group can go on.
    pub fn is_same(&self, other: &Self) -> bool {
        let modules = match (&self.module, &other.module) {
            (Ok(one), Ok(other)) => one.digest() == other.digest(),
            (Err(one), Err(other)) => one == other,
            _ => false,
        };
        modules && self.cadence == other.cadence && self.cohorts == other.cohorts
    }
}

impl GroupCadence {
    /// Returns true if cohorts are evaluated in real time.
    #[must_use]
    pub fn is_real_time(&self) -> bool {
        self.cadence == Cadence::RealTime
    }

    fn of(definition: &Definition) -> Self {
        let time_zone = match definition.cadence {
            Cadence::RealTime => String::new(),
            _ => definition.time_zone.as_str().to_owned(),
        };
        Self {
            cadence: definition.cadence,
            time_zone,
        }
    }

    /// Returns the instants of the runs; `None` in real time.
    pub fn schedule(&self) -> Option<Schedule> {
        Schedule::new(self.cadence, &self.time_zone)
    }
}

/// The cohorts that are compiled together, with their clauses.
pub type CompileGroup<'a> = Vec<(CohortId, Cow<'a, Clause>)>;

/// Compiles the definitions in the cohort language, by cadence and time zone.
pub fn compile_all(project: &Project) -> Vec<(GroupCadence, Compiled)> {
    let groups = groups(project).into_iter();
    groups
        .map(|(cadence, group)| (cadence, compile_group(project, &group)))
        .collect()
}

/// Returns the definitions in the cohort language, by cadence and time zone.
pub fn groups(project: &Project) -> BTreeMap<GroupCadence, CompileGroup<'_>> {
    let mut groups: BTreeMap<GroupCadence, CompileGroup<'_>> = BTreeMap::new();
    for definition in &project.definitions {
        if let Some(clause) = clause(definition) {
            let group = groups.entry(GroupCadence::of(definition)).or_default();
            group.push((definition.id.clone(), clause));
        }
    }
    groups
}

/// Compiles cohorts of one cadence and time zone.
pub fn compile_group(project: &Project, group: &CompileGroup<'_>) -> Compiled {
    let clauses: Vec<(CohortId, &Clause)> = group
        .iter()
        .map(|(id, clause)| (id.clone(), &**clause))
        .collect();
    let list = |cohort: &CohortId| project.lists.name(cohort);
    muster_compiler::compile(&clauses, &list)
}

/// Compiles and loads all modules: first the definitions, then the hand-written rules. `compile`
/// says where hand-written rules are compiled.
///
/// # Errors
/// If the sandbox cannot be made. A module that cannot be loaded is a fault of its own cohorts.
pub fn load(project: &Project, compile: Compile) -> Result<Vec<LoadedModule>, SandboxError> {
    let cache = project.store_directory().join("cache");
    let sandbox = Sandbox::new(SandboxOptions {
        cache: Some(cache),
        compile,
        ceilings: project.config.rules,
        large_memory: machine::large_memory(),
        ..SandboxOptions::default()
    })?;
    Ok(load_in(
        project,
        compile_all(project),
        &mut |bytes, origin| sandbox.load(bytes, origin),
    ))
}

/// A function that loads a component into a sandbox.
pub type Loading<'a> = &'a mut dyn FnMut(&[u8], Origin) -> Result<Module, LoadError>;

/// Loads all modules: first those that [`compile_all`] made from the project, then the hand-written
/// rules.
pub fn load_in(
    project: &Project,
    modules: Vec<(GroupCadence, Compiled)>,
    load: Loading<'_>,
) -> Vec<LoadedModule> {
    let mut loaded = Vec::new();
    for (cadence, compiled) in modules {
        load_compiled(project, &cadence, compiled, load, &mut loaded);
    }
    let mut files: BTreeMap<[u8; 32], Result<Module, String>> = BTreeMap::new();
    for definition in &project.definitions {
        if let Body::Rule(path) = &definition.body {
            let path = beside(definition, path);
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                // Each rule that cannot be read has its own error.
                Err(error) => {
                    loaded.push(LoadedModule {
                        module: Err(format!("cannot read {}: {error}", path.display())),
                        cohorts: vec![cohort(definition)],
                        cadence: GroupCadence::of(definition),
                    });
                    continue;
                }
            };
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            let refused = match &project.lock {
                Ok(lock) => lock
                    .as_ref()
                    .and_then(|lock| lock.refusal(&project.directory, &path, &digest)),
                Err(reason) => Some(reason.clone()),
            };
            if let Some(reason) = refused {
                loaded.push(LoadedModule {
                    module: Err(reason),
                    cohorts: vec![cohort(definition)],
                    cadence: GroupCadence::of(definition),
                });
                continue;
            }
            let module = files
                .entry(digest)
                .or_insert_with(|| hand_written(load, &bytes));
            let cohort = Cohort {
                definition: digest,
                ..cohort(definition)
            };
            join(&mut loaded, module, cohort, GroupCadence::of(definition));
        }
    }
    loaded
}

/// Loads the modules of one cadence and time zone.
///
/// A module may exceed a limit of the sandbox that the compiler does not count. Its cohorts are
/// then halved until the modules load, or a module has one cohort.
fn load_compiled(
    project: &Project,
    cadence: &GroupCadence,
    compiled: Compiled,
    load: Loading<'_>,
    modules: &mut Vec<LoadedModule>,
) {
    let mut add = |module: Result<Module, String>, ids: &[CohortId]| {
        let of_module = |definition: &&Definition| ids.contains(&definition.id);
        let definitions = project.definitions.iter().filter(of_module);
        modules.push(LoadedModule {
            module,
            cohorts: definitions.map(cohort).collect(),
            cadence: cadence.clone(),
        });
    };
    for (id, error) in &compiled.refused {
        add(Err(error.to_string()), std::slice::from_ref(id));
    }
    let mut halves = Vec::new();
    for one in compiled.modules {
        match load(&one.wasm, Origin::Compiled) {
            Err(error) if error.is_about_size() && one.cohorts.len() > 1 => {
                let (left, right) = one.cohorts.split_at(one.cohorts.len() / 2);
                halves.extend([left.to_vec(), right.to_vec()]);
            }
            module => add(module.map_err(|error| error.to_string()), &one.cohorts),
        }
    }
    for half in halves {
        let definitions = project.definitions.iter();
        let of_half = definitions.filter(|definition| half.contains(&definition.id));
        let group: CompileGroup<'_> = of_half
            .filter_map(|definition| Some((definition.id.clone(), clause(definition)?)))
            .collect();
        load_compiled(
            project,
            cadence,
            compile_group(project, &group),
            load,
            modules,
        );
    }
}

/// Adds a cohort to its rule. Cohorts with the same rule, cadence and time zone share runs.
fn join(
    modules: &mut Vec<LoadedModule>,
    module: &Result<Module, String>,
    cohort: Cohort,
    cadence: GroupCadence,
) {
    let same = |loaded: &&mut LoadedModule| match (&loaded.module, module) {
        (Ok(other), Ok(module)) => {
            other.digest() == module.digest()
                && loaded.cadence == cadence
                && answers_for(module, &cohort)
        }
        _ => false,
    };
    match modules.iter_mut().find(same) {
        Some(loaded) => loaded.cohorts.push(cohort),
        None => modules.push(LoadedModule {
            module: module.clone(),
            cohorts: vec![cohort],
            cadence,
        }),
    }
}

/// Returns true if a rule answers for this cohort. A rule with one cohort answers for any. A rule
/// with several answers only for these, so that another cohort fails alone.
fn answers_for(module: &Module, cohort: &Cohort) -> bool {
    match module.description().cohorts.as_slice() {
        [_] => true,
        many => many.iter().any(|id| id == cohort.id.as_str()),
    }
}

/// Loads a component. The core module that a compiler for `wasm32-unknown-unknown` writes is turned
/// into a component first.
pub fn hand_written(load: Loading<'_>, bytes: &[u8]) -> Result<Module, String> {
    match load(bytes, Origin::HandWritten) {
        Err(LoadError::CoreModule) => {
            let component = componentize(bytes).map_err(|error| error.to_string())?;
            load(&component, Origin::HandWritten).map_err(|error| error.to_string())
        }
        loaded => loaded.map_err(|error| error.to_string()),
    }
}

/// Returns the error of a module that cannot be loaded, with its cohorts; `None`: it is loaded.
pub fn fault(loaded: &LoadedModule) -> Option<String> {
    let error = loaded.module.as_ref().err()?;
    let ids: Vec<_> = loaded
        .cohorts
        .iter()
        .map(|cohort| cohort.id.as_str())
        .collect();
    Some(format!("the module of {}: {error}", ids.join(", ")))
}

/// Returns the parts of a definition that the engine uses. The digest covers only the clause, so
/// that a new name or destination does not cause a new evaluation of all users.
pub fn cohort(definition: &Definition) -> Cohort {
    let sync = |sync: &muster_definition::Sync| CohortSync {
        destination: sync.to.clone(),
        user_properties: sync.user_properties.clone(),
    };
    Cohort {
        id: definition.id.clone(),
        name: definition.name.clone(),
        definition: muster_definition::identity(&definition.body),
        cadence: definition.cadence,
        sync: definition.sync.iter().map(sync).collect(),
        exit_on_remove: definition.on_remove == OnRemove::Exit,
    }
}

#[cfg(test)]
mod tests;
