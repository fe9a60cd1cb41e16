//! `muster completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::Cli;
use crate::output::Output;

/// Print the completion script of a shell
///
/// bash: `muster completions bash > ~/.local/share/bash-completion/completions/muster`
/// zsh: `muster completions zsh > ~/.zfunc/_muster`, with `~/.zfunc` in `fpath`
/// fish: `muster completions fish > ~/.config/fish/completions/muster.fish`
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsCommand {
    /// The shell
    shell: Shell,
}

impl CompletionsCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "muster", &mut script);
        let script = String::from_utf8(script)?;
        let json = json!({ "shell": self.shell.to_string(), "script": script });
        output.result(&json, &script)
    }
}
