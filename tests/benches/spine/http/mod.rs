//! What a call over HTTP costs, with one client, with fifty and with five hundred, in turns; and what a session weighs.

pub(crate) mod bare;
mod connection;

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use snowgate_tests::{Home, HttpGateway};
use tempfile::TempDir;

use self::connection::HttpConnection;
use crate::args::Args;
use crate::common::connection::{Connection, Process, Request};
use crate::common::cpu::{Cost, Stations};
use crate::common::driver::drive;
use crate::common::memory::private_kb;
use crate::common::report::{Report, figure, table};
use crate::common::stats::{Sample, median_of, us};
use crate::common::{descriptors, interrupt, roles, sample};

const CLIENTS: [usize; 3] = [1, 50, 500];
const CLIENTS_QUICK: [usize; 3] = [1, 10, 50];
const ROUNDS: usize = 9;
const ROUNDS_QUICK: usize = 3;
/// A subject's turn in a round.
const TURN: Duration = Duration::from_millis(400);
const TURN_QUICK: Duration = Duration::from_millis(100);
/// Sessions that are opened to be weighed.
const SESSIONS: usize = 500;
const SESSIONS_QUICK: usize = 100;

/// (c) at most this many times (a), in p50.
const LATENCY_RATIO_MAX: f64 = 2.0;
/// (c) at least this many times (a), in calls a second with fifty clients.
const THROUGHPUT_RATIO_MIN: f64 = 0.5;
/// A session of a client with a name, without a request for the moment.
const SESSION_KB_MAX: f64 = 128.0;

/// What a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// (a) `rmcp` over HTTP, to a tool that answers a constant.
    Bare,
    /// (b) shim and gateway, to `session_info`.
    Shim,
    /// (c) `/mcp`, to `session_info`.
    Mcp,
    /// (d) `/mcp/tools/call`, to the same.
    Rest,
    /// (e) the same, to `execute_query('select 1')`.
    Select,
}

impl Subject {
    const ALL: [Self; 5] = [Self::Bare, Self::Shim, Self::Mcp, Self::Rest, Self::Select];

    fn name(self) -> &'static str {
        match self {
            Self::Bare => "(a) bare rmcp over HTTP",
            Self::Shim => "(b) session_info through a shim",
            Self::Mcp => "(c) session_info over /mcp",
            Self::Rest => "(d) session_info over REST",
            Self::Select => "(e) select 1 over REST",
        }
    }
}

/// Everything that runs for the calls. The fields are dropped in order: connections before what they lead to.
struct Subjects {
    bare: Vec<HttpConnection>,
    shims: Vec<Connection>,
    mcp: Vec<HttpConnection>,
    rest: Vec<HttpConnection>,
    constant: Request,
    session_info: Request,
    select: Request,
    bare_server: Process,
    _sockets: TempDir,
    gateway: HttpGateway,
}

impl Subjects {
    fn start(clients: usize) -> Result<Self> {
        let home = Home::new();
        let gateway = HttpGateway::with(home, "auth = 'none'\n", "");
        let sockets = roles::socket_folder()?;
        let (port, bare_server) = roles::start(sockets.path(), bare::ROLE)?;
        let bare_address: SocketAddr = fs::read_to_string(&port).context("reading the address")?.parse()?;
        let address = gateway.address();
        let many = |connect: &dyn Fn(usize) -> Result<HttpConnection>| {
            (0..clients).map(connect).collect::<Result<Vec<_>>>()
        };
        let shims = (0..clients).map(|_| sample::client(&gateway.home)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            bare: many(&|_| HttpConnection::open(bare_address))?,
            shims,
            mcp: many(&|_| HttpConnection::open(address))?,
            rest: many(&|number| {
                HttpConnection::connect(address, "/mcp/tools/call", &client_header(number))
            })?,
            constant: Request::call("constant", &json!({})),
            session_info: sample::session_info(),
            select: sample::select_1(),
            bare_server,
            _sockets: sockets,
            gateway,
        })
    }

    fn drive(&mut self, subject: Subject, clients: usize, turn: Duration) -> Result<Sample> {
        match subject {
            Subject::Bare => drive(&mut self.bare[..clients], &self.constant, turn),
            Subject::Shim => drive(&mut self.shims[..clients], &self.session_info, turn),
            Subject::Mcp => drive(&mut self.mcp[..clients], &self.session_info, turn),
            Subject::Rest => drive(&mut self.rest[..clients], &self.session_info, turn),
            Subject::Select => drive(&mut self.rest[..clients], &self.select, turn),
        }
    }

    fn stations(&self, subject: Subject) -> Result<Stations> {
        Ok(match subject {
            Subject::Bare => Stations { between: Vec::new(), server: self.bare_server.id() },
            Subject::Shim => {
                let between = self.shims.iter().map(Connection::pid).collect::<Result<_>>()?;
                Stations { between, server: self.gateway.pid() }
            }
            _ => Stations { between: Vec::new(), server: self.gateway.pid() },
        })
    }
}

/// A name of its own: a session of its own.
fn client_header(number: usize) -> String {
    format!("Snowgate-Client-Id: bench-{number}\r\n")
}

/// One subject's turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    sample: Sample,
    cost: Cost,
}

type Round = [Turn; Subject::ALL.len()];

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let clients = args.pick(CLIENTS, CLIENTS_QUICK);
    let most = clients[clients.len() - 1];
    descriptors::make_room(most, 6)?;
    let mut subjects = Subjects::start(most).context("setting up the calls over HTTP")?;
    let (rounds, turn) = args.pick((ROUNDS, TURN), (ROUNDS_QUICK, TURN_QUICK));
    let mut samples = Vec::new();
    for clients in clients {
        // The first calls do not count.
        round(&mut subjects, 0, clients, turn / 4)?;
        let of_clients = (0..rounds).map(|number| round(&mut subjects, number, clients, turn));
        samples.push((clients, of_clients.collect::<Result<Vec<Round>>>()?));
    }
    for (clients, rounds) in &samples {
        print(*clients, rounds, turn);
    }
    let ratio = median_of(&samples[0].1, |round| us(round[2].sample.p50) / us(round[0].sample.p50));
    report.at_most("p50 of (c) / (a), 1 client", ratio, LATENCY_RATIO_MAX, " x");
    let ratio = median_of(&samples[1].1, |round| round[2].sample.per_second / round[0].sample.per_second);
    report.at_least(
        format!("calls/s of (c) / (a), {} clients", samples[1].0),
        ratio,
        THROUGHPUT_RATIO_MIN,
        " x",
    );
    drop(subjects);
    weigh_sessions(args, report)
}

/// Every subject's turn, another one first each time.
fn round(subjects: &mut Subjects, number: usize, clients: usize, duration: Duration) -> Result<Round> {
    let mut turns = [None; Subject::ALL.len()];
    for offset in 0..turns.len() {
        interrupt::check()?;
        let at = (number + offset) % turns.len();
        let subject = Subject::ALL[at];
        let stations = subjects.stations(subject)?;
        let before = stations.used()?;
        let sample = subjects.drive(subject, clients, duration).with_context(|| subject.name())?;
        let cost = stations.used()?.each_since(before, sample.calls);
        turns[at] = Some(Turn { sample, cost });
    }
    let turns: Option<Vec<Turn>> = turns.into_iter().collect();
    turns.and_then(|turns| turns.try_into().ok()).context("a subject had no turn")
}

fn print(clients: usize, rounds: &[Round], turn: Duration) {
    let figures: [fn(&Turn) -> f64; 6] = [
        |turn| us(turn.sample.p50),
        |turn| us(turn.sample.p99),
        |turn| turn.sample.per_second,
        |turn| turn.cost.client,
        |turn| turn.cost.between,
        |turn| turn.cost.server,
    ];
    let row = |(at, subject): (usize, Subject)| {
        let of = figures.map(|figure_of| figure(median_of(rounds, |round| figure_of(&round[at]))));
        std::iter::once(subject.name().to_owned()).chain(of).collect()
    };
    let rows: Vec<Vec<String>> = Subject::ALL.into_iter().enumerate().map(row).collect();
    let title = format!(
        "Calls over HTTP, {clients} clients, medians of {} rounds of {} ms for each; microseconds",
        rounds.len(),
        turn.as_millis()
    );
    let header = ["through", "p50", "p99", "calls/s", "processor: driver", "between", "server"];
    table(&title, &header, &rows);
}

/// What a session of a client with a name weighs, and one over `/mcp` with its connection.
fn weigh_sessions(args: &Args, report: &mut Report) -> Result<()> {
    let sessions = args.pick(SESSIONS, SESSIONS_QUICK);
    let weigh = |open: &dyn Fn(SocketAddr, usize) -> Result<Option<HttpConnection>>| {
        let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", "");
        // The first ones weigh more.
        let mut held = (0..5).map(|number| open(gateway.address(), number)).collect::<Result<Vec<_>>>()?;
        let before = private_kb(gateway.pid())?;
        for number in 5..5 + sessions {
            interrupt::check()?;
            held.push(open(gateway.address(), number)?);
        }
        let after = private_kb(gateway.pid())?;
        drop(held);
        #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
        Ok::<f64, anyhow::Error>((after - before) / sessions as f64)
    };
    let named = weigh(&|address, number| {
        let headers = client_header(number);
        let mut connection = HttpConnection::connect(address, "/mcp/tools/call", &headers)?;
        connection.ask(&sample::session_info()).map(|_| None)
    })?;
    let open = weigh(&|address, _| {
        let mut connection = HttpConnection::open(address)?;
        connection.ask(&sample::session_info()).map(|_| Some(connection))
    })?;
    table(
        "Memory of the gateway, kB",
        &["", "each"],
        &[
            vec!["a session by name, no connection".to_owned(), figure(named)],
            vec!["a session of /mcp with its connection".to_owned(), figure(open)],
        ],
    );
    report.at_most("memory of the gateway, a session by name over HTTP", named, SESSION_KB_MAX, " kB");
    Ok(())
}
