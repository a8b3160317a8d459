//! The command line.

use crate::common::args;

pub(crate) const HELP: &str = "\
cargo bench -p snowgate-benches --bench tokens -- [OPTIONS]

  --quick      the same: nothing is timed
  --only NAME  one part: scenario
  --help

PyPI mcp-server-sqlite and npm @bytebase/dbhub are fetched once, pinned, and npm gpt-tokenizer, which has the
vocabulary.
";

pub(crate) type Args = args::Args<Part>;

/// One question that the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What an analyst's work costs a model.
    Scenario,
}

impl args::Part for Part {
    const NAMED: &'static [(&'static str, Self)] = &[("scenario", Self::Scenario)];
}
