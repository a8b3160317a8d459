//! The clients that `install` knows, and how their config files look.

use clap::ValueEnum;
use serde::Serialize;

use super::edit::Language;

/// An MCP client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    /// Anthropic's desktop application.
    ClaudeDesktop,
    /// Anthropic's coding agent.
    ClaudeCode,
    /// The extension of VS Code and its relatives.
    RooCode,
    /// The extension of VS Code and its relatives, and its command line.
    Cline,
    /// The editor.
    Cursor,
    /// The editor, with its own agent.
    #[value(name = "vscode")]
    #[serde(rename = "vscode")]
    VsCode,
    /// The editor.
    Windsurf,
    /// OpenAI's coding agent.
    Codex,
    /// Google's coding agent.
    GeminiCli,
    /// The editor.
    Zed,
    /// The coding agent.
    #[value(name = "opencode")]
    #[serde(rename = "opencode")]
    OpenCode,
    /// Snowflake's own coding agent, Cortex Code.
    Cortex,
}

/// For whom an entry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// For this user, in every project.
    #[default]
    User,
    /// For the project in the current folder, and all who work on it.
    Project,
}

/// How an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `command`, `args`, `env`.
    Plain,
    /// The same, with `"type": "stdio"`.
    Stdio,
    /// `"type": "local"`, one list `command`, `environment`, `enabled`.
    Local,
    /// TOML: `command`, and `args` only if there are any.
    Toml,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Its name on the command line.
    pub(crate) id: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// The keys that lead to the entries.
    pub(crate) path: &'static [&'static str],
    /// How an entry is written.
    pub(crate) shape: Shape,
    /// Whether it reads comments and commas at the end; such a file is no error for `install`, but for the client.
    pub(crate) reads_comments: bool,
    /// What makes it read the file again.
    pub(crate) reload: &'static str,
    /// What its programs are called, on PATH or as processes.
    pub(crate) programs: &'static [&'static str],
}

/// Every client, in the order in which they are listed.
pub(crate) const ALL: &[Client] = &[
    Client::ClaudeDesktop,
    Client::ClaudeCode,
    Client::RooCode,
    Client::Cline,
    Client::Cursor,
    Client::VsCode,
    Client::Windsurf,
    Client::Codex,
    Client::GeminiCli,
    Client::Zed,
    Client::OpenCode,
    Client::Cortex,
];

impl Facts {
    /// Whether one of its programs is among those that run, by their file names.
    pub(crate) fn is_among(&self, running: &[String]) -> bool {
        let is_it = |name: &String| {
            let of_windows = |end: &usize| name[*end..].eq_ignore_ascii_case(".exe");
            let end = name.len().checked_sub(".exe".len()).filter(|end| name.is_char_boundary(*end));
            match end.filter(of_windows) {
                Some(end) => self.programs.iter().any(|known| known.eq_ignore_ascii_case(&name[..end])),
                None => self.programs.contains(&name.as_str()),
            }
        };
        running.iter().any(is_it)
    }
}

impl Client {
    /// What is known of it.
    pub(crate) fn facts(self) -> &'static Facts {
        let at = ALL.iter().position(|client| *client == self).unwrap_or_default();
        &FACTS[at]
    }

    /// What its config file is written in.
    pub(crate) fn language(self) -> Language {
        match self {
            Self::Codex => Language::Toml,
            _ => Language::Json,
        }
    }
}

/// In the order of [`ALL`]; a test compares them.
const FACTS: &[Facts] = &[
    Facts {
        id: "claude-desktop",
        title: "Claude Desktop",
        path: &["mcpServers"],
        shape: Shape::Plain,
        reads_comments: false,
        reload: "quit Claude Desktop completely (also its icon in the tray or the menu bar) and start it again",
        programs: &["claude-desktop", "Claude"],
    },
    Facts {
        id: "claude-code",
        title: "Claude Code",
        path: &["mcpServers"],
        shape: Shape::Stdio,
        reads_comments: false,
        reload: "start a new `claude`; `/mcp` in it shows the server, and one of a project has to be approved once",
        programs: &["claude"],
    },
    Facts {
        id: "roo-code",
        title: "Roo Code",
        path: &["mcpServers"],
        shape: Shape::Plain,
        reads_comments: false,
        reload: "it notices the change; otherwise press the refresh button of its MCP page",
        programs: &[],
    },
    Facts {
        id: "cline",
        title: "Cline",
        path: &["mcpServers"],
        shape: Shape::Plain,
        reads_comments: false,
        reload: "it notices the change; otherwise restart the server on its MCP page",
        programs: &["cline"],
    },
    Facts {
        id: "cursor",
        title: "Cursor",
        path: &["mcpServers"],
        shape: Shape::Plain,
        reads_comments: false,
        reload: "it notices the change; a new server may have to be switched on in Settings, MCP",
        programs: &["cursor", "Cursor"],
    },
    Facts {
        id: "vscode",
        title: "VS Code",
        path: &["servers"],
        shape: Shape::Stdio,
        reads_comments: true,
        reload: "run `MCP: List Servers`, choose the server and start it; VS Code asks once whether to trust it",
        programs: &["code", "code-insiders", "codium"],
    },
    Facts {
        id: "windsurf",
        title: "Windsurf",
        path: &["mcpServers"],
        shape: Shape::Plain,
        reads_comments: false,
        reload: "press the refresh button of Cascade's list of MCP servers",
        programs: &["windsurf"],
    },
    Facts {
        id: "codex",
        title: "Codex",
        path: &["mcp_servers"],
        shape: Shape::Toml,
        reads_comments: true,
        reload: "start a new `codex`; `/mcp` in it shows the server",
        programs: &["codex"],
    },
    Facts {
        id: "gemini-cli",
        title: "Gemini CLI",
        path: &["mcpServers"],
        shape: Shape::Plain,
        reads_comments: true,
        reload: "start a new `gemini`, or `/mcp refresh` in one that runs",
        programs: &["gemini"],
    },
    Facts {
        id: "zed",
        title: "Zed",
        path: &["context_servers"],
        shape: Shape::Plain,
        reads_comments: true,
        reload: "it notices the change; the Agent Panel's settings show the server",
        programs: &["zed", "zed-editor", "zeditor", "zedit"],
    },
    Facts {
        id: "opencode",
        title: "opencode",
        path: &["mcp"],
        shape: Shape::Local,
        reads_comments: true,
        reload: "start a new `opencode`; `opencode mcp list` shows the server",
        programs: &["opencode"],
    },
    Facts {
        id: "cortex",
        title: "Cortex Code (Snowflake's CLI)",
        path: &["mcpServers"],
        shape: Shape::Stdio,
        reads_comments: false,
        reload: "start a new `cortex`; `cortex mcp list` shows the server",
        programs: &["cortex"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_runs_is_known_by_its_name_and_on_windows_by_that_in_any_case() {
        let facts = Client::Zed.facts();
        for (name, expected) in [
            ("zed", true),
            ("Zed.exe", true),
            ("ZED.EXE", true),
            ("ZED", false),
            ("zed.sh", false),
            ("é", false),
        ] {
            assert_eq!(facts.is_among(&[name.to_owned()]), expected, "{name}");
        }
    }

    #[test]
    fn each_client_has_its_own_facts_under_the_name_of_the_command_line() {
        assert_eq!(ALL.len(), FACTS.len());
        assert_eq!(ALL, Client::value_variants());
        for client in ALL {
            let name = client.to_possible_value().unwrap();
            assert_eq!(name.get_name(), client.facts().id);
            assert_eq!(serde_json::to_value(client).unwrap(), client.facts().id);
        }
    }
}
