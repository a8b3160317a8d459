//! The peers' programs, installed once into the user's cache with the versions pinned in
//! `tests/benches/peers`.
//!
//! An environment carries a stamp of what it was made from, written last: one without the right stamp is made
//! anew.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use snowgate_tests::clients::{self, NodeVersion, run, system_python};

/// One step of an installation, at most.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// What dbhub asks for.
const NODE: NodeVersion = NodeVersion(22, 5);

const STAMP: &str = "stamp";

/// Python with `mcp-server-sqlite`.
pub(super) fn python() -> Result<PathBuf> {
    let (system, version) = system_python()?;
    let pins = folder().join("requirements.txt");
    let sdk_pins = clients::folder().join("python/requirements-1.txt");
    let stamp = format!("{} {version}\n{}{}", system.display(), read(&pins)?, read(&sdk_pins)?);
    let environment = environment("peers-python", &stamp, |target| {
        step("a Python virtual environment", Command::new(&system).args(["-m", "venv"]).arg(target))?;
        let mut pip = Command::new(interpreter(target));
        pip.args(["-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check", "-r"]);
        step("mcp-server-sqlite", pip.arg(&pins))?;
        step("mcp-server-sqlite", Command::new(interpreter(target)).args(["-m", "pip", "check"]))
    })?;
    Ok(interpreter(&environment))
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

/// A Node that is new enough, and dbhub's main file.
pub(super) fn dbhub() -> Result<(PathBuf, PathBuf)> {
    let (node, folder) = npm()?;
    Ok((node, folder.join("node_modules/@bytebase/dbhub/dist/index.js")))
}

/// A Node that is new enough, and the folder of the packages.
pub(super) fn npm() -> Result<(PathBuf, PathBuf)> {
    const FILES: [&str; 2] = ["package.json", "package-lock.json"];
    let node = clients::node(NODE)?;
    let sources = FILES.map(|file| read(&folder().join(file)));
    let [package, lock] = sources;
    let texts = [package?, lock?];
    let stamp = format!("{} {}\n{}", env::consts::OS, env::consts::ARCH, texts.concat());
    let environment = environment("peers-npm", &stamp, |target| {
        for (file, text) in FILES.iter().zip(&texts) {
            fs::write(target.join(file), text).with_context(|| format!("writing {file}"))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]);
        step("@bytebase/dbhub and gpt-tokenizer", npm.current_dir(target))
    })?;
    Ok((node, environment))
}

/// Where the pins stand.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The environment `name` made from what `stamp` says, by `fill` unless it is there.
fn environment(name: &str, stamp: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    let target = cache.join(name);
    let lock = File::create(cache.join(format!("{name}.lock"))).context("creating a lock file")?;
    lock.lock().context("waiting for another installation")?;
    if fs::read_to_string(target.join(STAMP)).is_ok_and(|found| found == stamp) {
        return Ok(target);
    }
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("removing {}", target.display()))?;
    }
    println!("installing {name} into {}", target.display());
    fs::create_dir(&target).with_context(|| format!("creating {}", target.display()))?;
    fill(&target)?;
    fs::write(target.join(STAMP), stamp).context("writing a stamp")?;
    Ok(target)
}

/// The cache folder that the client tests use too.
fn cache() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    Ok(base.context("neither HOME nor XDG_CACHE_HOME is set")?.join("snowgate/clients"))
}

fn step(what: &str, command: &mut Command) -> Result<()> {
    let finished = run(command, INSTALL_LIMIT).with_context(|| format!("starting {command:?}"))?;
    if !finished.success() {
        bail!("{what} could not be installed: {}", finished.output.trim());
    }
    Ok(())
}
