//! The programs that are measured: the release build's, and never an older one.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use snowgate_tests::{Binaries, binaries};

/// Names the folder of the programs; the support of the tests goes by it too.
const FOLDER: &str = "SNOWGATE_TEST_BIN_DIR";

/// What makes the programs.
const BUILD: &str = "run `cargo build --release` first";

/// The programs in the folder that `SNOWGATE_TEST_BIN_DIR` names, as they are; without it those beside this
/// benchmark, which must not be older than their sources.
pub(crate) fn find() -> Result<Binaries> {
    if env::var_os(FOLDER).is_some() {
        return Ok(binaries().clone());
    }
    let own = env::current_exe().context("the path of this program")?;
    // `<target>/release/deps/<program>-<hash>`.
    let folder = own.parent().and_then(Path::parent).context("this program lies in no target folder")?;
    for name in ["snowgate", "snowgate-shim"] {
        check_fresh(folder, name)?;
    }
    // The support builds what the variable does not name, and a process does not change its own environment:
    // so this program becomes itself again, with the variable.
    let error = Command::new(&own).args(env::args_os().skip(1)).env(FOLDER, folder).exec();
    Err(error).with_context(|| format!("running {} again", own.display()))
}

/// An error if the program is missing, or older than a source file that cargo says it was made from.
fn check_fresh(folder: &Path, name: &str) -> Result<()> {
    let program = folder.join(name);
    let Ok(built) = modified(&program) else { bail!("{} is missing: {BUILD}", program.display()) };
    let list = folder.join(format!("{name}.d"));
    let sources =
        fs::read_to_string(&list).with_context(|| format!("reading {}: {BUILD}", list.display()))?;
    for source in sources_in(&sources) {
        let Ok(changed) = modified(&source) else {
            bail!("{} was made from {}, which is gone: {BUILD}", program.display(), source.display())
        };
        if changed > built {
            bail!("{} is older than {}: {BUILD}", program.display(), source.display());
        }
    }
    Ok(())
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// The files after the colon of a dep-info line, as make writes them: blanks within a name have a backslash
/// before them.
fn sources_in(dep_info: &str) -> Vec<PathBuf> {
    let line = dep_info.lines().next().unwrap_or_default();
    let (_, files) = line.split_once(": ").unwrap_or_default();
    let marked = files.replace("\\ ", "\0");
    marked.split_whitespace().map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}
