//! The configurations of MCP clients: whether their entries lead to a shim that works.

use std::path::{Path, PathBuf};

use super::check::{Area, Check};
use super::finding::{Examined, Finding, Fix};
use super::situation::Situation;
use crate::clients::{
    ClientState, EntryState, FileState, Places, Scope, Standing, install_command, own_shim, survey,
};
use crate::streams::escaped;

/// What is known of the clients.
pub(super) struct ClientFacts {
    clients: Vec<ClientState>,
    /// The shim that entries are to lead to, if its path lasts.
    shim: Option<PathBuf>,
}

/// Looks. Shims that the user's own entries name are run to say their versions, each with a bound.
pub(super) fn gather(situation: &Situation<'_>) -> Option<ClientFacts> {
    let places = Places::discover(situation.env)?;
    let launched = std::env::args_os().next().map(PathBuf::from);
    let program = std::env::current_exe().ok()?;
    let shim = own_shim(launched.as_deref(), &program, &places.path).ok();
    let path = shim.as_ref().map(|shim| shim.path.as_path());
    let clients = survey(&places, path);
    let shim = shim.filter(|shim| shim.warning.is_none()).map(|shim| shim.path);
    Some(ClientFacts { clients, shim })
}

/// What is wrong with them.
pub(super) fn examine(facts: Option<&ClientFacts>) -> Examined {
    let Some(facts) = facts else { return Examined::skipped(Area::Clients, "this user has no home folder") };
    let connected =
        facts.clients.iter().filter(|client| client.files.iter().any(|file| !file.entries.is_empty()));
    let names: Vec<&str> = connected.map(|client| client.title).collect();
    let said = match names.as_slice() {
        [] => "no client is connected; snowgate install --all connects those that are here".to_owned(),
        names => format!("connected: {}", names.join(", ")),
    };
    let findings = facts.clients.iter().flat_map(|client| of_client(client, facts.shim.as_deref()));
    Examined::new(Area::Clients, said).with(findings)
}

fn of_client(client: &ClientState, shim: Option<&Path>) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &client.files {
        found.extend(file.problem.as_ref().map(|(problem, next_step)| {
            Finding::warning(Check::ClientUnreadable, escaped(problem))
                .because("so it is not known whether the client is connected")
                .mended_by(escaped(next_step))
        }));
        found.extend(file.entries.iter().filter_map(|entry| of_entry(client, file, entry, shim)));
    }
    found.into_iter().map(|finding| finding.about(client.title)).collect()
}

fn of_entry(
    client: &ClientState,
    file: &FileState,
    entry: &EntryState,
    shim: Option<&Path>,
) -> Option<Finding> {
    if entry.standing.is_fine() {
        return None;
    }
    let what = format!(
        "its entry `{}` in {} leads to {}",
        escaped(&entry.name),
        file.path.display(),
        escaped(&entry.command)
    );
    let finding = match &entry.standing {
        Standing::OtherVersion { .. } | Standing::NewerVersion { .. } => {
            Finding::warning(Check::ClientStale, what)
        }
        _ => Finding::critical(Check::ClientStale, what),
    };
    let (id, project) = (client.client.facts().id, file.scope == Scope::Project);
    let step =
        format!("{}, then start the client anew", install_command(client.client, file.scope, &entry.name));
    let step = match &entry.standing {
        Standing::NewerVersion { version } => {
            format!("run the `snowgate` of version {}, or put that version here", escaped(version))
        }
        standing if standing.is_safe_to_replace() => step,
        // It may be a script of the user's own, which is not for others to replace.
        _ => format!("correct that program if it is your own; otherwise {step}"),
    };
    let finding = finding.because(escaped(&entry.standing.to_string())).mended_by(step);
    // A project's file is others', too: it is changed by hand, or by a command that names it.
    if project || !entry.standing.is_safe_to_replace() {
        return Some(finding);
    }
    let fix = |shim: &Path| Fix::Reconnect {
        client: id,
        file: file.path.clone(),
        name: entry.name.clone(),
        command: entry.command.clone(),
        shim: shim.to_owned(),
    };
    Some(Finding { fix: shim.map(fix), ..finding })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::ALL;
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity;

    fn found(standing: Standing, problem: Option<(String, String)>) -> Vec<(Severity, Check, bool)> {
        found_in(Scope::User, standing, problem)
    }

    fn found_in(
        scope: Scope,
        standing: Standing,
        problem: Option<(String, String)>,
    ) -> Vec<(Severity, Check, bool)> {
        let entry = EntryState {
            name: "snowgate".into(),
            command: "/old/snowgate-shim".into(),
            profile: None,
            standing,
        };
        let file = FileState {
            path: "/c.json".into(),
            scope,
            exists: true,
            problem,
            entries: vec![entry],
            rivals: Vec::new(),
        };
        let client = ClientState {
            client: ALL[0],
            title: "A client",
            is_present: true,
            is_running: None,
            files: vec![file],
        };
        let facts = ClientFacts { clients: vec![client], shim: Some("/new/snowgate-shim".into()) };
        let found = Diagnosis::of(vec![examine(Some(&facts))]).findings;
        found.iter().map(|finding| (finding.severity, finding.check, finding.fix.is_some())).collect()
    }

    #[test]
    fn an_entry_is_a_problem_if_its_shim_cannot_run_and_a_warning_if_it_is_of_another_version() {
        assert_eq!(found(Standing::Current, None), []);
        assert_eq!(found(Standing::Copy, None), []);
        assert_eq!(found(Standing::Unknown { why: "x".into() }, None), []);
        assert_eq!(found(Standing::Missing, None), [(Severity::Critical, Check::ClientStale, true)]);
        let broken = Standing::Broken { why: "x".into() };
        assert_eq!(found(broken, None), [(Severity::Critical, Check::ClientStale, false)]);
        let old = |is_older_program| Standing::OtherVersion { version: "0.0.1".into(), is_older_program };
        assert_eq!(found(old(true), None), [(Severity::Warning, Check::ClientStale, true)]);
        assert_eq!(found(old(false), None), [(Severity::Warning, Check::ClientStale, false)]);
        let newer = Standing::NewerVersion { version: "9.9.9".into() };
        assert_eq!(found(newer, None), [(Severity::Warning, Check::ClientStale, false)]);
        let unreadable = Some(("x".to_owned(), "y".to_owned()));
        assert_eq!(
            found(Standing::Current, unreadable),
            [(Severity::Warning, Check::ClientUnreadable, false)]
        );
    }

    #[test]
    fn a_projects_file_is_never_mended_by_itself() {
        let missing = found_in(Scope::Project, Standing::Missing, None);
        assert_eq!(missing, [(Severity::Critical, Check::ClientStale, false)]);
    }
}
