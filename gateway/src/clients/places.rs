//! Where clients have their config files on this machine, for this user.

use std::path::{Path, PathBuf};

use directories::BaseDirs;

use super::known::{Client, Scope};
use crate::config::Environment;
use crate::os::folders_of_path;

/// How many packages of Claude Desktop from Windows' store are looked at.
const PACKAGES_MAX: usize = 8;

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

/// An operating system, as far as paths depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Linux, and what resembles it.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Platform {
    /// That of this program.
    pub(crate) fn own() -> Self {
        if cfg!(target_os = "macos") {
            Self::MacOs
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

/// What the paths of clients' files depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The operating system.
    pub(crate) platform: Platform,
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
    /// The folders of `PATH` that are absolute.
    pub(crate) path: Vec<PathBuf>,
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

    /// A file in a folder that only the client makes.
    fn in_own_folder(file: PathBuf) -> Self {
        let folder = file.parent().map(Path::to_owned);
        Self::new(file, folder)
    }

    fn is_there(&self) -> bool {
        self.file.exists() || self.evidence.iter().any(|path| path.exists())
    }
}

impl Places {
    /// Those of this process; `None` if the user has no home folder.
    pub(crate) fn discover(env: &dyn Environment) -> Option<Self> {
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())?;
        let places = Self::of(Platform::own(), env, home.clone(), home);
        Some(Self { project: std::env::current_dir().ok(), ..places })
    }

    /// Those that these variables lead to.
    pub(crate) fn of(platform: Platform, env: &dyn Environment, home: PathBuf, project: PathBuf) -> Self {
        let absolute = |name: &str| env.get_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config_home = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let applications = match platform {
            Platform::Linux => config_home.clone(),
            Platform::MacOs => home.join("Library/Application Support"),
            Platform::Windows => absolute("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming")),
        };
        Self {
            platform,
            applications,
            config_home,
            local_applications: absolute("LOCALAPPDATA").unwrap_or_else(|| home.join("AppData/Local")),
            claude_config: absolute("CLAUDE_CONFIG_DIR"),
            codex_home: absolute("CODEX_HOME"),
            path: env.get_os("PATH").map(|path| folders_of_path(&path).collect()).unwrap_or_default(),
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
    }

    fn is_on_path(&self, program: &str) -> bool {
        let name = |folder: &PathBuf| match self.platform {
            Platform::Windows => {
                ["exe", "cmd"].iter().any(|end| folder.join(format!("{program}.{end}")).is_file())
            }
            Platform::Linux | Platform::MacOs => folder.join(program).is_file(),
        };
        self.path.iter().any(name)
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
                Some(folder) => vec![Location::in_own_folder(folder.join(".claude.json"))],
                None => vec![Location::new(self.home.join(".claude.json"), [self.home.join(".claude")])],
            },
            Client::RooCode => self.extension("rooveterinaryinc.roo-cline", "mcp_settings.json"),
            Client::Cline => {
                let mut locations = self.extension("saoudrizwan.claude-dev", "cline_mcp_settings.json");
                let of_terminal = self.home.join(".cline/data/settings/cline_mcp_settings.json");
                locations.push(Location::new(of_terminal, [self.home.join(".cline")]));
                locations
            }
            Client::Cursor => vec![Location::in_own_folder(self.home.join(".cursor/mcp.json"))],
            Client::VsCode => {
                let editors = EDITORS.iter().take(3);
                editors.map(|editor| Location::in_own_folder(self.editor(editor).join("mcp.json"))).collect()
            }
            Client::Windsurf => {
                let folders = [".codeium/windsurf", ".codeium/windsurf-next"];
                let file = |folder| self.home.join(folder).join("mcp_config.json");
                folders.map(|folder| Location::in_own_folder(file(folder))).into()
            }
            Client::Codex => {
                let folder = self.codex_home.clone().unwrap_or_else(|| self.home.join(".codex"));
                vec![Location::in_own_folder(folder.join("config.toml"))]
            }
            Client::GeminiCli => vec![Location::in_own_folder(self.home.join(".gemini/settings.json"))],
            Client::Zed => {
                let folder = match self.platform {
                    Platform::Linux => self.config_home.join("zed"),
                    Platform::MacOs => self.home.join(".config/zed"),
                    Platform::Windows => self.applications.join("Zed"),
                };
                vec![Location::in_own_folder(folder.join("settings.json"))]
            }
            Client::OpenCode => {
                let folder = self.config_home.join("opencode");
                let [plain, with_comments] = opencode_files(&folder);
                // If the one with comments is there, the client would not make the other.
                let evidence = (!with_comments.exists()).then_some(folder);
                vec![Location::new(plain, evidence), Location::new(with_comments, [])]
            }
            Client::Cortex => vec![Location::in_own_folder(self.home.join(".snowflake/cortex/mcp.json"))],
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
            Client::OpenCode => return opencode_files(project).into(),
            Client::ClaudeDesktop | Client::Cline | Client::Windsurf | Client::Cortex => return Vec::new(),
        };
        vec![project.join(file)]
    }

    /// Beside the usual folder that of a package from Windows' store, which sees its own instead.
    fn claude_desktop(&self) -> Vec<Location> {
        const FILE: &str = "claude_desktop_config.json";
        let mut locations = vec![Location::in_own_folder(self.applications.join("Claude").join(FILE))];
        if self.platform == Platform::Windows {
            let packages = std::fs::read_dir(self.local_applications.join("Packages"));
            let of_store = packages.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
            let is_claude = |path: &PathBuf| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("Claude_"))
            };
            let file = |package: PathBuf| package.join("LocalCache/Roaming/Claude").join(FILE);
            let of_store = of_store.filter(is_claude).take(PACKAGES_MAX);
            locations.extend(of_store.map(|package| Location::in_own_folder(file(package))));
        }
        locations
    }

    fn editor(&self, name: &str) -> PathBuf {
        self.applications.join(name).join("User")
    }

    /// The settings of an extension in each editor that may have it.
    fn extension(&self, id: &str, file: &str) -> Vec<Location> {
        let editors = EDITORS.iter().map(|editor| self.editor(editor));
        let servers = EDITOR_SERVERS.iter().map(|folder| self.home.join(folder));
        let location = |user: PathBuf| {
            let folder = user.join("globalStorage").join(id);
            Location::new(folder.join("settings").join(file), [folder])
        };
        editors.chain(servers).map(location).collect()
    }
}

/// The files that opencode reads in `folder`, each if it is there: without comments and with them.
fn opencode_files(folder: &Path) -> [PathBuf; 2] {
    ["opencode.json", "opencode.jsonc"].map(|name| folder.join(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn places(platform: Platform, variables: &[(&str, &str)]) -> Places {
        let env: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Places::of(platform, &env, "/nowhere/ada".into(), "/nowhere/project".into())
    }

    fn file(places: &Places, client: Client, scope: Scope) -> String {
        places.files(client, scope).first().map(|file| file.display().to_string()).unwrap_or_default()
    }

    #[test]
    fn each_platform_has_its_own_paths() {
        for (client, linux, macos, windows) in [
            (
                Client::ClaudeDesktop,
                ".config/Claude/claude_desktop_config.json",
                "Library/Application Support/Claude/claude_desktop_config.json",
                "AppData/Roaming/Claude/claude_desktop_config.json",
            ),
            (Client::ClaudeCode, ".claude.json", ".claude.json", ".claude.json"),
            (
                Client::VsCode,
                ".config/Code/User/mcp.json",
                "Library/Application Support/Code/User/mcp.json",
                "AppData/Roaming/Code/User/mcp.json",
            ),
            (
                Client::Zed,
                ".config/zed/settings.json",
                ".config/zed/settings.json",
                "AppData/Roaming/Zed/settings.json",
            ),
            (
                Client::OpenCode,
                ".config/opencode/opencode.json",
                ".config/opencode/opencode.json",
                ".config/opencode/opencode.json",
            ),
            (Client::Codex, ".codex/config.toml", ".codex/config.toml", ".codex/config.toml"),
        ] {
            for (platform, expected) in
                [(Platform::Linux, linux), (Platform::MacOs, macos), (Platform::Windows, windows)]
            {
                let found = file(&places(platform, &[]), client, Scope::User);
                assert_eq!(found, format!("/nowhere/ada/{expected}"), "{client:?} {platform:?}");
            }
        }
    }

    #[test]
    fn variables_move_the_files_of_the_clients_that_know_them() {
        let places = places(
            Platform::Linux,
            &[("CODEX_HOME", "/c"), ("CLAUDE_CONFIG_DIR", "/d"), ("XDG_CONFIG_HOME", "/x")],
        );
        let file = |client| file(&places, client, Scope::User);
        assert_eq!(file(Client::Codex), "/c/config.toml");
        assert_eq!(file(Client::ClaudeCode), "/d/.claude.json");
        assert_eq!(file(Client::OpenCode), "/x/opencode/opencode.json");
        assert_eq!(file(Client::Cursor), "/nowhere/ada/.cursor/mcp.json");
    }

    #[test]
    fn the_current_folder_is_none_of_path() {
        let places = places(Platform::Linux, &[("PATH", ".::bin:/usr/bin:../x:")]);
        assert_eq!(places.path, [Path::new("/usr/bin")]);
    }

    #[test]
    fn a_relative_folder_of_settings_is_ignored_as_the_standard_wants_it() {
        let places = places(Platform::Linux, &[("XDG_CONFIG_HOME", "x")]);
        assert_eq!(places.config_home, Path::new("/nowhere/ada/.config"));
    }

    #[test]
    fn a_project_has_files_where_the_client_reads_any() {
        let places = places(Platform::Linux, &[]);
        let file = |client| file(&places, client, Scope::Project);
        assert_eq!(file(Client::ClaudeCode), "/nowhere/project/.mcp.json");
        assert_eq!(file(Client::VsCode), "/nowhere/project/.vscode/mcp.json");
        assert_eq!(file(Client::ClaudeDesktop), "");
    }

    #[test]
    fn every_editor_that_has_the_extension_is_meant_and_else_the_first_one() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(Platform::Linux, &env, home.path().into(), home.path().into());
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
    fn the_packages_of_windows_store_have_a_folder_of_their_own() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(Platform::Windows, &env, home.path().into(), home.path().into());
        let package = home.path().join("AppData/Local/Packages/Claude_abc/LocalCache/Roaming/Claude");
        std::fs::create_dir_all(&package).unwrap();
        let files = places.files(Client::ClaudeDesktop, Scope::User);
        assert_eq!(files, [package.join("claude_desktop_config.json")]);
    }

    #[test]
    fn opencode_has_its_file_with_comments_or_without_or_both() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(Platform::Linux, &env, home.path().into(), home.path().into());
        let of_user = home.path().join(".config/opencode");
        std::fs::create_dir_all(&of_user).unwrap();
        for (scope, folder) in [(Scope::User, of_user.as_path()), (Scope::Project, home.path())] {
            let [plain, with_comments] = opencode_files(folder);
            let files = || places.files(Client::OpenCode, scope);
            assert_eq!(files(), [plain.as_path()]);
            std::fs::write(&with_comments, "{}").unwrap();
            assert_eq!(files(), [with_comments.as_path()]);
            std::fs::write(&plain, "{}").unwrap();
            assert_eq!(files(), [plain, with_comments]);
        }
    }
}
