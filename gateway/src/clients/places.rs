//! Where clients have their config files on this machine, for this user.
//!
//! Which files there may be ([`Places::locations`]) depends on the system, variables and folders alone, so the tables of all systems
//! are tested on each; whether one is there is looked at afterwards. Sources: the clients' own documents, and for Zed
//! `crates/paths`, for opencode `xdg-basedir`, for Gemini CLI `GEMINI_CLI_HOME` in `packages/core/src/utils/paths.ts`.

use std::path::{Path, PathBuf};

use directories::BaseDirs;

use super::known::{Client, Scope};
use crate::config::Environment;
use crate::os::{System, folders_of_path};

/// How many packages of Claude Desktop from Windows' store are looked at.
const PACKAGES_MAX: usize = 8;

/// How the name of such a package begins. Claude Desktop's installer for Windows makes one, too.
const PACKAGE: &str = "Claude_";

/// The editors that Roo Code and Cline are extensions of: their folders below the user's config folder.
const EDITORS: &[&str] = &["Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf"];

/// The same where the editor's server runs on this machine and its window on another: below the home folder.
const EDITOR_SERVERS: &[&str] = &[
    ".vscode-server/data/User",
    ".vscode-server-insiders/data/User",
    ".cursor-server/data/User",
    ".windsurf-server/data/User",
    ".local/share/code-server/User",
];

/// What ends the name of a program where `PATHEXT` does not say it.
const PROGRAM_ENDS: &str = ".COM;.EXE;.BAT;.CMD";

/// What the paths of clients' files depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The operating system.
    pub(crate) system: System,
    /// The user's home folder.
    pub(crate) home: PathBuf,
    /// The current folder: the project. `None`: it is gone.
    pub(crate) project: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, or `~/.config`.
    pub(crate) config_home: PathBuf,
    /// Where applications have their settings: the same on Linux, `~/Library/Application Support`, `%APPDATA%`.
    pub(crate) applications: PathBuf,
    /// `%LOCALAPPDATA%`.
    pub(crate) local_applications: PathBuf,
    /// `CLAUDE_CONFIG_DIR`.
    pub(crate) claude_config: Option<PathBuf>,
    /// `CODEX_HOME`.
    pub(crate) codex_home: Option<PathBuf>,
    /// `GEMINI_CLI_HOME`, in the place of the home folder.
    pub(crate) gemini_home: Option<PathBuf>,
    /// The names of the packages of Claude Desktop that Windows has for this user.
    pub(crate) packages: Vec<String>,
    /// The folders of `PATH` that are absolute.
    pub(crate) path: Vec<PathBuf>,
    /// How the names of programs end.
    program_ends: Vec<String>,
}

/// A file that may hold a client's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The file.
    pub(crate) file: PathBuf,
    /// What is there if the client is installed.
    evidence: Vec<PathBuf>,
}

impl Location {
    fn new(file: PathBuf, evidence: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { file, evidence: evidence.into_iter().collect() }
    }

    fn is_there(&self) -> bool {
        self.file.exists() || self.evidence.iter().any(|path| path.exists())
    }
}

impl Places {
    /// Those of this process; `None` if the user has no home folder.
    pub(crate) fn discover(env: &dyn Environment) -> Option<Self> {
        // Clients of Windows ask the variable, which is the same as the system's own answer unless its user has moved it.
        let of_variable = || env.get_os("USERPROFILE").map(PathBuf::from).filter(|home| home.is_absolute());
        let home = match System::OWN {
            System::Windows => of_variable().or_else(home_of_system)?,
            System::Linux | System::MacOs => home_of_system()?,
        };
        let places = Self::of(System::OWN, env, home.clone(), home);
        let packages = match System::OWN {
            System::Windows => packages_below(&places.below(&places.local_applications, "Packages")),
            System::Linux | System::MacOs => Vec::new(),
        };
        Some(Self { project: std::env::current_dir().ok(), packages, ..places })
    }

    /// Those that these variables lead to. Pure.
    pub(crate) fn of(system: System, env: &dyn Environment, home: PathBuf, project: PathBuf) -> Self {
        let absolute =
            |name: &str| env.get_os(name).map(PathBuf::from).filter(|path| system.is_absolute(path));
        let at_home = |rest: &str| system.join(&home, rest);
        let config_home = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| at_home(".config"));
        let applications = match system {
            System::Linux => config_home.clone(),
            System::MacOs => at_home("Library/Application Support"),
            System::Windows => absolute("APPDATA").unwrap_or_else(|| at_home("AppData/Roaming")),
        };
        let program_ends = match system {
            System::Windows => {
                let ends = env.get("PATHEXT").filter(|ends| !ends.is_empty());
                let ends = ends.unwrap_or_else(|| PROGRAM_ENDS.to_owned());
                ends.split(';').filter(|end| !end.is_empty()).map(str::to_lowercase).collect()
            }
            System::Linux | System::MacOs => vec![String::new()],
        };
        Self {
            system,
            applications,
            config_home,
            local_applications: absolute("LOCALAPPDATA").unwrap_or_else(|| at_home("AppData/Local")),
            claude_config: absolute("CLAUDE_CONFIG_DIR"),
            codex_home: absolute("CODEX_HOME"),
            gemini_home: absolute("GEMINI_CLI_HOME"),
            packages: Vec::new(),
            path: env.get_os("PATH").map(|path| folders_of_path(&path).collect()).unwrap_or_default(),
            program_ends,
            home,
            project: Some(project),
        }
    }

    /// The files to install into: those that are there for sure, else the one that the client would make. Empty if the
    /// client has no such files.
    pub(crate) fn files(&self, client: Client, scope: Scope) -> Vec<PathBuf> {
        let locations = self.locations(client, scope);
        let mut found: Vec<_> =
            locations.iter().filter(|it| it.is_there()).map(|it| it.file.clone()).collect();
        if found.is_empty() {
            found.extend(locations.into_iter().next().map(|it| it.file));
        }
        found
    }

    /// Whether a client seems to be installed for this user.
    pub(crate) fn is_present(&self, client: Client) -> bool {
        self.locations(client, Scope::User).iter().any(Location::is_there)
            || client.facts().programs.iter().any(|program| self.is_on_path(program))
            || self.installed_at(client).iter().any(|path| path.exists())
    }

    fn is_on_path(&self, program: &str) -> bool {
        let names = || self.program_ends.iter().map(|end| format!("{program}{end}"));
        self.path.iter().any(|folder| names().any(|name| folder.join(name).is_file()))
    }

    /// Where a client with a window is installed that was not started yet: it has no settings, and is on no `PATH`.
    fn installed_at(&self, client: Client) -> Vec<PathBuf> {
        let (app, folder) = match client {
            Client::ClaudeDesktop => ("Claude.app", "AnthropicClaude"),
            Client::Cursor => ("Cursor.app", "Programs/cursor"),
            Client::VsCode => ("Visual Studio Code.app", "Programs/Microsoft VS Code"),
            Client::Windsurf => ("Windsurf.app", "Programs/Windsurf"),
            Client::Zed => ("Zed.app", "Programs/Zed"),
            _ => return Vec::new(),
        };
        match self.system {
            System::Linux => Vec::new(),
            System::MacOs => {
                vec![Path::new("/Applications").join(app), self.at_home("Applications").join(app)]
            }
            System::Windows => vec![self.below(&self.local_applications, folder)],
        }
    }

    /// Every file that may hold the client's entries, the likeliest first.
    fn locations(&self, client: Client, scope: Scope) -> Vec<Location> {
        match scope {
            Scope::User => self.user_locations(client),
            Scope::Project => {
                self.project_files(client).into_iter().map(|file| Location::new(file, [])).collect()
            }
        }
    }

    fn user_locations(&self, client: Client) -> Vec<Location> {
        match client {
            Client::ClaudeDesktop => self.claude_desktop(),
            Client::ClaudeCode => match &self.claude_config {
                Some(folder) => vec![self.in_own_folder(folder, ".claude.json")],
                None => vec![Location::new(self.at_home(".claude.json"), [self.at_home(".claude")])],
            },
            Client::RooCode => self.extension("rooveterinaryinc.roo-cline", "mcp_settings.json"),
            Client::Cline => {
                let mut locations = self.extension("saoudrizwan.claude-dev", "cline_mcp_settings.json");
                let of_terminal = self.at_home(".cline/data/settings/cline_mcp_settings.json");
                locations.push(Location::new(of_terminal, [self.at_home(".cline")]));
                locations
            }
            Client::Cursor => vec![self.in_own_folder(&self.at_home(".cursor"), "mcp.json")],
            Client::VsCode => {
                let editors = EDITORS.iter().take(3);
                editors.map(|editor| self.in_own_folder(&self.editor(editor), "mcp.json")).collect()
            }
            Client::Windsurf => [".codeium/windsurf", ".codeium/windsurf-next"]
                .map(|folder| self.in_own_folder(&self.at_home(folder), "mcp_config.json"))
                .into(),
            Client::Codex => {
                let folder = self.codex_home.clone().unwrap_or_else(|| self.at_home(".codex"));
                vec![self.in_own_folder(&folder, "config.toml")]
            }
            Client::GeminiCli => {
                let home = self.gemini_home.as_ref().unwrap_or(&self.home);
                vec![self.in_own_folder(&self.below(home, ".gemini"), "settings.json")]
            }
            Client::Zed => {
                let folder = match self.system {
                    System::Linux => self.below(&self.config_home, "zed"),
                    System::MacOs => self.at_home(".config/zed"),
                    System::Windows => self.below(&self.applications, "Zed"),
                };
                vec![self.in_own_folder(&folder, "settings.json")]
            }
            Client::OpenCode => {
                let folder = self.below(&self.config_home, "opencode");
                let [plain, with_comments] = self.opencode_files(&folder);
                // If the one with comments is there, the client would not make the other.
                let evidence = (!with_comments.exists()).then_some(folder);
                vec![Location::new(plain, evidence), Location::new(with_comments, [])]
            }
            Client::Cortex => vec![self.in_own_folder(&self.at_home(".snowflake/cortex"), "mcp.json")],
        }
    }

    fn project_files(&self, client: Client) -> Vec<PathBuf> {
        let Some(project) = self.project.as_deref() else { return Vec::new() };
        let file = match client {
            Client::ClaudeCode => ".mcp.json",
            Client::RooCode => ".roo/mcp.json",
            Client::Cursor => ".cursor/mcp.json",
            Client::VsCode => ".vscode/mcp.json",
            Client::Codex => ".codex/config.toml",
            Client::GeminiCli => ".gemini/settings.json",
            Client::Zed => ".zed/settings.json",
            Client::OpenCode => return self.opencode_files(project).into(),
            Client::ClaudeDesktop | Client::Cline | Client::Windsurf | Client::Cortex => return Vec::new(),
        };
        vec![self.below(project, file)]
    }

    /// Beside the usual folder that of a package, which sees its own instead: the first one that it looks at.
    fn claude_desktop(&self) -> Vec<Location> {
        const FILE: &str = "claude_desktop_config.json";
        let packages = self.below(&self.local_applications, "Packages");
        let of_package = |name: &String| {
            let package = self.below(&packages, name);
            let folder = self.below(&package, "LocalCache/Roaming/Claude");
            // The package is there from its installation on, its folder for settings from its first start on.
            Location::new(self.below(&folder, FILE), [package])
        };
        let usual = self.in_own_folder(&self.below(&self.applications, "Claude"), FILE);
        self.packages.iter().map(of_package).chain([usual]).collect()
    }

    fn editor(&self, name: &str) -> PathBuf {
        self.below(&self.applications, &format!("{name}/User"))
    }

    /// The settings of an extension in each editor that may have it.
    fn extension(&self, id: &str, file: &str) -> Vec<Location> {
        let editors = EDITORS.iter().map(|editor| self.editor(editor));
        let servers = EDITOR_SERVERS.iter().map(|folder| self.at_home(folder));
        let location = |user: PathBuf| {
            let folder = self.below(&user, &format!("globalStorage/{id}"));
            Location::new(self.below(&folder, &format!("settings/{file}")), [folder])
        };
        editors.chain(servers).map(location).collect()
    }

    /// The files that opencode reads in `folder`, each if it is there: without comments and with them.
    fn opencode_files(&self, folder: &Path) -> [PathBuf; 2] {
        ["opencode.json", "opencode.jsonc"].map(|name| self.below(folder, name))
    }

    /// A file in a folder that only the client makes.
    fn in_own_folder(&self, folder: &Path, name: &str) -> Location {
        Location::new(self.below(folder, name), [folder.to_owned()])
    }

    fn at_home(&self, rest: &str) -> PathBuf {
        self.below(&self.home, rest)
    }

    fn below(&self, folder: &Path, rest: &str) -> PathBuf {
        self.system.join(folder, rest)
    }
}

fn home_of_system() -> Option<PathBuf> {
    BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())
}

/// The packages of Claude Desktop in the folder of all packages.
fn packages_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut packages: Vec<_> = names.filter(|name| name.starts_with(PACKAGE)).take(PACKAGES_MAX).collect();
    packages.sort_unstable();
    packages
}

#[cfg(test)]
mod tests;
