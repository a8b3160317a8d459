//! The command line.

use crate::common::args;

pub(crate) const HELP: &str = "\
cargo bench -p snowgate-benches --bench queue -- [OPTIONS]

  --quick      fewer rounds: a look, not a measurement
  --only NAME  one part: grants
  --help

Nothing is started: the gateway's own pool runs in this process, over a backend that answers at once.
";

pub(crate) type Args = args::Args<Part>;

/// One question that the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What it costs to get a connection and give it back.
    Grants,
}

impl args::Part for Part {
    const NAMED: &'static [(&'static str, Self)] = &[("grants", Self::Grants)];
}
