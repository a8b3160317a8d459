//! The limit of open files, which a thousand clients exceed.

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors of this process besides the clients'.
const SPARE: u64 = 200;

/// Makes room for `clients` clients with `each` descriptors. What is started afterwards has the same limit.
pub(crate) fn make_room(clients: usize, each: u64) -> Result<()> {
    let needed = clients as u64 * each + SPARE;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        bail!("{needed} open files are needed, and the hard limit (`ulimit -Hn`) is lower");
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}
