//! The two programs, built from the sources that the tests were built from.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

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

/// The programs in the folder that `SNOWGATE_TEST_BIN_DIR` names; without it they are built first, once a test process,
/// with the profile and into the folder of the running test.
///
/// # Panics
/// They cannot be built, or are missing.
pub fn binaries() -> &'static Binaries {
    &BINARIES
}

/// Builds both programs and gives their folder.
fn build() -> PathBuf {
    let test = env::current_exe().expect("the path of the running test");
    // `<target>/<profile>/deps/<test>`.
    let folder = test.parent().and_then(Path::parent).expect("a test program lies in target/<profile>/deps");
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => panic!("{} is no profile's folder", folder.display()),
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells this test about its package is not for another cargo: the crate `ring` would be built anew because
    // of it, and all that depends on it.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    env::vars_os().filter(|(name, _)| name.to_str().is_some_and(told)).for_each(|(name, _)| {
        cargo.env_remove(name);
    });
    let built = cargo
        .args(["build", "--quiet", "--bins", "--package", "snowgate", "--package", "snowgate-shim"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(tests_dir())
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "building the programs: {}", String::from_utf8_lossy(&built.stderr));
    folder.to_owned()
}
