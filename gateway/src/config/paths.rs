//! Locations of config, data, state and logs.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};
use thiserror::Error;

use super::environment::Environment;
use super::error::InvalidValue;
use super::resolver::Resolver;
use crate::os;

const HOME_VARIABLE: &str = "SNOWGATE_HOME";
const CONFIG_VARIABLE: &str = "SNOWGATE_CONFIG";
const CONFIG_FILE: &str = "config.toml";

/// The locations of one gateway, all absolute. The link computes the run folder and the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The config file. It need not exist unless it was named.
    pub config_file: PathBuf,
    /// Whether the user named the config file (`SNOWGATE_CONFIG`, `--file`): then it is an error if it is
    /// missing.
    pub config_named: bool,
    /// The user's usual config file, if `SNOWGATE_CONFIG` names another: what protects in it still does.
    pub usual_file: Option<PathBuf>,
    /// The system's config file.
    pub system_file: Option<SystemFile>,
    /// Databases and remembered log-ins.
    pub data_dir: PathBuf,
    /// What the gateway remembers between runs.
    pub state_dir: PathBuf,
    /// The gateway's log files.
    pub log_dir: PathBuf,
    /// The value of `~/`; `None` if the user has no home folder.
    pub home_dir: Option<PathBuf>,
    /// The variable that moves these locations: `SNOWGATE_HOME` if it is set, otherwise `XDG_DATA_HOME` if that
    /// leads out of the home folder, otherwise `HOME`.
    pub home_variable: &'static str,
}

/// The config file of the system: its settings hold for every user. No variable moves it, because a variable
/// comes from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFile {
    /// The file. It need not exist, unless it was named.
    pub path: PathBuf,
    /// Whether it was named on the command line of `serve` or `config`, for a test: then it must exist, and
    /// need not be root's.
    pub is_named: bool,
}

/// The locations cannot be determined.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PathsError {
    /// The user has no home folder and `SNOWGATE_HOME` is not set.
    #[error("this user has no home folder; set HOME, or set SNOWGATE_HOME to a folder for Snowgate")]
    NoHome,
    /// The home folder is not an absolute path.
    #[error(
        "HOME: expected an absolute path, got {0:?}; correct it, or set SNOWGATE_HOME to a folder for Snowgate"
    )]
    RelativeHome(PathBuf),
    /// A variable does not hold a usable path.
    #[error("{variable}: {message}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value, and what to do.
        message: String,
    },
}

impl Paths {
    /// The locations for this user: those of the platform, or below `SNOWGATE_HOME` if it is set;
    /// `SNOWGATE_CONFIG` moves the config file alone.
    ///
    /// # Errors
    ///
    /// [`PathsError::NoHome`], or [`PathsError::Variable`] for a relative path: the shim, the gateway and
    /// this command run in different folders and would each resolve it differently.
    pub fn discover(env: &dyn Environment) -> Result<Self, PathsError> {
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self::discover_from(env, home, ProjectDirs::from("", "", "snowgate").as_ref())
    }

    fn discover_from(
        env: &dyn Environment,
        home_dir: Option<PathBuf>,
        platform: Option<&ProjectDirs>,
    ) -> Result<Self, PathsError> {
        // The shim reads it too, and expands nothing.
        let moved = variable_path(env, HOME_VARIABLE, None)?;
        let named = variable_path(env, CONFIG_VARIABLE, home_dir.as_deref())?;
        let mut paths = match (moved, platform) {
            (Some(root), _) => Self::below(&root),
            (None, Some(dirs)) => match &home_dir {
                Some(home) if home.is_relative() => return Err(PathsError::RelativeHome(home.clone())),
                _ => Self::of_platform(dirs),
            },
            (None, None) => return Err(PathsError::NoHome),
        };
        paths.home_dir = home_dir.filter(|home| home.is_absolute());
        if paths.home_variable != HOME_VARIABLE {
            paths.home_variable = os::home_variable(paths.home_dir.as_deref(), &paths.data_dir);
        }
        paths.system_file = os::system_config_folder()
            .map(|folder| SystemFile { path: folder.join(CONFIG_FILE), is_named: false });
        Ok(match named {
            Some(file) if file != paths.config_file => {
                let usual_file = Some(paths.config_file.clone());
                Self { usual_file, ..paths.with_config_file(file) }
            }
            Some(file) => paths.with_config_file(file),
            None => paths,
        })
    }

    /// The same locations with another system file, which must exist: for tests. Only a command line can
    /// name it, and whoever writes the gateway's command line can run another program as well.
    #[must_use]
    pub fn with_system_file(self, file: Option<PathBuf>) -> Self {
        match file {
            Some(path) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                Self { system_file: Some(SystemFile { path, is_named: true }), ..self }
            }
            None => self,
        }
    }

    /// The locations inside `root`, as for `SNOWGATE_HOME=root`.
    pub fn below(root: &Path) -> Self {
        Self {
            config_file: root.join(CONFIG_FILE),
            config_named: false,
            usual_file: None,
            system_file: None,
            data_dir: root.join("data"),
            state_dir: root.join("state"),
            log_dir: root.join("state").join("logs"),
            home_dir: None,
            home_variable: HOME_VARIABLE,
        }
    }

    /// The same locations with another config file, which must exist.
    #[must_use]
    pub fn with_config_file(self, config_file: PathBuf) -> Self {
        Self { config_file, config_named: true, usual_file: None, ..self }
    }

    /// Data is local to the machine, never roaming: databases are large and locked. macOS and Windows have no
    /// folder for state, so it is stored with the data there.
    fn of_platform(dirs: &ProjectDirs) -> Self {
        let state_dir = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned();
        Self {
            config_file: dirs.config_dir().join(CONFIG_FILE),
            config_named: false,
            usual_file: None,
            system_file: None,
            data_dir: dirs.data_local_dir().to_owned(),
            log_dir: state_dir.join("logs"),
            state_dir,
            home_dir: None,
            home_variable: "HOME",
        }
    }
}

fn variable_path(
    env: &dyn Environment,
    variable: &'static str,
    home: Option<&Path>,
) -> Result<Option<PathBuf>, PathsError> {
    let Some(text) = env.get(variable) else { return Ok(None) };
    // The replaced bytes would be another folder, which would be made.
    if env.get_os(variable).is_some_and(|value| value.to_str().is_none()) || text.contains('\u{fffd}') {
        let message = "expected a path of UTF-8 text; give the folder another name".to_owned();
        return Err(PathsError::Variable { variable, message });
    }
    if variable == HOME_VARIABLE && !Path::new(&text).is_absolute() {
        let message = format!(
            "expected an absolute path, got {text:?}; write the whole path: `~` and variables are not expanded"
        );
        return Err(PathsError::Variable { variable, message });
    }
    let refused = |InvalidValue { message, hint }| {
        let message = hint.map_or_else(|| message.clone(), |hint| format!("{message} ({hint})"));
        PathsError::Variable { variable, message }
    };
    Resolver { base: None, home }.resolve(&text).map(Some).map_err(refused)
}

#[cfg(all(test, unix))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn discover(variables: &[(&str, &str)], platform: bool) -> Result<Paths, PathsError> {
        let env: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let dirs = ProjectDirs::from_path("snowgate".into());
        Paths::discover_from(&env, Some("/home/ada".into()), dirs.as_ref().filter(|_| platform))
    }

    #[test]
    fn snowgate_home_moves_everything() {
        let paths = discover(&[("SNOWGATE_HOME", "/tmp/h")], false).unwrap();
        assert_eq!(paths.config_file, Path::new("/tmp/h/config.toml"));
        assert_eq!(paths.data_dir, Path::new("/tmp/h/data"));
        assert_eq!(paths.state_dir, Path::new("/tmp/h/state"));
        assert_eq!(paths.log_dir, Path::new("/tmp/h/state/logs"));
        assert!(!paths.config_named);
    }

    #[test]
    fn a_named_config_file_moves_nothing_else() {
        let variables = [("SNOWGATE_HOME", "/tmp/h"), ("SNOWGATE_CONFIG", "~/c.toml")];
        let paths = discover(&variables, false).unwrap();
        assert_eq!(paths.config_file, Path::new("/home/ada/c.toml"));
        assert!(paths.config_named);
        assert_eq!(paths.data_dir, Path::new("/tmp/h/data"));
    }

    #[test]
    fn without_snowgate_home_the_platform_decides() {
        let paths = discover(&[], true).unwrap();
        assert!(paths.config_file.ends_with("snowgate/config.toml"), "{paths:?}");
        assert!(paths.log_dir.starts_with(&paths.state_dir));
    }

    #[test]
    fn the_variable_that_moves_everything_is_known() {
        assert_eq!(discover(&[("SNOWGATE_HOME", "/tmp/h")], true).unwrap().home_variable, "SNOWGATE_HOME");
        let dirs = ProjectDirs::from_path("snowgate".into()).unwrap();
        let from = |home: &Path| Paths::discover_from(&BTreeMap::new(), Some(home.to_owned()), Some(&dirs));
        let inside = dirs.data_local_dir().parent().unwrap();
        assert_eq!(from(inside).unwrap().home_variable, "HOME");
        assert_eq!(from(Path::new("/other")).unwrap().home_variable, "XDG_DATA_HOME");
        assert_eq!(from(Path::new("here")), Err(PathsError::RelativeHome("here".into())));
    }

    #[test]
    fn bytes_that_are_no_text_lead_nowhere_else() {
        struct Bytes;
        impl Environment for Bytes {
            fn get(&self, name: &str) -> Option<String> {
                Some(self.get_os(name)?.to_string_lossy().into_owned())
            }

            fn get_os(&self, name: &str) -> Option<std::ffi::OsString> {
                use std::os::unix::ffi::OsStringExt as _;
                (name == HOME_VARIABLE).then(|| std::ffi::OsString::from_vec(b"/tmp/\xff".to_vec()))
            }

            fn names_with(&self, _: &str) -> Vec<String> {
                Vec::new()
            }
        }
        let refused = Paths::discover_from(&Bytes, Some("/home/ada".into()), None).unwrap_err();
        assert!(matches!(refused, PathsError::Variable { variable: HOME_VARIABLE, .. }), "{refused}");
    }

    #[test]
    fn a_missing_or_relative_home_is_an_error() {
        assert_eq!(discover(&[], false), Err(PathsError::NoHome));
        assert!(discover(&[("SNOWGATE_HOME", "~/here")], true).is_err(), "the shim does not expand it");
        let error = discover(&[("SNOWGATE_HOME", "here")], true).unwrap_err().to_string();
        assert!(
            error.starts_with("SNOWGATE_HOME: expected an absolute path") && error.contains("got \"here\""),
            "{error}"
        );
    }
}
