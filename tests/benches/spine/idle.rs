//! What an idle session costs the gateway: a thousand connections from this process, each with `initialize`
//! answered.
//!
//! The gateway is fresh but for one session, so that no memory which earlier sessions gave back flatters the
//! figure.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use snowgate_link::ShimLink;
use snowgate_link::credit::Window;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::frame::{Decoder, Kind};
use snowgate_link::hello::{ClientHello, Origin, Role};
use snowgate_link::start::{Attempt, Connected, connect};
use snowgate_tests::Home;

use crate::args::Args;
use crate::common::connection::{Request, check_answer};
use crate::common::memory::private_kb;
use crate::common::report::{Report, figure, table};
use crate::common::{descriptors, interrupt, sample};

const SESSIONS: u16 = 1_000;
const SESSIONS_QUICK: u16 = 200;

/// A connection and its hello, at most.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

const SESSION_KB_MAX: f64 = 64.0;

pub(crate) fn measure(args: &Args, report: &mut Report) -> Result<()> {
    let sessions = args.pick(SESSIONS, SESSIONS_QUICK);
    descriptors::make_room(sessions.into(), 1)?;
    let home = sample::home()?;
    sample::stop(&home);
    sample::warm_up(&home)?;
    let gateway = home.gateway_pid();
    let before = private_kb(gateway)?;
    let open = open_sessions(&home, sessions)?;
    let after = private_kb(gateway)?;
    let each = (after - before) / f64::from(sessions);
    drop(open);
    let row = |what: &str, value| vec![what.to_owned(), figure(value)];
    table(
        "The gateway's private memory",
        &["", "kB"],
        &[
            row("before", before),
            row(&format!("with {sessions} idle sessions"), after),
            row("an idle session", each),
        ],
    );
    report.at_most("memory of the gateway, an idle session", each, SESSION_KB_MAX, " kB");
    Ok(())
}

fn open_sessions(home: &Home, sessions: u16) -> Result<Vec<Connected>> {
    let endpoint = Endpoint::resolve(None, Some(home.path())).context("the home's endpoint")?;
    let mut open = Vec::with_capacity(sessions.into());
    for number in 1..=sessions {
        interrupt::check()?;
        open.push(open_session(&endpoint).with_context(|| format!("opening session {number}"))?);
    }
    Ok(open)
}

/// Does what a shim does for a client that says `initialize` and then nothing.
fn open_session(endpoint: &Endpoint) -> Result<Connected> {
    let mut hello = ClientHello::new(Role::Client);
    hello.origin = Origin { pid: std::process::id(), ..Origin::default() };
    let Attempt::Connected(connected) = connect(endpoint, &hello, Instant::now() + HELLO_LIMIT)? else {
        bail!("the gateway is gone");
    };
    let mut link = ShimLink::new(Window::default());
    link.connected(&connected.welcome);
    link.line(Request::initialize().line(1).trim_ascii_end());
    let frame = link.next_to_send().context("no credit for the first line")?;
    (&connected.stream).write_all(frame).context("sending initialize")?;
    let mut decoder = Decoder::new();
    decoder.push(&connected.rest);
    let mut bytes = [0; 16 * 1024];
    loop {
        while let Some(frame) = decoder.frame()? {
            link.received(&frame)?;
            if frame.kind == Kind::Line {
                check_answer(frame.payload, 1)?;
                return Ok(*connected);
            }
        }
        match (&connected.stream).read(&mut bytes).context("reading the answer to initialize")? {
            0 => bail!("the gateway closed the connection"),
            read => decoder.push(&bytes[..read]),
        }
    }
}
