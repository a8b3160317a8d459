//! What can be found to be wrong, in the order in which one thing depends on another: a list, and the table in `docs/doctor.md`.

use serde::{Serialize, Serializer};

/// Where `doctor` looks. An area depends on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Where files belong.
    Places,
    /// Folders and their disks.
    Disk,
    /// The socket's folder, the socket, the lock.
    Endpoint,
    /// The two programs.
    Programs,
    /// The config file and the variables that override it.
    Config,
    /// What the system lets a process have.
    Limits,
    /// The gateway that runs.
    Gateway,
    /// The state file.
    State,
    /// API keys.
    Keys,
    /// The HTTP front.
    Http,
    /// A connection to a database.
    Connection,
    /// The log.
    Logs,
    /// The audit trail.
    Audit,
    /// The configurations of MCP clients.
    Clients,
    /// The service manager.
    Service,
}

impl Area {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Places => "places",
            Self::Disk => "disk",
            Self::Endpoint => "endpoint",
            Self::Programs => "programs",
            Self::Config => "config",
            Self::Limits => "limits",
            Self::Gateway => "gateway",
            Self::State => "state",
            Self::Keys => "keys",
            Self::Http => "http",
            Self::Connection => "connection",
            Self::Logs => "logs",
            Self::Audit => "audit",
            Self::Clients => "clients",
            Self::Service => "service",
        }
    }
}

macro_rules! checks {
    ($($check:ident, $area:ident, $name:literal, $meaning:literal;)*) => {
        /// One thing that can be wrong. Those before it may be its cause.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check {
            $(#[doc = $meaning] $check,)*
        }

        impl Check {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$check),*];

            /// Where it is looked for.
            pub fn area(self) -> Area {
                match self { $(Self::$check => Area::$area),* }
            }

            /// Its name, which does not change.
            pub fn name(self) -> &'static str {
                match self { $(Self::$check => $name),* }
            }

            /// What is wrong.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$check => $meaning),* }
            }
        }
    };
}

checks! {
    NoPlaces, Places, "no_places", "It is not known where files belong: no home folder, or a variable with a path that is not absolute.";
    FolderKind, Disk, "folder_kind", "Something else is where a folder belongs.";
    FolderForeign, Disk, "folder_foreign", "A folder belongs to another user.";
    FolderUnwritable, Disk, "folder_unwritable", "A folder cannot be written to, or cannot be made.";
    DiskReadOnly, Disk, "disk_read_only", "A file system is mounted read-only.";
    DiskFull, Disk, "disk_full", "A disk is full, or nearly.";
    FolderOpen, Disk, "folder_open", "Other users can read a folder or a file with secrets, or write to the config's folder.";
    NetworkDisk, Disk, "network_disk", "Files that need locks are on a network disk.";
    EndpointPath, Endpoint, "endpoint_path", "The socket's path cannot be used: too long, or not absolute.";
    RunFolder, Endpoint, "run_folder", "The socket's folder cannot be trusted or made: mode, owner, a link or a file in its place.";
    SocketForeign, Endpoint, "socket_foreign", "Something that is no gateway is in the socket's place.";
    StaleFile, Endpoint, "stale_file", "A socket of a gateway that has ended is still there.";
    RunFolderInTmp, Endpoint, "run_folder_in_tmp", "The socket is in /tmp, because this user has no run folder.";
    ProgramMissing, Programs, "program_missing", "One of the two programs is not beside the other.";
    ProgramMode, Programs, "program_mode", "A program is not executable.";
    ProgramBroken, Programs, "program_broken", "A program cannot be run: another processor's, a missing library.";
    ProgramQuarantined, Programs, "program_quarantined", "macOS has marked a program as downloaded, and may refuse to run it.";
    ProgramVersions, Programs, "program_versions", "The two programs, or two copies of one, have different versions.";
    ConfigError, Config, "config_error", "The configuration has an error; no gateway starts with it.";
    ConfigWarning, Config, "config_warning", "The configuration has a likely mistake.";
    EnvironmentOverrides, Config, "environment_overrides", "Variables of this terminal override the config file; a client's gateway has the client's.";
    TooFewDescriptors, Limits, "too_few_descriptors", "The system lets a process have fewer open files than are configured.";
    GatewayHangs, Gateway, "gateway_hangs", "A gateway runs and does not answer.";
    GatewayOutdated, Gateway, "gateway_outdated", "The gateway that runs is not the installed version.";
    GatewayEnvironment, Gateway, "gateway_environment", "The gateway that runs has variables that this terminal does not have, or the other way round.";
    OtherGateway, Gateway, "other_gateway", "Another gateway of this user runs in another home.";
    GatewayProblem, Gateway, "gateway_problem", "What the gateway that runs says of itself.";
    StateUnusable, State, "state_unusable", "The state file is damaged, or is not one of this version.";
    StateSetAside, State, "state_set_aside", "An unusable state file was set aside.";
    KeysUnusable, Keys, "keys_unusable", "The file of API keys cannot be used, or has none.";
    HttpCertificate, Http, "http_certificate", "The certificate of the HTTP front cannot be used, or expires soon.";
    HttpPort, Http, "http_port", "The port of the HTTP front is taken.";
    SqliteFolder, Connection, "sqlite_folder", "The folder of databases is missing or cannot be read.";
    SqliteFile, Connection, "sqlite_file", "A database file cannot be used: damaged, not a database, not readable.";
    SqliteLocked, Connection, "sqlite_locked", "Another program has locked a database.";
    PrivateKey, Connection, "private_key", "The private key cannot be used: missing, no key, a wrong or missing passphrase.";
    TokenFile, Connection, "token_file", "The token's file is missing, empty or cannot be read, or the token has expired.";
    SecretOpen, Connection, "secret_open", "Other users can read a key or token file.";
    Trust, Connection, "trust", "There are no trusted root certificates, or the file that is to have them is not there.";
    Name, Connection, "name", "The host's name cannot be found (DNS).";
    Reach, Connection, "reach", "The host, or the proxy, cannot be reached (TCP).";
    ProxyRefused, Connection, "proxy", "The proxy refuses to connect to the host.";
    Certificate, Connection, "certificate", "The host's certificate is not trusted: a company's proxy, expired, another name.";
    Clock, Connection, "clock", "This machine's clock is wrong.";
    Answer, Connection, "answer", "The host does not answer as Snowflake does.";
    LogIn, Connection, "log_in", "The log-in is refused or waits for you.";
    Context, Connection, "context", "The role, warehouse, database or schema of the configuration does not exist, or the role may not use it.";
    AgentWall, Connection, "agent_wall", "The session is not what a profile requires: an agent's, or under a session scope.";
    Backend, Connection, "backend", "The running gateway cannot use the connection.";
    LoggedErrors, Logs, "logged_errors", "The log has recent errors.";
    AuditFault, Audit, "audit_fault", "The audit trail is not as it was written.";
    ClientStale, Clients, "client_stale", "A client's configuration names a program that is missing, or of another version.";
    ClientUnreadable, Clients, "client_unreadable", "A client's configuration cannot be read.";
    ServiceStale, Service, "service_stale", "The service is not what this version would install, does not run, or has failed.";
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The table in `docs/doctor.md`.
pub fn reference() -> String {
    let mut text = "| area | check | what is wrong |\n|---|---|---|\n".to_owned();
    for check in Check::ALL {
        text.push_str(&format!("| {} | `{}` | {} |\n", check.area().name(), check.name(), check.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_in_the_order_of_their_areas_and_each_has_a_name_of_its_own() {
        assert!(Check::ALL.is_sorted_by_key(|check| check.area()));
        let mut names: Vec<_> = Check::ALL.iter().map(|check| check.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
    }

    #[test]
    fn the_page_has_the_table() {
        let page = include_str!("../../../docs/doctor.md");
        assert!(page.contains(&reference()), "docs/doctor.md is to have:\n{}", reference());
    }
}
