//! The five things that a call is measured through, set up once with all their connections.

use anyhow::Result;
use serde_json::json;
use snowgate_tests::Home;
use tempfile::TempDir;

use crate::bare;
use crate::common::connection::{Connection, Process, Request, own_program};
use crate::common::cpu::Stations;
use crate::common::{roles, sample};

/// What a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// (a) one hop over a socket, to an echo.
    Echo,
    /// (b) two hops, through a forwarder's stdio and a socket, to the same echo.
    Forwarder,
    /// (c) one hop over a socket, to a tool call that only `rmcp` stands behind.
    Bare,
    /// (d) two hops, through shim and gateway, to `session_info`.
    SessionInfo,
    /// (e) the same, to `execute_query('select 1')`.
    Select,
}

impl Subject {
    pub(crate) const ALL: [Self; 5] =
        [Self::Echo, Self::Forwarder, Self::Bare, Self::SessionInfo, Self::Select];

    /// What the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "(a) echo, one hop",
            Self::Forwarder => "(b) forwarder + echo, two hops",
            Self::Bare => "(c) bare rmcp tool call, one hop",
            Self::SessionInfo => "(d) session_info through Snowgate",
            Self::Select => "(e) select 1 through Snowgate",
        }
    }
}

/// Everything that runs for the calls. The fields are dropped in order: connections before what they lead to.
pub(crate) struct Subjects {
    echo: Vec<Connection>,
    forwarders: Vec<Connection>,
    bare: Vec<Connection>,
    /// (d) and (e) differ in what they ask, not in whom.
    shims: Vec<Connection>,
    session_info: Request,
    select: Request,
    constant: Request,
    echo_server: Process,
    bare_server: Process,
    gateway: u32,
    _sockets: TempDir,
    _home: Home,
}

impl Subjects {
    /// Starts everything, with `clients` connections to each. MCP sessions are opened.
    pub(crate) fn start(clients: usize) -> Result<Self> {
        let home = sample::home()?;
        let sockets = roles::socket_folder()?;
        let (echo_socket, echo_server) = roles::start(sockets.path(), roles::ECHO)?;
        let (bare_socket, bare_server) = roles::start(sockets.path(), bare::ROLE)?;
        let many = |connect: &dyn Fn() -> Result<Connection>| {
            (0..clients).map(|_| connect()).collect::<Result<Vec<_>>>()
        };
        let opened = |mut connection: Connection| connection.initialize().map(|()| connection);
        Ok(Self {
            echo: many(&|| Connection::connect(&echo_socket))?,
            forwarders: many(&|| Connection::spawn(&mut own_program(roles::FORWARD, &echo_socket)?))?,
            bare: many(&|| opened(Connection::connect(&bare_socket)?))?,
            shims: many(&|| sample::client(&home))?,
            session_info: sample::session_info(),
            select: sample::select_1(),
            constant: Request::call("constant", &json!({})),
            echo_server,
            bare_server,
            gateway: home.gateway_pid(),
            _sockets: sockets,
            _home: home,
        })
    }

    /// The connections of a subject and what to ask. The echo is asked the line that (d) is asked.
    pub(crate) fn of(&mut self, subject: Subject) -> (&mut [Connection], &Request) {
        match subject {
            Subject::Echo => (&mut self.echo, &self.session_info),
            Subject::Forwarder => (&mut self.forwarders, &self.session_info),
            Subject::Bare => (&mut self.bare, &self.constant),
            Subject::SessionInfo => (&mut self.shims, &self.session_info),
            Subject::Select => (&mut self.shims, &self.select),
        }
    }

    /// Whom a subject's calls go through.
    pub(crate) fn stations(&self, subject: Subject) -> Result<Stations> {
        let (between, server) = match subject {
            Subject::Echo => (Vec::new(), self.echo_server.id()),
            Subject::Forwarder => (pids(&self.forwarders)?, self.echo_server.id()),
            Subject::Bare => (Vec::new(), self.bare_server.id()),
            Subject::SessionInfo | Subject::Select => (pids(&self.shims)?, self.gateway),
        };
        Ok(Stations { between, server })
    }
}

/// The processes behind these connections.
fn pids(connections: &[Connection]) -> Result<Vec<u32>> {
    connections.iter().map(Connection::pid).collect()
}
