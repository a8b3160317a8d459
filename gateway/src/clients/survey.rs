//! Which clients there are, and what their configs say of Snowgate.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use snowgate_link::BUILD;

use super::entry::{PROFILE, command_of, flag_of, is_ours};
use super::error::ClientError;
use super::known::{ALL, Client, Scope};
use super::places::Places;
use super::plan::{entry_in, keys, rivals};
use super::target::{Target, behind_links};
use crate::os::{
    FileStamp, RunError, is_of_a_process, others_may_write, real_path, run_bounded, running_programs,
};

/// How long a shim may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of what it says is read, in bytes.
const VERSION_BYTES_MAX: usize = 1024;

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
    /// A copy of an older version, or of one that cannot be compared.
    OtherVersion {
        /// What it says that it is.
        version: String,
        /// Whether it is surely an older shim itself, and no script that launches one.
        #[serde(skip)]
        is_older_program: bool,
    },
    /// A copy of a newer version.
    NewerVersion {
        /// What it says that it is.
        version: String,
    },
    /// That is not known, and no fault.
    Unknown {
        /// Why.
        why: String,
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
        matches!(self, Self::Current | Self::Copy | Self::Unknown { .. })
    }

    /// Whether `install` with this version makes it better. It would put an older shim in the place of a newer one.
    pub(crate) fn is_mended_by_install(&self) -> bool {
        !self.is_fine() && !matches!(self, Self::NewerVersion { .. })
    }

    /// Whether this shim can take its place without a question: nothing of the user's own is lost by it.
    pub(crate) fn is_safe_to_replace(&self) -> bool {
        matches!(self, Self::Missing | Self::OtherVersion { is_older_program: true, .. })
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("current"),
            Self::Copy => f.write_str("current, in another folder"),
            Self::OtherVersion { version, .. } => write!(f, "outdated: version {version}, this is {BUILD}"),
            Self::NewerVersion { version } => {
                write!(
                    f,
                    "newer than this one: version {version}, this is {BUILD}; run that version's snowgate"
                )
            }
            Self::Unknown { why } => write!(f, "not checked: {why}"),
            Self::Missing => f.write_str("broken: the shim is gone"),
            Self::Broken { why } => write!(f, "broken: {why}"),
        }
    }
}

/// Looks at every client. Shims that the user's own entries name are run to say their versions, each once, with a bound; one that
/// only a project's file names is not.
pub(crate) fn survey(places: &Places, own_shim: Option<&Path>) -> Vec<ClientState> {
    let running = running_programs();
    let mut shims = Shims { own: own_shim, path: &places.path, known: BTreeMap::new() };
    let state = |client: &Client| {
        let facts = client.facts();
        let runs = |running: &Vec<String>| facts.is_among(running);
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

/// The client's files, each under one path. In the home folder a project's may be the user's own.
fn files(places: &Places, client: Client) -> Vec<(Scope, PathBuf)> {
    let of = |scope| places.files(client, scope).into_iter().map(move |file| (scope, file));
    let mut known = Vec::new();
    let is_new = |(_, file): &(Scope, PathBuf)| {
        let real = behind_links(file);
        let is_new = !known.contains(&real);
        known.push(real);
        is_new
    };
    of(Scope::User).chain(of(Scope::Project)).filter(is_new).collect()
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
            state.entries = ours.map(|(name, entry)| entry_state(name, entry, scope, shims)).collect();
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

/// The program that the entry `name` in `file` launches now; `None`: there is no such entry, or it cannot be read.
pub(crate) fn command_in(client: Client, file: &Path, name: &str) -> Option<String> {
    let target = Target::read(file).ok()?;
    command_of(&entry_in(client, target.text(), name)?).map(str::to_owned)
}

fn entry_state(name: &str, entry: &Value, scope: Scope, shims: &mut Shims<'_>) -> EntryState {
    let command = command_of(entry).unwrap_or_default().to_owned();
    EntryState {
        name: name.to_owned(),
        profile: flag_of(entry, PROFILE),
        standing: shims.standing(scope, &command),
        command,
    }
}

/// The shims that entries name, each looked at once.
struct Shims<'a> {
    own: Option<&'a Path>,
    /// The folders of `PATH`.
    path: &'a [PathBuf],
    known: BTreeMap<(bool, String), Standing>,
}

impl Shims<'_> {
    fn standing(&mut self, scope: Scope, command: &str) -> Standing {
        let (own, path) = (self.own, self.path);
        let judge = || standing(scope, command, own, path);
        self.known.entry((scope == Scope::Project, command.to_owned())).or_insert_with(judge).clone()
    }
}

/// How the shim `command` is. Only a program that the user's own config names and that no other user can have put there is run.
fn standing(scope: Scope, command: &str, own: Option<&Path>, path: &[PathBuf]) -> Standing {
    let unknown = |why: &str| Standing::Unknown { why: why.to_owned() };
    if command.contains(['$', '%']) || command.starts_with('~') {
        return unknown("its path has a variable or `~`, which only the client can resolve");
    }
    let named = Path::new(command);
    let shim = if named.is_absolute() {
        named.to_owned()
    } else if !command.contains(['/', '\\']) {
        // The client's PATH may be another one.
        // Windows' programs are found without their ends.
        let names = [command.to_owned(), format!("{command}{}", std::env::consts::EXE_SUFFIX)];
        let files = path.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
        match files.into_iter().find(|file| file.is_file()) {
            Some(found) => found,
            None => return Standing::Broken { why: "no folder of PATH has it".to_owned() },
        }
    } else if scope == Scope::Project {
        return unknown("its path begins at the folder that the client starts in");
    } else {
        return Standing::Broken { why: "its path is not absolute".to_owned() };
    };
    let real = match real_path(&shim) {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Standing::Missing;
        }
        Err(error) => return Standing::Broken { why: format!("it cannot be looked at: {error}") },
    };
    if own.is_some_and(|own| is_same_file(own, &real)) {
        return Standing::Current;
    }
    if scope == Scope::Project {
        return unknown(
            "another copy; a program that a project's file names is not run to ask for its version",
        );
    }
    if is_of_a_process(&shim) || others_may_write(&real) {
        return unknown("another copy, not run to ask for its version, because other users can replace it");
    }
    match version_of(&real) {
        Ok(version) if version == BUILD => Standing::Copy,
        Ok(version) => match compare(&version, BUILD) {
            Some(Ordering::Greater) => Standing::NewerVersion { version },
            order => {
                let is_older_program = order == Some(Ordering::Less) && is_native(&real);
                Standing::OtherVersion { version, is_older_program }
            }
        },
        Err(why) => Standing::Broken { why },
    }
}

/// How two versions compare; `None`: that cannot be said. Of two with the same numbers, one with `-` is the older one.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    type Parts = ((u64, u64, u64), Option<String>);
    fn parts(version: &str) -> Option<Parts> {
        let version = version.split('+').next()?;
        let (numbers, early) = version.split_once('-').map_or((version, None), |(a, b)| (a, Some(b)));
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let found = (numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then(|| (found, early.map(str::to_owned)))
    }
    let (one, other) = (parts(one)?, parts(other)?);
    match (one.0.cmp(&other.0), one.1, other.1) {
        (Ordering::Equal, Some(_), None) => Some(Ordering::Less),
        (Ordering::Equal, None, Some(_)) => Some(Ordering::Greater),
        (Ordering::Equal, one, other) if one != other => None,
        (order, ..) => Some(order),
    }
}

/// Whether a file is a program by itself, as a shim is, and no script around one.
fn is_native(path: &Path) -> bool {
    // Of Linux, of macOS for one processor and for several, of Windows.
    const MAGIC: [&[u8]; 4] = [b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ"];
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && MAGIC.iter().any(|magic| head.starts_with(magic))
}

/// Whether two paths are one file, also by two names of it.
fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((FileStamp::at(one), FileStamp::at(other)), (Ok(one), Ok(other)) if one.id == other.id)
}

/// The version that a shim says it is.
fn version_of(shim: &Path) -> Result<String, String> {
    let said = run_bounded(Command::new(shim).arg("--version"), VERSION_TIMEOUT, VERSION_BYTES_MAX);
    let said = said.map_err(|error| match error {
        RunError::Slow { bound } => format!("it does not say its version within {} s", bound.as_secs()),
        RunError::Io(error) => format!("it cannot be run: {error}"),
    })?;
    let version = said.out.strip_prefix("snowgate-shim ").and_then(|rest| rest.split_whitespace().next());
    match version {
        Some(version) if said.status.success() => Ok(version.to_owned()),
        _ => Err("it does not say its version".to_owned()),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::os::System;

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
        let places = Places::of(System::Linux, &env, home.path().into(), home.path().into());
        assert_eq!(files(&places, Client::Codex).len(), 1);
        assert_eq!(files(&places, Client::ClaudeCode).len(), 2);
        let (real, link) =
            (home.path().join(".codeium/windsurf"), home.path().join(".codeium/windsurf-next"));
        std::fs::create_dir_all(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(places.files(Client::Windsurf, Scope::User).len(), 2);
        assert_eq!(files(&places, Client::Windsurf).len(), 1);
    }

    #[test]
    fn a_shim_is_judged_by_its_file_and_by_what_it_says() {
        let root = tempfile::tempdir().unwrap();
        let own = program(root.path(), "own", "exit 9");
        let says = |text: &str| format!("echo 'snowgate-shim {text} (link protocol 1..2)'");
        let copy = program(root.path(), "copy", &says(BUILD));
        let old = program(root.path(), "old", &says("0.0.1"));
        let newer = program(root.path(), "newer", &says("9.9.9"));
        let silent = program(root.path(), "silent", "exit 1");
        let fixed = program(root.path(), "fixed", "");
        std::fs::set_permissions(&fixed, std::fs::Permissions::from_mode(0o644)).unwrap();
        let judge = |shim: &Path| standing(Scope::User, shim.to_str().unwrap(), Some(&own), &[]);
        assert_eq!(judge(&own), Standing::Current);
        assert_eq!(judge(&copy), Standing::Copy);
        let outdated = Standing::OtherVersion { version: "0.0.1".into(), is_older_program: false };
        assert_eq!(judge(&old), outdated, "a script may be its user's own");
        let found = judge(&newer);
        assert_eq!(found, Standing::NewerVersion { version: "9.9.9".into() });
        assert!(!found.is_mended_by_install() && found.to_string().starts_with("newer than this one"));
        assert_eq!(judge(&root.path().join("gone/snowgate-shim")), Standing::Missing);
        for broken in [silent.as_path(), fixed.as_path(), Path::new("snowgate-shim")] {
            assert!(matches!(judge(broken), Standing::Broken { .. }), "{}", broken.display());
        }
    }

    #[test]
    fn only_what_is_gone_or_an_older_shim_itself_is_replaced_without_a_question() {
        let other = |is_older_program| Standing::OtherVersion { version: "0.0.1".into(), is_older_program };
        assert!(Standing::Missing.is_safe_to_replace() && other(true).is_safe_to_replace());
        let newer = Standing::NewerVersion { version: "9.9.9".into() };
        for kept in [other(false), newer, Standing::Broken { why: "x".into() }] {
            assert!(!kept.is_safe_to_replace(), "{kept}");
        }
        let root = tempfile::tempdir().unwrap();
        let script = program(root.path(), "script", "exec ssh box snowgate-shim");
        assert!(!is_native(&script) && is_native(&std::env::current_exe().unwrap()));
        assert!(!is_native(root.path()) && !is_native(&root.path().join("gone")));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (one, other, expected) in [
            ("0.1.0", "0.1.0", Some(Ordering::Equal)),
            ("0.10.0", "0.9.9", Some(Ordering::Greater)),
            ("0.0.1", "0.1.0", Some(Ordering::Less)),
            ("0.1.0-rc.1", "0.1.0", Some(Ordering::Less)),
            ("0.1.0+build", "0.1.0", Some(Ordering::Equal)),
            ("0.1.0-a", "0.1.0-b", None),
            ("odd", "0.1.0", None),
            ("1.2", "0.1.0", None),
            ("1.2.3.4", "0.1.0", None),
        ] {
            assert_eq!(compare(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn only_a_program_that_the_user_named_and_others_cannot_replace_is_run() {
        let root = tempfile::tempdir().unwrap();
        let ran = root.path().join("ran");
        let script = format!("touch '{}'; echo 'snowgate-shim {BUILD}'", ran.display());
        let other = program(root.path(), "other", &script);
        let own = program(root.path(), "own", "exit 9");
        let judge = |scope, shim: &Path| standing(scope, shim.to_str().unwrap(), Some(&own), &[]);
        let is_unknown = |found: &Standing| matches!(found, Standing::Unknown { .. }) && found.is_fine();
        assert!(is_unknown(&judge(Scope::Project, &other)));
        assert_eq!(judge(Scope::Project, &own), Standing::Current);
        let hard_link = root.path().join("snowgate-shim");
        std::fs::hard_link(&own, &hard_link).unwrap();
        assert_eq!(judge(Scope::Project, &hard_link), Standing::Current);
        let of_process = format!("/proc/{}/root{}", std::process::id(), other.display());
        assert!(is_unknown(&judge(Scope::User, Path::new(&of_process))));
        for (path, open, closed) in [(other.as_path(), 0o777, 0o755), (other.parent().unwrap(), 0o770, 0o700)]
        {
            let set = |mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            set(open);
            assert!(is_unknown(&judge(Scope::User, &other)), "{}", path.display());
            set(closed);
        }
        assert!(!ran.exists());
        assert_eq!(judge(Scope::User, &other), Standing::Copy);
        assert!(ran.exists());
    }

    #[test]
    fn a_portable_entry_of_a_project_is_no_fault() {
        let root = tempfile::tempdir().unwrap();
        let own = program(root.path(), "bin", "exit 9");
        let other = program(root.path(), "other", "exit 9");
        let judge = |scope, command: &str, folder: &Path| {
            standing(scope, command, Some(&own), &[folder.parent().unwrap().to_owned()])
        };
        for scope in [Scope::User, Scope::Project] {
            assert_eq!(judge(scope, "snowgate-shim", &own), Standing::Current);
            let gone = judge(scope, "snowgate-shim", Path::new("/nowhere/x"));
            assert!(matches!(gone, Standing::Broken { .. }), "{gone}");
            for variable in ["${HOME}/bin/snowgate-shim", "~/bin/snowgate-shim", "$SHIM/snowgate-shim"] {
                assert!(judge(scope, variable, &own).is_fine(), "{variable}");
            }
        }
        for command in ["snowgate-shim", "./bin/snowgate-shim"] {
            let found = judge(Scope::Project, command, &other);
            assert!(matches!(found, Standing::Unknown { .. }), "{command}: {found}");
        }
    }
}
