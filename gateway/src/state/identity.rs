//! Whose a session is, beyond the one connection it has, and which process holds its other end.

use crate::os::process_start;

/// What makes two shims the same client's: a new one begins in the context that was set last in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The peer's user, as the system says.
    pub uid: u32,
    /// The client application's executable, as the shim says.
    pub parent_exe: Option<String>,
    /// The shim's working directory, as the shim says.
    pub cwd: Option<String>,
    /// The client's name, as the client says.
    pub client: Option<String>,
    /// The profile's name.
    pub profile: String,
    /// The id of the API key that it came with; `None`: a shim's, or the front asks for no keys.
    pub key: Option<String>,
}

/// Names by which a client is none in particular: what SDKs fill in, languages, and words of examples. In lower
/// case, with dashes; see [`Identity::tells_apart`].
const NAMES_OF_NOBODY: &[&str] = &[
    "agent",
    "app",
    "application",
    "bun",
    "cli",
    "client",
    "csharp",
    "default",
    "demo",
    "demo-client",
    "deno",
    "dotnet",
    "example",
    "example-client",
    "example-mcp-client",
    "fastmcp",
    "go",
    "golang",
    "hello-world",
    "java",
    "java-sdk-mcp-client",
    "javascript",
    "js",
    "kotlin",
    "main",
    "mcp",
    "mcp-cli",
    "mcp-client",
    "mcp-client-cli",
    "mcp-example",
    "mcp-go",
    "mcp-go-client",
    "mcp-python",
    "mcp-python-client",
    "mcp-python-sdk",
    "mcp-ruby-client",
    "mcp-rust-client",
    "mcp-sdk",
    "mcp-test",
    "mcp-test-client",
    "mcp-typescript",
    "mcp-typescript-client",
    "mcp-typescript-sdk",
    "model-context-protocol",
    "modelcontextprotocol",
    "my-app",
    "my-client",
    "my-mcp-client",
    "name",
    "node",
    "node-client",
    "node-js",
    "nodejs",
    "none",
    "null",
    "php",
    "py",
    "pypy",
    "python",
    "python-client",
    "python-mcp-client",
    "python-sdk",
    "rmcp",
    "ruby",
    "ruby-mcp-client",
    "rust",
    "rust-mcp-client",
    "script",
    "sdk",
    "simple-client",
    "simple-mcp-client",
    "spring-ai-mcp-client",
    "stdio",
    "stdio-client",
    "swift",
    "test",
    "tests",
    "ts",
    "ts-node",
    "tsx",
    "typescript",
    "typescript-client",
    "typescript-mcp-client",
    "typescript-sdk",
    "undefined",
    "unknown",
    "untitled",
    "user",
];

impl Identity {
    /// Whether the client's name tells it from others in the same folder. Upper and lower case, the characters
    /// between words and a version at the end make no difference: `MCP Client` and `python3.12` are names of
    /// nobody, too.
    pub fn tells_apart(&self) -> bool {
        let Some(name) = &self.client else { return false };
        let mut name = plain_name(name);
        loop {
            let shorter = name.trim_end_matches(|char: char| char.is_ascii_digit() || char == '-');
            let shorter = shorter.strip_suffix("-v").unwrap_or(shorter);
            if shorter.len() == name.len() {
                break;
            }
            name.truncate(shorter.len());
        }
        !name.is_empty() && !NAMES_OF_NOBODY.contains(&name.as_str())
    }
}

/// Whether `name`, to the letter, is one that an SDK or an example fills in. Other than for
/// [`Identity::tells_apart`], a number at its end makes it a name.
pub fn is_generic_name(name: &str) -> bool {
    let name = plain_name(name);
    name.is_empty() || NAMES_OF_NOBODY.contains(&name.as_str())
}

/// `name` in lower case, its words joined by dashes.
fn plain_name(name: &str) -> String {
    let words = name.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// One process: a process id alone is given to another sooner or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShimProcess {
    /// Its id.
    pub pid: u32,
    /// When it started, in the system's own ticks.
    pub born: u64,
}

impl ShimProcess {
    /// The process that has this id now; `None` where there is none that runs, or the system cannot tell.
    pub fn running(pid: u32) -> Option<Self> {
        Some(Self { pid, born: process_start(pid).ok()?? })
    }

    /// Whether it still runs, or may, where the system cannot tell.
    pub fn is_alive(self) -> bool {
        process_start(self.pid).map_or(true, |born| born == Some(self.born))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn names_that_tell_nobody_apart_are_no_identity() {
        let tells_apart =
            |name: &str| Identity { client: Some(name.to_owned()), ..Identity::default() }.tells_apart();
        for name in [
            "",
            " ",
            "-",
            "mcp",
            "MCP",
            "Mcp Client",
            "mcp_client",
            "python",
            "Python3",
            "python3.12",
            "node",
            "Node.js",
            "NODE",
            "client",
            "Test",
            "example-client",
            "my-client v2",
            "rmcp",
            "42",
        ] {
            assert!(!tells_apart(name), "{name:?}");
        }
        for name in [
            "claude-code",
            "Visual Studio Code",
            "codex-mcp-client",
            "gemini-cli-mcp-client",
            "Roo Code",
            "クライアント",
        ] {
            assert!(tells_apart(name), "{name:?}");
        }
        assert!(!Identity::default().tells_apart(), "no name");
        assert!(NAMES_OF_NOBODY.is_sorted());
    }

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        let own = ShimProcess::running(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(!ShimProcess { born: own.born + 1, ..own }.is_alive(), "another process with the same id");
        let mut child = crate::os::program_that_waits().stdin(Stdio::piped()).spawn().unwrap();
        let process = ShimProcess::running(child.id()).unwrap();
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive() && ShimProcess::running(process.pid).is_none());
    }
}
