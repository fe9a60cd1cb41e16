use std::collections::BTreeSet;

use muster_sandbox::DescriptionError;

use super::*;
use crate::config::Config;

/// Returns a project of eight cohorts that share a module.
fn project(directory: &tempfile::TempDir) -> Project {
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("muster.yaml", "sources: []\n");
    for cohort in 0..8 {
        let text = format!("where: {{did: Event {cohort}}}\n");
        write(&format!("cohorts/c{cohort}.yaml"), &text);
    }
    Project::read(directory.path(), Config::parse, &|_| {
        Err(std::env::VarError::NotPresent)
    })
    .unwrap()
}

/// The cohorts of a module, and its load error.
type LoadOutcome = (Vec<String>, Option<String>);

/// Loads the project while modules with some cohorts are refused. Returns the cohorts of each
/// module, and the number of attempts to load one.
fn load(refused: impl Fn(&[String]) -> Option<LoadError>) -> (Vec<LoadOutcome>, usize) {
    let directory = tempfile::tempdir().unwrap();
    let project = project(&directory);
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let mut tried = 0;
    let loaded = load_in(&project, compile_all(&project), &mut |bytes, origin| {
        tried += 1;
        let module = sandbox.load(bytes, origin)?;
        match refused(&module.description().cohorts) {
            Some(error) => Err(error),
            None => Ok(module),
        }
    });
    let ids = |loaded: &LoadedModule| {
        loaded
            .cohorts
            .iter()
            .map(|known| known.id.to_string())
            .collect()
    };
    let loaded = loaded
        .iter()
        .map(|loaded| (ids(loaded), loaded.module.as_ref().err().cloned()));
    (loaded.collect(), tried)
}

fn too_many() -> LoadError {
    LoadError::Description(DescriptionError::TooMany {
        what: "calendars",
        found: 1_001,
        limit: 1_000,
    })
}

/// Tests a limit of the sandbox that the compiler does not count.
#[test]
fn a_module_that_is_too_large_for_the_sandbox_is_halved_until_it_loads() {
    let (modules, tried) = load(|cohorts| (cohorts.len() > 2).then(too_many));
    assert_eq!(tried, 1 + 2 + 4);
    assert!(
        modules
            .iter()
            .all(|(cohorts, error)| cohorts.len() == 2 && error.is_none())
    );
    let all: BTreeSet<_> = modules.iter().flat_map(|(cohorts, _)| cohorts).collect();
    assert_eq!(all.len(), 8);
}

#[test]
fn a_cohort_that_is_too_large_fails_alone() {
    let (modules, _) = load(|cohorts| cohorts.iter().any(|id| id == "c5").then(too_many));
    for (cohorts, error) in &modules {
        assert_eq!(error.is_some(), *cohorts == ["c5"], "{cohorts:?}");
    }
    assert_eq!(
        modules
            .iter()
            .map(|(cohorts, _)| cohorts.len())
            .sum::<usize>(),
        8
    );
}

/// Tests an error that fewer cohorts would not avoid.
#[test]
fn a_module_that_is_refused_for_another_reason_is_not_halved() {
    let wrong = || LoadError::MissingExport { name: "classify" };
    let (modules, tried) = load(|_| Some(wrong()));
    assert_eq!((modules.len(), tried), (1, 1));
}
