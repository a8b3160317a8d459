//! `snowgate clients`: which MCP clients there are, and whether they are connected.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::OutputArgs;
use super::control::{print_for_people, print_json};
use super::install::{places, shim_of_this_program};
use crate::clients::{ClientState, FileState, Scope, install_command, survey};
use crate::streams::escaped;

/// Lists the clients.
pub(super) fn clients(args: OutputArgs) -> Result<ExitCode> {
    let places = places()?;
    let shim = shim_of_this_program(&places).ok().map(|shim| shim.path);
    let clients = survey(&places, shim.as_deref());
    if args.json {
        return print_json(&json!({ "shim": shim, "clients": clients }));
    }
    let mut text = String::new();
    write(&mut text, &clients)?;
    print_for_people(&text)
}

fn write(text: &mut String, clients: &[ClientState]) -> std::fmt::Result {
    let width = clients.iter().map(|it| it.client.facts().id.len()).max().unwrap_or_default();
    let has_entry = |state: &ClientState| state.files.iter().any(|file| !file.entries.is_empty());
    let (here, absent): (Vec<_>, Vec<_>) = clients.iter().partition(|it| it.is_present || has_entry(it));
    let mut advice = Vec::new();
    for state in &here {
        let id = state.client.facts().id;
        let mut lines = Vec::new();
        for file in &state.files {
            file_lines(file, &mut lines);
            for entry in file.entries.iter().filter(|entry| entry.standing.is_mended_by_install()) {
                let command = install_command(state.client, file.scope, &entry.name);
                advice.push(format!("`{command}` corrects the entry of {}", state.title));
            }
        }
        if !has_entry(state) {
            let file = state.files.iter().find(|file| file.scope == Scope::User);
            let place = file.map(|file| file.path.display().to_string()).unwrap_or_default();
            lines.push(format!("not connected; its file is {place}"));
        }
        if state.is_running == Some(true) {
            lines.push("it is running".to_owned());
        }
        for (at, line) in lines.iter().enumerate() {
            let name = if at == 0 { id } else { "" };
            writeln!(text, "{name:width$}  {line}")?;
        }
    }
    if here.iter().any(|state| !has_entry(state)) {
        advice.push(
            "`snowgate install CLIENT` connects one, `snowgate install --all` all that are here".to_owned(),
        );
    }
    if !absent.is_empty() {
        let names: Vec<_> = absent.iter().map(|state| state.client.facts().id).collect();
        writeln!(text, "not found: {}", names.join(", "))?;
    }
    advice.iter().try_for_each(|line| writeln!(text, "{line}"))
}

fn file_lines(file: &FileState, lines: &mut Vec<String>) {
    let place = file.path.display();
    for entry in &file.entries {
        let profile = entry.profile.as_ref();
        let profile = profile.map(|name| format!(", profile {}", escaped(name))).unwrap_or_default();
        let standing = escaped(&entry.standing.to_string());
        lines.push(format!("`{}`{profile}: {standing}; in {place}", escaped(&entry.name)));
    }
    if let Some((problem, next_step)) = &file.problem {
        lines.push(format!("{}; {}", escaped(problem), escaped(next_step)));
    }
    if !file.rivals.is_empty() {
        lines.push(format!(
            "also there for such a warehouse: {}; in {place}",
            escaped(&file.rivals.join(", "))
        ));
    }
}
