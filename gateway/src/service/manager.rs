//! Running the service manager's own program, `systemctl` or `launchctl`, with a bound.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use snowgate_link::os;

use crate::os::unblock_signals_in;

/// Between two looks whether it has ended.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Bytes of its output, at most; the rest is not read.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// How long the rest of its output may take once it has ended.
const REST_TIMEOUT: Duration = Duration::from_secs(2);

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
            Self::Slow { .. } => "try again; `systemctl --user status` shows what the manager does".to_owned(),
            Self::Refused { .. } => "see `snowgate service logs` and `snowgate config check`".to_owned(),
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
        let program = if cfg!(target_os = "macos") { "launchctl" } else { "systemctl" };
        let has_folder = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| !folder.is_empty());
        let derived = PathBuf::from(format!("/run/user/{}", os::euid()));
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
        let mut command = Command::new(&self.program);
        command.args(arguments);
        if let Some(folder) = &self.runtime_dir {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        run_bounded(&mut command, bound)
    }
}

/// Runs `command`, for `bound` at most; returns what it prints.
pub(super) fn run_bounded(command: &mut Command, bound: Duration) -> Result<String, ManagerError> {
    let shown = shown(command);
    let refused = |why: String| ManagerError::Refused { command: shown.clone(), why };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("LC_ALL", "C.UTF-8");
    let mut child = match unblock_signals_in(command).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(ManagerError::None(format!(
                "`{}` is not installed",
                command.get_program().display()
            )));
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    let readers = (child.stdout.take().map(read_in_background), child.stderr.take().map(read_in_background));
    let deadline = Instant::now() + bound;
    let status = loop {
        match child.try_wait().map_err(|error| refused(error.to_string()))? {
            Some(status) => break status,
            None if Instant::now() < deadline => std::thread::sleep(LOOK_PAUSE),
            None => {
                // It may have ended just now; then there is nothing to kill.
                let _ = child.kill();
                let _ = child.wait();
                return Err(ManagerError::Slow { command: shown, bound });
            }
        }
    };
    let text = |reader: Option<Output>| reader.map(Output::text).unwrap_or_default();
    let (said, complaint) = (text(readers.0), text(readers.1));
    if status.success() {
        return Ok(said);
    }
    let complaint = complaint.trim();
    if NO_MANAGER.iter().any(|words| complaint.contains(words)) && complaint.contains("bus")
        || complaint.contains(NO_MANAGER[2])
    {
        return Err(ManagerError::None(complaint.lines().next().unwrap_or_default().to_owned()));
    }
    Err(refused(if complaint.is_empty() { status.to_string() } else { complaint.to_owned() }))
}

/// What a process prints, as far as it is read.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Ends when there is nothing more.
    end: Receiver<()>,
}

impl Output {
    /// All of it, once its process has ended. What that has started may hold the pipe open; it is not waited for.
    fn text(self) -> String {
        // Either it has ended, or it is not waited for any longer.
        let _ = self.end.recv_timeout(REST_TIMEOUT);
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn read_in_background(pipe: impl Read + Send + 'static) -> Output {
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let (read, (ended, end)) = (Arc::clone(&bytes), channel());
    std::thread::spawn(move || {
        let (mut pipe, mut part) = (pipe.take(OUTPUT_BYTES_MAX), [0; 4096]);
        // What cannot be read says nothing.
        while let Ok(count @ 1..) = pipe.read(&mut part) {
            read.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..count]);
        }
        drop(ended);
    });
    Output { bytes, end }
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
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
        let said = shell("sleep 600 & echo $!", LONG).unwrap();
        let left = rustix::process::Pid::from_raw(said.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(left, rustix::process::Signal::KILL).expect("it still runs");
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
