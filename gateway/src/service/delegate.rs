//! What a gateway does that a shim has started, where a service is installed: the manager is to start that.
//!
//! The shim knows nothing of services, and stays as small as it is; the gateway that it starts knows, asks, and says
//! "another one runs". Where that fails, it serves, and says so in `status`.

use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;
use snowgate_link::hello::{ClientHello, Role};
use snowgate_link::os;
use snowgate_link::start::{Attempt, StartError, connect};

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
    if !site.is_enabled() {
        return Delegation::NotInstalled;
    }
    let began = Instant::now();
    let left = || START_TIMEOUT.saturating_sub(began.elapsed());
    let (socket, service) = (site.socket_unit(), site.service_unit());
    let start = |verb: &str| match site.manager {
        ServiceManager::Systemd => manager.units(&[verb, &socket, &service], left()),
        // It has the socket at all times; what is asked for twice is one.
        ServiceManager::Launchd => {
            manager.run(&["kickstart", &format!("gui/{}/{service}", os::euid())], left())
        }
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

/// Whether a gateway answers, or may yet: something listens. Where nothing does, a start may be under way.
fn listens(endpoint: &Endpoint) -> bool {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        match connect(endpoint, &ClientHello::new(Role::Control), deadline) {
            Ok(Attempt::Connected(_)) | Err(StartError::Deadline { .. } | StartError::Refused(_)) => {
                return true;
            }
            Ok(Attempt::Absent | Attempt::Dying) if Instant::now() < deadline => {
                std::thread::sleep(LOOK_PAUSE)
            }
            _ => return false,
        }
    }
}
