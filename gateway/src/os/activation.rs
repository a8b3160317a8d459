//! The names by which a service manager passes sockets to this process.

/// The variables by which systemd passes sockets (`sd_listen_fds(3)`). They name the process that they are for, so what this one
/// starts ignores them; a program that takes its place by `exec` has the same id, and must not have them.
pub const ACTIVATION_VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// What launchd calls the socket, in the agent's property list.
pub const LAUNCHD_SOCKET: &str = "gateway";
