//! Where the system has what.

use std::path::{Path, PathBuf};

use crate::os::kernel;

/// The folder of the config file that holds for every user. No variable moves it.
pub fn system_config_folder() -> Option<PathBuf> {
    Some(kernel::SYSTEM_CONFIG_FOLDER.into())
}

/// The variable that moves the user's places where `SNOWGATE_HOME` does not: `data_dir` tells which.
pub fn home_variable(home: Option<&Path>, data_dir: &Path) -> &'static str {
    if home.is_none_or(|home| data_dir.starts_with(home)) { "HOME" } else { "XDG_DATA_HOME" }
}

/// The system's place for the settings of Snowflake's own tools. `config_home`: what `XDG_CONFIG_HOME` says.
pub fn snowflake_folder(home: &Path, config_home: Option<PathBuf>) -> PathBuf {
    kernel::settings_folder(home, config_home).join("snowflake")
}

/// The path of a `file:` address (<https://sqlite.org/uri.html>), of which each part is escaped already.
pub fn sqlite_uri_path(escaped: String) -> String {
    escaped
}
