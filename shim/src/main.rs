//! `snowgate-shim`: what an MCP client launches. Forwards its lines to the gateway and the gateway's to it.

// No console window, and no process of the system's for one, however a client starts it.
#![cfg_attr(windows, windows_subsystem = "windows")]

mod args;
mod forward;
mod launch;
mod report;
mod shared;

use std::io::Write;
use std::process::ExitCode;

use snowgate_link::os;

fn main() -> ExitCode {
    os::attach_terminal();
    // Folders and files that this process and its gateway make are private, whatever the client's mask says.
    os::make_files_private();
    match args::parse() {
        Ok(args::Command::Forward(options)) => forward::run(options),
        Ok(args::Command::Launch { program, says_pid }) => launch::run(&program, says_pid),
        Ok(args::Command::Print(text)) => {
            // A reader that left early (`--help | head -1`) has what it wanted.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            report::say(&format!("{message}\nTry: snowgate-shim --help"));
            ExitCode::from(args::EX_USAGE)
        }
    }
}
