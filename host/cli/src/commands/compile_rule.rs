//! `muster compile-rule`: the process that compiles a hand-written rule.

use std::path::PathBuf;

use clap::Args;
use muster_sandbox::{Compile, CompileProcess, compile_process};

/// The command's name on the command line.
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

/// Returns the settings by which this program compiles rules in another process.
pub(crate) fn in_other_process() -> Compile {
    // A unit test's program has no such command.
    if cfg!(test) {
        return Compile::InProcess;
    }
    // This link names the program that runs, even if an upgrade has replaced its file.
    let running = PathBuf::from("/proc/self/exe");
    let program = match running.exists() {
        true => Some(running),
        false => std::env::current_exe().ok(),
    };
    match program {
        Some(program) => Compile::Process(CompileProcess::new(program, vec![NAME.into()])),
        // Without the program's own path, the search in `PATH` remains.
        None => Compile::Process(CompileProcess::new("muster".into(), vec![NAME.into()])),
    }
}
