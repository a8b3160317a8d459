//! The command line.

use crate::common::args;

pub(crate) const HELP: &str = "\
cargo bench -p snowgate-benches --bench account -- [OPTIONS]

  --quick      fewer and shorter rounds: a look, not a measurement
  --only NAME  one part: statements
  --help

The programs measured are target/release/snowgate and snowgate-shim: `cargo build --release` first.
SNOWGATE_TEST_BIN_DIR names another folder, whose programs are taken as they are.
";

pub(crate) type Args = args::Args<Part>;

/// One question that the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What a statement costs.
    Statements,
}

impl args::Part for Part {
    const NAMED: &'static [(&'static str, Self)] = &[("statements", Self::Statements)];
}
