//! What the journal adds to a write: its own two commits, and a write through shim and gateway with and
//! without it.

mod statements;
mod store;

use anyhow::Result;

use crate::args::Args;

pub(crate) fn measure(args: &Args) -> Result<()> {
    store::measure(args)?;
    statements::measure(args)
}
