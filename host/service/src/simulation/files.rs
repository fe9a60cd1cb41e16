//! The project's files: their content, and the check whether a project may have it.

use std::collections::BTreeMap;
use std::path::Path;

use super::life::ScenarioStep;
use super::pool::{COHORTS, Chosen, DESTINATIONS, id, list_file};

/// The content of a project's files.
#[derive(Clone)]
pub(super) struct ProjectFiles {
    pub(super) definitions: BTreeMap<usize, Chosen>,
    pub(super) list: usize,
}

impl ProjectFiles {
    /// Applies an edit; `false`: the service could not activate such a project, and nothing is
    /// changed.
    pub(super) fn edit(&mut self, step: &ScenarioStep) -> bool {
        let mut edited = self.clone();
        match step {
            ScenarioStep::Define(chosen) => {
                edited.definitions.insert(chosen.cohort, chosen.clone());
            }
            ScenarioStep::Remove(cohort) => {
                edited.definitions.remove(cohort);
            }
            ScenarioStep::List(list) => edited.list = *list,
            _ => return false,
        }
        let uses = edited.definitions.values().flat_map(Chosen::uses);
        let sound = { uses }.all(|used| edited.definitions.contains_key(&used));
        // The service ends no cohort for a project without any definition.
        let sound = sound && !edited.definitions.is_empty();
        if sound {
            *self = edited;
        }
        sound
    }

    /// Creates a project's folder.
    pub(super) fn create(&self, directory: &Path, guard: Option<(u8, u8)>) {
        let guard = match guard {
            Some((percent, members)) => format!("{{percent: {percent}, members: {members}}}"),
            None => "off".to_owned(),
        };
        let destinations =
            DESTINATIONS.map(|name| format!("{name}: {{file: {{path: {name}.ndjson}}}}"));
        let destinations = destinations.join(", ");
        let config = format!("guard: {guard}\ndestinations: {{{destinations}}}\n");
        std::fs::write(directory.join("muster.yaml"), config).unwrap();
        std::fs::create_dir(directory.join("cohorts")).unwrap();
        self.write(directory);
    }

    /// Writes the definitions and the list.
    pub(super) fn write(&self, directory: &Path) {
        std::fs::write(directory.join("l.csv"), list_file(self.list)).unwrap();
        for cohort in 0..COHORTS {
            let path = directory.join(format!("cohorts/{}.yaml", id(cohort)));
            match self.definitions.get(&cohort) {
                Some(chosen) => std::fs::write(path, chosen.yaml()).unwrap(),
                None => {
                    let _ = std::fs::remove_file(path);
                }
            }
        }
    }
}
