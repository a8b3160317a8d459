//! The service manager that runs this gateway, if one does.

use serde::{Deserialize, Serialize};

use crate::os;
use crate::streams::StderrUse;

/// The name of the unit in `packaging/`, where the system does not tell the name of ours.
const DEFAULT_UNIT: &str = "snowgate.service";

/// A service manager: it starts the gateway again when that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub manager: String,
    /// The command that stops the gateway for good: it is not started again at the next log-in, nor for a client.
    pub stop: String,
    /// Whether it starts the gateway again only when a client comes, because it has the socket.
    #[serde(default)]
    pub is_on_demand: bool,
}

impl Service {
    /// That of this process.
    pub fn of_this_process() -> Option<Self> {
        let cgroups = os::control_groups();
        Self::systemd(std::process::id(), |name| std::env::var(name).ok(), &cgroups)
    }

    /// What stderr of this process is for. It is a journal if it is the very stream that `JOURNAL_STREAM` names
    /// (`systemd.exec(5)`): the variable is inherited by what writes elsewhere.
    pub fn stderr_use() -> StderrUse {
        let journal = std::env::var("JOURNAL_STREAM").ok();
        match os::stderr_identity() {
            Some(own) if journal.as_ref() == Some(&own) => StderrUse::Journal,
            _ if Self::of_this_process().is_some() => StderrUse::Service,
            _ => StderrUse::Fallback,
        }
    }

    /// Only what systemd itself has executed counts, not what inherits its variables.
    fn systemd(pid: u32, variable: impl Fn(&str) -> Option<String>, cgroups: &str) -> Option<Self> {
        variable("SYSTEMD_EXEC_PID").filter(|executed| *executed == pid.to_string())?;
        let units = cgroups.lines().filter_map(|line| line.rsplit('/').next());
        let unit = units.into_iter().find(|unit| unit.ends_with(".service")).unwrap_or(DEFAULT_UNIT);
        let is_user = cgroups.contains("/user@") || variable("MANAGERPID").is_some();
        let user = if is_user { " --user" } else { "" };
        let stop = format!("systemctl{user} disable --now {unit}");
        Some(Self { manager: "systemd".to_owned(), stop, is_on_demand: false })
    }

    /// The same; `has_socket`: it has passed the socket on which shims connect.
    #[must_use]
    pub fn on_socket(mut self, has_socket: bool) -> Self {
        if has_socket && let Some((before, unit)) = self.stop.rsplit_once(' ') {
            let name = unit.strip_suffix(".service").unwrap_or(unit);
            self.stop = format!("{before} {name}.socket {unit}");
        }
        Self { is_on_demand: has_socket, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CGROUP: &str = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/gateway.service\n";

    #[test]
    fn only_the_process_that_systemd_has_executed_is_its_service() {
        let of =
            |pid| Service::systemd(pid, |name| (name == "SYSTEMD_EXEC_PID").then(|| "7".to_owned()), CGROUP);
        assert_eq!(of(8), None);
        assert_eq!(of(7).unwrap().stop, "systemctl --user disable --now gateway.service");
        assert_eq!(Service::systemd(7, |_| None, CGROUP), None);
    }

    #[test]
    fn one_with_a_socket_is_stopped_with_it() {
        let of = Service::systemd(7, |name| (name == "SYSTEMD_EXEC_PID").then(|| "7".to_owned()), CGROUP);
        let of = of.unwrap().on_socket(true);
        assert_eq!(of.stop, "systemctl --user disable --now gateway.socket gateway.service");
        assert!(of.is_on_demand);
    }

    #[test]
    fn a_unit_without_a_name_is_the_one_that_we_ship() {
        let system = |name: &str| (name == "SYSTEMD_EXEC_PID").then(|| "7".to_owned());
        assert_eq!(
            Service::systemd(7, system, "0::/\n").unwrap().stop,
            "systemctl disable --now snowgate.service"
        );
    }
}
