//! `snowgate demo` leaves nothing behind, however it ends.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use snowgate_tests::{Process, Signal, binaries, eventually, kill, send_signal, until};
use tempfile::TempDir;

/// A folder for temporary files, with a demo in it.
struct Demo {
    folder: TempDir,
    child: Child,
}

impl Demo {
    fn start() -> Self {
        // Not below $TMPDIR, which may be long: a socket's path has at most 100 bytes.
        let folder = tempfile::Builder::new().prefix("sg").rand_bytes(6).tempdir_in("/tmp");
        let folder = folder.expect("a temporary folder");
        let child = demo_in(folder.path()).spawn().expect("the demo starts");
        Self { folder, child }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join(format!("snowgate-demo-{}", self.child.id()))
    }

    /// What is left of it: files and processes.
    fn left(&self) -> (Vec<PathBuf>, Vec<Process>) {
        let entries = fs::read_dir(self.folder.path()).expect("reading the folder");
        let home = format!("SNOWGATE_HOME={}", self.home().display());
        (entries.flatten().map(|entry| entry.path()).collect(), Process::with_variable(&home))
    }

    /// Its guard's process; `None` before it has one.
    fn guard(&self) -> Option<u32> {
        let tmpdir = format!("TMPDIR={}", self.folder.path().display());
        let processes = Process::with_variable(&tmpdir);
        processes.into_iter().find(|process| process.command.contains("--guard")).map(|process| process.pid)
    }
}

fn demo_in(folder: &Path) -> Command {
    let mut command = Command::new(&binaries().gateway);
    command.arg("demo").env("TMPDIR", folder).env_remove("SNOWGATE_HOME");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Moments of a demo's life, each with what tells that it has come.
const MOMENTS: [fn(&Demo) -> bool; 5] = [
    |demo| demo.guard().is_some(),
    |demo| demo.home().exists(),
    |demo| demo.home().join("run/gateway.lock").exists(),
    |demo| demo.home().join("run/gateway.sock").exists(),
    |demo| demo.home().join("data/sample").exists(),
];

/// Ends demos with `signal` at each of the moments, a few times.
fn leaves_nothing_behind(signal: Signal) {
    for round in 0..2 {
        for (moment, has_come) in MOMENTS.iter().enumerate() {
            let mut demo = Demo::start();
            until("the moment", || has_come(&demo));
            send_signal(demo.child.id(), signal);
            let what = format!("the demo has ended (round {round}, moment {moment})");
            let status = eventually(&what, || demo.child.try_wait().expect("waiting for a child"));
            if signal == Signal::KILL {
                assert_eq!(status.signal(), Some(9));
                until("nothing is left", || demo.left() == (Vec::new(), Vec::new()));
            } else {
                assert!(!status.success(), "{status}");
                assert_eq!(demo.left(), (Vec::new(), Vec::new()), "round {round}, moment {moment}, {status}");
            }
            until("its guard is gone", || demo.guard().is_none());
        }
    }
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    leaves_nothing_behind(Signal::INT);
}

#[test]
fn a_demo_that_is_terminated_leaves_nothing_behind() {
    leaves_nothing_behind(Signal::TERM);
}

#[test]
fn a_demo_that_is_killed_leaves_nothing_behind() {
    leaves_nothing_behind(Signal::KILL);
}

#[test]
fn a_demo_removes_what_one_has_left_that_was_killed_with_its_guard() {
    let mut demo = Demo::start();
    until("its gateway serves", || demo.home().join("run/gateway.sock").exists());
    kill(demo.guard().expect("a guard"));
    kill(demo.child.id());
    demo.child.wait().expect("waiting for a child");
    until("only its files are left, and its gateway", || demo.guard().is_none());
    assert!(demo.home().exists());
    // Not a demo's: they stay.
    let others = [demo.folder.path().join("snowgate-demo"), demo.folder.path().join("other")];
    others.iter().for_each(|other| fs::create_dir(other).expect("making a folder"));
    let next = demo_in(demo.folder.path()).output().expect("the next demo starts");
    assert!(next.status.success(), "{next:?}");
    let (mut files, processes) = demo.left();
    files.sort();
    assert_eq!((files, processes), (vec![others[1].clone(), others[0].clone()], Vec::new()));
}

#[test]
fn a_demo_ends_by_itself_and_leaves_another_one_alone() {
    let mut first = Demo::start();
    until("it has its home", || first.home().join("demo.lock").exists());
    let second = demo_in(first.folder.path()).output().expect("the second starts");
    assert!(second.status.success(), "{second:?}");
    let status = eventually("the first ends", || first.child.try_wait().expect("waiting for a child"));
    assert!(status.success(), "{status}");
    assert_eq!(first.left(), (Vec::new(), Vec::new()));
}
