//! `snowgate install`, `uninstall` and `clients`, on config files of every kind.

#[cfg(unix)]
mod unix;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use snowgate_tests::{Home, Launch, binaries};

/// How many files of the corpus are tried at once.
const THREADS: usize = 4;

/// A user with nothing but a home folder.
pub(crate) struct User {
    pub(crate) home: Home,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }
}

impl User {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        fs::create_dir_all(home.path().join("user/project")).expect("making folders");
        Self { home }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.home.path().join("user").join(file)
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("making folders");
        fs::write(&path, text).expect("writing a file");
        path
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = self.home.gateway();
        for name in ["XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
            command.env_remove(name);
        }
        command.env("HOME", self.path("")).env("PATH", "/nowhere").current_dir(self.path("project"));
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Ended {
        let output = self.command().args(line.split(' ')).output().expect("running snowgate");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command that has to succeed, and gives what became of the first file.
    #[track_caller]
    pub(crate) fn change(&self, line: &str) -> Value {
        let ended = self.run(&format!("{line} --json"));
        assert_eq!(ended.code, 0, "{line}: {} {}", ended.stdout, ended.stderr);
        ended.json()["changes"][0].clone()
    }
}

/// Where a client of the corpus has its file, below the home folder.
pub(crate) fn place(client: &str) -> &'static str {
    match client {
        "claude-desktop" => ".config/Claude/claude_desktop_config.json",
        "claude-code" => ".claude.json",
        "roo-code" => ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        "cline" => ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        "cursor" => ".cursor/mcp.json",
        "vscode" => ".config/Code/User/mcp.json",
        "windsurf" => ".codeium/windsurf/mcp_config.json",
        "codex" => ".codex/config.toml",
        "gemini-cli" => ".gemini/settings.json",
        "zed" => ".config/zed/settings.json",
        "opencode" => ".config/opencode/opencode.json",
        "cortex" => ".snowflake/cortex/mcp.json",
        other => panic!("the client {other}"),
    }
}

/// Whether `after` is `before` with one place where something was put in: what the two have in common at both ends, and between
/// these the characters of the old text in their order.
fn is_only_added(before: &str, after: &str) -> bool {
    let common = |one: &mut dyn Iterator<Item = (u8, u8)>| one.take_while(|(a, b)| a == b).count();
    let start = common(&mut before.bytes().zip(after.bytes()));
    let rest = (before.len() - start).min(after.len() - start);
    let end = common(&mut before.bytes().rev().zip(after.bytes().rev()).take(rest));
    let (old, new) =
        (&before.as_bytes()[start..before.len() - end], &after.as_bytes()[start..after.len() - end]);
    let mut new = new.iter();
    old.len() < 200
        && old.iter().filter(|byte| !byte.is_ascii_whitespace()).all(|byte| new.any(|it| it == byte))
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/gateway/clients/configs");
    let files = fs::read_dir(folder).expect("the corpus");
    let mut files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[track_caller]
fn survives(file: &Path) {
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let client = name.split("--").next().expect("a client");
    let before = fs::read_to_string(file).expect("reading the corpus");
    let user = User::new();
    let file = user.write(place(client), &before);
    let read = || fs::read_to_string(&file).expect("reading a config");
    assert_eq!(user.change(&format!("install {client}"))["action"], "added", "{name}");
    let installed = read();
    assert!(
        installed.contains("snowgate-shim") && is_only_added(&before, &installed),
        "{name}:\n{installed}"
    );
    assert_eq!(user.change(&format!("install {client}"))["action"], "unchanged", "{name}");
    assert_eq!(read(), installed, "{name}");
    assert_eq!(user.change(&format!("uninstall {client}"))["action"], "removed", "{name}");
    assert_eq!(read(), before, "{name}");
}

#[test]
fn every_file_of_the_corpus_is_as_before_after_install_and_uninstall() {
    let corpus = corpus();
    assert!(corpus.len() >= 60, "{}", corpus.len());
    thread::scope(|scope| {
        for part in corpus.chunks(corpus.len().div_ceil(THREADS)) {
            scope.spawn(|| part.iter().for_each(|file| survives(file)));
        }
    });
}

#[test]
fn a_file_that_was_not_there_is_made_and_goes_again() {
    for client in ["claude-code", "codex", "vscode", "opencode"] {
        let user = User::new();
        let file = user.path(place(client));
        assert_eq!(user.change(&format!("install {client}"))["action"], "added", "{client}");
        assert!(file.is_file(), "{client}");
        assert_eq!(user.change(&format!("uninstall {client}"))["action"], "removed", "{client}");
        let left: Vec<_> = fs::read_dir(user.path("")).expect("the home").collect();
        assert_eq!(left.len(), 1, "{client}: {left:?}");
    }
}

#[test]
fn one_client_that_fails_does_not_keep_the_others_from_being_connected() {
    let user = User::new();
    user.write(place("cursor"), "{");
    user.write(place("codex"), "model = 'o3'\n");
    let ended = user.run("install --all --json");
    assert_eq!(ended.code, 70);
    let changes = ended.json()["changes"].clone();
    assert!(changes[0]["error"]["message"].is_string() && changes[0]["client"] == "cursor", "{changes}");
    assert_eq!(changes[1]["action"], "added", "{changes}");
    let ended = user.run("install --all");
    assert!(ended.stderr.contains("cursor: ") && ended.stderr.contains("line 1"), "{}", ended.stderr);
    assert!(ended.stdout.contains("codex: `snowgate` is already as it should be"), "{}", ended.stdout);
}

#[test]
fn wrong_usage_has_its_own_exit_code_and_says_what_to_do() {
    let user = User::new();
    user.home.configure("[profiles.analyst]\ndatabase = 'TWO'\n");
    user.write(place("cursor"), "{\"mcpServers\": {\"snowgate\": {\"command\": \"npx\"}}}");
    for (line, code, expected) in [
        ("install cursor", 64, "launches `npx`"),
        ("uninstall cursor", 64, "launches `npx`"),
        ("install claude-desktop --scope project", 64, "no config of a project"),
        ("install nothing", 64, "possible values"),
        ("install cursor --name a.b", 64, "letters, digits"),
        ("install", 64, "required"),
        ("install codex --profile analist", 78, "analyst"),
    ] {
        let ended = user.run(line);
        assert_eq!(ended.code, code, "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{line}: {}", ended.stderr);
    }
    assert!(!user.path(".codex").exists());
    let nobody = User::new();
    let ended = nobody.run("install --all");
    assert_eq!(
        (ended.code, ended.stderr.contains("none of the known MCP clients")),
        (64, true),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_dry_run_shows_the_change_and_makes_none() {
    let user = User::new();
    let file = user.write(place("claude-desktop"), "{\n  \"mcpServers\": {}\n}\n");
    let ended = user.run("install claude-desktop --dry-run");
    assert!(
        ended.stdout.contains("would add") && ended.stdout.contains("+    \"snowgate\": {"),
        "{}",
        ended.stdout
    );
    assert_eq!(fs::read_to_string(&file).expect("the file"), "{\n  \"mcpServers\": {}\n}\n");
    assert!(!user.home.path().join("state/clients").exists());
}

#[test]
fn installs_at_the_same_time_into_one_file_are_all_there() {
    let user = User::new();
    let before = "{\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"}\n  }\n}\n";
    let file = user.write(place("cursor"), before);
    let names: Vec<_> = (0..6).map(|number| format!("gate-{number}")).collect();
    let all = |command: &str| {
        thread::scope(|scope| {
            for name in &names {
                let user = &user;
                scope.spawn(move || user.change(&format!("{command} cursor --name {name}")));
            }
        });
    };
    all("install");
    let installed: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
    assert!(names.iter().all(|name| installed["mcpServers"][name]["command"].is_string()), "{installed}");
    all("uninstall");
    assert_eq!(fs::read_to_string(&file).expect("the file"), before);
}

#[test]
fn the_entry_launches_a_shim_that_serves_its_profile() {
    let user = User::new();
    user.home.configure("[profiles.analyst]\ndatabase = 'TWO'\n");
    user.change("install claude-code --profile analyst");
    let config: Value =
        serde_json::from_slice(&fs::read(user.path(".claude.json")).expect("the file")).expect("JSON");
    let entry = &config["mcpServers"]["snowgate"];
    assert_eq!(entry["env"]["SNOWGATE_HOME"], user.home.path().display().to_string());
    let mut shim = Command::new(entry["command"].as_str().expect("a command"));
    let args = entry["args"].as_array().expect("arguments");
    shim.args(args.iter().filter_map(Value::as_str));
    shim.env("SNOWGATE_HOME", entry["env"]["SNOWGATE_HOME"].as_str().expect("a home"));
    let mut client = Launch::new(shim).start();
    client.initialize();
    let info = client.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["profile"], "analyst", "{info}");
    client.leave();
}

#[test]
fn print_says_what_to_copy_and_changes_nothing() {
    let user = User::new();
    let ended = user.run("install --print opencode --session s");
    let config = ended.json();
    let shim = binaries().shim.display().to_string();
    assert_eq!(config["mcp"]["snowgate"]["command"], json!([shim, "--session", "s"]), "{config}");
    assert!(!user.path(".config").exists());
}
