//! The check of a destination, step by step.

use std::fs::OpenOptions;
use std::path::Path;

use serde::Serialize;

use crate::destination::Destination;
use crate::kinesis;

/// The choices of a check.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Writes one marked message to a stream.
    pub send_test: bool,
    /// Makes the dry run also at an unencrypted endpoint of this machine, as `send_test` does.
    /// Emulators ignore that a call is a dry run, and write its record.
    pub dry_run_here: bool,
}

/// A step of a check and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckStep {
    /// The name of the step.
    pub step: &'static str,
    /// The outcome.
    pub state: CheckState,
    /// The finding as a text.
    pub text: String,
    /// A hint at the remedy.
    pub hint: Option<String>,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// All is right.
    Ok,
    /// Messages are delivered, but something should be changed.
    Warning,
    /// Messages are not delivered.
    Failed,
    /// The step was not made.
    Skipped,
}

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct CheckSteps(pub(crate) Vec<CheckStep>);

impl CheckSteps {
    pub(crate) fn add(
        &mut self,
        step: &'static str,
        state: CheckState,
        text: impl Into<String>,
        hint: Option<String>,
    ) {
        let text = text.into();
        self.0.push(CheckStep {
            step,
            state,
            text,
            hint,
        });
    }

    pub(crate) fn ok(&mut self, step: &'static str, text: impl Into<String>) {
        self.add(step, CheckState::Ok, text, None);
    }

    pub(crate) fn skipped(&mut self, step: &'static str, text: impl Into<String>) {
        self.add(step, CheckState::Skipped, text, None);
    }

    pub(crate) fn failed(
        &mut self,
        step: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(step, CheckState::Failed, text, Some(hint.into()));
    }

    pub(crate) fn warning(
        &mut self,
        step: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(step, CheckState::Warning, text, Some(hint.into()));
    }
}

/// Checks whether messages can be delivered to a destination. After a step that failed, the steps
/// that need it are left out. Nothing is written to the destination unless the options say so.
pub async fn check(
    name: &str,
    destination: &Destination,
    options: &CheckOptions,
) -> Vec<CheckStep> {
    let mut steps = CheckSteps::default();
    match destination {
        Destination::File { path } => file(path, &mut steps),
        Destination::Stdout => steps.ok("stdout", "messages go to standard output"),
        Destination::Kinesis(settings) => {
            kinesis::check::check(name, settings, options, &mut steps).await;
        }
        #[cfg(feature = "memory")]
        Destination::Memory(_) => {}
    }
    steps.0
}

/// Checks that a file can be appended to, or made.
fn file(path: &Path, steps: &mut CheckSteps) {
    const STEP: &str = "file";
    const HINT: &str = "see that the folder exists and is writable by the user that Muster runs as";
    let shown = path.display();
    if path.exists() {
        match OpenOptions::new().append(true).open(path) {
            Ok(_) => steps.ok(STEP, format!("`{shown}` can be written")),
            Err(error) => steps.failed(STEP, format!("cannot open `{shown}`: {error}"), HINT),
        }
        return;
    }
    // Muster makes the folders that are missing.
    let known = path.ancestors().skip(1).find(|folder| folder.exists());
    match known.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            let text = format!("`{}` is not a folder", folder.display());
            steps.failed(STEP, text, HINT);
        }
        Some(folder)
            if folder
                .metadata()
                .is_ok_and(|data| data.permissions().readonly()) =>
        {
            let text = format!("`{}` cannot be written", folder.display());
            steps.failed(STEP, text, HINT);
        }
        _ => steps.ok(STEP, format!("`{shown}` is made with the first message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(path: &Path) -> Vec<CheckState> {
        let mut steps = CheckSteps::default();
        file(path, &mut steps);
        steps.0.iter().map(|step| step.state).collect()
    }

    #[test]
    fn a_file_is_there_or_can_be_made() {
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("there");
        std::fs::write(&there, "x").unwrap();
        assert_eq!(states(&there), [CheckState::Ok]);
        assert_eq!(states(&directory.path().join("a/b")), [CheckState::Ok]);
        assert_eq!(states(&there.join("below")), [CheckState::Failed]);
        assert_eq!(states(directory.path()), [CheckState::Failed]);
        assert_eq!(std::fs::read(&there).unwrap(), b"x");
    }
}
