//! The command line: arguments in, exit code out. One file per command.
//!
//! Results go to stdout, everything else to stderr. Errors are printed in one place (`errors`): what failed,
//! why and what to do, without a backtrace; with `--json`, they are results too.

mod advice;
mod alerts;
mod allocator_text;
mod audit;
mod breaker;
mod bundle;
mod clients;
mod completions;
mod config;
mod config_questions;
mod control;
mod demo;
mod doctor;
mod errors;
mod explain;
mod install;
mod keys;
mod kill;
mod log_in_talk;
mod login;
mod logs;
mod man;
mod metrics;
mod migrate_env;
mod open;
mod person;
mod queries;
mod quota;
mod reload;
mod report;
mod serve;
mod service;
mod setup;
mod start_gateway;
mod status_text;
mod stop;
#[cfg(test)]
mod tests;
mod top;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Exit codes: those of sysexits.h, and one of Snowgate's own.
pub(crate) mod exit {
    /// Done.
    pub(crate) const OK: u8 = 0;
    /// `doctor`: something does not work.
    pub(crate) const PROBLEMS: u8 = 1;
    /// `status`: no gateway is running.
    pub(crate) const NO_GATEWAY: u8 = 3;
    /// The command line is wrong, or asks for what there is not.
    pub(crate) const USAGE: u8 = 64;
    /// A fault of Snowgate or of the system, not of the user.
    pub(crate) const INTERNAL: u8 = 70;
    /// `login`: nobody is logged in yet: the server cannot be reached, or somebody has to act first.
    pub(crate) const NOT_YET: u8 = 75;
    /// `login`: the server refuses.
    pub(crate) const REFUSED: u8 = 77;
    /// The configuration is wrong.
    pub(crate) const CONFIG: u8 = 78;
    /// The person at the terminal has ended the dialogue: as a shell has it for Ctrl-C.
    pub(crate) const CANCELLED: u8 = 130;
}

const ABOUT: &str = "One shared gateway between your MCP clients and your database";

const EXAMPLES: &str = "\
Examples:
  snowgate demo                                   three clients at work on the sample data
  snowgate install claude-code cursor             connect these clients; --all: those that are here; --dry-run
  snowgate clients                                which clients are here, and are they connected?
  snowgate doctor                                 what is wrong, why, and what mends it; --fix mends what is safe
  snowgate status                                 is the gateway running, and how is it doing?
  snowgate sessions --json                        the connected clients, for a script
  snowgate logs -f --stream access                each request as it ends; --client NAME, --since 10m, --level warn
  snowgate quota                                  what clients have used of their limits; reset forgets it
  snowgate open                                   the page in a browser; --print prints its link
  snowgate alerts                                 what is wrong, and what mends it; --json for a script
  snowgate reload                                 after a change of the config
  snowgate restart                                after an upgrade, or for what `reload` cannot apply
  snowgate setup                                  connect to Snowflake or your own SQLite files, by a few questions
  snowgate login                                  log in again now; --passcode asks for a code of your phone
  snowgate kill 0a1b2c3d:17                       stop call 17 of that session; without :17, all it has sent
  snowgate keys create --name ci --role analyst   a key for an HTTP client, shown once; list, rotate, revoke
  snowgate breaker reset NAME                     send requests on a connection again
  snowgate audit verify                           was a record of the audit trail changed? search finds records
  snowgate history --since 24h                    what did my clients run?
  snowgate config check                           is the configuration valid?
  snowgate config explain --client NAME           which profile does a client get, and what may it do?
  snowgate bundle --profile analyst               a file that Claude Desktop installs, with that profile in it
  snowgate completions bash > ~/.local/share/bash-completion/completions/snowgate

MCP clients launch `snowgate-shim`, which starts the gateway if none is running.

Exit codes: 0 success (`stop`: the process is gone, whatever it took), 1 `doctor` has found a problem, 3 no gateway is running, 64 wrong usage,
70 internal error, or the gateway does not answer, 75 not logged in yet and 77 the log-in was refused (`login`), 78
invalid configuration (`restart`, `reload`: the gateway goes on).

With --json, errors are printed as JSON too, on stdout: {\"error\": {\"kind\", \"message\", \"causes\", \"next_step\",
\"exit_code\"}}.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "snowgate", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    /// The gateway's socket, instead of the default
    // An OsString, because an empty variable as a path would be a usage error.
    #[arg(long, global = true, env = "SNOWGATE_SOCKET", value_name = "PATH", hide_env_values = true)]
    socket: Option<OsString>,

    /// The system's config file, instead of the built-in path: for tests
    // Not a variable: those of the gateway come from a client, which this file is to bind.
    #[arg(long, global = true, value_name = "PATH", hide = true)]
    system_config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The socket to use instead of the default; an empty one counts as not given.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        self.socket.as_ref().filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// Whether the output is for a script.
    fn wants_json(&self) -> bool {
        match &self.command {
            Command::Sessions(args)
            | Command::Alerts(args)
            | Command::Reload(args)
            | Command::Config(ConfigCommand::Show(args)) => args.json,
            Command::Status(args) => args.json,
            Command::Doctor(args) => args.json,
            Command::Report(args) => args.json,
            Command::Login(args) => args.output.json,
            Command::Kill(args) => args.output.json,
            Command::Open(args) => args.output.json,
            Command::Quota(args) => args.json,
            Command::Queries(args) => args.json,
            Command::Top(args) => args.json,
            Command::Breaker(args) => args.json,
            Command::Keys(args) => args.json,
            Command::Logs(args) => args.json,
            Command::Service(command) => command.wants_json(),
            Command::Audit(audit::AuditCommand::Verify(args)) => args.json,
            Command::Audit(audit::AuditCommand::Search(args)) => args.json,
            Command::History(args) => args.json,
            Command::Install(args) => args.output.json,
            Command::Uninstall(args) => args.output.json,
            Command::Clients(args) => args.json,
            Command::Bundle(args) => args.output_form.json,
            Command::MigrateEnv(args) => args.json,
            Command::Setup(args) => args.wants_json(),
            Command::Config(ConfigCommand::Explain(args)) => args.output.json,
            _ => false,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect MCP clients: put Snowgate's entry into their config files, and nothing else
    Install(install::InstallArgs),
    /// Take Snowgate's entry out of clients' config files again
    Uninstall(install::UninstallArgs),
    /// List the MCP clients of this machine, and whether they are connected to this version of Snowgate
    Clients(OutputArgs),
    /// Run the gateway in the foreground (shims start one in the background)
    Serve(ServeArgs),
    /// Show whether the gateway is running and how it is doing, problems first; exit code 3 if it is not
    Status(StatusArgs),
    /// List the sessions of the running gateway
    Sessions(OutputArgs),
    /// Stop what a session runs and waits for, or one call of it; its client is told, and stays connected
    Kill(kill::KillArgs),
    /// Open the page in a browser: sessions, queues, statements and charts, and to stop calls
    Open(open::OpenArgs),
    /// Choose a backend and write the config for it, after a test of the connection; `setup sql` prints SQL for a role
    Setup(Box<setup::SetupArgs>),
    /// Log in to the warehouse now, whatever was refused before; exit codes 77 (refused) and 75 (not yet)
    Login(LoginArgs),
    /// Watch sessions, the queue, running statements and the pool on a terminal, and stop calls
    Top(top::TopArgs),
    /// Show which statements ran how often and how long: by default those that took most time
    Queries(queries::QueriesArgs),
    /// Show what clients have used of their limits, or forget it (`quota reset [CLIENT]`)
    Quota(quota::QuotaArgs),
    /// Show the circuit breakers of the connections; open or close one by hand
    Breaker(breaker::BreakerArgs),
    /// Make, list, rotate and revoke API keys for the HTTP front
    Keys(keys::KeysArgs),
    /// Show the log, or follow it (-f): what the gateway says, or a line a request, or statements
    Logs(logs::LogsArgs),
    /// Show the alerts of the running gateway that fire or are about to, and what mends each
    Alerts(OutputArgs),
    /// Print all metrics of the running gateway, for Prometheus; `metrics reference` prints what they are
    Metrics(metrics::MetricsArgs),
    /// Verify and search the audit trail, or print its newest signed head and its public key
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show what clients ran, how long it took and how many rows came of it
    History(audit::HistoryArgs),
    /// Stop the running gateway; waits up to drain_timeout_ms for statements, and ends one that hangs
    Stop,
    /// Read the config again in the running gateway; says what applies, and what needs a restart
    Reload(OutputArgs),
    /// Restart the running gateway with the installed version; clients stay connected
    Restart,
    /// Find out what is wrong, why, and what mends it; exit code 1 if something does not work
    Doctor(doctor::DoctorArgs),
    /// Pack what a bug report needs into an archive: no statements, no secrets
    Report(report::ReportArgs),
    /// Have systemd or launchd keep a gateway for you: install, uninstall, status, logs
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// Show three clients at work on the sample data, in a temporary home that is removed at the end
    Demo(DemoArgs),
    /// Check, show and describe the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Pack both programs into a bundle (.mcpb) that Claude Desktop installs, with a profile in it
    Bundle(bundle::BundleArgs),
    /// Make a config from the .env file of another Snowflake MCP server, and say what becomes of each variable
    MigrateEnv(migrate_env::MigrateEnvArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages of all commands into a folder: for packages
    #[command(hide = true)]
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

/// How much `status` shows.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StatusArgs {
    /// What does not fit on a screen, too
    #[arg(long)]
    pub(crate) all: bool,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `serve` is started.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Write one JSON line to stdout when the gateway is ready, then close stdout
    #[arg(long, hide = true)]
    pub(crate) ready_stdout: bool,

    /// Take the place of a gateway that is already running (a service manager's unit wants this)
    #[arg(long)]
    pub(crate) replace: bool,

    /// The descriptor of the lock, inherited from the gateway that ran in this process before
    #[arg(long, hide = true, value_name = "FD")]
    pub(crate) lock_fd: Option<crate::os::PassedNumber>,

    /// The descriptor of the HTTP front's socket, inherited likewise
    #[arg(long, hide = true, value_name = "FD")]
    pub(crate) http_fd: Option<crate::os::PassedNumber>,

    /// The descriptor of the service manager's socket, inherited likewise
    #[arg(long, hide = true, value_name = "FD")]
    pub(crate) listen_fd: Option<crate::os::PassedNumber>,
}

/// How `login` logs in.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoginArgs {
    /// The connection, by its name in the config; without it, the default one
    pub(crate) connection: Option<String>,

    /// Send a code of your authenticator app. Without CODE it is typed, or read from stdin, where no list of
    /// processes shows it
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = login::TYPED)]
    pub(crate) passcode: Option<String>,

    /// Ask for the password, or read it from stdin: for a connection whose configuration has none. The gateway keeps it in
    /// memory only
    #[arg(long)]
    pub(crate) password: bool,

    /// Fail if no gateway is running, instead of starting one
    #[arg(long)]
    pub(crate) no_start: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What `demo` does.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Wait for the end of the demo whose home this is, then remove it
    #[arg(long, hide = true, value_name = "PATH")]
    pub(crate) guard: Option<PathBuf>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every error with file, line and key; exit code 78 if there are any
    Check {
        /// Check this file instead of the one that the gateway reads
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
    /// Print every effective value and where it came from
    Show(OutputArgs),
    /// Say which profile a client gets and why, and print the policy that holds for it
    Explain(explain::ExplainArgs),
    /// Print the reference of all settings, in Markdown
    Reference,
}

/// Parses the arguments, runs the command and returns the process's exit code.
pub fn run() -> ExitCode {
    // What a gateway writes down is its user's alone, whatever the mask of whoever starts it.
    crate::os::make_files_private();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return errors::usage(&error),
    };
    match dispatch(&cli) {
        Ok(code) => code,
        Err(error) => errors::report(&error, cli.wants_json()),
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Install(args) => install::install(cli, args),
        Command::Uninstall(args) => install::uninstall(args),
        Command::Clients(args) => clients::clients(*args),
        Command::Serve(args) => serve::run(cli, args),
        Command::Status(args) => control::status(cli, args),
        Command::Sessions(args) => control::sessions(cli, args),
        Command::Kill(args) => kill::kill(cli, args),
        Command::Open(args) => open::open(cli, args),
        Command::Login(args) => login::login(cli, args),
        Command::Quota(args) => quota::quota(cli, args),
        Command::Queries(args) => queries::queries(cli, args),
        Command::Top(args) => top::top(cli, args),
        Command::Breaker(args) => breaker::breaker(cli, args),
        Command::Keys(args) => keys::keys(cli, args),
        Command::Logs(args) => logs::logs(args),
        Command::Alerts(args) => alerts::alerts(cli, args),
        Command::Metrics(args) => metrics::metrics(cli, args),
        Command::Audit(command) => audit::audit(command),
        Command::History(args) => audit::history(args),
        Command::Stop => stop::stop(cli),
        Command::Restart => control::restart(cli),
        Command::Doctor(args) => doctor::doctor(cli, args),
        Command::Report(args) => report::report(cli, args),
        Command::Reload(args) => reload::reload(cli, args),
        Command::Service(command) => service::run(cli, command),
        Command::Demo(args) => demo::run(args),
        Command::Config(command) => config::run(command, cli.system_config.clone()),
        Command::Bundle(args) => bundle::bundle(cli, args),
        Command::Setup(args) => setup::setup(cli, args),
        Command::MigrateEnv(args) => migrate_env::migrate_env(args),
        Command::Completions { shell } => completions::run(*shell),
        Command::Man { folder } => man::run(folder),
    }
}
