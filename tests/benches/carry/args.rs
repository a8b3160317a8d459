//! The command line.

use crate::common::args;

pub(crate) const HELP: &str = "\
cargo bench -p snowgate-benches --bench carry -- [OPTIONS]

  --quick      fewer and shorter rounds: a look, not a measurement
  --only NAME  one part: retain, journal, resume or restart; may be given more than once
  --help

The programs measured are target/release/snowgate and snowgate-shim: `cargo build --release` first.
SNOWGATE_TEST_BIN_DIR names another folder, whose programs are taken as they are.
";

pub(crate) type Args = args::Args<Part>;

/// One question that the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What it costs the shim to retain lines.
    Retain,
    /// What the journal adds to a write.
    Journal,
    /// How long clients wait when the gateway is killed.
    Resume,
    /// What clients notice of `snowgate restart`.
    Restart,
}

impl args::Part for Part {
    const NAMED: &'static [(&'static str, Self)] = &[
        ("retain", Self::Retain),
        ("journal", Self::Journal),
        ("resume", Self::Resume),
        ("restart", Self::Restart),
    ];
}
