//! Why no gateway could be reached or started.

use std::io;
use std::path::PathBuf;

use crate::endpoint::EndpointError;
use crate::hello::Refusal;
use crate::os::{self, User};

/// What to do about a gateway program that cannot be run.
pub const INSTALL_GATEWAY: &str =
    "install `snowgate` next to `snowgate-shim`, or set --gateway or SNOWGATE_GATEWAY";

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The socket's directory cannot be trusted.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No gateway is listening, and none was to be started.
    #[error("no gateway is listening on {}", .0.display())]
    Absent(PathBuf),
    /// A gateway refused.
    #[error("the gateway refused the connection: {}", .0.message)]
    Refused(Refusal),
    /// The listener runs as another user.
    #[error("the process listening on {} runs as {}, not as user {}", socket.display(), name_of(user.as_ref()), os::user())]
    ForeignPeer {
        /// The socket.
        socket: PathBuf,
        /// The listener's user, if the system reports it.
        user: Option<User>,
    },
    /// The listening process does not speak the protocol.
    #[error("the process listening on {} is not a Snowgate gateway: {why}", socket.display())]
    NotGateway {
        /// The socket.
        socket: PathBuf,
        /// What it did.
        why: String,
    },
    /// The gateway's program could not be run.
    #[error("cannot run the gateway {}", program.display())]
    Launch {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The gateway reported that it cannot start, or died.
    #[error("the gateway cannot start: {message} (log: {})", log.display())]
    Failed {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Where it says more.
        log: PathBuf,
    },
    /// A gateway's process lives, and does not listen.
    #[error("the gateway was started (process {pid}) and has not become ready (log: {})", log.display())]
    NotReady {
        /// Its process.
        pid: u32,
        /// Where it may say more.
        log: PathBuf,
    },
    /// The deadline passed.
    #[error("timed out waiting for {step} (socket: {})", socket.display())]
    Deadline {
        /// The socket.
        socket: PathBuf,
        /// What it was waiting for.
        step: &'static str,
    },
    /// A system call failed, for another reason than a missing file.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl StartError {
    /// What the user can do about it, if anything.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Endpoint(error) => Some(error.next_step()),
            Self::Absent(_) => Some("start a client, or run `snowgate serve`".into()),
            Self::Refused(refusal) => refusal.next_step.clone(),
            Self::ForeignPeer { .. } | Self::NotGateway { .. } => Some(os::OTHER_SOCKET.into()),
            Self::Launch { .. } => Some(INSTALL_GATEWAY.into()),
            Self::Failed { next_step, .. } => next_step.clone(),
            Self::NotReady { pid, .. } => Some(format!(
                "see the log and `snowgate config check`; one that hangs ends with `{} {pid}`",
                os::KILL
            )),
            Self::Deadline { .. } => Some("check `snowgate status` and the log".into()),
            Self::Io { path, source, .. } => {
                let what = if source.kind() == io::ErrorKind::PermissionDenied {
                    "the sandbox (Claude Code: `sandbox.network.allowUnixSockets`, Codex: `network_access`) and \
                     permissions of"
                } else {
                    "permissions and free space of"
                };
                Some(format!("check {what} {}", path.display()))
            }
        }
    }
}

fn name_of(user: Option<&User>) -> String {
    user.map_or_else(|| "an unknown user".to_owned(), |user| format!("user {user}"))
}
