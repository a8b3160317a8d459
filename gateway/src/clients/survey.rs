//! Which clients there are, and what their configs say of Snowgate.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use snowgate_link::BUILD;

use super::entry::{args_of, command_of, flag_of, is_ours};
use super::error::ClientError;

use super::known::{ALL, Client, Scope};
use super::places::Places;
use super::plan::{keys, rivals};
use super::target::Target;
use crate::os::running_programs;

/// How long a shim may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// How often it is looked whether it has.
const VERSION_INTERVAL: Duration = Duration::from_millis(5);

/// How much of what it says is read, in bytes.
const VERSION_BYTES_MAX: u64 = 1024;

/// A client on this machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClientState {
    /// Which.
    pub(crate) client: Client,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// Whether it seems to be installed.
    pub(crate) is_present: bool,
    /// Whether it runs; `None` where that cannot be told.
    pub(crate) is_running: Option<bool>,
    /// Its files.
    pub(crate) files: Vec<FileState>,
}

/// A config file of a client.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileState {
    /// The file.
    pub(crate) path: PathBuf,
    /// For whom it holds.
    pub(crate) scope: Scope,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// Why it cannot be read, and what to do.
    pub(crate) problem: Option<(String, String)>,
    /// Our entries in it.
    pub(crate) entries: Vec<EntryState>,
    /// The names of those that seem to be other servers for the same warehouse.
    pub(crate) rivals: Vec<String>,
}

/// An entry of ours.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EntryState {
    /// Its name.
    pub(crate) name: String,
    /// The shim that it launches.
    pub(crate) command: String,
    /// The profile that it asks for.
    pub(crate) profile: Option<String>,
    /// How that shim is.
    #[serde(flatten)]
    pub(crate) standing: Standing,
}

/// How a shim that an entry names is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub(crate) enum Standing {
    /// The one of this installation.
    Current,
    /// A copy somewhere else, of this version.
    Copy,
    /// A copy of another version.
    OtherVersion {
        /// What it says that it is.
        version: String,
    },
    /// There is no such file.
    Missing,
    /// It cannot be run, or does not say its version.
    Broken {
        /// Why.
        why: String,
    },
}

impl Standing {
    /// Whether nothing has to be done.
    pub(crate) fn is_fine(&self) -> bool {
        matches!(self, Self::Current | Self::Copy)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("current"),
            Self::Copy => f.write_str("current, in another folder"),
            Self::OtherVersion { version } => write!(f, "outdated: version {version}, this is {BUILD}"),
            Self::Missing => f.write_str("broken: the shim is gone"),
            Self::Broken { why } => write!(f, "broken: {why}"),
        }
    }
}

/// Looks at every client. Shims that entries name are run to say their versions, each once; each with a bound.
pub(crate) fn survey(places: &Places, own_shim: Option<&Path>) -> Vec<ClientState> {
    let running = running_programs();
    let mut shims = Shims { own: own_shim, known: BTreeMap::new() };
    let state = |client: &Client| {
        let facts = client.facts();
        let runs = |running: &Vec<String>| running.iter().any(|name| facts.programs.contains(&name.as_str()));
        ClientState {
            client: *client,
            title: facts.title,
            is_present: places.is_present(*client),
            is_running: running.as_ref().filter(|_| !facts.programs.is_empty()).map(runs),
            files: files(places, *client)
                .into_iter()
                .map(|(scope, file)| file_state(*client, scope, file, &mut shims))
                .collect(),
        }
    };
    ALL.iter().map(state).collect()
}

/// The client's files. In the home folder a project's may be the user's own.
fn files(places: &Places, client: Client) -> Vec<(Scope, PathBuf)> {
    let mut files: Vec<_> =
        places.files(client, Scope::User).into_iter().map(|file| (Scope::User, file)).collect();
    for file in places.files(client, Scope::Project) {
        if !files.iter().any(|(_, known)| *known == file) {
            files.push((Scope::Project, file));
        }
    }
    files
}

fn file_state(client: Client, scope: Scope, path: PathBuf, shims: &mut Shims<'_>) -> FileState {
    let mut state =
        FileState { path, scope, exists: false, problem: None, entries: Vec::new(), rivals: Vec::new() };
    let entries = Target::read(&state.path).and_then(|target| {
        state.exists = target.before.is_some();
        state.rivals = rivals(client, target.text());
        let entries = client.language().get(target.text(), &keys(client, target.text()));
        entries.map_err(|source| ClientError::Edit { path: state.path.clone(), source })
    });
    match entries {
        Ok(Some(Value::Object(entries))) => {
            let ours = entries.iter().filter(|(_, entry)| is_ours(entry));
            state.entries = ours.map(|(name, entry)| entry_state(name, entry, shims)).collect();
        }
        Ok(_) => {}
        Err(error) => {
            state.exists = true;
            let what = match &error {
                ClientError::Edit { path, source } => format!("{}: {source}", path.display()),
                other => match std::error::Error::source(other) {
                    Some(why) => format!("{other}: {why}"),
                    None => other.to_string(),
                },
            };
            state.problem = Some((what, error.next_step()));
        }
    }
    state
}

fn entry_state(name: &str, entry: &Value, shims: &mut Shims<'_>) -> EntryState {
    let command = command_of(entry).unwrap_or_default().to_owned();
    EntryState {
        name: name.to_owned(),
        profile: flag_of(&args_of(entry), "--profile"),
        standing: shims.standing(&command),
        command,
    }
}

/// The shims that entries name, each looked at once.
struct Shims<'a> {
    own: Option<&'a Path>,
    known: BTreeMap<String, Standing>,
}

impl Shims<'_> {
    fn standing(&mut self, command: &str) -> Standing {
        let own = self.own;
        self.known.entry(command.to_owned()).or_insert_with(|| standing(Path::new(command), own)).clone()
    }
}

fn standing(shim: &Path, own: Option<&Path>) -> Standing {
    // A bare name is looked for on the client's PATH, which is not this one's.
    if !shim.is_absolute() {
        return Standing::Broken { why: "its path is not absolute".to_owned() };
    }
    let Ok(real) = shim.canonicalize() else { return Standing::Missing };
    if own.is_some_and(|own| own.canonicalize().is_ok_and(|own| own == real)) {
        return Standing::Current;
    }
    match version_of(shim) {
        Ok(version) if version == BUILD => Standing::Copy,
        Ok(version) => Standing::OtherVersion { version },
        Err(why) => Standing::Broken { why },
    }
}

/// The version that a shim says it is.
fn version_of(shim: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("it cannot be run: {error}");
    let mut command = Command::new(shim);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    let began = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if began.elapsed() < VERSION_TIMEOUT => std::thread::sleep(VERSION_INTERVAL),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it does not say its version within {} s", VERSION_TIMEOUT.as_secs()));
            }
        }
    };
    let mut said = String::new();
    let out = child.stdout.take().map(|out| out.take(VERSION_BYTES_MAX).read_to_string(&mut said));
    let version = said.split_whitespace().nth(1).map(str::to_owned);
    match (ended, out, version) {
        (true, Some(Ok(_)), Some(version)) if said.starts_with("snowgate-shim ") => Ok(version),
        _ => Err("it does not say its version".to_owned()),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::clients::places::Platform;

    fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("snowgate-shim");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_file_that_is_the_users_and_the_projects_is_listed_once() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(Platform::Linux, &env, home.path().into(), home.path().into());
        assert_eq!(files(&places, Client::Codex).len(), 1);
        assert_eq!(files(&places, Client::ClaudeCode).len(), 2);
    }

    #[test]
    fn a_shim_is_judged_by_its_file_and_by_what_it_says() {
        let root = tempfile::tempdir().unwrap();
        let own = program(root.path(), "own", "exit 9");
        let says = |text: &str| format!("echo 'snowgate-shim {text} (link protocol 1..2)'");
        let copy = program(root.path(), "copy", &says(BUILD));
        let old = program(root.path(), "old", &says("0.0.1"));
        let silent = program(root.path(), "silent", "exit 1");
        let fixed = program(root.path(), "fixed", "");
        std::fs::set_permissions(&fixed, std::fs::Permissions::from_mode(0o644)).unwrap();
        let judge = |shim: &Path| standing(shim, Some(&own));
        assert_eq!(judge(&own), Standing::Current);
        assert_eq!(judge(&copy), Standing::Copy);
        assert_eq!(judge(&old), Standing::OtherVersion { version: "0.0.1".into() });
        assert_eq!(judge(&root.path().join("gone/snowgate-shim")), Standing::Missing);
        for broken in [silent.as_path(), fixed.as_path(), Path::new("snowgate-shim")] {
            assert!(matches!(judge(broken), Standing::Broken { .. }), "{}", broken.display());
        }
    }
}
