//! Sockets, as the kernel of Linux lists them.

use std::collections::BTreeSet;
use std::fs;

use snowgate_tests::Home;

/// The gateways that listen in `home`, as the kernel has it: each listens under the name `g.<its process id>`
/// before it moves the socket into place.
pub(super) fn listening(home: &Home) -> BTreeSet<u32> {
    const ACCEPTS: &str = "00010000";
    let prefix = format!("{}/g.", home.run_dir().display());
    let sockets = fs::read_to_string("/proc/net/unix").expect("the list of sockets");
    let pid = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let pid = columns.last()?.strip_prefix(&prefix)?;
        (columns.get(3) == Some(&ACCEPTS)).then(|| pid.parse().expect("a process id"))
    };
    sockets.lines().filter_map(pid).collect()
}
