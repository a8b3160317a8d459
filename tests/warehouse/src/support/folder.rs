//! Where the files of the tests are.

use std::env;
use std::path::PathBuf;

/// What the folder has, and none of its packages.
const MARK: &str = "clients/contract.json";

/// The folder `tests` of the repository. `cargo` says at run time which package runs, which may be one in
/// that folder: a target folder that several clones share may hold a test that was compiled in another one.
///
/// # Panics
/// The package does not lie in that folder.
pub fn tests_dir() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let found = package.ancestors().find(|folder| folder.join(MARK).is_file());
    found.unwrap_or_else(|| panic!("no folder above {} has {MARK}", package.display())).to_owned()
}
