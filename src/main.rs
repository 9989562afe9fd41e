//! The `ambit` command: parses arguments, runs one command, and turns its outcome into an exit
//! status: 0 done, 1 found a problem, 2 could not run.

use std::process::ExitCode;

use ambit::cli::{self, Cli, Outcome};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Cli::parse();
    cli::start_logging(&arguments);
    match cli::run(arguments) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Problem) => ExitCode::from(1),
        Err(error) => {
            cli::complain(&error);
            ExitCode::from(2)
        }
    }
}
