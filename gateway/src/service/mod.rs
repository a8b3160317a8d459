//! The gateway as a service of the user's own service manager: systemd's units, launchd's agent, or a task of Windows' Task Scheduler.
//!
//! [`Site`] says what is to be where, `units`, `agent` and `task` are its files as text (all pure), `files` reads them, `manager` runs the manager's
//! own program, `state` looks at what is there, `install` changes it (`scheduler` on Windows). [`delegate`] is what a gateway that a shim has started
//! does where a service is installed: it has the manager start that, instead of serving itself.
//!
//! Invariant: what the manager starts never delegates (only `serve --ready-stdout` does, which no unit has), so two can
//! never ask each other for ever.

mod agent;
mod delegate;
mod files;
mod install;
mod manager;
mod scheduler;
mod site;
mod state;
mod task;
mod units;

pub use agent::agent_text;
pub use delegate::{Delegation, delegate, other_program};
pub use install::{InstallError, Installed, Uninstalled, check, install, uninstall};
pub use manager::{Manager, ManagerError};
pub use site::{PLACE_VARIABLES, ServiceManager, Site};
pub use state::{ServiceFile, ServiceState, state};
pub use task::{RUN_KEY, task_text};
pub use units::{service_text, socket_text};
