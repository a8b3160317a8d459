//! The gateway as a service of the user's own service manager: systemd's units, or launchd's agent.
//!
//! [`Site`] says what is to be where, `units` and `agent` are its files as text (both pure), `files` reads them, `manager` runs the manager's
//! own program, `state` looks at what is there, `install` changes it. [`delegate`] is what a gateway that a shim has started
//! does where a service is installed: it has the manager start that, instead of serving itself.
//!
//! Invariant: what the manager starts never delegates (only `serve --ready-stdout` does, which no unit has), so two can
//! never ask each other for ever.

mod agent;
mod delegate;
mod files;
mod install;
mod manager;
mod site;
mod state;
mod units;

pub use agent::agent_text;
pub use delegate::{Delegation, delegate, other_program};
pub use install::{InstallError, Installed, Uninstalled, check, install, uninstall};
pub use manager::{Manager, ManagerError};
pub use site::{ServiceManager, Site};
pub use state::{ServiceFile, ServiceState, state};
pub use units::{service_text, socket_text};
