//! What is there of a service: what its files say, and what the manager does with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use snowgate_link::os;

use super::install::bytes_of;
use super::manager::run_bounded;
use super::{Manager, ServiceManager, Site, files, scheduler};
use crate::os::program;

/// How long the manager may take to say how a service is.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the manager may have to start it again without that being a fault.
const RESTARTS_MAX: u32 = 3;

/// One file of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether it says what this version would write.
    pub is_current: bool,
}

/// A service as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceState {
    /// `systemd`, `launchd` or `Task Scheduler`.
    pub manager: String,
    /// What it is called.
    pub unit: String,
    /// Its files, where it is installed for this user.
    pub files: Vec<ServiceFile>,
    /// Whether it is installed, by `service install` or by a package.
    pub installed: bool,
    /// Whether the manager has the socket from the user's log-in on.
    pub enabled: bool,
    /// Why the manager could not be asked.
    pub manager_problem: Option<String>,
    /// What to do about it.
    pub next_step: Option<String>,
    /// Whether the manager listens for clients.
    pub listens: bool,
    /// The service's state, as the manager names it (`active`, `inactive`, `failed`, `activating`).
    pub active: Option<String>,
    /// How it ended the last time, if that was wrong.
    pub result: Option<String>,
    /// The gateway's process.
    pub pid: Option<u32>,
    /// Since when it is in this state.
    pub since: Option<String>,
    /// How often the manager has started it again by itself.
    pub restarts: Option<u32>,
    /// Whether it goes on without a log-in of its user; `None`: not known.
    pub lingers: Option<bool>,
}

impl ServiceState {
    /// Whether it ends again and again: it is between two starts after a failure, or was started again more than
    /// `RESTARTS_MAX` times.
    pub fn is_failing(&self) -> bool {
        let is_between = self.active.as_deref() == Some("activating") && self.result.is_some();
        is_between || self.restarts.is_some_and(|restarts| restarts > RESTARTS_MAX)
    }

    /// Whether a file of it is not what this version would write.
    pub fn is_stale(&self) -> bool {
        self.files.iter().any(|file| !file.is_current)
    }
}

/// The service of `site` as it is now. Bounded; asks the manager only where the service is installed.
pub fn state(site: &Site, manager: &Manager) -> ServiceState {
    let read = |(path, text): (PathBuf, String)| {
        let found = files::read(&path).ok()?;
        let says = |text: String| found == bytes_of(site.manager, text);
        // Whether it is kept running is the config's to say, which may have changed since: both are fine.
        let is_other = |(other, text): (PathBuf, String)| other == path && says(text);
        let is_current = says(text) || site.files(true).into_iter().any(is_other);
        Some(ServiceFile { is_current, path })
    };
    let files: Vec<ServiceFile> = site.files(false).into_iter().filter_map(read).collect();
    let mut found = ServiceState {
        manager: site.manager.name().to_owned(),
        unit: site.service_unit(),
        installed: !files.is_empty() || site.is_enabled(),
        enabled: site.is_enabled(),
        files,
        ..ServiceState::default()
    };
    if found.installed {
        let asked = match site.manager {
            ServiceManager::Systemd => of_systemd(site, manager, &mut found),
            ServiceManager::Launchd => of_launchd(site, manager, &mut found),
            ServiceManager::TaskScheduler => scheduler::look(site, manager, &mut found),
        };
        if let Err(error) = asked {
            found.manager_problem = Some(error.to_string());
            found.next_step = Some(error.next_step());
        }
    }
    found
}

const PROPERTIES: &str =
    "--property=Id,ActiveState,MainPID,NRestarts,StateChangeTimestamp,UnitFileState,Result,LoadState";

fn of_systemd(site: &Site, manager: &Manager, found: &mut ServiceState) -> Result<(), super::ManagerError> {
    let (socket, service) = (site.socket_unit(), site.service_unit());
    let said = manager.units(&["show", PROPERTIES, &socket, &service], LOOK_TIMEOUT)?;
    read_shown(&said, &socket, &service, found);
    let Ok(mut look) = program("loginctl") else { return Ok(()) };
    look.args(["show-user", &os::user().to_string(), "--property=Linger", "--value"]);
    found.lingers = run_bounded(&mut look, LOOK_TIMEOUT).ok().and_then(|said| match said.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    });
    Ok(())
}

/// Reads what `systemctl show` prints: a block for each unit, a property a line.
fn read_shown(said: &str, socket: &str, service: &str, found: &mut ServiceState) {
    for block in said.split("\n\n") {
        let properties: BTreeMap<&str, &str> =
            block.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |name: &str| properties.get(name).copied().filter(|value| !value.is_empty());
        if value("Id") == Some(socket) {
            found.listens = value("ActiveState") == Some("active");
        } else if value("Id") == Some(service) {
            found.active = value("ActiveState").map(str::to_owned);
            found.result = value("Result").filter(|result| *result != "success").map(str::to_owned);
            found.pid = value("MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0);
            found.since = value("StateChangeTimestamp").map(str::to_owned);
            found.restarts = value("NRestarts").and_then(|restarts| restarts.parse().ok());
        }
    }
}

fn of_launchd(site: &Site, manager: &Manager, found: &mut ServiceState) -> Result<(), super::ManagerError> {
    let target = format!("gui/{}/{}", os::user(), site.service_unit());
    let said = manager.run(&["print", &target], LOOK_TIMEOUT)?;
    let value = |name: &str| {
        said.lines()
            .find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix("= "))
            .map(str::to_owned)
    };
    found.listens = true;
    found.active = value("state");
    found.pid = value("pid").and_then(|pid| pid.parse().ok());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows_is_read() {
        let said = "Id=snowgate.socket\nActiveState=active\nResult=success\n\n\
                    MainPID=4711\nNRestarts=2\nResult=watchdog\nId=snowgate.service\nActiveState=active\n\
                    StateChangeTimestamp=Mon 2026-11-30 10:00:00 UTC\n";
        let mut found = ServiceState::default();
        read_shown(said, "snowgate.socket", "snowgate.service", &mut found);
        assert!(found.listens);
        assert_eq!((found.pid, found.restarts), (Some(4711), Some(2)));
        assert_eq!(found.result.as_deref(), Some("watchdog"));
        assert_eq!(found.active.as_deref(), Some("active"));
        let mut stopped = ServiceState::default();
        read_shown(
            "Id=snowgate.service\nMainPID=0\nActiveState=inactive\n",
            "s",
            "snowgate.service",
            &mut stopped,
        );
        assert_eq!((stopped.pid, stopped.listens), (None, false));
    }
}
