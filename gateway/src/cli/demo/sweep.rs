//! Removing what a demo leaves: its processes and its folder.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os::{self, EntryKind};

use super::home::{LOCK, PREFIX};
use crate::os::{Found, keep_while_removed, kill, processes_with, terminate};
use crate::process::lock_owner;
use crate::state::ShimProcess;

/// How long the demo's processes may take to end by themselves, and then altogether.
const TERM_TIMEOUT: Duration = Duration::from_millis(500);
const SWEEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// That many looks in a row must find no process before the home is removed. One look may miss a process: the list
/// is read in the order of process ids, and a parent may start it below the place that was reached and end above.
/// A shim starts a gateway in two such steps.
const QUIET_LOOKS: u32 = 3;

/// Ends every process of the demo in `home` and removes it.
///
/// # Errors
/// It is no demo's home, or something of it cannot be removed.
pub(super) fn sweep(home: &Path) -> Result<()> {
    let name = home.file_name().and_then(|name| name.to_str());
    let is_demo_s =
        name.is_some_and(|name| name.starts_with(PREFIX)) && home.parent() == Some(&std::env::temp_dir());
    ensure!(is_demo_s, "{} is no demo's folder", home.display());
    let began = Instant::now();
    let mut quiet_looks = 0;
    loop {
        let found = processes_in(home);
        let is_over = began.elapsed() >= SWEEP_TIMEOUT;
        ensure!(
            found.pids.is_empty() || !is_over,
            "the demo's processes {:?} did not end; its files are still in {}",
            found.pids,
            home.display()
        );
        let is_quiet = found.pids.is_empty() && (is_over || !found.is_one_starting);
        quiet_looks = if is_quiet { quiet_looks + 1 } else { 0 };
        if quiet_looks >= QUIET_LOOKS {
            match std::fs::remove_dir_all(home) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                // Something was written meanwhile.
                Err(_) if !is_over => {}
                Err(error) => return Err(error).with_context(|| format!("cannot remove {}", home.display())),
            }
        }
        for pid in found.pids {
            let is_asked = began.elapsed() < TERM_TIMEOUT && terminate(pid).unwrap_or(false);
            if !is_asked {
                // It may have ended by now.
                let _ = kill(pid);
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// The processes that run in `home`: those that have it as their `SNOWGATE_HOME`. Where the system does not
/// tell, the gateway.
fn processes_in(home: &Path) -> Found {
    processes_with("SNOWGATE_HOME", home.as_os_str())
        .unwrap_or_else(|| Found { pids: gateway_of(home).into_iter().collect(), is_one_starting: false })
}

fn gateway_of(home: &Path) -> Option<u32> {
    let endpoint = Endpoint::resolve(None, Some(home)).ok()?;
    Some(lock_owner(&endpoint)?.pid)
}

/// Removes what demos have left that were killed together with their guards.
pub(super) fn sweep_dead() {
    for home in homes().unwrap_or_default() {
        // What cannot be removed is none of this demo's business.
        let _ = sweep_if_dead(&home);
    }
}

/// This user's folders of demos.
fn homes() -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(std::env::temp_dir())?.flatten();
    let is_demo_s = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(PREFIX))
            && os::look(path).is_ok_and(|found| {
                found.is_some_and(|it| it.kind == EntryKind::Directory && it.owner == os::user())
            })
    };
    Ok(entries.map(|entry| entry.path()).filter(|path| is_demo_s(path)).collect())
}

fn sweep_if_dead(home: &Path) -> Result<()> {
    match std::fs::File::options().read(true).write(true).open(home.join(LOCK)) {
        Ok(lock) => {
            // Held until the end, where that can be: another demo that starts now leaves it to this one.
            if os::try_lock(&lock).is_ok() {
                let _kept = keep_while_removed(lock);
                sweep(home)?;
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // It is about to be locked, or was killed just then.
            let name = home.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let pid = name.strip_prefix(PREFIX).and_then(|pid| pid.parse().ok());
            if pid.and_then(ShimProcess::running).is_none() {
                sweep(home)?;
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
