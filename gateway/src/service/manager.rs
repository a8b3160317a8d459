//! Running the service manager's own program, `systemctl`, `launchctl` or `schtasks`, with a bound.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use snowgate_link::os::user;

use super::ServiceManager;
use crate::os::{self, RunError, unblock_signals_in};

/// Bytes of its output that are kept, at most.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What `systemctl` says where there is no manager of the user.
const NO_MANAGER: [&str; 4] =
    ["Failed to connect to", "No medium found", "not been booted with systemd", "No such file or directory"];

/// Why the service manager did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// There is none for this user.
    #[error("there is no service manager for this user here: {0}")]
    None(String),
    /// It did not answer in time.
    #[error("`{command}` did not end within {} s", bound.as_secs())]
    Slow {
        /// What was run.
        command: String,
        /// For how long.
        bound: Duration,
    },
    /// It refused.
    #[error("`{command}` failed: {why}")]
    Refused {
        /// What was run.
        command: String,
        /// What it said.
        why: String,
    },
}

impl ManagerError {
    /// What the user can do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::None(_) => "log in once as this user (not with `su` or `sudo`), or let its manager run without a \
                              log-in: `loginctl enable-linger`. In a container there is none and none is needed: the \
                              first client starts a gateway"
                .to_owned(),
            Self::Slow { .. } => match ServiceManager::of_this_system() {
                ServiceManager::Systemd => {
                    "try again; `systemctl --user status` shows what the manager does".to_owned()
                }
                ServiceManager::Launchd => "try again; `launchctl list` shows what the manager does".to_owned(),
                ServiceManager::TaskScheduler => "try again; `schtasks /Query` shows what it has".to_owned(),
            },
            Self::Refused { .. } => match ServiceManager::of_this_system() {
                ServiceManager::Systemd => "see `snowgate service logs` and `snowgate config check`".to_owned(),
                ServiceManager::Launchd | ServiceManager::TaskScheduler => {
                    "see `snowgate logs` and `snowgate config check`".to_owned()
                }
            },
        }
    }
}

/// The service manager of this user.
#[derive(Clone, Debug)]
pub struct Manager {
    program: OsString,
    /// What its program needs to find it, and a client's environment may lack.
    runtime_dir: Option<PathBuf>,
}

impl Manager {
    /// That of this user, on this system.
    pub fn of_this_user() -> Self {
        let program = match ServiceManager::of_this_system() {
            ServiceManager::Systemd => "systemctl",
            ServiceManager::Launchd => "launchctl",
            ServiceManager::TaskScheduler => "schtasks",
        };
        let has_folder = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| !folder.is_empty());
        let derived = PathBuf::from(format!("/run/user/{}", user()));
        let runtime_dir = (!has_folder && derived.is_dir()).then_some(derived);
        Self { program: program.into(), runtime_dir }
    }

    /// Has systemd do something with this user's units; returns what it prints.
    ///
    /// # Errors
    /// There is no manager, it refuses, or it takes longer than `bound`.
    pub fn units<S: AsRef<OsStr>>(&self, arguments: &[S], bound: Duration) -> Result<String, ManagerError> {
        let mut all: Vec<OsString> = vec!["--user".into(), "--no-pager".into(), "--no-ask-password".into()];
        all.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
        self.run(&all, bound)
    }

    /// Runs its program with `arguments`; returns what it prints.
    ///
    /// # Errors
    /// As [`Manager::units`].
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S], bound: Duration) -> Result<String, ManagerError> {
        let mut command = os::program(&self.program).map_err(|_| not_installed(&self.program))?;
        command.args(arguments);
        if let Some(folder) = &self.runtime_dir {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        run_bounded(&mut command, bound)
    }
}

/// Runs `command`, for `bound` at most, and ends it with all that it has started; returns what it prints.
pub(super) fn run_bounded(command: &mut Command, bound: Duration) -> Result<String, ManagerError> {
    let shown = shown(command);
    let refused = |why: String| ManagerError::Refused { command: shown.clone(), why };
    command.env("LC_ALL", "C.UTF-8");
    let said = match os::run_bounded(unblock_signals_in(command), bound, OUTPUT_BYTES_MAX) {
        Ok(said) => said,
        Err(RunError::Slow { bound }) => return Err(ManagerError::Slow { command: shown, bound }),
        Err(RunError::Io(error)) if error.kind() == ErrorKind::NotFound => {
            return Err(not_installed(command.get_program()));
        }
        Err(RunError::Io(error)) => return Err(refused(error.to_string())),
    };
    if said.status.success() {
        return Ok(said.out);
    }
    let complaint = said.err.trim();
    if NO_MANAGER.iter().any(|words| complaint.contains(words)) && complaint.contains("bus")
        || complaint.contains(NO_MANAGER[2])
    {
        return Err(ManagerError::None(complaint.lines().next().unwrap_or_default().to_owned()));
    }
    Err(refused(if complaint.is_empty() { said.status.to_string() } else { complaint.to_owned() }))
}

fn not_installed(program: &OsStr) -> ManagerError {
    ManagerError::None(format!("`{}` is not installed", program.display()))
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str, bound: Duration) -> Result<String, ManagerError> {
        run_bounded(Command::new("sh").args(["-c", script]), bound)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_it_prints_is_returned_and_a_refusal_has_its_words() {
        assert_eq!(shell("echo fine", LONG).unwrap(), "fine\n");
        let refused = shell("echo 'Unit x.service not found.' >&2; exit 5", LONG).unwrap_err();
        assert!(matches!(&refused, ManagerError::Refused { why, .. } if why == "Unit x.service not found."));
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let slow = shell("exec sleep 600", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(slow, ManagerError::Slow { .. }), "{slow}");
    }

    #[test]
    fn what_it_has_started_and_left_is_not_waited_for() {
        assert!(shell("sleep 600 & echo $!", LONG).unwrap().trim().parse::<u32>().is_ok());
    }

    #[test]
    fn a_user_without_a_manager_is_told_what_to_do() {
        for said in [
            "Failed to connect to bus: No medium found",
            "Failed to connect to user scope bus via local transport: No such file or directory",
            "System has not been booted with systemd as init system (PID 1). Can't operate.",
        ] {
            let none = shell(&format!("echo \"{said}\" >&2; exit 1"), LONG).unwrap_err();
            assert!(matches!(none, ManagerError::None(_)), "{none}");
            assert!(none.next_step().contains("enable-linger"));
        }
        let missing = run_bounded(&mut Command::new("/nowhere/systemctl"), LONG).unwrap_err();
        assert!(matches!(missing, ManagerError::None(_)), "{missing}");
    }
}
