//! The modules of a project, compiled once for all lives: otherwise wasmtime would take most of the
//! time.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use muster_compiler::{Compiled, CompiledModule};
use muster_model::CohortId;
use muster_project::{LoadedModule, Project, modules};
use muster_sandbox::{Module, Origin, Sandbox, SandboxOptions};

/// The modules of all lives, which share one sandbox as all cohorts of a process do.
static MODULES: LazyLock<Modules> = LazyLock::new(|| Modules {
    sandbox: Sandbox::new(SandboxOptions::default()).unwrap(),
    compiled: Mutex::default(),
    loaded: Mutex::default(),
});

/// The bytes of a module, and its cohorts.
type ModuleParts = (Vec<u8>, Vec<CohortId>);

struct Modules {
    sandbox: Sandbox,
    /// The parts of modules, by the definitions of a group.
    compiled: Mutex<HashMap<String, Vec<ModuleParts>>>,
    /// The loaded modules, by their bytes.
    loaded: Mutex<HashMap<Vec<u8>, Module>>,
}

/// Returns the modules of a project, as [`modules::load`] does.
pub(super) fn load(project: &Project) -> Vec<LoadedModule> {
    let mut modules = Vec::new();
    for (cadence, group) in modules::groups(project) {
        // A clause may use the list of a cohort of another group.
        let definitions = project.definitions.iter();
        let lists: Vec<_> = definitions
            .map(|definition| project.lists.name(&definition.id))
            .collect();
        let key = format!("{group:?} {lists:?}");
        let mut compiled = MODULES.compiled.lock().unwrap();
        let of_group = compiled.entry(key).or_insert_with(|| {
            let modules = modules::compile_group(project, &group).all().unwrap();
            let parts = |module: CompiledModule| (module.wasm, module.cohorts);
            modules.into_iter().map(parts).collect()
        });
        let module = |(wasm, cohorts)| CompiledModule { wasm, cohorts };
        let compiled = Compiled {
            modules: of_group.clone().into_iter().map(module).collect(),
            ..Compiled::default()
        };
        modules.push((cadence, compiled));
    }
    let mut load = |bytes: &[u8], origin: Origin| {
        let mut loaded = MODULES.loaded.lock().unwrap();
        if let Some(module) = loaded.get(bytes) {
            return Ok(module.clone());
        }
        let module = MODULES.sandbox.load(bytes, origin)?;
        loaded.insert(bytes.to_vec(), module.clone());
        Ok(module)
    };
    modules::load_in(project, modules, &mut load)
}
