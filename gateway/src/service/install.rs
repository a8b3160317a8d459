//! Installing and removing a service.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use snowgate_link::os;

use super::{Manager, ManagerError, ServiceManager, Site};

/// How long the manager may take for what is done at once.
const QUICK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take to start or stop the gateway: as long as the unit allows, and a little more.
const START_TIMEOUT: Duration = Duration::from_secs(65);

/// Why a service could not be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A file could not be written or removed.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The manager did not do what it was asked.
    #[error(transparent)]
    Manager(#[from] ManagerError),
}

impl InstallError {
    /// What the user can do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::File { path, .. } => {
                format!("check the permissions of {}", path.parent().unwrap_or(path).display())
            }
            Self::Manager(error) => error.next_step(),
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// The files that were written; those that said it already are not among them.
    pub written: Vec<PathBuf>,
}

/// Writes the files of the service of `site`, and has the manager start it, now and at each log-in. `starts_early`: the
/// gateway itself at each log-in, too, and not only its socket: the HTTP front has clients that the socket does not see.
///
/// # Errors
/// A file cannot be written, or the manager refuses. What was done until then stays: a second attempt goes on from there.
pub fn install(site: &Site, manager: &Manager, starts_early: bool) -> Result<Installed, InstallError> {
    // Before anything is written: where there is no manager, no file is of use.
    if site.manager == ServiceManager::Systemd {
        manager.units(&["show", "--property=Version"], QUICK_TIMEOUT)?;
    }
    let mut done = Installed::default();
    for (path, text) in site.files() {
        let says = |path: &Path| std::fs::read(path).ok().as_deref() == Some(text.as_bytes());
        // One that a package has brought is not copied: an upgrade of it could not change the copy.
        let is_packaged = !path.exists() && site.packaged_file(&path).is_some_and(|path| says(&path));
        if !is_packaged && !says(&path) {
            write(&path, &text).map_err(|source| InstallError::File {
                what: "write",
                path: path.clone(),
                source,
            })?;
            done.written.push(path);
        }
    }
    match site.manager {
        ServiceManager::Systemd => start_units(site, manager, starts_early, !done.written.is_empty())?,
        ServiceManager::Launchd => {
            let domain = format!("gui/{}", os::euid());
            // One that is loaded already is loaded anew.
            let _ = manager.run(&["bootout", &format!("{domain}/{}", site.service_unit())], START_TIMEOUT);
            for (path, _) in site.files() {
                let path = path.to_string_lossy().into_owned();
                manager.run(&["bootstrap", &domain, &path], START_TIMEOUT)?;
            }
        }
    }
    Ok(done)
}

fn start_units(
    site: &Site,
    manager: &Manager,
    starts_early: bool,
    has_changed: bool,
) -> Result<(), ManagerError> {
    let (socket, service) = (site.socket_unit(), site.service_unit());
    manager.units(&["daemon-reload"], QUICK_TIMEOUT)?;
    if starts_early {
        manager.units(&["enable", &service, &socket], QUICK_TIMEOUT)?;
    } else {
        manager.units(&["enable", &socket], QUICK_TIMEOUT)?;
    }
    if has_changed {
        // What runs with the old files: its clients wait, and go on. A socket can be changed only while no service has it.
        manager.units(&["stop", &service, &socket], START_TIMEOUT)?;
    }
    manager.units(&["start", &socket, &service], START_TIMEOUT)?;
    Ok(())
}

/// Stops the service of `site` and removes its files.
///
/// # Errors
/// The manager refuses, or a file cannot be removed.
pub fn uninstall(site: &Site, manager: &Manager) -> Result<Vec<PathBuf>, InstallError> {
    let (socket, service) = (site.socket_unit(), site.service_unit());
    let there: Vec<PathBuf> =
        site.files().into_iter().map(|(path, _)| path).filter(|path| path.exists()).collect();
    if there.is_empty() && !site.is_enabled() {
        return Ok(there);
    }
    let stopped = match site.manager {
        // From here on, no gateway that a shim starts asks for it.
        ServiceManager::Systemd => manager
            .units(&["disable", &socket, &service], QUICK_TIMEOUT)
            .and_then(|_| manager.units(&["stop", &socket, &service], START_TIMEOUT)),
        ServiceManager::Launchd => {
            manager.run(&["bootout", &format!("gui/{}/{service}", os::euid())], START_TIMEOUT)
        }
    };
    match stopped {
        Ok(_) => {}
        // Where there is no manager, nothing runs, and the files can go.
        Err(ManagerError::None(_)) => remove_links(site),
        Err(error) => return Err(error.into()),
    }
    for path in &there {
        std::fs::remove_file(path).map_err(|source| InstallError::File {
            what: "remove",
            path: path.clone(),
            source,
        })?;
    }
    if site.manager == ServiceManager::Systemd {
        // What it remembers of units that are gone; nothing depends on it.
        let _ = manager.units(&["daemon-reload"], QUICK_TIMEOUT);
        let _ = manager.units(&["reset-failed", &service, &socket], QUICK_TIMEOUT);
    }
    Ok(there)
}

/// What `systemctl disable` would remove.
fn remove_links(site: &Site) {
    for (target, unit) in [("sockets", site.socket_unit()), ("default", site.service_unit())] {
        // Mostly there is none.
        let _ = std::fs::remove_file(site.folder.join(format!("{target}.target.wants")).join(unit));
    }
}

/// Writes `text` so that the file has all of it or is as it was.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(&temporary, path));
    if moved.is_err() {
        // It may not be there.
        let _ = std::fs::remove_file(&temporary);
    }
    moved
}
