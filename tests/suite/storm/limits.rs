//! What the system must allow for so many processes.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the test and all else on the machine need beside the shims.
const SPARE: u64 = 500;

/// A shim's descriptors in this process, and in the gateway.
const DESCRIPTORS: u64 = 1;

/// A shim's threads.
const THREADS: u64 = 3;

/// Raises the limits that this process may raise.
///
/// # Panics
/// One is too low: the message says how to raise it.
pub(crate) fn raise(shims: usize) {
    let shims = shims as u64;
    let (descriptors, threads) = (shims * DESCRIPTORS + SPARE, shims * THREADS + SPARE);
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.map(|maximum| maximum.max(descriptors));
    // Beyond the hard limit only root may go.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .or_else(|_| setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }));
    raised.expect("raising the limit of open files to its maximum");
    let open = getrlimit(Resource::Nofile).current;
    assert!(
        open.is_none_or(|open| open >= descriptors),
        "{shims} shims need {descriptors} descriptors, the limit is {open:?}: `ulimit -Hn {descriptors}` as root"
    );
    let processes = getrlimit(Resource::Nproc).current;
    assert!(
        processes.is_none_or(|processes| processes >= threads),
        "{shims} shims need {threads} threads, the limit is {processes:?}: `ulimit -Hu {threads}` as root"
    );
    for (file, setting) in [("pid_max", "kernel.pid_max"), ("threads-max", "kernel.threads-max")] {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{file}")).expect("a limit of the system");
        let most: u64 = text.trim().parse().expect("a number");
        assert!(
            most >= threads,
            "{shims} shims need {threads} threads, the system allows {most}: `sysctl {setting}={}` as root",
            threads * 2
        );
    }
}
