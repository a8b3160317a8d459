//! The service that runs the gateway, where one is installed.

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use super::situation::Situation;
use crate::service::{Manager, ServiceState, Site, state};

/// Looks; asks the manager, within a bound, only where a service is installed. `None`: this gateway can have none.
pub(super) fn gather(situation: &Situation<'_>) -> Option<ServiceState> {
    let program = std::env::current_exe().ok()?;
    let site = Site::discover(situation.env, &situation.paths, &situation.endpoint, &program)?;
    Some(state(&site, &Manager::of_this_user()))
}

/// What is wrong with it.
pub(super) fn examine(found: Option<&ServiceState>) -> Examined {
    let Some(found) = found else {
        return Examined::skipped(Area::Service, "a gateway with a socket of its own has no service");
    };
    if !found.installed {
        return Examined::new(
            Area::Service,
            "not installed; clients start the gateway (snowgate service install)",
        );
    }
    let mut findings = Vec::new();
    if let Some(problem) = &found.manager_problem {
        findings.push(
            Finding::warning(
                Check::ServiceStale,
                format!("{} cannot be asked about {}", found.manager, found.unit),
            )
            .because(problem.clone())
            .mended_by_any(found.next_step.clone()),
        );
    }
    if found.active.as_deref() == Some("failed") {
        let why = found.result.clone().unwrap_or_else(|| "the manager does not say why".to_owned());
        findings.push(
            Finding::critical(Check::ServiceStale, format!("the service {} has failed", found.unit))
                .because(why)
                .mended_by("snowgate service logs says why; then snowgate service install starts it again"),
        );
    } else if found.is_failing() {
        let result = found.result.as_deref().unwrap_or("the manager does not say why");
        let restarts = found.restarts.unwrap_or_default();
        findings.push(
            Finding::critical(Check::ServiceStale, format!("the service {} does not start", found.unit))
                .because(format!("it has ended again and again ({result}, {restarts} times)"))
                .mended_by(
                    "snowgate service status and snowgate service logs say why; snowgate config check, if it is the config; \
                     then snowgate service install starts it again",
                ),
        );
    } else if found.manager_problem.is_none() && !found.listens {
        findings.push(
            Finding::warning(
                Check::ServiceStale,
                format!("the service {} is installed and does not listen", found.unit),
            )
            .because("its socket is not active, so clients start a gateway of their own")
            .mended_by("snowgate service install"),
        );
    }
    if found.is_stale() {
        findings.push(
            Finding::warning(
                Check::ServiceStale,
                format!("the files of the service {} are not what this version writes", found.unit),
            )
            .because("they are of another version, were changed by hand, or name another program")
            .mended_by("snowgate service install (--dry-run shows the files)"),
        );
    }
    let active = found.active.as_deref().unwrap_or("not known");
    let details = [
        found.pid.map(|pid| format!("pid {pid}")),
        found.restarts.map(|restarts| format!("started again {restarts} times")),
        found
            .lingers
            .map(|lingers| format!("goes on after you log out: {}", if lingers { "yes" } else { "no" })),
    ];
    Examined::new(Area::Service, format!("{} ({}): {active}", found.unit, found.manager))
        .with_details(details.into_iter().flatten().collect())
        .with(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity;

    fn found(change: impl FnOnce(&mut ServiceState)) -> Vec<Severity> {
        let mut state = ServiceState {
            manager: "systemd".into(),
            unit: "snowgate.service".into(),
            installed: true,
            enabled: true,
            listens: true,
            active: Some("active".into()),
            ..ServiceState::default()
        };
        change(&mut state);
        let found = Diagnosis::of(vec![examine(Some(&state))]).findings;
        found.iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn a_service_that_has_failed_does_not_listen_or_is_of_another_version_is_named() {
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|state| *state = ServiceState::default()), []);
        assert_eq!(found(|state| state.active = Some("failed".into())), [Severity::Critical]);
        assert_eq!(found(|state| state.listens = false), [Severity::Warning]);
        let trying = |state: &mut ServiceState| {
            (state.active, state.result) = (Some("activating".into()), Some("exit-code".into()));
        };
        assert_eq!(found(trying), [Severity::Critical]);
        let crashes = |state: &mut ServiceState| state.restarts = Some(4);
        assert_eq!(found(crashes), [Severity::Critical]);
        assert_eq!(found(|state| state.restarts = Some(3)), []);
        let unasked =
            |state: &mut ServiceState| (state.manager_problem, state.listens) = (Some("x".into()), false);
        assert_eq!(found(unasked), [Severity::Warning]);
        let file = crate::service::ServiceFile { path: "/x".into(), is_current: false };
        assert_eq!(found(|state| state.files = vec![file]), [Severity::Warning]);
    }
}
