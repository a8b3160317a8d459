//! The gateway that runs: whether it answers, is the installed one, and what it says of itself.

use std::collections::BTreeSet;

use snowgate_link::BUILD;

use super::check::{Area, Check};
use super::endpoint::hanging;
use super::finding::{Examined, Finding};
use super::situation::Situation;
use crate::observe::{StatusView, problems};
use crate::os::{environment_of, processes_named};

/// Variables and gateways that are named, at most.
const NAMED_MAX: usize = 8;

/// What decides the configuration of a gateway.
const PREFIXES: [&str; 2] = ["SNOWGATE_", "SNOWFLAKE_"];

/// What is known beside its status.
#[derive(Debug, Default)]
pub(super) struct GatewayFacts {
    /// The names of its variables, if the system tells them.
    variables: Option<BTreeSet<String>>,
    /// The names of this terminal's.
    own_variables: BTreeSet<String>,
    /// Other gateways of this user: process id and home.
    others: Vec<(u32, String)>,
}

/// Looks.
pub(super) fn gather(situation: &Situation<'_>) -> GatewayFacts {
    let names = |prefix| situation.env.names_with(prefix);
    let own_variables = PREFIXES.into_iter().flat_map(names).collect();
    let variables = situation.status().and_then(|status| variables_of(status.pid));
    let own_home = situation.env.get("SNOWGATE_HOME").unwrap_or_default();
    let gateways = processes_named("snowgate").into_iter().filter(|pid| *pid != std::process::id());
    let others = gateways
        .filter(|pid| Some(*pid) != situation.lock_holder)
        .filter_map(|pid| Some((pid, home_of(pid)?)))
        .filter(|(_, home)| *home != own_home)
        .collect();
    GatewayFacts { variables, own_variables, others }
}

/// The names alone: values may be secret.
fn variables_of(pid: u32) -> Option<BTreeSet<String>> {
    let names = environment_of(pid)?.into_iter().map(|(name, _)| name.to_string_lossy().into_owned());
    Some(names.filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect())
}

fn home_of(pid: u32) -> Option<String> {
    let is_home = |(name, _): &(std::ffi::OsString, std::ffi::OsString)| name == "SNOWGATE_HOME";
    let home = environment_of(pid)?.into_iter().find(is_home);
    Some(home.map(|(_, home)| home.to_string_lossy().into_owned()).unwrap_or_default())
}

/// What is wrong with it.
pub(super) fn examine(situation: &Situation<'_>, facts: &GatewayFacts) -> Examined {
    let Some(status) = situation.status() else {
        let examined = Examined::new(Area::Gateway, "not running; the next client starts one");
        let hanging = hanging(&situation.asked, situation.lock_holder);
        return examined.with(hanging).with(others(&facts.others));
    };
    let said = format!("snowgate {} (pid {}), {} sessions", status.version, status.pid, status.sessions);
    let details = vec![format!("program: {}", status.program), format!("state: {}", status.state_file)];
    Examined::new(Area::Gateway, said)
        .with_details(details)
        .with(outdated(status))
        .with(variables(facts))
        .with(others(&facts.others))
        .with(own_problems(status))
}

fn outdated(status: &StatusView) -> Option<Finding> {
    let is_gone = !std::path::Path::new(&status.program).is_file();
    let what = match status.version.as_str() {
        BUILD if !is_gone => return None,
        BUILD => format!("the program of the gateway that runs is no longer there: {}", status.program),
        other => format!("the gateway that runs is {other}, this program is {BUILD}"),
    };
    Some(
        Finding::warning(Check::GatewayOutdated, what)
            .because("it was replaced or removed while the gateway ran")
            .mended_by(if is_gone { "install it again, then snowgate stop" } else { "snowgate restart" }),
    )
}

fn variables(facts: &GatewayFacts) -> Option<Finding> {
    let of_gateway = facts.variables.as_ref()?;
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        // Where they lead to the same gateway, they make no difference.
        let names: Vec<_> = one.difference(other).filter(|name| *name != "SNOWGATE_HOME").cloned().collect();
        let more = names.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| names[..names.len().min(NAMED_MAX)].join(", ") + &more)
    };
    let (theirs, ours) = (only(of_gateway, &facts.own_variables), only(&facts.own_variables, of_gateway));
    let parts = [
        theirs.map(|names| {
            format!("the gateway that runs has variables that this terminal does not have: {names}")
        }),
        ours.map(|names| format!("this terminal has variables that the gateway does not have: {names}")),
    ];
    let what = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    (!what.is_empty()).then(|| {
        Finding::note(Check::GatewayEnvironment, what)
            .because("a gateway has the variables of the client that started it, so what is checked here may differ")
            .mended_by("put shared settings into the config file (snowgate config show says where each comes from)")
    })
}

fn others(others: &[(u32, String)]) -> Option<Finding> {
    if others.is_empty() {
        return None;
    }
    let shown = |(pid, home): &(u32, String)| match home.as_str() {
        "" => format!("pid {pid} in the usual home"),
        home => format!("pid {pid} with SNOWGATE_HOME={home}"),
    };
    let more = others.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = others.iter().take(NAMED_MAX).map(shown).collect::<Vec<_>>().join(", ") + &more;
    Some(
        Finding::note(Check::OtherGateway, format!("other gateways of this user run: {listed}"))
            .because("clients with another SNOWGATE_HOME use them, and this command does not look at them")
            .mended_by("run this command with the SNOWGATE_HOME of the client that has the problem"),
    )
}

/// What it says of itself, but for connections and the configuration, which are examined by themselves.
fn own_problems(status: &StatusView) -> Vec<Finding> {
    let rest = StatusView {
        connections: Vec::new(),
        backend_problem: None,
        config_warnings: Vec::new(),
        ..status.clone()
    };
    let finding = |problem: crate::observe::Problem| Finding {
        severity: problem.severity,
        ..Finding::critical(Check::GatewayProblem, problem.what)
            .because("the gateway that runs says so")
            .mended_by(problem.command)
    };
    problems(&rest).into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Severity, snapshot};
    use crate::shared::testing::TestGateway;

    #[tokio::test]
    async fn what_the_gateway_says_of_itself_is_passed_on() {
        let gateway = TestGateway::new().await;
        let mut status = snapshot(&gateway.shared);
        assert_eq!(own_problems(&status), []);
        status.state_problem = Some("the disk is full".to_owned());
        status.backend_problem = Some("elsewhere".to_owned());
        let found = own_problems(&status);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].severity, found[0].what.as_str()), (Severity::Critical, "the disk is full"));
    }

    #[tokio::test]
    async fn another_version_and_a_program_that_is_gone_are_named() {
        let gateway = TestGateway::new().await;
        let mut status = snapshot(&gateway.shared);
        status.program = std::env::current_exe().unwrap().display().to_string();
        assert_eq!(outdated(&status), None);
        status.version = "0.0.1".to_owned();
        assert_eq!(outdated(&status).unwrap().next_step.as_deref(), Some("snowgate restart"));
        status.version = BUILD.to_owned();
        status.program = "/nowhere/snowgate".to_owned();
        assert!(outdated(&status).unwrap().what.contains("no longer there"));
    }

    #[test]
    fn variables_are_named_and_their_values_are_not_known() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let facts = |theirs: Option<&[&str]>, ours: &[&str]| GatewayFacts {
            variables: theirs.map(set),
            own_variables: set(ours),
            others: Vec::new(),
        };
        assert_eq!(variables(&facts(None, &["SNOWGATE_LOG"])), None);
        assert_eq!(variables(&facts(Some(&["SNOWGATE_LOG"]), &["SNOWGATE_LOG", "SNOWGATE_HOME"])), None);
        let found = variables(&facts(Some(&["SNOWFLAKE_USER"]), &["SNOWGATE_LOG"])).unwrap();
        assert!(
            found.what.contains("not have: SNOWFLAKE_USER;") && found.what.ends_with("SNOWGATE_LOG"),
            "{found:?}"
        );
    }

    #[test]
    fn other_homes_are_named() {
        assert_eq!(others(&[]), None);
        let found = others(&[(7, String::new()), (8, "/h".to_owned())]).unwrap();
        assert!(found.what.ends_with("pid 7 in the usual home, pid 8 with SNOWGATE_HOME=/h"), "{found:?}");
    }
}
