//! What a gateway does that a shim has started, where a service is installed: the manager is to start that.
//!
//! The shim knows nothing of services, and stays as small as it is; the gateway that it starts knows, asks, and says
//! "another one runs". Where that fails, it serves, and says so in `status`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;
use snowgate_link::hello::{ClientHello, Role};
use snowgate_link::os;
use snowgate_link::start::{Attempt, StartError, connect};

use super::manager::run_bounded;
use super::{Manager, ServiceManager, Site};

/// How long the manager may take to start the service: half of what the shim waits.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the service may take to answer then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Between two looks whether something listens.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delegation {
    /// There is no service.
    NotInstalled,
    /// The service serves.
    Served,
    /// There is one, and it does not: why.
    Failed(String),
}

/// Has the manager start the service of `site`, if it is enabled. Blocks.
pub fn delegate(site: &Site, manager: &Manager, endpoint: &Endpoint) -> Delegation {
    // A task starts a gateway just as a shim does, and keeps no socket: there is nothing to wait for.
    if site.manager == ServiceManager::TaskScheduler || !site.is_enabled() {
        return Delegation::NotInstalled;
    }
    let began = Instant::now();
    let left = || START_TIMEOUT.saturating_sub(began.elapsed());
    let (socket, service) = (site.socket_unit(), site.service_unit());
    let start = |verb: &str| match site.manager {
        ServiceManager::Systemd => manager.units(&[verb, &socket, &service], left()),
        // It has the socket at all times; what is asked for twice is one.
        ServiceManager::Launchd => {
            manager.run(&["kickstart", &format!("gui/{}/{service}", os::user())], left())
        }
        ServiceManager::TaskScheduler => Ok(String::new()),
    };
    // systemd believes that its socket is there, also where the file was removed or is another one: then it is made anew.
    if endpoint.socket_exists().unwrap_or(true) {
        if let Err(error) = start("start") {
            return Delegation::Failed(error.to_string());
        }
        // One that is slow is not restarted: its other clients may be well served. The shim waits in its socket.
        if listens(endpoint) {
            return Delegation::Served;
        }
    }
    match start("restart") {
        Ok(_) if listens(endpoint) => Delegation::Served,
        Ok(_) => Delegation::Failed(format!(
            "{service} runs, and does not listen on {}",
            endpoint.socket.display()
        )),
        Err(error) => Delegation::Failed(error.to_string()),
    }
}

/// How long one look at the program of a service may take.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// The version of the program that the service of `site` runs, and its path; `None`: it is this very program, or it is not
/// known. Blocks.
pub fn other_program(site: &Site, manager: &Manager) -> Option<(String, String)> {
    if site.manager != ServiceManager::Systemd || !site.is_enabled() {
        return None;
    }
    let said =
        manager.units(&["show", "--property=ExecStart", &site.service_unit()], VERSION_TIMEOUT).ok()?;
    let path = program_of(&said)?;
    if std::env::current_exe().is_ok_and(|own| own == Path::new(path)) {
        return None;
    }
    let version = run_bounded(Command::new(path).arg("--version"), VERSION_TIMEOUT).ok()?;
    Some((version.split_whitespace().last()?.to_owned(), path.to_owned()))
}

/// The program in what `systemctl show` prints: `ExecStart={ path=PATH ; argv[]=... }`.
fn program_of(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("path=")?;
    Some(rest.split_once(" ;")?.0).filter(|path| path.starts_with('/'))
}

/// Whether a gateway answers, or may yet: something listens. Where nothing does, a start may be under way.
fn listens(endpoint: &Endpoint) -> bool {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        match connect(endpoint, &ClientHello::new(Role::Control), deadline) {
            Ok(Attempt::Connected(_)) | Err(StartError::Deadline { .. } | StartError::Refused(_)) => {
                return true;
            }
            Ok(Attempt::Absent | Attempt::Dying) if Instant::now() < deadline => {
                std::thread::sleep(LOOK_PAUSE);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_unit_is_read() {
        let said =
            "ExecStart={ path=/opt/snow gate/snowgate ; argv[]=/opt/snow gate/snowgate serve ; pid=0 }\n";
        assert_eq!(program_of(said), Some("/opt/snow gate/snowgate"));
        assert_eq!(program_of("ExecStart=\n"), None);
        assert_eq!(program_of(""), None);
    }
}
