//! The gateway under a service manager: the socket that it is passed, what it tells, and the commands. What a real systemd
//! does with the units is in `packaging/systemd/try.sh`.

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{
    Client, Home, Output, Signal, binaries, patience, send_signal, tool_text, until, write_script,
};

/// Makes descriptor 0 descriptor 3, as a service manager passes a socket, and becomes its arguments.
const PASS_SOCKET: &str = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";

/// A socket that a service manager has made in the gateway's place.
fn socket(home: &Home) -> UnixListener {
    std::fs::create_dir_all(home.run_dir()).expect("making the folder");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(home.run_dir(), private).expect("making it private");
    UnixListener::bind(home.socket()).expect("a socket")
}

/// A gateway to which `socket` is passed, about to start.
fn activated(home: &Home, socket: &UnixListener) -> Command {
    let passed = OwnedFd::from(socket.try_clone().expect("a second descriptor"));
    let gateway = home.gateway();
    let mut command = Command::new("sh");
    command.args(["-c", PASS_SOCKET, "sh"]).arg(gateway.get_program()).arg("serve");
    for (name, value) in gateway.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(passed).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn connected(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

#[track_caller]
fn ended(mut gateway: Child) -> Output {
    until("the gateway has ended", || gateway.try_wait().expect("a child").is_some());
    let output = gateway.wait_with_output().expect("its output");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_passed_socket_serves_over_a_restart_and_stays_when_the_gateway_stops() {
    let home = Home::new();
    let socket = socket(&home);
    let gateway = activated(&home, &socket).spawn().expect("a gateway");
    let mut client = connected(&home);
    assert_eq!(home.gateway_pid(), gateway.id());
    assert_eq!(home.run(&["restart"]).code, Some(0));
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    assert_eq!(home.gateway_pid(), gateway.id());
    assert_eq!(home.run(&["stop"]).code, Some(0));
    assert_eq!(ended(gateway).code, Some(0));
    assert!(home.socket().exists());
    // A client that comes now waits in the socket for the next one.
    let asked = client.send_query("select 2 as n");
    let next = activated(&home, &socket).spawn().expect("the next gateway");
    assert_eq!(tool_text(&client.answer(&asked)), "n\n2\n(1 row)");
    assert_eq!(home.run(&["stop"]).code, Some(0));
    assert_eq!(ended(next).code, Some(0));
}

#[test]
fn the_service_s_gateway_takes_the_place_of_one_that_a_client_has_started() {
    let home = Home::new();
    let mut client = connected(&home);
    let before = home.gateway_pid();
    // As systemd does with a socket that is in the place of its own.
    std::fs::remove_file(home.socket()).expect("removing the socket");
    let socket = socket(&home);
    let gateway = activated(&home, &socket).spawn().expect("a gateway");
    until("the one before is gone", || !home.is_running(before));
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    assert_eq!(home.gateway_pid(), gateway.id());
    home.stop();
    assert_eq!(ended(gateway).code, Some(0));
}

#[test]
fn a_service_whose_socket_was_removed_ends_as_failed_and_the_next_one_is_found_all_the_same() {
    let home = Home::new();
    let socket = socket(&home);
    let start = || {
        let mut command = activated(&home, &socket);
        // As what systemd has executed.
        let script = PASS_SOCKET.replace("LISTEN_FDS=1", "LISTEN_FDS=1 SYSTEMD_EXEC_PID=$$");
        let arguments: Vec<_> = command.get_args().skip(2).map(ToOwned::to_owned).collect();
        let mut again = Command::new("sh");
        again.args(["-c", &script]).args(arguments);
        for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            again.env(name, value);
        }
        let passed = OwnedFd::from(socket.try_clone().expect("a second descriptor"));
        command.stdin(Stdio::null());
        again.stdin(passed).stdout(Stdio::null()).stderr(Stdio::piped());
        again.spawn().expect("a gateway")
    };
    let gateway = start();
    let client = connected(&home);
    assert_eq!(home.gateway_pid(), gateway.id());
    // Else it would start the next one.
    client.signal(Signal::KILL);
    std::fs::remove_file(home.socket()).expect("removing the socket");
    // With which the manager starts another, and passes the same socket.
    assert_eq!(ended(gateway).code, Some(70));
    let next = start();
    until("the next one is found", || home.status().is_some_and(|status| status["pid"] == next.id()));
    let mut client = connected(&home);
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    assert_eq!(home.gateway_pid(), next.id());
    home.stop();
    ended(next);
}

#[test]
fn a_garbled_listen_pid_is_not_for_the_gateway() {
    let home = Home::new();
    let mut command = home.gateway();
    command.arg("serve").env("LISTEN_PID", "x").env("LISTEN_FDS", "1");
    let gateway = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a gateway");
    until("the log says it", || home.log().contains("LISTEN_PID is no process id"));
    until("it serves", || home.status().is_some_and(|status| status["pid"] == gateway.id()));
    home.stop();
    assert_eq!(ended(gateway).code, Some(0));
}

#[test]
fn a_socket_of_another_place_is_refused() {
    let home = Home::new();
    drop(socket(&home));
    let other = UnixListener::bind(home.path().join("other.sock")).expect("a socket");
    let refused = ended(activated(&home, &other).spawn().expect("a gateway"));
    assert_eq!(refused.code, Some(70), "{refused:?}");
    assert!(refused.stderr.contains("other.sock") && refused.stderr.contains("ListenStream"), "{refused:?}");
}

#[test]
fn clients_that_wait_for_a_gateway_that_cannot_start_are_told_why() {
    let home = Home::new();
    home.configure("[limits]\nrows_maxx = 1\n");
    let socket = socket(&home);
    let mut client = home.client();
    let asked = client.send("ping", &json!({}));
    until("the client that waits was told", || {
        let refused = ended(activated(&home, &socket).spawn().expect("a gateway"));
        assert_eq!(refused.code, Some(78), "{refused:?}");
        client.stderr().contains("rows_maxx")
    });
    let answer = client.answer(&asked);
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("rows_maxx")), "{answer}");
    client.close_stdin();
    client.rest();
}

/// What a gateway has told its service manager since the last look, a message each. All is read as it comes: the gateway waits
/// where its manager does not read.
struct Told {
    messages: Receiver<String>,
    path: PathBuf,
    /// The reader goes on while this is there.
    _reads: Arc<()>,
}

/// How long the reader waits before it looks whether it is still wanted.
const READ_TIMEOUT: Duration = Duration::from_millis(100);

impl Told {
    fn of(home: &Home) -> Self {
        let path = home.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a time-out");
        let (told, messages) = channel();
        let reads = Arc::new(());
        let wanted = Arc::downgrade(&reads);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while wanted.strong_count() > 0 {
                // Nothing yet.
                let Ok(read) = socket.recv(&mut bytes) else { continue };
                if told.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { messages, path, _reads: reads }
    }

    /// Forgets what has been told until now.
    fn forget(&self) {
        while self.messages.try_recv().is_ok() {}
    }

    /// How many messages have the line `line` until one has `last`, and that one.
    #[track_caller]
    fn count_until(&self, line: &str, last: &str) -> (usize, String) {
        let mut count = 0;
        loop {
            let message =
                self.messages.recv_timeout(patience()).unwrap_or_else(|error| panic!("no {last}: {error}"));
            let has = |wanted: &str| message.lines().any(|said| said == wanted);
            count += usize::from(has(line));
            if has(last) {
                return (count, message);
            }
        }
    }

    /// The next message that has the line `line`.
    #[track_caller]
    fn wait_for(&self, line: &str) -> String {
        self.count_until(line, line).1
    }
}

#[test]
fn a_service_manager_is_told_what_becomes_of_the_gateway() {
    let home = Home::new();
    let (socket, told) = (socket(&home), Told::of(&home));
    let mut command = activated(&home, &socket);
    command.env("NOTIFY_SOCKET", &told.path).env("WATCHDOG_USEC", "400000");
    let gateway = command.spawn().expect("a gateway");
    assert!(told.wait_for("READY=1").contains("STATUS=serving on"));
    told.wait_for("WATCHDOG=1");
    told.wait_for("WATCHDOG=1");
    assert_eq!(home.run(&["reload"]).code, Some(0));
    assert!(told.wait_for("RELOADING=1").contains("MONOTONIC_USEC="));
    told.wait_for("READY=1");
    assert_eq!(home.run(&["restart"]).code, Some(0));
    assert!(told.wait_for("RELOADING=1").contains("STATUS=restarting"));
    told.wait_for("READY=1");
    told.wait_for("WATCHDOG=1");
    send_signal(gateway.id(), Signal::TERM);
    assert!(told.wait_for("STOPPING=1").contains("EXTEND_TIMEOUT_USEC="));
    assert_eq!(ended(gateway).code, Some(0));
}

#[test]
fn a_drain_that_takes_longer_than_the_watchdog_s_time_is_no_reason_to_be_killed() {
    let home = Home::new();
    home.configure("[gateway]\ndrain_timeout_ms = 3000\n");
    let (socket, told) = (socket(&home), Told::of(&home));
    let mut command = activated(&home, &socket);
    command.env("NOTIFY_SOCKET", &told.path).env("WATCHDOG_USEC", "400000");
    let gateway = command.spawn().expect("a gateway");
    let mut client = connected(&home);
    let endless =
        "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n";
    client.send_query(endless);
    home.sessions_until("it runs", |sessions| sessions.iter().any(|session| session["state"] == "running"));
    told.forget();
    std::thread::scope(|scope| {
        scope.spawn(|| home.run(&["restart"]));
        let (alive, _) = told.count_until("WATCHDOG=1", "RELOADING=1");
        // One each 200 ms of the drain; the last is from just before the next program.
        assert!(alive >= 4, "{alive}");
        assert!(told.count_until("WATCHDOG=1", "READY=1").0 >= 1);
    });
    client.signal(Signal::KILL);
    home.stop();
    ended(gateway);
}

/// A user with a service manager that `systemctl` pretends to be.
struct User<'a> {
    home: &'a Home,
    folder: PathBuf,
}

impl<'a> User<'a> {
    fn new(home: &'a Home, systemctl: &str) -> Self {
        let folder = home.path().join("user");
        std::fs::create_dir_all(folder.join("bin")).expect("making a folder");
        let calls = folder.join("calls").display().to_string();
        let text = format!("#!/bin/sh\n{systemctl}").replace("$CALLS", &calls);
        write_script(&text, &folder.join("bin/systemctl"));
        // Whether it goes on without a log-in is not asked of this machine.
        write_script("#!/bin/sh\nexit 1\n", &folder.join("bin/loginctl"));
        Self { home, folder }
    }

    fn with<'b>(&self, command: &'b mut Command) -> &'b mut Command {
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("PATH", format!("{}:{path}", self.folder.join("bin").display()))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Output::of(self.with(&mut self.home.gateway()).args(arguments))
    }

    fn units(&self) -> PathBuf {
        self.folder.join("config/systemd/user")
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default()
    }

    /// The names of the units, which are this home's alone.
    fn names(&self) -> [String; 2] {
        let planned = self.run(&["service", "install", "--dry-run", "--json"]).json();
        let name = |at: usize| {
            let path = Path::new(planned["files"][at]["path"].as_str().expect("a path"));
            path.file_name().expect("a name").to_string_lossy().into_owned()
        };
        [name(0), name(1)]
    }

    /// As `systemctl enable` does.
    fn enable(&self) {
        let wants = self.units().join("sockets.target.wants");
        std::fs::create_dir_all(&wants).expect("making a folder");
        let [socket, _] = self.names();
        std::os::unix::fs::symlink(self.units().join(&socket), wants.join(socket)).expect("a link");
    }

    fn client(&self) -> Client {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut client = self
            .home
            .launch()
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("PATH", format!("{}:{path}", self.folder.join("bin").display()))
            .start();
        client.initialize();
        client
    }
}

const NOTES: &str = "echo \"$*\" >> \"$CALLS\"\n";

#[test]
fn install_writes_the_units_and_uninstall_leaves_nothing() {
    let home = Home::new();
    let user = User::new(&home, NOTES);
    let [socket, service] = user.names();
    assert!(socket.starts_with("snowgate-") && service.starts_with("snowgate-"), "{socket} {service}");
    assert_eq!(user.run(&["service", "status", "--json"]).code, Some(3));
    for written in [2, 0] {
        let done = user.run(&["service", "install", "--json"]);
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(done.json()["written"].as_array().map(Vec::len), Some(written), "{done:?}");
    }
    let text = std::fs::read_to_string(user.units().join(&service)).expect("the unit");
    assert!(text.contains(&format!("\"SNOWGATE_HOME={}\"", home.path().display())), "{text}");
    assert!(
        text.contains(&format!("ExecStart={} serve --replace\n", binaries().gateway.display())),
        "{text}"
    );
    let unit = std::fs::read_to_string(user.units().join(&socket)).expect("the unit");
    assert!(unit.contains(&format!("ListenStream={}\n", home.socket().display())), "{unit}");
    for call in ["daemon-reload", &format!("enable {socket}"), &format!("start {socket} {service}")] {
        assert!(user.calls().contains(call), "{call}: {}", user.calls());
    }
    let status = user.run(&["service", "status", "--json"]).json();
    assert_eq!(
        (&status["service"]["installed"], &status["stale"]),
        (&json!(true), &json!(false)),
        "{status}"
    );
    std::fs::write(user.units().join(&service), text.replace("RestartSec=1", "RestartSec=2"))
        .expect("changing a unit");
    assert_eq!(user.run(&["service", "status", "--json"]).json()["stale"], true);
    let removed = user.run(&["service", "uninstall", "--json"]);
    assert_eq!(removed.json()["removed"].as_array().map(Vec::len), Some(2), "{removed:?}");
    let left: Vec<_> = std::fs::read_dir(user.units()).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(user.run(&["service", "uninstall"]).code, Some(0));
}

#[test]
fn a_unit_of_the_user_s_own_is_kept_by_install_and_left_by_uninstall() {
    let home = Home::new();
    let user = User::new(&home, NOTES);
    let [socket, service] = user.names();
    std::fs::create_dir_all(user.units()).expect("making a folder");
    let own = "[Service]\nExecStart=/home/ada/own\n";
    let path = user.units().join(&service);
    std::fs::write(&path, own).expect("a unit");
    let done = user.run(&["service", "uninstall", "--json"]).json();
    assert_eq!((&done["removed"], &done["left"]), (&json!([]), &json!([path])), "{done}");
    let kept = user.units().join(format!("{service}.before-snowgate"));
    let done = user.run(&["service", "install", "--json"]).json();
    assert_eq!(done["kept"], json!([kept]), "{done}");
    assert_eq!(std::fs::read_to_string(&kept).expect("the kept file"), own);
    let done = user.run(&["service", "uninstall", "--json"]).json();
    assert_eq!(done["removed"], json!([user.units().join(socket), path]), "{done}");
    assert_eq!(std::fs::read_to_string(&kept).expect("the kept file"), own);
}

#[test]
fn without_a_service_manager_nothing_is_written_and_the_next_step_is_said() {
    let home = Home::new();
    let user = User::new(&home, "echo 'Failed to connect to bus: No medium found' >&2\nexit 1\n");
    let refused = user.run(&["service", "install", "--json"]);
    assert_eq!(refused.code, Some(70), "{refused:?}");
    let error = &refused.json()["error"];
    assert!(error["next_step"].as_str().is_some_and(|step| step.contains("enable-linger")), "{error}");
    assert!(!user.units().exists());
}

#[test]
fn a_config_with_errors_is_not_installed() {
    let home = Home::new();
    home.configure("[limits]\nrows_maxx = 1\n");
    let user = User::new(&home, NOTES);
    assert_eq!(user.run(&["service", "install"]).code, Some(78));
    assert!(!user.units().exists());
}

#[test]
fn what_a_service_does_not_have_of_the_shell_is_said_and_does_not_count() {
    let home = Home::new();
    let user = User::new(&home, NOTES);
    let mut command = home.gateway();
    // Without an account the config would have an error.
    let command =
        user.with(&mut command).args(["service", "install", "--json"]).env("SNOWGATE_BACKEND", "snowflake");
    let done = Output::of(command);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.json()["variables_left_out"], json!(["SNOWGATE_BACKEND"]), "{done:?}");
    let refused = user.run(&["--system-config", "/x", "service", "install"]);
    assert_eq!(refused.code, Some(64), "{refused:?}");
}

#[test]
fn a_service_of_an_older_version_is_not_asked() {
    let home = Home::new();
    let old = home.path().join("old");
    write_script("#!/bin/sh\necho snowgate 0.0.9\n", &old);
    let shows =
        format!("echo \"$*\" >> \"$CALLS\"\necho 'ExecStart={{ path={} ; argv[]=x }}'\n", old.display());
    let user = User::new(&home, &shows);
    user.enable();
    let mut client = user.client();
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    let problem = home.status().expect("a gateway")["service_problem"].clone();
    assert!(problem.as_str().is_some_and(|text| text.contains("version 0.0.9, older")), "{problem}");
    assert!(!user.calls().contains("start"), "{}", user.calls());
}

#[test]
fn where_a_service_is_installed_a_client_has_it_started() {
    let home = Home::new();
    // Starts the gateway in the place of the service.
    let user = User::new(
        &home,
        "echo \"$*\" >> \"$CALLS\"\n\
         case \"$*\" in *start*) setsid \"$SERVED\" serve --replace > /dev/null 2>&1 < /dev/null &\n\
         until [ -S \"$SNOWGATE_HOME/run/gateway.sock\" ]; do sleep 0.01; done;; esac\n",
    );
    let script = user.folder.join("bin/systemctl");
    let text = std::fs::read_to_string(&script).expect("the script");
    let served = text.replace("$SERVED", &binaries().gateway.display().to_string());
    write_script(&served, &script);
    user.enable();
    let mut client = user.client();
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    let [socket, service] = user.names();
    assert!(user.calls().contains(&format!("start {socket} {service}")), "{}", user.calls());
    let gateways = home.gateways();
    assert_eq!(gateways.len(), 1, "{gateways:?}");
    assert_eq!(home.status().expect("a gateway")["service_problem"], Value::Null);
}

#[test]
fn where_the_service_cannot_be_started_the_client_s_gateway_serves_and_says_so() {
    let home = Home::new();
    let user = User::new(&home, "echo 'Unit is masked.' >&2\nexit 1\n");
    user.enable();
    let mut client = user.client();
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    let problem = home.status().expect("a gateway")["service_problem"].clone();
    assert!(problem.as_str().is_some_and(|text| text.contains("Unit is masked.")), "{problem}");
    assert!(home.run(&["status"]).stdout.contains("snowgate service status"));
}
