//! Which release of the system this is, for a bug report.

use std::process::Command;
use std::time::Duration;

use crate::os::{Release, run_bounded};

/// How long it may take to say it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes of what it says, at most.
const BYTES_MAX: usize = 256;

/// That of this system, as it says it itself: `Microsoft Windows [Version 10.0.26100.1]`.
pub fn release() -> Release {
    let said = run_bounded(Command::new("cmd").args(["/d", "/c", "ver"]), TIMEOUT, BYTES_MAX);
    let name = said.ok().map(|said| said.out.trim().to_owned()).filter(|name| !name.is_empty());
    Release { name, kernel: None }
}
