//! Installing and removing a service.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snowgate_link::os;

use super::task::encoded;
use super::{Manager, ManagerError, ServiceManager, Site, files, scheduler};
use crate::os::{READABLE, make_private_folders, replace_file};

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
    /// Its user has said that it is not to be started.
    #[error("{} is masked (`systemctl --user mask`), so nothing was installed", units.join(" "))]
    Masked {
        /// The units.
        units: Vec<String>,
    },
    /// A path cannot be written into the files.
    #[error(
        "{what} has a control character, a line feed for example, which the files of a service cannot hold: {value:?}"
    )]
    Unfit {
        /// The variable, or whose path it is.
        what: &'static str,
        /// The path.
        value: String,
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
            Self::Masked { units } => {
                format!(
                    "if it is to run: systemctl --user unmask {}; then snowgate service install",
                    units.join(" ")
                )
            }
            Self::Unfit { what, .. } if what.contains(' ') => {
                "move Snowgate's programs to a folder without such a character, then run the command again"
                    .to_owned()
            }
            Self::Unfit { what, .. } => format!(
                "rename that folder, set {what} to its new path or leave it unset, then run the command again"
            ),
            Self::Manager(error) => error.next_step(),
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// The files that were written; those that said it already are not among them.
    pub written: Vec<PathBuf>,
    /// Files of the user's own that were in their places, and what they are called now.
    pub kept: Vec<PathBuf>,
    /// Why the manager has not got it, where something else starts it.
    pub fallback: Option<String>,
}

/// What was undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uninstalled {
    /// The files that were removed.
    pub removed: Vec<PathBuf>,
    /// Files with the names of ours that are not ours, and were left.
    pub left: Vec<PathBuf>,
    /// Whether it was enabled, and is not any more.
    pub disabled: bool,
}

/// How every file that we have written begins.
const OURS: &str = "# Written by `snowgate service install`";

/// The same, of launchd's and of a task.
const OURS_XML: &str = "Written by `snowgate service install`";

/// Bytes of a file in which that is looked for.
const HEAD_BYTES: usize = 512;

/// Whether `path` is a file that we have written. A link that leads to none, or something that is no file, is not.
fn is_ours(path: &Path) -> bool {
    let Some(text) = files::read(path).ok().and_then(|bytes| files::text_of(&bytes)) else { return false };
    let head = &text[..text.floor_char_boundary(HEAD_BYTES)];
    head.starts_with(OURS) || head.contains(OURS_XML)
}

/// Whether something is at `path`, also a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Moves a file of the user's own out of the way; returns where it is now.
fn keep(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let kept = (1..).map(|number| match number {
        1 => path.with_file_name(format!("{name}.before-snowgate")),
        number => path.with_file_name(format!("{name}.before-snowgate-{number}")),
    });
    let kept = kept.take(KEPT_MAX).find(|kept| std::fs::symlink_metadata(kept).is_err());
    let kept = kept.ok_or_else(|| io::Error::other("too many files of its name were kept already"))?;
    std::fs::rename(path, &kept)?;
    Ok(kept)
}

/// Files of one name that are kept, at most.
const KEPT_MAX: usize = 100;

/// Writes the files of the service of `site`, and has the manager start it, now and at each log-in. `starts_early`: the
/// gateway itself at each log-in, too, and not only its socket: the HTTP front has clients that the socket does not see.
///
/// # Errors
/// A file cannot be written, or the manager refuses. What was done until then stays: a second attempt goes on from there.
pub fn install(site: &Site, manager: &Manager, starts_early: bool) -> Result<Installed, InstallError> {
    check(site)?;
    // Before anything is written: where there is no manager, no file is of use.
    if site.manager == ServiceManager::Systemd {
        manager.units(&["show", "--property=Version"], QUICK_TIMEOUT)?;
    }
    let mut done = Installed::default();
    for (path, text) in site.files(starts_early) {
        let bytes = bytes_of(site.manager, text);
        let says = |path: &Path| files::read(path).ok().as_deref() == Some(&bytes);
        // One that a package has brought is not copied: an upgrade of it could not change the copy.
        let is_packaged = !is_there(&path) && site.packaged_file(&path).is_some_and(|path| says(&path));
        if !is_packaged && !says(&path) {
            if is_there(&path) && !is_ours(&path) {
                let failed = |source| InstallError::File { what: "move away", path: path.clone(), source };
                done.kept.push(keep(&path).map_err(failed)?);
            }
            write(&path, &bytes).map_err(|source| InstallError::File {
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
            let domain = format!("gui/{}", os::user());
            // One that is loaded already is loaded anew.
            let _ = manager.run(&["bootout", &format!("{domain}/{}", site.service_unit())], START_TIMEOUT);
            for (path, _) in site.files(starts_early) {
                let path = path.to_string_lossy().into_owned();
                manager.run(&["bootstrap", &domain, &path], START_TIMEOUT)?;
            }
        }
        ServiceManager::TaskScheduler => {
            for (path, _) in site.files(starts_early) {
                let refused = scheduler::register(site, manager, &path.to_string_lossy())?;
                done.fallback = done.fallback.or_else(|| refused.map(|why| why.to_string()));
            }
            scheduler::start(site)?;
        }
    }
    Ok(done)
}

/// Looks whether the service can be installed at all; changes nothing.
///
/// # Errors
/// Its user has masked it, or its files cannot be written.
pub fn check(site: &Site) -> Result<(), InstallError> {
    let units = site.masked_units();
    if site.manager == ServiceManager::Systemd && !units.is_empty() {
        return Err(InstallError::Masked { units });
    }
    let unfit = site.texts().into_iter().find(|(_, text)| text.chars().any(char::is_control));
    unfit.map_or(Ok(()), |(what, value)| Err(InstallError::Unfit { what, value }))
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
    // One that has failed too often is not started otherwise. There may be none.
    let _ = manager.units(&["reset-failed", &socket, &service], QUICK_TIMEOUT);
    manager.units(&["start", &socket, &service], START_TIMEOUT)?;
    Ok(())
}

/// Stops the service of `site` and removes its files.
///
/// # Errors
/// The manager refuses, or a file cannot be removed.
pub fn uninstall(site: &Site, manager: &Manager) -> Result<Uninstalled, InstallError> {
    let (socket, service) = (site.socket_unit(), site.service_unit());
    let all = site.files(false).into_iter().map(|(path, _)| path).filter(|path| is_there(path));
    let (removed, left): (Vec<PathBuf>, Vec<PathBuf>) = all.partition(|path| is_ours(path));
    let disabled = site.is_enabled();
    if removed.is_empty() && !disabled {
        return Ok(Uninstalled { removed, left, disabled });
    }
    let stopped = match site.manager {
        // From here on, no gateway that a shim starts asks for it.
        ServiceManager::Systemd => manager
            .units(&["disable", &socket, &service], QUICK_TIMEOUT)
            .and_then(|_| manager.units(&["stop", &socket, &service], START_TIMEOUT)),
        ServiceManager::Launchd => {
            manager.run(&["bootout", &format!("gui/{}/{service}", os::user())], START_TIMEOUT)
        }
        ServiceManager::TaskScheduler => scheduler::unregister(site, manager).map(|()| String::new()),
    };
    match stopped {
        Ok(_) => {}
        // Where there is no manager, nothing runs, and the files can go.
        Err(ManagerError::None(_)) => remove_links(site),
        Err(error) => return Err(error.into()),
    }
    for path in &removed {
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
    Ok(Uninstalled { removed, left, disabled })
}

/// What `systemctl disable` would remove.
fn remove_links(site: &Site) {
    for (target, unit) in [("sockets", site.socket_unit()), ("default", site.service_unit())] {
        // Mostly there is none.
        let _ = std::fs::remove_file(site.folder.join(format!("{target}.target.wants")).join(unit));
    }
}

/// A file's text as its manager reads it.
pub(super) fn bytes_of(manager: ServiceManager, text: String) -> Vec<u8> {
    match manager {
        ServiceManager::TaskScheduler => encoded(&text),
        ServiceManager::Systemd | ServiceManager::Launchd => text.into_bytes(),
    }
}

/// Writes `bytes` so that the file has all of them or is as it was.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    make_private_folders(path.parent().unwrap_or(Path::new("/")))?;
    replace_file(path, bytes, READABLE)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn site(folder: &Path) -> Site {
        Site { folder: folder.to_owned(), ..Site::packaged(ServiceManager::Systemd) }
    }

    #[test]
    fn a_unit_that_its_user_has_masked_stays_masked() {
        let folder = tempfile::tempdir().unwrap();
        let unit = folder.path().join("snowgate.service");
        symlink("/dev/null", &unit).unwrap();
        let refused = install(&site(folder.path()), &Manager::of_this_user(), false).unwrap_err();
        assert!(refused.to_string().starts_with("snowgate.service is masked"), "{refused}");
        assert!(refused.next_step().contains("unmask snowgate.service"), "{}", refused.next_step());
        assert_eq!(std::fs::read_link(unit).unwrap(), Path::new("/dev/null"));
    }

    #[test]
    fn a_path_that_would_add_lines_is_refused_and_its_variable_named() {
        let folder = tempfile::tempdir().unwrap();
        for manager in [ServiceManager::Systemd, ServiceManager::Launchd, ServiceManager::TaskScheduler] {
            let site = || Site { folder: folder.path().to_owned(), ..Site::packaged(manager) };
            assert!(check(&site()).is_ok());
            for letter in ['\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}'] {
                let path = format!("/srv/a{letter}ExecStartPre=/bin/evil");
                for name in ["SNOWGATE_HOME", "SNOWGATE_CONFIG"] {
                    let variables = vec![("SNOWGATE_HOME", "/srv/b".to_owned()), (name, path.clone())];
                    let variables =
                        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                    let refused = check(&Site { variables, ..site() }).unwrap_err();
                    assert!(refused.to_string().starts_with(name), "{refused}");
                    assert!(!refused.to_string().contains(letter), "{refused}");
                    assert!(refused.next_step().contains(name), "{}", refused.next_step());
                }
                let refused = check(&Site { program: path.clone(), ..site() }).unwrap_err();
                assert!(refused.next_step().contains("programs"), "{}", refused.next_step());
                let refused = check(&Site { socket: path.clone(), ..site() }).unwrap_err();
                assert!(refused.to_string().starts_with("XDG_RUNTIME_DIR"), "{refused}");
            }
        }
    }

    #[test]
    fn a_link_to_nothing_and_what_is_no_file_are_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snowgate.service");
        symlink("../dotfiles/snowgate.service", &path).unwrap();
        assert!(is_there(&path) && !is_ours(&path));
        let kept = keep(&path).unwrap();
        assert_eq!(std::fs::read_link(kept).unwrap(), Path::new("../dotfiles/snowgate.service"));
        assert!(!is_there(&path));
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(!is_ours(&path));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, OURS).unwrap();
        assert!(is_ours(&path));
    }
}
