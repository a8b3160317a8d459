//! Client environments: Python virtual environments and a `node_modules`, installed once into the user's
//! cache.
//!
//! Invariant: a folder in the cache is whole. It is filled under another name and renamed, under a file lock,
//! and its name carries a fingerprint of everything it was made from, so a changed pin or interpreter means a
//! new folder.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use warehouse::support::patience;

use super::Unavailable;
use super::fingerprint::fingerprint;
use super::program::{Finished, run};

/// One installation, at most.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
/// Waiting for somebody else's installation of the same environment, at most.
const LOCK_LIMIT: Duration = Duration::from_secs(900);
const LOCK_POLL: Duration = Duration::from_millis(100);

const PYTHON_NEEDED: (u32, u32) = (3, 10);
/// fakesnow's own demand.
const FAKESNOW_PYTHON_NEEDED: (u32, u32) = (3, 11);
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The least major and minor version of Node that does.
#[derive(Clone, Copy, Debug)]
pub struct NodeVersion(pub u32, pub u32);

impl NodeVersion {
    /// What both TypeScript SDKs ask for.
    pub const SDK: Self = Self(20, 0);
    /// What the inspector asks for.
    pub const INSPECTOR: Self = Self(22, 19);
}

/// The Python of an environment with the official SDK of this `major` version, exactly as pinned.
///
/// # Errors
/// Python or its `venv` is missing or too old, or the installation failed.
pub fn python(major: u32) -> Result<PathBuf, Unavailable> {
    let pins = format!("python/requirements-{major}.txt");
    python_environment(&format!("python-{major}"), "the Python SDK", &pins, system_python()?)
}

/// The Python of an environment with Snowflake's official connector and fakesnow, exactly as pinned.
///
/// # Errors
/// As [`python`].
pub fn snowflake_python() -> Result<PathBuf, Unavailable> {
    let system = system_python_of(FAKESNOW_PYTHON_NEEDED)?;
    python_environment("fakesnow", "fakesnow", "fakesnow/requirements.txt", system)
}

/// The Python of an environment with release 5 of Snowflake's official connector, which fakesnow cannot use.
///
/// # Errors
/// As [`python`].
pub fn connector_5_python() -> Result<PathBuf, Unavailable> {
    let pins = "warehouse/requirements-5.txt";
    python_environment("connector-5", "the Python connector 5", pins, system_python()?)
}

/// The Python of an environment with google-genai, exactly as pinned.
///
/// # Errors
/// As [`python`].
pub fn genai_python() -> Result<PathBuf, Unavailable> {
    python_environment("genai", "google-genai", "schemas/requirements.txt", system_python()?)
}

/// The Python of an environment with schemathesis, openapi-spec-validator, httpx and websockets, exactly as pinned.
///
/// # Errors
/// As [`python`].
pub fn rest_python() -> Result<PathBuf, Unavailable> {
    let system = system_python_of(FAKESNOW_PYTHON_NEEDED)?;
    python_environment("rest", "schemathesis", "rest/requirements.txt", system)
}

/// The Python of an environment with `what`, whose pins stand in the file `pins` of the clients' folder.
fn python_environment(
    name: &str,
    what: &str,
    pins: &str,
    (system, version): (PathBuf, String),
) -> Result<PathBuf, Unavailable> {
    let pins = super::folder().join(pins);
    let pinned = read(&pins)?;
    let made_from = [pinned.as_slice(), version.as_bytes(), system.as_os_str().as_encoded_bytes()];
    let environment = installed(name, &made_from, |target| {
        create_virtual_environment(&system, target)?;
        let mut pip = Command::new(interpreter(target));
        pip.args(["-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check", "-r"]);
        expect_success(what, &run_install(pip.arg(&pins))?)?;
        let mut check = Command::new(interpreter(target));
        expect_success(what, &run_install(check.args(["-m", "pip", "check"]))?)
    })?;
    Ok(interpreter(&environment))
}

/// The folder whose `node_modules` holds the TypeScript SDKs and the inspector, exactly as locked.
///
/// # Errors
/// Node or npm is missing or too old, or the installation failed.
pub fn typescript() -> Result<PathBuf, Unavailable> {
    system_node(NodeVersion::SDK)?;
    npm_environment("typescript")
}

/// The folder whose `node_modules` holds the official conformance suites, exactly as locked.
///
/// # Errors
/// As [`typescript`].
pub fn conformance() -> Result<PathBuf, Unavailable> {
    system_node(NodeVersion::SDK)?;
    npm_environment("conformance")
}

/// The folder whose `node_modules` holds the official tool for MCP bundles, exactly as locked.
///
/// # Errors
/// As [`typescript`].
pub fn bundle_tool() -> Result<PathBuf, Unavailable> {
    system_node(NodeVersion::SDK)?;
    npm_environment("bundle")
}

/// The folder whose `node_modules` holds what drives a browser, exactly as locked.
///
/// # Errors
/// As [`typescript`].
pub fn browser() -> Result<PathBuf, Unavailable> {
    system_node(NodeVersion::SDK)?;
    npm_environment("browser")
}

/// A Node of at least this version: the machine's own, else the one pinned in `tests/clients/node`.
///
/// # Errors
/// Node or npm is missing, or the installation failed.
pub fn node(at_least: NodeVersion) -> Result<PathBuf, Unavailable> {
    let own = system_node(NodeVersion::SDK)?;
    if own >= (at_least.0, at_least.1) {
        return Ok(PathBuf::from("node"));
    }
    let modules = npm_environment("node")?.join("node_modules");
    let program = if cfg!(windows) { "bin/node.exe" } else { "bin/node" };
    // npm installs the one package of the five that is made for this machine.
    let packages = fs::read_dir(&modules).map_err(Unavailable::os("reading the installed Node"))?;
    packages.flatten().map(|package| package.path().join(program)).find(|node| node.is_file()).ok_or_else(
        || Unavailable::Missing {
            program: "node".into(),
            needed: format!(
                "Node {}.{} or newer; no package of it exists for {} on {}",
                at_least.0,
                at_least.1,
                env::consts::OS,
                env::consts::ARCH
            ),
        },
    )
}

/// The machine's own Python and its version.
///
/// # Errors
/// It is missing, too old, or lacks `sqlite3`.
pub fn system_python() -> Result<(PathBuf, String), Unavailable> {
    system_python_of(PYTHON_NEEDED)
}

fn system_python_of(at_least: (u32, u32)) -> Result<(PathBuf, String), Unavailable> {
    let program = if cfg!(windows) { "python" } else { "python3" };
    let needed = format!("Python {}.{} or newer with its sqlite3 module", at_least.0, at_least.1);
    let script = "import sqlite3, sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])";
    let asked = version_of(Command::new(program).args(["-c", script]), program, &needed)?;
    // The last two lines: warnings may stand before them.
    let mut lines = asked.lines().rev();
    let (Some(version), Some(path)) = (lines.next(), lines.next()) else {
        return Err(Unavailable::Missing {
            program: program.into(),
            needed: format!("{needed}; it said {asked:?}"),
        });
    };
    if major_minor(version) < Some(at_least) {
        return Err(Unavailable::TooOld { program: program.into(), found: version.into(), needed });
    }
    Ok((path.into(), version.into()))
}

/// The version of the machine's own Node, if it is new enough for npm and the SDKs.
fn system_node(at_least: NodeVersion) -> Result<(u32, u32), Unavailable> {
    let needed = format!("Node {}.{} or newer with npm", at_least.0, at_least.1);
    let version = version_of(Command::new("node").arg("--version"), "node", &needed)?;
    version_of(Command::new(NPM).arg("--version"), "npm", &needed)?;
    match major_minor(version.trim().trim_start_matches('v')) {
        Some(own) if own >= (at_least.0, at_least.1) => Ok(own),
        _ => Err(Unavailable::TooOld { program: "node".into(), found: version.trim().into(), needed }),
    }
}

fn version_of(command: &mut Command, program: &str, needed: &str) -> Result<String, Unavailable> {
    let missing =
        |why: String| Unavailable::Missing { program: program.into(), needed: format!("{needed} ({why})") };
    match run(command, patience()) {
        Ok(finished) if finished.success() => Ok(finished.output),
        Ok(finished) => Err(missing(format!("it says: {}", finished.output.trim()))),
        Err(error) => Err(missing(error.to_string())),
    }
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn create_virtual_environment(system: &Path, target: &Path) -> Result<(), Unavailable> {
    let finished = run_install(Command::new(system).args(["-m", "venv"]).arg(target))?;
    if finished.success() {
        return Ok(());
    }
    let hint = "On Debian and Ubuntu `apt install python3-venv` brings what is missing.";
    let output = format!("`python3 -m venv` failed: {}\n{hint}", finished.output.trim());
    Err(Unavailable::Install { what: "a Python virtual environment".into(), output })
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// `npm ci` of the locked packages in `tests/clients/<name>`.
fn npm_environment(name: &str) -> Result<PathBuf, Unavailable> {
    const FILES: [&str; 2] = ["package.json", "package-lock.json"];
    let source = super::folder().join(name);
    let [package, lock] = FILES.map(|file| read(&source.join(file)));
    let (package, lock) = (package?, lock?);
    let machine = format!("{} {}", env::consts::OS, env::consts::ARCH);
    installed(name, &[&package, &lock, machine.as_bytes()], |target| {
        fs::create_dir(target).map_err(Unavailable::os(format!("creating {}", target.display())))?;
        for (file, content) in FILES.into_iter().zip([&package, &lock]) {
            fs::write(target.join(file), content).map_err(Unavailable::os(format!("writing {file}")))?;
        }
        let mut npm = Command::new(NPM);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"])
            .current_dir(target);
        expect_success(&format!("the npm packages of tests/clients/{name}"), &run_install(&mut npm)?)
    })
}

fn run_install(command: &mut Command) -> Result<Finished, Unavailable> {
    run(command, INSTALL_LIMIT).map_err(Unavailable::os(format!("starting {command:?}")))
}

fn expect_success(what: &str, finished: &Finished) -> Result<(), Unavailable> {
    match finished.status {
        Some(status) if status.success() => Ok(()),
        Some(_) => Err(Unavailable::Install { what: what.into(), output: finished.output.trim().into() }),
        None => Err(Unavailable::Install {
            what: what.into(),
            output: format!("not done after {} s: {}", INSTALL_LIMIT.as_secs(), finished.output.trim()),
        }),
    }
}

/// The folder made from these parts, `fill`ed now if nobody has done so before.
fn installed(
    name: &str,
    made_from: &[&[u8]],
    fill: impl FnOnce(&Path) -> Result<(), Unavailable>,
) -> Result<PathBuf, Unavailable> {
    let cache = cache()?;
    fs::create_dir_all(&cache).map_err(Unavailable::os(format!("creating {}", cache.display())))?;
    let key = format!("{name}-{:016x}", fingerprint(made_from));
    let ready = cache.join(&key);
    let _held = lock(&cache.join(format!("{key}.lock")))?;
    if ready.is_dir() {
        return Ok(ready);
    }
    discard_partial(&cache, &key);
    // A name of this process's own: a package manager that outlived its killed test still writes to another.
    let partial = cache.join(format!("{key}.partial-{}", std::process::id()));
    fill(&partial)?;
    fs::rename(&partial, &ready).map_err(Unavailable::os(format!("renaming to {}", ready.display())))?;
    Ok(ready)
}

/// Removes what interrupted installations of `key` have left. What cannot be removed is in nobody's way.
fn discard_partial(cache: &Path, key: &str) {
    let prefix = format!("{key}.partial-");
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _in_nobodys_way = fs::remove_dir_all(entry.path());
        }
    }
}

/// `$XDG_CACHE_HOME/snowgate/clients`, or the same under `~/.cache`.
fn cache() -> Result<PathBuf, Unavailable> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").or_else(|| absolute("USERPROFILE")).map(|home| home.join(".cache")));
    base.map(|base| base.join("snowgate/clients")).ok_or_else(|| Unavailable::Missing {
        program: "HOME".into(),
        needed: "set HOME or XDG_CACHE_HOME, where the client environments are kept".into(),
    })
}

fn lock(path: &Path) -> Result<File, Unavailable> {
    let doing = || format!("locking {}", path.display());
    let file = File::create(path).map_err(Unavailable::os(doing()))?;
    let deadline = Instant::now() + LOCK_LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(Unavailable::Os { doing: doing(), source }),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let what = path.display().to_string();
                return Err(Unavailable::Install { what, output: "another test run holds its lock".into() });
            }
            Err(TryLockError::WouldBlock) => sleep(LOCK_POLL),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Unavailable> {
    fs::read(path).map_err(Unavailable::os(format!("reading {}", path.display())))
}
