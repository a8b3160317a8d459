//! Runs a client program over its SDK, in a home of its own.

use std::env;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex, PoisonError};

use serde_json::Value;
use tempfile::TempDir;
use warehouse::support::patience;

use super::{Fakesnow, NodeVersion, Unavailable, folder, home, node, python, run, typescript};
use crate::harness::{Home, binaries};
use crate::http::{HttpGateway, free_port};

/// Tells a client program how long it may wait for anything.
const PATIENCE: &str = "TEST_PATIENCE_SECONDS";

/// One client program, all its checks, may take so many times the patience of one step.
const PROGRAM_STEPS_MAX: u32 = 10;

/// Writes go through, and a gateway that is told to leave lets statements finish however slow the machine is.
const WRITABLE: &str =
    "[sqlite]\nread_only = false\n[gateway]\ndrain_timeout_ms = 15000\n[limits]\nanswer_within_ms = 0\n";

/// A large result is one of its checks, and the default passes on less.
const LARGE: &str = "[limits]\nbytes_max = 1048576\n";

/// What a client program checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Everything that a client sees of a gateway that stays.
    Checks,
    /// The same in front of fakesnow.
    Snowflake,
    /// What it sees while the gateway is killed, stopped and restarted.
    CarriedOver,
    /// What it sees of a gateway that it speaks HTTP to.
    Http,
    /// What it sees of a gateway through a WebSocket.
    WebSocket,
}

/// The right to compute. Programs of [`Plan::CarriedOver`] do so all the time, one a core at most: the
/// gateway gives a statement that is under way no more than its drain time-out, however slow the others make
/// it.
struct Turn;

static RUNNING: Mutex<usize> = Mutex::new(0);
static TURN_ENDED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = TURN_ENDED.wait_while(running, |running| *running >= cores);
        *turn.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        TURN_ENDED.notify_one();
    }
}

/// Where a client program runs. In order: the gateway goes before its backend.
struct Setting {
    home: Home,
    contract: PathBuf,
    _server: Option<Fakesnow>,
}

impl Plan {
    fn name(self) -> &'static str {
        match self {
            Self::Checks | Self::Snowflake => "checks",
            Self::CarriedOver => "carried-over",
            Self::Http | Self::WebSocket => "http",
        }
    }

    /// What the program runs in, which says where a check of the plan may write.
    fn setting(self) -> Setting {
        if self == Self::Snowflake {
            return fakesnow();
        }
        let home = available(home());
        let config = if self == Self::CarriedOver { WRITABLE } else { LARGE };
        fs::write(home.config_file(), config).expect("writing the config file");
        Setting { home, contract: folder().join("contract.json"), _server: None }
    }
}

/// fakesnow with a few tables, and a gateway's home in front of it.
fn fakesnow() -> Setting {
    let (server, home) = (available(Fakesnow::start()), Home::bare());
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(folder().join(name)).expect("reading a file of the clients' folder");
        serde_json::from_str(&text).expect("JSON")
    };
    let statements: Vec<String> = serde_json::from_value(read("fakesnow/seed.json")).expect("statements");
    server.run(&statements);
    let config = server.config("SALES") + LARGE;
    fs::write(home.config_file(), config).expect("writing the config file");
    // What it says about databases and their contents is its own, the rest is everybody's.
    let mut contract = read("contract.json");
    if let (Some(all), Value::Object(own)) = (contract.as_object_mut(), read("fakesnow/contract.json")) {
        all.extend(own);
        if let (Some(Value::Object(further)), Some(Value::Object(tools))) =
            (all.remove("further_tools"), all.get_mut("tools"))
        {
            tools.extend(further);
        }
    }
    let path = home.path().join("contract.json");
    fs::write(&path, contract.to_string()).expect("writing the contract");
    Setting { home, contract: path, _server: Some(server) }
}

/// Runs the program of the Python SDK of this major version in this mode.
///
/// # Panics
/// A check fails, or the SDK cannot be had; the message says why.
#[track_caller]
pub fn run_python(major: u32, mode: &str, plan: Plan) {
    let interpreter = available(python(major));
    run_suite(Command::new(interpreter).arg("-B").arg(folder().join("python/suite.py")), mode, plan);
}

/// Runs a program of `tests/clients/typescript` in this mode.
///
/// # Panics
/// A check fails, or the SDK cannot be had; the message says why.
#[track_caller]
pub fn run_typescript(program: &str, mode: &str, at_least: NodeVersion, plan: Plan) {
    let (node, environment) = (available(node(at_least)), available(typescript()));
    let programs = beside_their_modules(&folder().join("typescript"), &environment)
        .expect("copying the TypeScript programs");
    // The inspector keeps a catalog in the home folder: not in the user's.
    let mut command = Command::new(node);
    run_suite(command.arg(programs.path().join(program)).env("HOME", programs.path()), mode, plan);
}

/// Has ajv, as the TypeScript SDK has it, compile the schemas in the file `tools`.
///
/// # Panics
/// It refuses one, or warns of it, or cannot be had; the message says why.
#[track_caller]
pub fn check_schemas_with_ajv(tools: &Path) {
    let (node, environment) = (available(node(NodeVersion::SDK)), available(typescript()));
    let programs = beside_their_modules(&folder().join("typescript"), &environment)
        .expect("copying the TypeScript programs");
    let finished = run(Command::new(node).arg(programs.path().join("schemas.mjs")).arg(tools), patience());
    let finished = finished.expect("the program starts");
    assert!(finished.success(), "{}", finished.output);
}

/// What was found.
///
/// # Panics
/// It was not; the words say what is missing on this machine.
#[track_caller]
pub fn available<T>(found: Result<T, Unavailable>) -> T {
    found.unwrap_or_else(|missing| {
        let cause = missing.source().map(|cause| format!(": {cause}"));
        panic!("{missing}{}", cause.unwrap_or_default())
    })
}

/// A folder with the programs of `source` and the `node_modules` of `environment`: Node looks for packages
/// beside the importing file, wherever it was started.
fn beside_their_modules(source: &Path, environment: &Path) -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(source)? {
        let path: PathBuf = entry?.path();
        if let (Some(name), Some("mjs")) = (path.file_name(), path.extension().and_then(|end| end.to_str())) {
            fs::copy(&path, folder.path().join(name))?;
        }
    }
    link(environment.join("node_modules"), folder.path().join("node_modules"))?;
    Ok(folder)
}

#[cfg(unix)]
use std::os::unix::fs::symlink as link;
#[cfg(windows)]
use std::os::windows::fs::symlink_dir as link;

/// Runs a client program in a home of its own, which sees to it that no process is left.
#[track_caller]
fn run_suite(program: &mut Command, mode: &str, plan: Plan) {
    if let Plan::Http | Plan::WebSocket = plan {
        return run_over_http(program, mode, plan);
    }
    let _turn = (plan == Plan::CarriedOver).then(Turn::take);
    let Setting { home, contract, _server } = plan.setting();
    run_in(&home, program.arg(&binaries().shim), &contract, mode, plan);
    home.stop();
}

/// Runs a client program with a gateway that listens for HTTP.
#[track_caller]
fn run_over_http(program: &mut Command, mode: &str, plan: Plan) {
    let (home, address) = (available(home()), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let config = format!("{LARGE}[http]\nenabled = true\nauth = 'none'\nlisten = '{address}'\n");
    fs::write(home.config_file(), config).expect("writing the config file");
    let gateway = HttpGateway::start(home, address);
    let url = gateway.url("/mcp");
    let url = if plan == Plan::WebSocket { url.replacen("http", "ws", 1) } else { url };
    run_in(&gateway.home, program.arg(url), &folder().join("contract.json"), mode, plan);
}

/// Runs a client program, whose last argument says what it is to connect to, in `home`.
#[track_caller]
fn run_in(home: &Home, program: &mut Command, contract: &Path, mode: &str, plan: Plan) {
    program.arg(&binaries().gateway).arg(contract).arg(mode).arg(plan.name());
    env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SNOWGATE_")).for_each(
        |(name, _)| {
            program.env_remove(name);
        },
    );
    program.env("SNOWGATE_HOME", home.path()).env(PATIENCE, patience().as_secs().to_string());
    let limit = PROGRAM_STEPS_MAX * patience();
    let finished = run(program, limit).expect("the program starts");
    println!("{}", finished.output);
    let summary = finished.output.lines().last().unwrap_or_default();
    let passed = summary.strip_suffix(" passed, 0 failed").is_some_and(|count| count != "0");
    match finished.status {
        None => panic!("the program was killed after {limit:?}"),
        Some(status) => assert!(status.success() && passed, "{status}; {summary}"),
    }
}
