//! What `--fix` does: each step looks again before it acts. Modes and sockets are changed of what is no link; a client's config
//! is changed as `install` does it, with a backup, and behind its links.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os::{EntryKind, look, user};

use super::finding::{Diagnosis, Fix};
use crate::clients::{ALL, Desk, Entry, Options, Places, Scope, command_in, path_text};
use crate::config::{Paths, ProcessEnvironment};
use crate::os::set_mode_at;
use crate::process::GatewayLock;

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fixed {
    /// What it does.
    pub what: String,
    /// Whether it was done; on a dry run nothing is.
    pub done: bool,
    /// Why it was not.
    pub error: Option<String>,
    /// Where the file as it was before is kept, if one was rewritten.
    pub backup: Option<PathBuf>,
}

/// The steps for what was found, none twice.
pub fn steps(diagnosis: &Diagnosis) -> Vec<Fix> {
    let mut steps = Vec::new();
    for fix in diagnosis.findings.iter().filter_map(|finding| finding.fix.clone()) {
        if !steps.contains(&fix) {
            steps.push(fix);
        }
    }
    steps
}

/// Takes the steps; on a dry run only says them.
pub fn apply(steps: &[Fix], endpoint: &Endpoint, is_dry: bool) -> Vec<Fixed> {
    let step = |fix: &Fix| {
        let done = if is_dry { Ok(None) } else { take(fix, endpoint) };
        let is_done = done.is_ok() && !is_dry;
        let (backup, error) = match done {
            Ok(backup) => (backup, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Fixed { what: fix.said(), done: is_done, error, backup }
    };
    steps.iter().map(step).collect()
}

/// Takes a step; returns where a file that it has rewritten is kept.
fn take(fix: &Fix, endpoint: &Endpoint) -> io::Result<Option<PathBuf>> {
    match fix {
        Fix::SetMode { path, mode } => set_mode(path, *mode).map(|()| None),
        Fix::MakeExecutable(path) => {
            let mode = own(path)? & 0o777;
            // For those who may read it.
            set_mode(path, mode | (mode & 0o444) >> 2).map(|()| None)
        }
        Fix::RemoveSocket(path) => remove_socket(path, endpoint).map(|()| None),
        Fix::Reconnect { client, file, name, command, shim } => {
            let places = Places::discover(&ProcessEnvironment).ok_or(io::ErrorKind::NotFound)?;
            let state = Paths::discover(&ProcessEnvironment).map_err(io::Error::other)?.state_dir;
            let options = Options { scope: Scope::User, name: name.clone(), force: false, dry_run: false };
            reconnect(&Desk::new(places, &state), client, file, &options, (command, shim))
        }
    }
}

/// As `snowgate install` does, if the entry still names `before`; arguments and variables of the entry stay as they are.
fn reconnect(
    desk: &Desk,
    client: &str,
    file: &Path,
    options: &Options,
    (before, shim): (&str, &Path),
) -> io::Result<Option<PathBuf>> {
    let known = ALL.iter().find(|known| known.facts().id == client).ok_or(io::ErrorKind::NotFound)?;
    let entry = Entry { command: path_text(shim).map_err(io::Error::other)?, flags: Vec::new(), home: None };
    if command_in(*known, file, &options.name).as_deref() != Some(before) {
        return Err(io::Error::other("the entry has changed meanwhile"));
    }
    let done = desk.install_in(*known, file, &entry, options);
    done.map(|change| change.backup)
        .map_err(|error| io::Error::other(format!("{:#}", anyhow::Error::new(error))))
}

/// The mode of a file or folder that is this user's, and no link.
fn own(path: &Path) -> io::Result<u32> {
    let entry = look(path)?.ok_or(io::ErrorKind::NotFound)?;
    match entry.kind {
        EntryKind::Directory | EntryKind::File if entry.owner == user() => Ok(entry.mode),
        EntryKind::Link => Err(io::Error::other("it is a link: change what it leads to by hand")),
        _ => Err(io::Error::other("it is not yours")),
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    own(path)?;
    set_mode_at(path, mode)
}

/// Only who holds the gateway's lock may touch sockets.
fn remove_socket(path: &Path, endpoint: &Endpoint) -> io::Result<()> {
    let lock = GatewayLock::take(endpoint).map_err(|error| io::Error::other(error.to_string()))?;
    match look(path)? {
        Some(entry) if entry.kind == EntryKind::Socket && entry.owner == user() => fs::remove_file(path)?,
        Some(_) => return Err(io::Error::other("it is no socket of yours")),
        None => {}
    }
    drop(lock);
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn endpoint(folder: &Path) -> Endpoint {
        Endpoint::resolve(None, Some(folder)).unwrap()
    }

    #[test]
    fn modes_are_changed_of_what_is_ours_and_no_link() {
        let home = tempfile::tempdir().unwrap();
        let (folder, link) = (home.path().join("d"), home.path().join("l"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        let endpoint = endpoint(home.path());
        let mode = || fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        let to = |path: &Path| [Fix::SetMode { path: path.to_owned(), mode: 0o700 }];
        assert!(apply(&to(&link), &endpoint, false)[0].error.is_some());
        let dry = &apply(&to(&folder), &endpoint, true)[0];
        assert_eq!((dry.done, &dry.error, mode()), (false, &None, 0o755));
        assert!(apply(&to(&folder), &endpoint, false)[0].done);
        assert_eq!(mode(), 0o700);
        let program = home.path().join("p");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(apply(&[Fix::MakeExecutable(program.clone())], &endpoint, false)[0].done);
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o750);
    }

    #[test]
    fn a_client_s_entry_leads_to_another_shim_and_the_rest_of_it_stays() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("mcp.json");
        let text = "{ \"mcpServers\": { \"snowgate\": { \"command\": \"/old/snowgate-shim\", \"args\": [\"--profile\", \"p\"] } } } // mine\n";
        fs::write(&file, text).unwrap();
        let env = std::collections::BTreeMap::<String, String>::new();
        let places = Places::of(crate::os::System::Linux, &env, home.path().into(), home.path().into());
        let desk = Desk::new(places, &home.path().join("state"));
        let options =
            Options { scope: Scope::User, name: "snowgate".to_owned(), force: false, dry_run: false };
        let client = ALL.iter().find(|known| known.facts().id == "cursor").unwrap().facts().id;
        let (old, new) = ("/old/snowgate-shim", Path::new("/new/snowgate-shim"));
        assert!(reconnect(&desk, client, &file, &options, ("/other/snowgate-shim", new)).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "it is not the entry that was looked at");
        let backup = reconnect(&desk, client, &file, &options, (old, new)).unwrap().unwrap();
        assert_eq!(fs::read_to_string(backup).unwrap(), text);
        assert_eq!(fs::read_to_string(&file).unwrap(), text.replace("/old/", "/new/"));
        assert!(reconnect(&desk, "nothing", &file, &options, (old, new)).is_err());
    }

    #[test]
    fn only_a_socket_is_removed_and_only_while_no_gateway_holds_the_lock() {
        let home = tempfile::tempdir().unwrap();
        let endpoint = endpoint(home.path());
        endpoint.prepare_dir().unwrap();
        let remove = || [Fix::RemoveSocket(endpoint.socket.clone())];
        drop(std::os::unix::net::UnixListener::bind(&endpoint.socket).unwrap());
        let lock = GatewayLock::take(&endpoint).unwrap();
        assert!(apply(&remove(), &endpoint, false)[0].error.is_some() && endpoint.socket.exists());
        drop(lock);
        assert!(apply(&remove(), &endpoint, false)[0].done && !endpoint.socket.exists());
        let file = home.path().join("run/x");
        fs::write(&file, "precious").unwrap();
        assert!(
            apply(&[Fix::RemoveSocket(file.clone())], &endpoint, false)[0].error.is_some() && file.exists()
        );
    }
}
