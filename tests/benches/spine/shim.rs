//! How large a shim is: its file, and its private memory when it idles after a call.

use std::fs;

use anyhow::{Context, Result};
use snowgate_tests::Binaries;

use crate::args::Args;
use crate::common::memory::private_kb;
use crate::common::report::{Report, figure, table};
use crate::common::sample;
use crate::common::stats::median;

const SHIMS: usize = 10;
const SHIMS_QUICK: usize = 3;

/// Kilobytes, which are 1000 bytes for a file and 1024 bytes for memory.
const SIZE_KB_MAX: f64 = 500.0;
const PRIVATE_KB_MAX: f64 = 700.0;

pub(crate) fn measure(args: &Args, programs: &Binaries, report: &mut Report) -> Result<()> {
    let bytes = |path| fs::metadata(path).with_context(|| format!("looking at {}", programs.shim.display()));
    let size_kb = u32::try_from(bytes(&programs.shim)?.len()).map_or(f64::INFINITY, f64::from) / 1e3;
    let home = sample::home()?;
    let mut shims = Vec::new();
    for _ in 0..args.pick(SHIMS, SHIMS_QUICK) {
        let mut shim = sample::client(&home)?;
        shim.ask(&sample::session_info())?;
        shims.push(shim);
    }
    let private: Result<Vec<f64>> = shims.iter().map(|shim| private_kb(shim.pid()?)).collect();
    let private_kb = median(&private?);
    let row = |what: &str, value| vec![what.to_owned(), figure(value)];
    table(
        "The shim",
        &["", "kB"],
        &[row("file, stripped as built", size_kb), row("private memory, idle after a call", private_kb)],
    );
    report.at_most("size of the shim's file", size_kb, SIZE_KB_MAX, " kB");
    report.at_most("private memory of a shim", private_kb, PRIVATE_KB_MAX, " kB");
    Ok(())
}
