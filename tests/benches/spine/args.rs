//! The command line.

use crate::common::args;

pub(crate) const HELP: &str = "\
cargo bench -p snowgate-benches --bench spine -- [OPTIONS]

  --quick      fewer and shorter rounds: a look, not a measurement
  --peers      also PyPI mcp-server-sqlite and npm @bytebase/dbhub (fetched once, pinned)
  --only NAME  one part: calls, http, observing, shim, start, idle or peers; may be given more than once
  --help

The programs measured are target/release/snowgate and snowgate-shim: `cargo build --release` first.
SNOWGATE_TEST_BIN_DIR names another folder, whose programs are taken as they are.
";

pub(crate) type Args = args::Args<Part>;

/// One question that the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What a call costs.
    Calls,
    /// What a call over HTTP costs.
    Http,
    /// What logs, audit and statistics cost a call.
    Observing,
    /// How large the shim is.
    Shim,
    /// How long a client waits for its first answer.
    Start,
    /// What an idle session costs the gateway.
    Idle,
    /// How other servers do.
    Peers,
}

impl args::Part for Part {
    const NAMED: &'static [(&'static str, Self)] = &[
        ("calls", Self::Calls),
        ("http", Self::Http),
        ("observing", Self::Observing),
        ("shim", Self::Shim),
        ("start", Self::Start),
        ("idle", Self::Idle),
        ("peers", Self::Peers),
    ];

    fn is_extra(self) -> bool {
        self == Self::Peers
    }
}
