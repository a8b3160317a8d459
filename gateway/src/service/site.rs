//! What the service of one gateway is called, and where its files are.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os;

use super::{agent_text, service_text, socket_text, task_text};
use crate::config::{Environment, Paths};
use crate::os::{SHIM_PROGRAM, System};

/// What the unit of a user's own gateway is called.
const NAME: &str = "snowgate";

/// The folders in which an administrator or a package enables units for all users.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/systemd/user", "/usr/lib/systemd/user"];

/// The variables that decide which files a gateway uses, and that a service manager need not have.
pub const PLACE_VARIABLES: [&str; 6] = [
    "SNOWGATE_HOME",
    "SNOWGATE_CONFIG",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
];

/// Who runs services on this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceManager {
    /// Linux.
    Systemd,
    /// macOS.
    Launchd,
    /// Windows.
    TaskScheduler,
}

impl ServiceManager {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
            Self::TaskScheduler => "Task Scheduler",
        }
    }

    /// The variables that decide which files a gateway uses on its system.
    fn place_variables(self) -> &'static [&'static str] {
        match self {
            Self::Systemd | Self::Launchd => &PLACE_VARIABLES,
            // Those of XDG are unknown there.
            Self::TaskScheduler => &PLACE_VARIABLES[..2],
        }
    }

    /// That of this system.
    pub fn of_this_system() -> Self {
        match System::OWN {
            System::Linux => Self::Systemd,
            System::MacOs => Self::Launchd,
            System::Windows => Self::TaskScheduler,
        }
    }
}

/// The service of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Who runs it.
    pub manager: ServiceManager,
    /// `snowgate`; of a gateway with a home of its own, `snowgate-` and eight digits of that.
    pub name: String,
    /// The gateway's program, as its files name it: `%h` is the user's home folder in those of systemd.
    pub program: String,
    /// The shim beside it: what a task runs.
    pub shim: String,
    /// Whose it is: a task is for one user.
    pub user: String,
    /// Where its files are written.
    pub folder: PathBuf,
    /// The folders in which it may be enabled, `folder` first.
    pub enabling_folders: Vec<PathBuf>,
    /// The socket on which shims connect, as its files name it.
    pub socket: String,
    /// The variables that decide which files it uses.
    pub variables: Vec<(String, String)>,
    /// The log, where the manager keeps none.
    pub log_dir: PathBuf,
}

impl Site {
    /// The service of the gateway that `env` chooses, run by `program`; `None` where `SNOWGATE_SOCKET` names a socket of
    /// its own, or where there is no home folder: such a gateway has no service.
    pub fn discover(
        env: &dyn Environment,
        paths: &Paths,
        endpoint: &Endpoint,
        program: &Path,
    ) -> Option<Self> {
        Self::of(ServiceManager::of_this_system(), env, paths, endpoint, program)
    }

    /// The same, of a service manager that may be another system's.
    fn of(
        manager: ServiceManager,
        env: &dyn Environment,
        paths: &Paths,
        endpoint: &Endpoint,
        program: &Path,
    ) -> Option<Self> {
        if endpoint.is_named() {
            return None;
        }
        let user_home = || env.get("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let home = env.get("SNOWGATE_HOME").map(PathBuf::from);
        let folder = match manager {
            ServiceManager::Launchd => user_home()?.join("Library/LaunchAgents"),
            ServiceManager::Systemd => {
                let config = env.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
                config.or_else(|| Some(user_home()?.join(".config")))?.join("systemd/user")
            }
            // The Task Scheduler has a copy, which only it can read.
            ServiceManager::TaskScheduler => paths.state_dir.join("service"),
        };
        let mut enabling_folders = vec![folder.clone()];
        // Units of packages are for gateways without a home of their own.
        if home.is_none() && manager == ServiceManager::Systemd {
            enabling_folders.extend(SYSTEM_FOLDERS.map(PathBuf::from));
        }
        let set = |name: &str| Some((name.to_owned(), env.get(name)?));
        Some(Self {
            manager,
            name: home.as_deref().map_or_else(|| NAME.to_owned(), name_of_home),
            program: specified(manager, program),
            shim: specified(manager, &program.with_file_name(SHIM_PROGRAM)),
            user: os::user().to_string(),
            folder,
            enabling_folders,
            socket: match (manager, &home) {
                (ServiceManager::Systemd, None) if is_in_runtime_folder(endpoint) => {
                    "%t/snowgate/gateway.sock".to_owned()
                }
                _ => specified(manager, &endpoint.socket),
            },
            variables: manager.place_variables().iter().filter_map(|name| set(name)).collect(),
            log_dir: paths.log_dir.clone(),
        })
    }

    /// The service that packages bring, for any user.
    pub fn packaged(manager: ServiceManager) -> Self {
        let (program, socket) = match manager {
            ServiceManager::Systemd => ("/usr/bin/snowgate", "%t/snowgate/gateway.sock"),
            ServiceManager::Launchd => (
                "/usr/local/bin/snowgate",
                "/Users/USER/Library/Application Support/snowgate/run/gateway.sock",
            ),
            ServiceManager::TaskScheduler => {
                ("C:\\Program Files\\Snowgate\\snowgate.exe", "\\\\.\\pipe\\snowgate-S-1-5-21-1-2-3-1001")
            }
        };
        let shim = match manager {
            ServiceManager::TaskScheduler => "C:\\Program Files\\Snowgate\\snowgate-shim.exe",
            ServiceManager::Systemd | ServiceManager::Launchd => "/usr/bin/snowgate-shim",
        };
        Self {
            manager,
            name: NAME.to_owned(),
            program: program.to_owned(),
            shim: shim.to_owned(),
            user: "S-1-5-21-1-2-3-1001".to_owned(),
            folder: PathBuf::new(),
            enabling_folders: Vec::new(),
            socket: socket.to_owned(),
            variables: Vec::new(),
            log_dir: PathBuf::from("/Users/USER/Library/Application Support/snowgate/logs"),
        }
    }

    /// Its socket unit.
    pub fn socket_unit(&self) -> String {
        format!("{}.socket", self.name)
    }

    /// Its service unit; what launchd calls it; the task, whose name all users of a machine share.
    pub fn service_unit(&self) -> String {
        match self.manager {
            ServiceManager::Systemd => format!("{}.service", self.name),
            ServiceManager::Launchd => format!("io.github.{}", self.name),
            ServiceManager::TaskScheduler => format!("{}-{}", self.name, self.user),
        }
    }

    /// Its files, as this version writes them. `starts_early`: the gateway itself is kept running, too, for clients over HTTP.
    pub fn files(&self, starts_early: bool) -> Vec<(PathBuf, String)> {
        match self.manager {
            ServiceManager::Systemd => vec![
                (self.folder.join(self.socket_unit()), socket_text(self)),
                (self.folder.join(self.service_unit()), service_text(self)),
            ],
            ServiceManager::Launchd => {
                vec![(self.folder.join(format!("{}.plist", self.service_unit())), agent_text(self))]
            }
            ServiceManager::TaskScheduler => {
                vec![(self.folder.join(format!("{}.xml", self.name)), task_text(self, starts_early))]
            }
        }
    }

    /// The file of a package that has the same name as `path`, if there may be one.
    pub fn packaged_file(&self, path: &Path) -> Option<PathBuf> {
        let folder = self.enabling_folders.get(1..)?.last()?;
        Some(folder.join(path.file_name()?))
    }

    /// Its units that its user has masked (`systemctl mask`).
    pub fn masked_units(&self) -> Vec<String> {
        let is_masked = |unit: &String| {
            std::fs::read_link(self.folder.join(unit)).is_ok_and(|target| target == Path::new("/dev/null"))
        };
        [self.socket_unit(), self.service_unit()].into_iter().filter(is_masked).collect()
    }

    /// What is written into its files from outside, each with the variable that it comes from, or with whose it is.
    pub fn texts(&self) -> Vec<(&'static str, String)> {
        let of_name = |name: &str| PLACE_VARIABLES.into_iter().find(|known| *known == name);
        let variables =
            self.variables.iter().filter_map(|(name, value)| Some((of_name(name)?, value.clone())));
        let others = [
            ("the path of this program", self.program.clone()),
            ("XDG_RUNTIME_DIR", self.socket.clone()),
            ("HOME", self.log_dir.display().to_string()),
        ];
        variables.chain(others).collect()
    }

    /// Whether it is enabled: whether the manager has the socket from the user's log-in on.
    pub fn is_enabled(&self) -> bool {
        match self.manager {
            // A unit that is masked is not started by anything.
            ServiceManager::Systemd if !self.masked_units().is_empty() => false,
            ServiceManager::Systemd => self.enabling_folders.iter().any(|folder| {
                let link = folder.join("sockets.target.wants").join(self.socket_unit());
                std::fs::symlink_metadata(link).is_ok()
            }),
            ServiceManager::Launchd | ServiceManager::TaskScheduler => {
                self.files(false).iter().all(|(path, _)| path.exists())
            }
        }
    }
}

/// The home's own name: two homes have units that do not know each other.
fn name_of_home(home: &Path) -> String {
    // `/srv/a/` and `/srv//a` are the same home.
    let home: PathBuf = home.components().collect();
    let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
    let digits: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{NAME}-{digits}")
}

fn is_in_runtime_folder(endpoint: &Endpoint) -> bool {
    endpoint.socket == Path::new(&format!("/run/user/{}/snowgate/gateway.sock", os::user()))
}

/// A path as the manager's files name it: `%` begins a specifier of systemd.
fn specified(manager: ServiceManager, path: &Path) -> String {
    let path = path.display().to_string();
    match manager {
        ServiceManager::Systemd => path.replace('%', "%%"),
        ServiceManager::Launchd | ServiceManager::TaskScheduler => path,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn site(variables: &[(&str, &str)]) -> Option<Site> {
        let mut env: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        env.entry("HOME".to_owned()).or_insert_with(|| "/home/ada".to_owned());
        let home = env.get("SNOWGATE_HOME").map(PathBuf::from);
        let socket = env.get("SNOWGATE_SOCKET").map(PathBuf::from);
        let endpoint = Endpoint::resolve(socket.as_deref(), home.as_deref()).unwrap();
        let paths = Paths::below(Path::new("/home/ada/.snowgate"));
        Site::of(ServiceManager::Systemd, &env, &paths, &endpoint, Path::new("/home/ada/bin/snow%gate"))
    }

    #[test]
    fn a_gateway_with_a_home_of_its_own_has_units_of_its_own() {
        let usual = site(&[]).unwrap();
        assert_eq!(usual.service_unit(), "snowgate.service");
        assert_eq!(usual.files(false)[0].0, Path::new("/home/ada/.config/systemd/user/snowgate.socket"));
        assert_eq!(usual.program, "/home/ada/bin/snow%%gate");
        assert_eq!(usual.variables, []);
        let own = site(&[("SNOWGATE_HOME", "/srv/a"), ("XDG_CONFIG_HOME", "/c")]).unwrap();
        let another = site(&[("SNOWGATE_HOME", "/srv/b")]).unwrap();
        assert!(own.name.starts_with("snowgate-") && own.name.len() == "snowgate-".len() + 8, "{}", own.name);
        assert_ne!(own.name, another.name);
        assert_eq!(own.socket, "/srv/a/run/gateway.sock");
        assert!(own.folder.starts_with("/c/systemd"));
        assert_eq!(own.variables[0], ("SNOWGATE_HOME".to_owned(), "/srv/a".to_owned()));
        assert_eq!(own.enabling_folders.len(), 1);
        for same in ["/srv/a/", "/srv//a", "/srv/./a"] {
            assert_eq!(site(&[("SNOWGATE_HOME", same)]).unwrap().name, own.name, "{same}");
        }
    }

    #[test]
    fn a_socket_that_the_user_names_has_no_service() {
        assert_eq!(site(&[("SNOWGATE_SOCKET", "/srv/s")]), None);
    }

    #[test]
    fn it_is_enabled_where_the_link_is() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().to_str().unwrap();
        let site = site(&[("SNOWGATE_HOME", "/srv/a"), ("XDG_CONFIG_HOME", config)]).unwrap();
        assert!(!site.is_enabled());
        let wants = site.folder.join("sockets.target.wants");
        std::fs::create_dir_all(&wants).unwrap();
        std::os::unix::fs::symlink("/nowhere", wants.join(site.socket_unit())).unwrap();
        assert!(site.is_enabled());
        std::os::unix::fs::symlink("/dev/null", site.folder.join(site.service_unit())).unwrap();
        assert!(!site.is_enabled());
        assert_eq!(site.masked_units(), [site.service_unit()]);
    }
}
