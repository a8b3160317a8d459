//! The units of systemd, as text: for `service install`, and for packages (`packaging/systemd`).

use super::Site;

/// The socket unit: systemd has the socket from the user's log-in on, whether a gateway runs or not.
pub fn socket_text(site: &Site) -> String {
    format!(
        "\
# Written by `snowgate service install`, or by a package.
[Unit]
Description=Socket of Snowgate, a shared gateway between MCP clients and databases
Documentation=https://github.com/snowgate/snowgate/blob/main/docs/service.md

[Socket]
ListenStream={socket}
# Its user's alone: who can connect can run statements.
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
",
        socket = site.socket
    )
}

/// The service unit.
pub fn service_text(site: &Site) -> String {
    let environment: String = site
        .variables
        .iter()
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    let program = quoted_program(&site.program);
    format!(
        "\
# Written by `snowgate service install`, or by a package. Changes go in a file of their own:
# systemctl --user edit {service}
[Unit]
Description=Snowgate, a shared gateway between MCP clients and databases
Documentation=https://github.com/snowgate/snowgate/blob/main/docs/service.md
Requires={socket}
After={socket}
# It is started again each second, for instance until a mistake in the config is corrected. If that does not help, both units
# fail, and the socket is closed: clients would wait in it for a gateway that never comes. They start one as without a service.
StartLimitIntervalSec=60
StartLimitBurst=15

[Service]
Type=notify
{environment}# --replace: a gateway that a client has started makes room, and its clients go on with this one.
ExecStart={program} serve --replace
# With a mistake in the config it fails (78), and the gateway goes on with the config that it has.
ExecReload={program} reload
# After a crash, not after `snowgate stop` or when it was idle: the socket starts it when a client comes.
Restart=on-failure
RestartSec=1
TimeoutStartSec=60
# Longer than the longest `drain_timeout_ms` (15 s) plus the time to close connections.
TimeoutStopSec=45
# What it has started (validators, token commands) is killed only if it outlives it.
KillMode=mixed
# It says that it is alive every 15 s. Killed without a core file, which would have secrets in it.
WatchdogSec=30
WatchdogSignal=SIGKILL
LimitCORE=0

# What works without privileges, also in a container, and lets programs run that the config names (validators,
# `token_command`): no MemoryDenyWriteExecute, without which node and Java do not run; nothing that needs a mount
# namespace (ProtectSystem, PrivateTmp ...), which is not allowed to users everywhere, and the unit would not start.
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
Also={socket}
",
        service = site.service_unit(),
        socket = site.socket_unit(),
    )
}

/// A word in quotes, as systemd reads it. Specifiers are those of the caller.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// A program's path: in quotes only where it needs them, and `$` is not for variables.
fn quoted_program(program: &str) -> String {
    let program = program.replace('$', "$$");
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+%$@:".contains(char);
    if program.chars().all(is_plain) {
        return program;
    }
    format!("\"{}\"", program.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceManager;

    #[test]
    fn the_units_of_packages_are_those_that_install_writes() {
        let site = Site::packaged(ServiceManager::Systemd);
        assert_eq!(socket_text(&site), include_str!("../../../packaging/systemd/snowgate.socket"));
        assert_eq!(service_text(&site), include_str!("../../../packaging/systemd/snowgate.service"));
    }

    #[test]
    fn what_systemd_would_read_otherwise_is_written_so_that_it_does_not() {
        let mut site = Site::packaged(ServiceManager::Systemd);
        site.program = "/home/a b/sn\"ow$gate".to_owned();
        site.variables = vec![("SNOWGATE_HOME".to_owned(), "/srv/100% \"x\"".to_owned())];
        let text = service_text(&site);
        assert!(text.contains("ExecStart=\"/home/a b/sn\\\"ow$$gate\" serve --replace\n"), "{text}");
        assert!(text.contains("Environment=\"SNOWGATE_HOME=/srv/100%% \\\"x\\\"\"\n"), "{text}");
    }
}
