//! A gateway under a service manager without a socket of it: a small supervisor that starts the unit's command again whenever
//! it ends (`Restart=always`). `packaging/systemd/try.sh` tries the units under a real user manager.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::json;
use snowgate_tests::{Client, Home, Signal, binaries, eventually, kill, send_signal, tool_text, until};

const UNIT: &str = include_str!("../../../packaging/systemd/snowgate.service");

/// Between two looks of the supervisor, which starts the command again at once.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// The value of the unit's setting `name`.
fn setting(name: &str) -> &'static str {
    let line = UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("the unit has no {name}"))
}

/// The command that the unit runs.
fn unit_command(home: &Home) -> Command {
    let words: Vec<&str> = setting("ExecStart").split(' ').collect();
    assert!(Path::new(words[0]).ends_with("bin/snowgate"), "{words:?}");
    // As systemd says whom it has executed.
    let mut command = Command::new("sh");
    command.args(["-c", "SYSTEMD_EXEC_PID=$$ exec \"$0\" \"$@\""]).arg(&binaries().gateway).args(&words[1..]);
    command.env("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "0").env("SNOWGATE_HOME", home.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Keeps the unit's command running until it is told to end.
#[derive(Default)]
struct Supervisor {
    running: Mutex<Option<Child>>,
    ends: AtomicBool,
    starts: AtomicU32,
}

impl Supervisor {
    fn run(&self, home: &Home) {
        while !self.ends.load(Ordering::SeqCst) {
            let mut running = self.running();
            let child = running.get_or_insert_with(|| {
                self.starts.fetch_add(1, Ordering::SeqCst);
                unit_command(home).spawn().expect("the unit starts")
            });
            if child.try_wait().expect("waiting for a child").is_some() {
                *running = None;
            }
            drop(running);
            std::thread::sleep(LOOK_PAUSE);
        }
        // As `systemctl stop` does.
        if let Some(mut child) = self.running().take() {
            send_signal(child.id(), Signal::TERM);
            child.wait().expect("waiting for a child");
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().expect("no panic under the lock")
    }

    fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Child::id)
    }

    /// Waits until the unit's process serves, and is another than `before`; gives its id.
    #[track_caller]
    fn serves(&self, home: &Home, before: Option<u32>) -> u32 {
        eventually("the unit's gateway serves", || {
            let (status, pid) = (home.status()?, self.pid()?);
            (status["pid"] == pid && Some(pid) != before).then_some(pid)
        })
    }
}

/// Runs `body` beside a supervisor.
fn supervised(home: &Home, body: impl FnOnce(&Supervisor)) {
    struct Ends<'a>(&'a Supervisor);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.ends.store(true, Ordering::SeqCst);
        }
    }
    let supervisor = Supervisor::default();
    std::thread::scope(|scope| {
        scope.spawn(|| supervisor.run(home));
        // Also if it panics: the scope waits for the supervisor.
        let _ends = Ends(&supervisor);
        body(&supervisor);
    });
}

fn works(client: &mut Client) {
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
}

#[test]
fn the_unit_takes_the_place_of_a_gateway_that_a_client_has_started() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    client.call("set_context", &json!({"database": "TWO"}));
    let before = home.gateway_pid();
    supervised(&home, |unit| {
        unit.serves(&home, None);
        // It lets the lock go a moment before it ends.
        until("the one before has ended", || !home.is_running(before));
        let info = client.call("session_info", &json!({}));
        assert_eq!(info["result"]["structuredContent"]["context"]["database"], "TWO", "{info}");
        assert_eq!(unit.starts.load(Ordering::SeqCst), 1, "it waits instead of giving up");
    });
}

#[test]
fn the_unit_survives_whatever_ends_a_gateway() {
    let home = Home::new();
    supervised(&home, |unit| {
        let mut pid = unit.serves(&home, None);
        let mut client = home.client();
        client.initialize();
        // A stop: it is started again, and the one who stops it is told so.
        let output = home.run(&["stop"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("systemd starts it again"), "{output:?}");
        assert!(output.stdout.contains("systemctl"), "{output:?}");
        pid = unit.serves(&home, Some(pid));
        works(&mut client);
        kill(pid);
        pid = unit.serves(&home, Some(pid));
        works(&mut client);
        // Neither a hang-up nor a restart with a wrong config ends it, nor does another beside it.
        send_signal(pid, Signal::HUP);
        home.configure("[limits]\nrows_maxx = 1\n");
        assert_eq!(home.run(&["restart"]).code, Some(78));
        home.configure("");
        assert_eq!(home.run(&["serve"]).code, Some(0));
        assert_eq!(home.run(&["restart"]).code, Some(0));
        assert_eq!(unit.serves(&home, None), pid, "it is the same process");
        works(&mut client);
        // A wrong config at its start: it is tried until it is corrected.
        home.configure("[limits]\nrows_maxx = 1\n");
        let starts = unit.starts.load(Ordering::SeqCst);
        kill(pid);
        until("it is tried again", || unit.starts.load(Ordering::SeqCst) > starts + 2);
        home.configure("");
        unit.serves(&home, Some(pid));
        works(&mut client);
    });
}

#[test]
fn two_units_do_not_end_each_other() {
    let home = Home::new();
    supervised(&home, |first| {
        let pid = first.serves(&home, None);
        let mut second = unit_command(&home).spawn().expect("it starts");
        let waits = "another gateway runs, and a service manager runs it; waiting for its end";
        until("it waits", || home.log().contains(waits));
        assert_eq!(home.gateway_pid(), pid);
        send_signal(second.id(), Signal::TERM);
        assert!(second.wait().expect("it ends").success(), "one that waits can be stopped");
        // And one that waits takes over at once.
        let mut third = unit_command(&home).spawn().expect("it starts");
        until("it waits", || home.log().matches(waits).count() >= 2);
        first.ends.store(true, Ordering::SeqCst);
        until("it serves", || home.status().is_some_and(|status| status["pid"] == third.id()));
        home.stop();
        assert!(third.wait().expect("it ends").success());
    });
}
