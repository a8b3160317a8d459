//! Tests of the command line as a whole.

use anyhow::Context;
use clap::CommandFactory;

use super::*;
use crate::config::PathsError;

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_socket_goes_before_or_after_the_command() {
    for args in [["snowgate", "--socket", "/s", "stop"], ["snowgate", "stop", "--socket", "/s"]] {
        assert_eq!(Cli::try_parse_from(args).unwrap().socket(), Some("/s".into()));
    }
    let empty = Cli::try_parse_from(["snowgate", "--socket", "", "stop"]).unwrap();
    assert_eq!(empty.socket(), None);
}

#[test]
fn every_command_parses() {
    for line in [
        "install claude-code codex --profile p --session s --scope project --name n --dry-run --force --json",
        "install --all",
        "install --print zed",
        "uninstall --all --dry-run",
        "uninstall vscode opencode --name n --scope user --json",
        "clients",
        "clients --json",
        "serve",
        "serve --ready-stdout",
        "status --json",
        "status --all",
        "sessions --json",
        "login",
        "login --passcode",
        "login --passcode 123456 --json",
        "login work --password --no-start",
        "setup",
        "setup --account a-b --user u --authenticator externalbrowser --warehouse w --role r --database d --yes --json",
        "setup --backend sqlite --folder /tmp --write --profile p --no-test --dry-run --overwrite",
        "setup sql --database A --database B --role R --user U --warehouse W --agent --credits 5 --timeout 9 --from 1.2.3.4",
        "top",
        "top -d 2 --once",
        "top --json",
        "open",
        "open --print",
        "open --json",
        "queries",
        "queries --sort p95 --slow -n 5 --minutes",
        "queries --json",
        "quota",
        "quota show --json",
        "quota --json",
        "quota reset",
        "quota reset claude-code --json",
        "breaker",
        "breaker --json",
        "breaker status --json",
        "breaker open sqlite",
        "breaker close sqlite --json",
        "breaker reset sqlite",
        "keys create --name ci --profile p --role analyst --expires 30d --allow-from 10.0.0.0/8,::1 --rate 60/min --rate 9/h",
        "keys create --name ci --json",
        "keys list",
        "keys list --json",
        "keys revoke ci",
        "keys rotate ci --overlap 0 --json",
        "logs",
        "logs -f --stream access --session 0a1b --client x --since 10m --level warn --lines 10 --json",
        "alerts",
        "alerts --json",
        "metrics",
        "metrics --openmetrics",
        "metrics reference",
        "stop",
        "restart",
        "doctor",
        "doctor --all --login --retry-password --fix --dry-run --json",
        "report",
        "report --list --json --output x.tar.gz",
        "reload",
        "reload --json",
        "service install --dry-run --json",
        "service uninstall",
        "service status --json",
        "service logs -f -n 5",
        "demo",
        "config check --file x",
        "config show --json",
        "config reference",
        "config explain --client x --parent y --folder z --key k --profile p --json",
        "bundle --profile analyst --output x.mcpb --name x --config c.toml --json",
        "migrate-env .env --output config.toml --json",
        "completions zsh",
        "man /tmp",
    ] {
        let args = ["snowgate"].into_iter().chain(line.split(' '));
        assert!(Cli::try_parse_from(args).is_ok(), "{line}");
    }
}

#[test]
fn a_wrong_configuration_has_its_own_exit_code() {
    let error = Err::<(), _>(PathsError::NoHome).context("starting").unwrap_err();
    assert_eq!(advice::exit_code(&error), exit::CONFIG);
    assert_eq!(advice::exit_code(&anyhow::anyhow!("fault")), exit::INTERNAL);
}
