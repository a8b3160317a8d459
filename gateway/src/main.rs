//! The `snowgate` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    snowgate::cli::run()
}
