//! `snowgate service`: the gateway under the user's own service manager.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os as link_os;

use super::control::{print_json, print_text};
use super::serve::endpoint;
use super::{Cli, exit};
use crate::clients::HOME_VARIABLE;
use crate::config::{Config, Paths, ProcessEnvironment, settings_among};
use crate::os;
use crate::process::GatewayLock;
use crate::service::{
    Manager, PLACE_VARIABLES, RUN_KEY, ServiceManager, ServiceState, Site, Uninstalled, check, install,
    state, uninstall,
};

/// The commands about the service.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Have the service manager keep a gateway for you, from each log-in on; clients stay connected
    Install(InstallArgs),
    /// Stop the service and remove its files; the next client starts a gateway as before
    Uninstall(ServiceArgs),
    /// Show whether it is installed, enabled and running; exit code 3 if it is not installed
    Status(ServiceArgs),
    /// Show what the manager has kept of its log (`journalctl`)
    Logs(LogArgs),
    /// Start the gateway as the service does: what the Task Scheduler runs
    #[command(hide = true)]
    Start(StartArgs),
}

/// What `install` does.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct InstallArgs {
    /// Print the files, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    output: ServiceArgs,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ServiceArgs {
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// What is shown of the log.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LogArgs {
    /// Go on as lines come
    #[arg(short, long)]
    follow: bool,

    /// The last so many lines
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    lines: u32,

    #[command(flatten)]
    output: ServiceArgs,
}

/// With what the gateway of a service is started.
#[derive(Clone, Debug, Args)]
pub(crate) struct StartArgs {
    /// A variable that decides which files it uses
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    set: Vec<(String, String)>,

    /// Take the place of a gateway that is already running
    #[arg(long)]
    replace: bool,
}

/// What `--set` says.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if PLACE_VARIABLES.contains(&name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("one of {}, with its value behind `=`", PLACE_VARIABLES.join(", "))),
    }
}

impl ServiceCommand {
    /// Whether the output is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Install(args) => args.output.json,
            Self::Logs(args) => args.output.json,
            Self::Uninstall(args) | Self::Status(args) => args.json,
            Self::Start(_) => false,
        }
    }
}

/// The gateway has a socket that the user named.
#[derive(Debug, thiserror::Error)]
#[error("a gateway with a socket of its own (--socket, SNOWGATE_SOCKET) has no service")]
pub(super) struct NoService;

impl NoService {
    /// What the user can do about it.
    pub(super) fn next_step() -> String {
        "leave it out; SNOWGATE_HOME gives a gateway a place, and a service, of its own".to_owned()
    }
}

/// The service manager's log cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoJournal(String);

impl NoJournal {
    /// What the user can do about it.
    pub(super) fn next_step() -> String {
        "run `snowgate logs`: it shows what the gateway itself writes, without the service manager".to_owned()
    }
}

/// The command line names what a service would not have.
#[derive(Debug, thiserror::Error)]
#[error("`--system-config` is not written into the service's files, and the service would run without it")]
pub(super) struct NotForService;

impl NotForService {
    /// What the user can do about it.
    pub(super) fn next_step() -> String {
        "leave it out: the service reads the system's own config file".to_owned()
    }
}

/// Runs one of the commands.
pub(super) fn run(cli: &Cli, command: &ServiceCommand) -> Result<ExitCode> {
    if let ServiceCommand::Start(args) = command {
        return run_start(args);
    }
    let site = site(cli)?;
    let manager = Manager::of_this_user();
    if cli.system_config.is_some() && matches!(command, ServiceCommand::Install(_)) {
        return Err(NotForService.into());
    }
    match command {
        ServiceCommand::Install(args) if args.dry_run => dry_run(cli, &site, args.output.json),
        ServiceCommand::Install(args) => run_install(cli, &site, &manager, args.output.json),
        ServiceCommand::Uninstall(args) => run_uninstall(cli, &site, &manager, args.json),
        ServiceCommand::Status(args) => run_status(&state(&site, &manager), args.json),
        ServiceCommand::Logs(args) => run_logs(&site, *args),
        ServiceCommand::Start(args) => run_start(args),
    }
}

/// The service of the gateway that this command line and its environment choose.
pub(super) fn site(cli: &Cli) -> Result<Site> {
    let paths = Paths::discover(&ProcessEnvironment)?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let site = Site::discover(&ProcessEnvironment, &paths, &endpoint(cli)?, &program);
    site.ok_or_else(|| NoService.into())
}

fn dry_run(cli: &Cli, site: &Site, json: bool) -> Result<ExitCode> {
    check(site)?;
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    let (kept, _) = service_environment(std::env::vars_os(), site);
    // One that cannot be read is an error of `install`, not of a look at its files.
    let starts_early = Config::load(&paths, &kept).is_ok_and(|config| config.http.is_some());
    let files = site.files(starts_early);
    if json {
        let view = |(path, text)| json!({"path": path, "text": text});
        return print_json(&json!({"files": files.into_iter().map(view).collect::<Vec<_>>()}));
    }
    let shown = files.iter().map(|(path, text)| format!("# {}\n{text}\n", path.display()));
    print_text(&shown.collect::<String>())
}

fn run_install(cli: &Cli, site: &Site, manager: &Manager, json: bool) -> Result<ExitCode> {
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    // What cannot start is not installed.
    let (kept, left_out) = service_environment(std::env::vars_os(), site);
    let config = Config::load(&paths, &kept).context("not installed: the config has errors")?;
    let done = install(site, manager, config.http.is_some())?;
    let state = state(site, manager);
    if json {
        return print_json(&json!({
            "written": done.written,
            "kept": done.kept,
            "fallback": done.fallback,
            "variables_left_out": left_out,
            "service": state,
        }));
    }
    let kept = done.kept.iter().map(|path| format!("kept your own file as {}\n", path.display()));
    let mut text: String = kept.collect();
    text.extend(done.written.iter().map(|path| format!("wrote {}\n", path.display())));
    let has = match site.manager {
        ServiceManager::Systemd | ServiceManager::Launchd => "has the socket",
        ServiceManager::TaskScheduler => "starts the gateway at each log-in, and has started it now",
    };
    let running = state.pid.map_or_else(|| has.to_owned(), |pid| format!("runs (pid {pid})"));
    text.push_str(&format!("{} {running}; `snowgate service status` shows how it is\n", site.service_unit()));
    if let Some(why) = &done.fallback {
        text.push_str(&format!("The Task Scheduler refused ({why}), so the registry starts it: {RUN_KEY}\n"));
    }
    if !left_out.is_empty() {
        text.push_str(&format!(
            "It does not have these variables of your shell: {}; what it is to use goes into {}\n",
            left_out.join(", "),
            paths.config_file.display()
        ));
    }
    if state.lingers == Some(false) {
        text.push_str("It ends when you log out; to have it go on: loginctl enable-linger\n");
    }
    print_text(&text)
}

/// The environment of this process as far as a service has it, too, and the names of the settings in it that a service does
/// not have.
fn service_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    site: &Site,
) -> (BTreeMap<String, String>, Vec<String>) {
    let all: Vec<(OsString, OsString)> = variables.collect();
    let mut left_out = settings_among(all.iter().cloned());
    left_out.retain(|name, _| !site.variables.iter().any(|(kept, _)| kept == name));
    let text = |text: OsString| text.into_string().ok();
    let all = all.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    let kept = all.filter(|(name, _)| !left_out.contains_key(name)).collect();
    (kept, left_out.into_keys().collect())
}

fn run_uninstall(cli: &Cli, site: &Site, manager: &Manager, json: bool) -> Result<ExitCode> {
    let done = uninstall(site, manager)?;
    let endpoint = endpoint(cli)?;
    // systemd leaves the socket's file, on which nothing listens: only who has the lock may touch it.
    if site.manager == ServiceManager::Systemd
        && let Ok(_lock) = GatewayLock::take(&endpoint)
        && endpoint.socket_exists().is_ok_and(|exists| exists)
    {
        std::fs::remove_file(&endpoint.socket).context("cannot remove the service's socket")?;
    }
    if json {
        let Uninstalled { removed, left, disabled } = &done;
        return print_json(&json!({"removed": removed, "left": left, "disabled": disabled}));
    }
    let mut text = uninstalled_text(&site.service_unit(), &done);
    if site.manager == ServiceManager::TaskScheduler && !done.removed.is_empty() {
        text.push_str("A gateway that runs goes on until it is idle: snowgate stop ends it now.\n");
    }
    print_text(&text)
}

fn uninstalled_text(unit: &str, done: &Uninstalled) -> String {
    let left = done.left.iter().map(|path| format!("left {}: snowgate has not written it\n", path.display()));
    let mut text: String = left.collect();
    text.extend(done.removed.iter().map(|path| format!("removed {}\n", path.display())));
    match (done.removed.is_empty(), done.disabled) {
        (true, false) => text.push_str(&format!("{unit} is not installed for this user\n")),
        (true, true) => text.push_str(&format!(
            "stopped and disabled {unit} for this user; its files are a package's. The next client starts a gateway.\n"
        )),
        (false, _) => text.push_str("The next client starts a gateway.\n"),
    }
    text
}

fn run_status(state: &ServiceState, json: bool) -> Result<ExitCode> {
    if json {
        print_json(&json!({"service": state, "stale": state.is_stale()}))?;
    } else {
        print_text(&status_text(state))?;
    }
    Ok(ExitCode::from(if state.installed { exit::OK } else { exit::NO_GATEWAY }))
}

fn status_text(state: &ServiceState) -> String {
    if !state.installed {
        return format!(
            "{} is not installed: the first client starts a gateway. To have {} keep one: snowgate service install\n",
            state.unit, state.manager
        );
    }
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<11} {value}\n"));
    let yes = |holds: bool| if holds { "yes" } else { "no" };
    line("service", &format!("{} ({})", state.unit, state.manager));
    line("enabled", yes(state.enabled));
    if let Some(problem) = &state.manager_problem {
        line("problem", problem);
    } else {
        line("listens", yes(state.listens));
    }
    if let Some(active) = &state.active {
        let since = state.since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
        let result = state.result.as_deref().map(|result| format!(" ({result})")).unwrap_or_default();
        line("state", &format!("{active}{result}{since}"));
    }
    if let Some(pid) = state.pid {
        line("pid", &pid.to_string());
    }
    if let Some(restarts) = state.restarts.filter(|restarts| *restarts > 0) {
        line("restarts", &format!("{restarts} after a crash"));
    }
    if state.lingers == Some(false) {
        line("at log-out", "it ends; to have it go on: loginctl enable-linger");
    }
    for file in &state.files {
        let stale =
            if file.is_current { "" } else { "  (not as this version writes it: snowgate service install)" };
        line("file", &format!("{}{stale}", file.path.display()));
    }
    if let Some(next_step) = &state.next_step {
        line("next step", next_step);
    }
    text
}

/// Starts the gateway, clear of this process, with no settings of the environment but those that are named. It writes its readiness
/// line to this process's stdout.
fn run_start(args: &StartArgs) -> Result<ExitCode> {
    let home = args.set.iter().find(|(name, _)| name == HOME_VARIABLE).map(|(_, home)| Path::new(home));
    let endpoint = Endpoint::resolve(None, home)?;
    endpoint.prepare_dir()?;
    let stderr = link_os::open_private(&endpoint.stderr, true)
        .with_context(|| format!("cannot write to {}", endpoint.stderr.display()))?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(&program);
    command.args(["serve", "--ready-stdout"]).args(args.replace.then_some("--replace"));
    for name in settings_among(std::env::vars_os()).into_keys() {
        command.env_remove(name);
    }
    command.envs(args.set.iter().cloned()).stdin(Stdio::null()).stderr(stderr);
    link_os::spawn_apart(&mut command).with_context(|| format!("cannot run {}", program.display()))?;
    Ok(ExitCode::from(exit::OK))
}

/// Becomes `journalctl`, or says where the log is otherwise.
fn run_logs(site: &Site, args: LogArgs) -> Result<ExitCode> {
    if site.manager != ServiceManager::Systemd {
        return Err(NoJournal(format!("{} keeps no log", site.manager.name())).into());
    }
    let cannot_run = |error: std::io::Error| NoJournal(format!("`journalctl` cannot be run: {error}"));
    let mut command = os::program("journalctl").map_err(cannot_run)?;
    command.arg("--user").arg(format!("--user-unit={}", site.service_unit()));
    command.args(["--no-pager", "--lines", &args.lines.to_string()]);
    if args.follow {
        command.arg("--follow");
    }
    if args.output.json {
        command.args(["--output", "json"]);
    }
    let status = command.stdin(Stdio::null()).status().map_err(cannot_run)?;
    if !status.success() {
        return Err(NoJournal(format!("`journalctl` failed ({status})")).into());
    }
    Ok(ExitCode::from(exit::OK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceFile;

    #[test]
    fn what_uninstall_has_done_is_said() {
        let text = |removed: &[&str], left: &[&str], disabled| {
            let paths = |paths: &[&str]| paths.iter().map(Into::into).collect();
            uninstalled_text(
                "s.service",
                &Uninstalled { removed: paths(removed), left: paths(left), disabled },
            )
        };
        assert!(text(&[], &[], false).contains("is not installed"));
        let packaged = text(&[], &[], true);
        assert!(packaged.contains("disabled") && !packaged.contains("not installed"), "{packaged}");
        let own = text(&[], &["/u/s.service"], false);
        assert!(own.contains("left /u/s.service"), "{own}");
    }

    #[test]
    fn a_service_that_is_there_is_shown_with_what_is_wrong_with_it() {
        let missing = ServiceState {
            unit: "snowgate.service".to_owned(),
            manager: "systemd".to_owned(),
            ..ServiceState::default()
        };
        assert!(status_text(&missing).contains("snowgate service install"));
        let there = ServiceState {
            installed: true,
            enabled: true,
            listens: true,
            files: vec![ServiceFile { path: "/u/snowgate.service".into(), is_current: false }],
            active: Some("failed".to_owned()),
            result: Some("watchdog".to_owned()),
            lingers: Some(false),
            ..missing
        };
        let text = status_text(&there);
        for part in ["failed (watchdog)", "not as this version writes it", "enable-linger"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
