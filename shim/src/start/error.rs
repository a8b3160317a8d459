//! Why there is no gateway to talk to.

use std::io;
use std::path::PathBuf;

use super::START_TIMEOUT;
use crate::endpoint::EndpointError;
use crate::hello::Refusal;
use crate::os;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The place is not to be trusted.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nobody listens, and no gateway was to be started.
    #[error("no gateway listens on {}", .0.display())]
    Absent(PathBuf),
    /// A gateway said no.
    #[error("the gateway refused the connection: {}", .0.message)]
    Refused(Refusal),
    /// The listener runs as somebody else.
    #[error("the process listening on {} runs as {}, not as user {}", socket.display(), user(*uid), os::euid())]
    ForeignPeer {
        /// The socket.
        socket: PathBuf,
        /// The listener's user, where the system tells.
        uid: Option<u32>,
    },
    /// What listens does not speak the protocol.
    #[error("the process listening on {} is no Snowgate gateway: {why}", socket.display())]
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
    /// The gateway said that it cannot start, or died.
    #[error("the gateway cannot start: {message} (log: {})", log.display())]
    Failed {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Where it says more.
        log: PathBuf,
    },
    /// The deadline passed.
    #[error("no gateway on {} after {} s; the last step was {step}", socket.display(), START_TIMEOUT.as_secs())]
    Deadline {
        /// The socket.
        socket: PathBuf,
        /// What used the time up.
        step: &'static str,
    },
    /// The system failed a call for another reason than absence.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl StartError {
    /// What the user can do about it, where anything can be done.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Endpoint(error) => Some(error.next_step()),
            Self::Absent(_) => Some("start a client, or run `snowgate serve`".into()),
            Self::Refused(refusal) => refusal.next_step.clone(),
            Self::ForeignPeer { .. } | Self::NotGateway { .. } => {
                Some("end that process, or set SNOWGATE_SOCKET to a place of your own".into())
            }
            Self::Launch { .. } => Some(
                "install `snowgate` beside `snowgate-shim`, or name it with --gateway or SNOWGATE_GATEWAY"
                    .into(),
            ),
            Self::Failed { next_step, .. } => next_step.clone(),
            Self::Deadline { .. } => Some("look at `snowgate status` and the log".into()),
            Self::Io { path, .. } => {
                Some(format!("check {} and the space and permissions there", path.display()))
            }
        }
    }
}

fn user(uid: Option<u32>) -> String {
    uid.map_or_else(|| "an unknown user".to_owned(), |uid| format!("user {uid}"))
}
