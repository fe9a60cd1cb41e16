//! The `muster` program: it computes cohorts from definitions and sends their entries and exits.

mod allocator;
mod commands;
mod faults;
mod imported;
mod limits;
mod load;
mod logs;
mod output;
mod remarks;
mod run_progress;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use output::{Color, Output, exit_code};

/// Compute cohorts of users and send their entries and exits to your stream.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    propagate_version = true,
    max_term_width = 110
)]
#[command(
    after_help = "Cohorts are definitions in files, which are compiled to isolated WebAssembly modules.\n\n\
                        Exit codes: 0 success, 1 a fault of the project, its data or a destination, \
                        2 a wrong command line, and of `test` files that do not load.\n\nStart with `muster init my-project`."
)]
struct Cli {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Colours of the text; `auto`: only on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // The allocator's settings must change before a second thread starts.
    allocator::limit_arenas();
    let cli = Cli::parse();
    let output = Output::new(cli.json).with_color(cli.color);
    match cli.command.run(&output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(exit_code(&error))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// Columns of the first line of a command's help, so that the list of commands does not wrap.
    const FIRST_LINE: usize = 60;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_first_line_of_each_help_is_short() {
        let command = Cli::command();
        let long: Vec<_> = command
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set())
            .filter_map(|sub| Some((sub.get_name(), sub.get_about()?.to_string())))
            .filter(|(_, about)| about.chars().count() > FIRST_LINE)
            .collect();
        assert!(long.is_empty(), "longer than {FIRST_LINE}: {long:#?}");
    }
}
