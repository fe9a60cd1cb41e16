//! `muster compile-rule`: the process in which hand-written rules are compiled.

use std::path::PathBuf;

use clap::Args;
use muster_sandbox::{Compile, CompileProcess, compile_process};

/// Its name on the command line.
const NAME: &str = "compile-rule";

/// Compile the rule on standard input to machine code, for the `muster` that started this one
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct CompileRuleCommand {}

impl CompileRuleCommand {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (input, output) = (std::io::stdin(), std::io::stdout());
        compile_process(&mut input.lock(), &mut output.lock())?;
        Ok(())
    }
}

/// Says how rules are compiled: by this program, in another process.
pub(crate) fn elsewhere() -> Compile {
    // The program of a unit test is not `muster`.
    if cfg!(test) {
        return Compile::InProcess;
    }
    // The file that runs, even if another version was put in its place meanwhile.
    let running = PathBuf::from("/proc/self/exe");
    let program = match running.exists() {
        true => Some(running),
        false => std::env::current_exe().ok(),
    };
    match program {
        Some(program) => Compile::Process(CompileProcess::new(program, vec![NAME.into()])),
        // Then nothing that is asked for by its own name works either.
        None => Compile::Process(CompileProcess::new("muster".into(), vec![NAME.into()])),
    }
}
