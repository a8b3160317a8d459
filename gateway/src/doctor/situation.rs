//! What all checks look at: the places of this user's gateway, its configuration, and the gateway that runs.

use std::path::PathBuf;

use snowgate_link::endpoint::Endpoint;
use snowgate_link::start::StartError;

use crate::config::{Config, ConfigErrors, Environment, Paths};
use crate::link::{Command, Reply, ask};
use crate::observe::StatusView;
use crate::process::lock_owner;

/// How `doctor` looks.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether it logs in.
    pub logs_in: bool,
    /// Whether it also sends a password that was refused a moment ago.
    pub sends_refused_password: bool,
}

/// What became of asking the gateway.
#[derive(Debug)]
pub enum Asked {
    /// It answers.
    Running(Box<StatusView>),
    /// None listens.
    Absent,
    /// It could not be asked.
    Failed(StartError),
}

/// What is looked at.
pub struct Situation<'a> {
    pub(super) paths: Paths,
    pub(super) endpoint: Endpoint,
    pub(super) env: &'a dyn Environment,
    pub(super) config: Result<Config, ConfigErrors>,
    pub(super) asked: Asked,
    /// The process that holds the gateway's lock.
    pub(super) lock_holder: Option<u32>,
    /// The file of this program.
    pub(super) program: Option<PathBuf>,
    pub(super) options: Options,
}

impl<'a> Situation<'a> {
    /// Looks. Asking the gateway takes 5 s where it hangs.
    pub fn look(paths: Paths, endpoint: Endpoint, env: &'a dyn Environment, options: Options) -> Self {
        let config = Config::load(&paths, env);
        // Asking would make the folder.
        let asked = match endpoint.dir().symlink_metadata() {
            Err(_) => Asked::Absent,
            Ok(_) => match ask(&endpoint, &Command::Status) {
                Ok(Some(Reply::Status(status))) => Asked::Running(status),
                Ok(_) => Asked::Absent,
                Err(error) => Asked::Failed(error),
            },
        };
        let lock_holder = lock_owner_of(&endpoint);
        let program = snowgate_link::os::own_program();
        Self { paths, endpoint, env, config, asked, lock_holder, program, options }
    }

    /// The status of the gateway that runs.
    pub(super) fn status(&self) -> Option<&StatusView> {
        match &self.asked {
            Asked::Running(status) => Some(status),
            _ => None,
        }
    }
}

/// As [`lock_owner`], without making the lock's file.
fn lock_owner_of(endpoint: &Endpoint) -> Option<u32> {
    endpoint.gateway_lock.symlink_metadata().ok()?;
    lock_owner(endpoint).map(|owner| owner.pid)
}
