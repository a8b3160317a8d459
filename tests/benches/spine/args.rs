//! The command line.

use anyhow::{Result, bail};

pub(crate) const HELP: &str = "\
cargo bench -p snowgate-tests --bench spine -- [OPTIONS]

  --quick      fewer and shorter rounds: a look, not a measurement
  --peers      also PyPI mcp-server-sqlite and npm @bytebase/dbhub (fetched once, pinned)
  --only NAME  one part: calls, shim, start, idle or peers; may be given more than once
  --help

The programs measured are target/release/snowgate and snowgate-shim: `cargo build --release` first.
SNOWGATE_TEST_BIN_DIR names another folder, whose programs are taken as they are.
";

/// One question that the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What a call costs.
    Calls,
    /// How large the shim is.
    Shim,
    /// How long a client waits for its first answer.
    Start,
    /// What an idle session costs the gateway.
    Idle,
    /// How other servers do.
    Peers,
}

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) quick: bool,
    pub(crate) help: bool,
    peers: bool,
    only: Vec<Part>,
}

impl Args {
    /// Reads the process's arguments. `--bench`, which cargo adds, is ignored.
    pub(crate) fn parse() -> Result<Self> {
        let mut args = Self::default();
        let mut rest = std::env::args().skip(1);
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--bench" => {}
                "--quick" => args.quick = true,
                "--peers" => args.peers = true,
                "--help" | "-h" => args.help = true,
                "--only" => args.only.push(part(rest.next().as_deref())?),
                other => bail!("unknown argument {other}\n{HELP}"),
            }
        }
        Ok(args)
    }

    /// Whether this part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        match part {
            Part::Peers if self.only.is_empty() => self.peers,
            Part::Peers => self.peers || self.only.contains(&part),
            _ => self.only.is_empty() || self.only.contains(&part),
        }
    }

    /// `full`, or `quick` where a look is enough.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn part(name: Option<&str>) -> Result<Part> {
    Ok(match name {
        Some("calls") => Part::Calls,
        Some("shim") => Part::Shim,
        Some("start") => Part::Start,
        Some("idle") => Part::Idle,
        Some("peers") => Part::Peers,
        other => bail!("--only {}: not one of calls, shim, start, idle, peers", other.unwrap_or_default()),
    })
}
