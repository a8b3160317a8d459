//! A scripted MCP client over a real shim.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::os::unblock_signals_in;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How a client speaks MCP.
#[derive(Clone, Copy, Debug)]
pub(super) enum Era {
    /// `initialize` with this revision.
    Handshake(&'static str),
    /// Everything in every request, as in 2026-07-28.
    Stateless,
}

/// A connected client; dropping it closes the shim's stdin and waits for it.
pub(super) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<Value>,
    last_id: u64,
    /// What every request of a stateless client carries.
    meta: Option<Value>,
}

impl Client {
    /// Launches a shim in `home` and opens the connection as client `name`.
    pub(super) fn launch(shim: &Path, home: &Path, name: &str, version: &str, era: Era) -> Result<Self> {
        let mut command = Command::new(shim);
        command
            .env("SNOWGATE_HOME", home)
            .env("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "1")
            .env("SNOWGATE_BACKEND_KIND", "sqlite")
            .env_remove("SNOWGATE_SOCKET")
            .env_remove("SNOWGATE_CONFIG")
            .env_remove("SNOWGATE_PROFILE")
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = unblock_signals_in(&mut command)
            .spawn()
            .with_context(|| format!("cannot run {}", shim.display()))?;
        let stdout = child.stdout.take().context("the shim has no stdout")?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str(&line) else { continue };
                if sender.send(answer).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut client = Self { child, stdin, answers, last_id: 0, meta: None };
        client.open(name, version, era)?;
        Ok(client)
    }

    /// The shim's process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn open(&mut self, name: &str, version: &str, era: Era) -> Result<()> {
        let info = json!({"name": name, "version": version});
        match era {
            Era::Handshake(revision) => {
                let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": info});
                self.request("initialize", params)?;
                self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            }
            Era::Stateless => {
                self.meta = Some(json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": info,
                }));
                self.request("server/discover", json!({})).map(|_| ())
            }
        }
    }

    /// Calls a tool and returns its text.
    pub(super) fn call(&mut self, tool: &str, arguments: &Value) -> Result<String> {
        let result = self.request("tools/call", json!({"name": tool, "arguments": arguments}))?;
        let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        if result["isError"] == true {
            bail!("{tool} failed: {text}");
        }
        Ok(text)
    }

    fn request(&mut self, method: &str, mut params: Value) -> Result<Value> {
        self.last_id += 1;
        if let Some(meta) = &self.meta {
            params["_meta"] = meta.clone();
        }
        self.send(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}))?;
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut answer = self.answers.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    anyhow::anyhow!("no answer to {method} in {} s", ANSWER_TIMEOUT.as_secs())
                }
                RecvTimeoutError::Disconnected => {
                    anyhow::anyhow!("the shim exited before it answered {method}")
                }
            })?;
            if answer["id"] != self.last_id {
                continue;
            }
            if let Some(message) = answer["error"]["message"].as_str() {
                bail!("{method} failed: {message}");
            }
            return Ok(answer["result"].take());
        }
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the client is closed")?;
        stdin.write_all(format!("{message}\n").as_bytes()).context("the shim does not read")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stdin = None;
        // The shim exits once its stdin is closed.
        let _ = self.child.wait();
    }
}
