//! The two programs, built from the sources that the tests were built from.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::os::processes;
use warehouse::support::tests_dir;

/// A folder with both programs, which are then taken as they are.
const OVERRIDE: &str = "SNOWGATE_TEST_BIN_DIR";

/// The two programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `snowgate`.
    pub gateway: PathBuf,
    /// `snowgate-shim`.
    pub shim: PathBuf,
}

static BINARIES: LazyLock<Binaries> = LazyLock::new(|| {
    let folder = env::var_os(OVERRIDE).map_or_else(build, PathBuf::from);
    let program = |name: &str| {
        let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
        assert!(path.is_file(), "{} is not there", path.display());
        path
    };
    Binaries { gateway: program("snowgate"), shim: program("snowgate-shim") }
});

/// The programs in the folder that `SNOWGATE_TEST_BIN_DIR` names; without it they are built first, once a run
/// of cargo, with the profile and into the folder of the running test.
///
/// # Panics
/// They cannot be built, or are missing.
pub fn binaries() -> &'static Binaries {
    &BINARIES
}

/// What the programs are built with: the units of `cargo test --workspace`, features included, which it has
/// just compiled, so that only the programs are linked. (With `--package`, cargo would leave the features of
/// the tests' own dependencies out and compile tokio, and all that depends on it, a second time.) The example
/// is what makes cargo count those features; it is linked in a moment.
const BUILD: [&str; 5] = ["--quiet", "--workspace", "--bins", "--example", "serve"];

/// Says, in the programs' folder, which run of cargo they were built for.
const BUILT_FOR: &str = "snowgate-tests-built-for";

/// Builds both programs, unless an earlier test program of this run of cargo has; returns their folder.
fn build() -> PathBuf {
    let test = env::current_exe().expect("the path of the running test");
    // `<target>/<profile>/deps/<test>`.
    let folder = test.parent().and_then(Path::parent).expect("a test program lies in target/<profile>/deps");
    let (run, built_for) = (run_of_cargo(), folder.join(BUILT_FOR));
    if run.is_some() && fs::read_to_string(&built_for).ok() == run {
        return folder.to_owned();
    }
    run_build(folder);
    if let Some(run) = run {
        fs::write(&built_for, run).expect("noting what the programs were built for");
    }
    folder.to_owned()
}

fn run_build(folder: &Path) {
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => panic!("{} is no profile's folder", folder.display()),
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells this test about its package is not for another cargo: the crate `ring` would be built
    // anew because of it, and all that depends on it.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    env::vars_os().filter(|(name, _)| name.to_str().is_some_and(told)).for_each(|(name, _)| {
        cargo.env_remove(name);
    });
    cargo.arg("build").args(BUILD).args(["--profile", profile, "--target-dir"]).arg(target);
    let built = cargo.current_dir(tests_dir()).output().expect("cargo starts");
    assert!(built.status.success(), "building the programs: {}", String::from_utf8_lossy(&built.stderr));
}

/// Copies a program to `to`, to be run from there.
///
/// Another process does the copying: a descriptor that writes to the copy, inherited by what another thread starts just
/// then, would make the copy "busy" (ETXTBSY) for a moment. (Not on Windows, which has no `cp`.)
///
/// # Panics
/// It cannot be copied.
pub fn copy_program(program: &Path, to: &Path) {
    let copied = if cfg!(windows) {
        fs::copy(program, to).is_ok()
    } else {
        Command::new("cp").arg(program).arg(to).status().expect("cp starts").success()
    };
    assert!(copied, "copying {} to {}", program.display(), to.display());
}

/// The cargo that runs this test program, one of several perhaps: its process id and when it started. `None`
/// where that cannot be known, or where it is another program, which may live on while sources change.
fn run_of_cargo() -> Option<String> {
    processes::parent("cargo")
}
