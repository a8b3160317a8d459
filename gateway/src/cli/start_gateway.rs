//! Starts a gateway as clients do: with the shim, which goes away when it is not needed any more.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Cli;
use super::install::{places, shim_of_this_program};

/// How long the shim may take to find or start a gateway: longer than it gives itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of its answer, at most.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// No gateway could be started.
#[derive(Debug, thiserror::Error)]
#[error("no gateway is running, and none could be started: {why}")]
pub(super) struct NotStarted {
    why: String,
}

impl NotStarted {
    pub(super) fn next_step() -> String {
        "run `snowgate serve` in another terminal, which says more".to_owned()
    }
}

/// Has a gateway started where none runs, and waits until it answers.
///
/// # Errors
/// Why it cannot, as a client is told.
pub(super) fn start(cli: &Cli) -> Result<(), NotStarted> {
    let failed = |why: String| NotStarted { why };
    let shim = places()
        .and_then(|places| shim_of_this_program(&places))
        .map_err(|error| failed(format!("{error:#}")))?
        .path;
    let mut command = Command::new(&shim);
    if let Some(socket) = cli.socket() {
        command.arg("--socket").arg(socket);
    }
    command.env_remove("SNOWGATE_PROFILE").env_remove("SNOWGATE_SESSION");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| failed(format!("{} cannot be run: {error}", shim.display())))?;
    let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (sender, answers) = channel();
    std::thread::spawn(move || {
        let Some(stdout) = stdout else { return };
        let mut line = String::new();
        if BufReader::new(stdout.take(ANSWER_BYTES_MAX)).read_line(&mut line).is_ok() {
            // The one who waits may have given up.
            let _ = sender.send(line);
        }
    });
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "snowgate", "version": env!("CARGO_PKG_VERSION")},
    });
    let question = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let sent = stdin.as_mut().map(|stdin| writeln!(stdin, "{question}"));
    let answer = match sent {
        Some(Ok(())) => answers.recv_timeout(ANSWER_TIMEOUT).ok(),
        _ => None,
    };
    // It exits once its stdin is closed.
    drop(stdin);
    if answer.is_none() {
        let _ = child.kill();
    }
    let _ = child.wait();
    let Some(answer) = answer.filter(|line| !line.is_empty()) else {
        return Err(failed(format!("{} gave no answer", shim.display())));
    };
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    match answer["error"]["message"].as_str() {
        Some(why) => Err(failed(why.to_owned())),
        None => Ok(()),
    }
}
