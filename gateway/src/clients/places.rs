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
        // Clients of Windows ask the variable, which is the same as the system's own answer but where somebody has moved it.
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

    /// Where a client with a window is installed that nobody has started yet: it has no settings, and is on no `PATH`.
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
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clients::known::ALL;

    const SYSTEMS: [System; 3] = [System::Linux, System::MacOs, System::Windows];

    fn places(system: System, variables: &[(&str, &str)]) -> Places {
        let env: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (home, project) = match system {
            System::Windows => ("C:\\nowhere\\Ada", "D:\\project"),
            System::Linux | System::MacOs => ("/nowhere/ada", "/nowhere/project"),
        };
        Places::of(system, &env, home.into(), project.into())
    }

    /// Every file that a client may have, in the order in which they are looked at.
    fn table(places: &Places, client: Client, scope: Scope) -> Vec<String> {
        let locations = places.locations(client, scope);
        locations.iter().map(|location| location.file.display().to_string()).collect()
    }

    fn first(places: &Places, client: Client) -> String {
        table(places, client, Scope::User).remove(0)
    }

    #[test]
    fn each_system_has_its_own_paths() {
        use Client::*;
        const APP: &str = "Library/Application Support";
        let roo = "globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json";
        let cline = "globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json";
        let of_code = |at: &str, rest: &str| format!("{at}/Code/User/{rest}");
        let same = |path: &str| [path.to_owned(), path.to_owned(), path.to_owned()];
        let config = |rest: &str| [".config", APP, "AppData/Roaming"].map(|at| format!("{at}/{rest}"));
        let code = |rest: &str| [".config", APP, "AppData/Roaming"].map(|at| of_code(at, rest));
        let zed = [".config/zed", ".config/zed", "AppData/Roaming/Zed"];
        for (client, expected) in [
            (ClaudeDesktop, config("Claude/claude_desktop_config.json")),
            (ClaudeCode, same(".claude.json")),
            (RooCode, code(roo)),
            (Cline, code(cline)),
            (Cursor, same(".cursor/mcp.json")),
            (VsCode, code("mcp.json")),
            (Windsurf, same(".codeium/windsurf/mcp_config.json")),
            (Codex, same(".codex/config.toml")),
            (GeminiCli, same(".gemini/settings.json")),
            (Zed, zed.map(|folder| format!("{folder}/settings.json"))),
            (OpenCode, same(".config/opencode/opencode.json")),
            (Cortex, same(".snowflake/cortex/mcp.json")),
        ] {
            for (system, expected) in SYSTEMS.into_iter().zip(expected) {
                let places = places(system, &[]);
                let expected = system.join(&places.home, &expected).display().to_string();
                assert_eq!(first(&places, client), expected, "{client:?} {system:?}");
            }
        }
        assert_eq!(
            first(&places(System::Windows, &[]), VsCode),
            "C:\\nowhere\\Ada\\AppData\\Roaming\\Code\\User\\mcp.json"
        );
    }

    #[test]
    fn no_path_of_windows_has_a_separator_of_another_system() {
        let places = Places { packages: vec!["Claude_abc".into()], ..places(System::Windows, &[]) };
        for client in ALL {
            for scope in [Scope::User, Scope::Project] {
                for path in table(&places, *client, scope) {
                    assert!(!path.contains('/') && path[1..].starts_with(":\\"), "{path}");
                }
            }
            for path in places.installed_at(*client) {
                assert!(!path.display().to_string().contains('/'), "{}", path.display());
            }
        }
    }

    #[test]
    fn variables_move_the_files_of_the_clients_that_know_them() {
        let of_unix = places(
            System::Linux,
            &[
                ("CODEX_HOME", "/c"),
                ("CLAUDE_CONFIG_DIR", "/d"),
                ("XDG_CONFIG_HOME", "/x"),
                ("GEMINI_CLI_HOME", "/g"),
            ],
        );
        assert_eq!(first(&of_unix, Client::Codex), "/c/config.toml");
        assert_eq!(first(&of_unix, Client::ClaudeCode), "/d/.claude.json");
        assert_eq!(first(&of_unix, Client::OpenCode), "/x/opencode/opencode.json");
        assert_eq!(first(&of_unix, Client::GeminiCli), "/g/.gemini/settings.json");
        assert_eq!(first(&of_unix, Client::Cursor), "/nowhere/ada/.cursor/mcp.json");
        let of_windows = places(
            System::Windows,
            &[
                ("APPDATA", "E:\\r"),
                ("LOCALAPPDATA", "E:\\l"),
                ("CODEX_HOME", "E:\\c"),
                ("XDG_CONFIG_HOME", "/x"),
            ],
        );
        assert_eq!(first(&of_windows, Client::Zed), "E:\\r\\Zed\\settings.json");
        assert_eq!(first(&of_windows, Client::Codex), "E:\\c\\config.toml");
        assert_eq!(of_windows.local_applications, Path::new("E:\\l"));
        let not_absolute = "C:\\nowhere\\Ada\\.config\\opencode\\opencode.json";
        assert_eq!(first(&of_windows, Client::OpenCode), not_absolute);
    }

    #[test]
    fn the_current_folder_is_none_of_path() {
        let bin = crate::os::test_support::absolute("/usr/bin");
        let path = std::env::join_paths([".", "", "bin", &bin, "../x", ""]).unwrap();
        let places = places(System::Linux, &[("PATH", path.to_str().unwrap())]);
        assert_eq!(places.path, [Path::new(&bin)]);
    }

    #[test]
    fn a_relative_folder_of_settings_is_ignored_as_the_standard_wants_it() {
        let places = places(System::Linux, &[("XDG_CONFIG_HOME", "x")]);
        assert_eq!(places.config_home, Path::new("/nowhere/ada/.config"));
    }

    #[test]
    fn a_project_has_files_where_the_client_reads_any() {
        let unix = places(System::MacOs, &[]);
        let file = |client| table(&unix, client, Scope::Project);
        assert_eq!(file(Client::ClaudeCode), ["/nowhere/project/.mcp.json"]);
        assert_eq!(file(Client::VsCode), ["/nowhere/project/.vscode/mcp.json"]);
        assert!(file(Client::ClaudeDesktop).is_empty());
        let windows = places(System::Windows, &[]);
        assert_eq!(table(&windows, Client::VsCode, Scope::Project), ["D:\\project\\.vscode\\mcp.json"]);
    }

    #[test]
    fn every_editor_that_has_the_extension_is_meant_and_else_the_first_one() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(System::Linux, &env, home.path().into(), home.path().into());
        let first = home.path().join(".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings");
        assert_eq!(places.files(Client::RooCode, Scope::User), [first.join("mcp_settings.json")]);
        assert!(!places.is_present(Client::RooCode));
        for folder in [".config/VSCodium/User", ".vscode-server/data/User"] {
            let folder = home.path().join(folder).join("globalStorage/rooveterinaryinc.roo-cline");
            std::fs::create_dir_all(folder).unwrap();
        }
        let files = places.files(Client::RooCode, Scope::User);
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(places.is_present(Client::RooCode));
    }

    #[test]
    fn a_package_of_claude_desktop_has_a_folder_of_its_own_and_comes_before_the_usual_one() {
        let places = Places { packages: vec!["Claude_abc".into()], ..places(System::Windows, &[]) };
        let of_package = "C:\\nowhere\\Ada\\AppData\\Local\\Packages\\Claude_abc\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json";
        let found = table(&places, Client::ClaudeDesktop, Scope::User);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], of_package);
        let folder = tempfile::tempdir().unwrap();
        for name in ["Claude_b", "Claude_a", "Claudette_c", "Microsoft.Claude_d"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(packages_below(folder.path()), ["Claude_a", "Claude_b"]);
        assert!(packages_below(&folder.path().join("no")).is_empty());
    }

    #[test]
    fn a_package_that_was_never_started_is_there_already() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(System::MacOs, &env, home.path().into(), home.path().into());
        let places = Places { packages: vec!["Claude_abc".into()], ..places };
        let package = home.path().join("AppData/Local/Packages/Claude_abc");
        std::fs::create_dir_all(&package).unwrap();
        let files = places.files(Client::ClaudeDesktop, Scope::User);
        assert_eq!(files, [package.join("LocalCache/Roaming/Claude/claude_desktop_config.json")]);
    }

    #[test]
    fn programs_end_as_pathext_says() {
        let ends = |variables: &[(&str, &str)]| places(System::Windows, variables).program_ends;
        assert_eq!(ends(&[]), [".com", ".exe", ".bat", ".cmd"]);
        assert_eq!(ends(&[("PATHEXT", ".EXE;;.Ps1")]), [".exe", ".ps1"]);
        assert_eq!(places(System::Linux, &[("PATHEXT", ".EXE")]).program_ends, [""]);
    }

    #[test]
    fn opencode_has_its_file_with_comments_or_without_or_both() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(System::Linux, &env, home.path().into(), home.path().into());
        let of_user = home.path().join(".config/opencode");
        std::fs::create_dir_all(&of_user).unwrap();
        for (scope, folder) in [(Scope::User, of_user.as_path()), (Scope::Project, home.path())] {
            let [plain, with_comments] = places.opencode_files(folder);
            let files = || places.files(Client::OpenCode, scope);
            assert_eq!(files(), [plain.as_path()]);
            std::fs::write(&with_comments, "{}").unwrap();
            assert_eq!(files(), [with_comments.as_path()]);
            std::fs::write(&plain, "{}").unwrap();
            assert_eq!(files(), [plain.clone(), with_comments.clone()]);
        }
    }
}
