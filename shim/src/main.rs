//! `snowgate-shim`: what an MCP client launches. Forwards its lines to the gateway and the gateway's to it.

mod args;
mod forward;
mod launch;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse() {
        Ok(args::Command::Forward(options)) => forward::run(options),
        Ok(args::Command::Launch(program)) => launch::run(&program),
        Ok(args::Command::Print(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("snowgate-shim: {message}\nTry: snowgate-shim --help");
            ExitCode::from(args::EX_USAGE)
        }
    }
}
