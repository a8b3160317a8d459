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
