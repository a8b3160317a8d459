//! The streams of the log as files, and `snowgate logs`: what is written, what is lost and said, and what a follower sees.

#[cfg(unix)]
mod unix;

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, HttpGateway, ask_to_stop, eventually, until};

/// Bytes of statements that the test of rotation writes; more by this variable, then with files of 8 MiB, of which 5 are kept.
const BYTES_VARIABLE: &str = "SNOWGATE_TEST_LOG_BYTES";

fn lines_of(text: &str) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(read).collect()
}

/// `snowgate logs -f`, whose output goes to files.
struct Follower {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Follower {
    fn start(home: &Home, folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let (stdout, stderr) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
        let mut command = home.gateway();
        command.args(["logs", "-f"]).args(arguments);
        command.stdout(File::create(&stdout).expect("a file")).stderr(File::create(&stderr).expect("a file"));
        Self { child: command.spawn().expect("a follower"), stdout, stderr }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.stdout).expect("its output")
    }

    fn complaints(&self) -> String {
        fs::read_to_string(&self.stderr).expect("its errors")
    }

    fn end(mut self) -> String {
        ask_to_stop(self.child.id());
        let status = self.child.wait().expect("it ends");
        assert!(!self.complaints().contains("error"), "{status}: {}", self.complaints());
        self.text()
    }
}

/// Sends statements of `bytes` each until `count` are answered; a few at a time.
fn send_statements(home: &Home, name: &str, count: usize, bytes: usize) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    let mut sent = std::collections::VecDeque::new();
    for number in 0..count {
        let text = format!("select {number} /* {} */", "x".repeat(bytes));
        sent.push_back(client.send_query(&text));
        if sent.len() == 8 {
            client.answer(&sent.pop_front().expect("one"));
        }
    }
    sent.iter().for_each(|id| drop(client.answer(id)));
    client
}

#[test]
fn a_follower_misses_no_line_while_files_roll_at_full_speed_and_the_disk_is_bounded() {
    let total: usize = std::env::var(BYTES_VARIABLE).map_or(4 << 20, |text| text.parse().expect("bytes"));
    let is_large = std::env::var_os(BYTES_VARIABLE).is_some();
    let (file_bytes_max, files_max, bytes) =
        if is_large { (8 << 20, 5, 60_000) } else { (65_536, 40, 1_000) };
    let home = Home::new();
    home.configure(&format!(
        "[logs]\nlog_sql = true\nfile_bytes_max = {file_bytes_max}\nfiles_max = {files_max}\n"
    ));
    let folder = tempfile::tempdir().expect("a folder");
    let sql = Follower::start(&home, folder.path(), "sql", &["--stream", "sql", "--json"]);
    let access = Follower::start(&home, folder.path(), "access", &["--stream", "access", "--json"]);
    until("it says what it waits for", || sql.complaints().contains("waiting for it"));
    let (clients, count) = (3, total / bytes / 3);
    std::thread::scope(|scope| {
        for client in 0..clients {
            let home = &home;
            scope.spawn(move || {
                let name = format!("writer-{client}");
                send_statements(home, &name, count, bytes).leave();
            });
        }
    });
    // Across a restart, too.
    home.stop();
    send_statements(&home, "last", 1, bytes).leave();
    let statements = clients * count + 1;
    let of = |text: &str, message: &str| text.matches(&format!("\"message\":\"{message}\"")).count();
    until("the follower has seen all", || {
        of(&sql.text(), "statement") >= statements && of(&access.text(), "request") >= statements
    });
    let is_bounded = |prefix: &str| {
        let files = home.stream_files(prefix);
        let sizes: Vec<u64> =
            files.iter().map(|file| fs::metadata(file).map_or(0, |meta| meta.len())).collect();
        assert!(files.len() <= files_max, "{files:?}");
        let line_max = bytes as u64 + 2_000;
        assert!(sizes.iter().all(|size| *size <= file_bytes_max + line_max), "{sizes:?}");
        files.len()
    };
    assert!(is_bounded("sql") > 1);
    is_bounded("access");
    home.stop();
    assert!(!sql.complaints().contains("removed") && !access.complaints().contains("removed"));
    let lines = lines_of(&sql.end());
    let seen: HashSet<String> =
        lines.iter().map(|line| format!("{} {}", line["session"], line["request"])).collect();
    assert_eq!((lines.len(), seen.len()), (statements, statements));
    let calls = lines_of(&access.end()).into_iter().filter(|line| line["method"] == "tools/call").count();
    assert_eq!(calls, statements);
}

#[test]
fn a_full_disk_stops_no_query_and_leaves_no_torn_line() {
    let mut home = Home::new();
    if home.mount_state(4 << 20).is_err() {
        return println!("not tested: this user may not mount");
    }
    let mut client = home.client();
    client.initialize();
    client.query("select 1");
    until("it is in the log", || home.log_lines("request").len() == 2);
    let full = home.state_disk().expect("a disk").fill().expect("filling it");
    let log = |status: &Value, stream: &str| {
        let logs = status["logs"].as_array().cloned().unwrap_or_default();
        logs.into_iter().find(|log| log["stream"] == stream).unwrap_or_default()
    };
    let access = |home: &Home| log(&home.status().expect("a gateway"), "access");
    let mut sent = 2;
    until("lines are lost", || {
        let answer = client.query("select 1");
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        sent += 1;
        access(&home)["dropped"].as_u64() > Some(0)
    });
    let problem = access(&home)["problem"].as_str().unwrap_or_default().to_owned();
    assert!(problem.contains("No space left") && problem.contains("access."), "{problem}");
    let text = home.run(&["status"]).stdout;
    assert!(text.contains("No space left"), "{text}");
    drop(full);
    client.query("select 1");
    sent += 1;
    let all = || lines_of(&home.stream("access"));
    until("it says what was lost", || {
        let lines = all();
        let dropped: u64 = lines.iter().filter_map(|line| line["dropped"].as_u64()).sum();
        let requests = lines.iter().filter(|line| line["message"] == "request").count() as u64;
        dropped > 0 && requests + dropped == sent
    });
    assert!(access(&home)["problem"].is_null(), "{}", access(&home));
    client.leave();
    home.stop();
}

#[test]
fn a_folder_that_is_removed_comes_back_and_is_followed() {
    let home = Home::new();
    let folder = tempfile::tempdir().expect("a folder");
    let follower = Follower::start(&home, folder.path(), "access", &["--stream", "access"]);
    let mut client = home.client();
    client.initialize_as("editor", "2025-11-25");
    until("the first line", || follower.text().contains("method=initialize"));
    fs::remove_dir_all(home.path().join("state/logs")).expect("removing");
    client.query("select 1");
    until("the second line", || follower.text().contains("tool=execute_query"));
    assert_eq!(follower.text().lines().count(), 2, "{}", follower.text());
    assert!(follower.text().contains(" INFO request client=editor session="), "{}", follower.text());
    client.leave();
    home.stop();
    follower.end();
}

#[test]
fn lines_of_a_session_a_client_a_level_and_a_time_are_found() {
    for format in ["json", "text"] {
        let home = Home::new();
        home.configure(&format!("[logs]\nformat = '{format}'\n"));
        let (mut one, mut two) = (home.client(), home.client());
        one.initialize_as("one", "2025-11-25");
        two.initialize_as("number two", "2025-11-25");
        one.query("select 1");
        let session = home.session_of(one.pid())["id"].as_str().expect("an id").to_owned();
        one.leave();
        two.leave();
        home.stop();
        let logs = |arguments: &[&str]| {
            let output = home.run(&[&["logs", "--stream", "access"], arguments].concat());
            assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
            output.stdout.lines().count()
        };
        assert_eq!(logs(&[]), 3, "{format}");
        assert_eq!((logs(&["--client", "one"]), logs(&["--client", "number two"])), (2, 1));
        assert_eq!((logs(&["--session", &session]), logs(&["--session", &session[..8]])), (2, 2));
        assert_eq!((logs(&["--since", "10m"]), logs(&["--since", "2999-01-01"])), (3, 0));
        assert_eq!((logs(&["--level", "info"]), logs(&["--level", "WARN"])), (3, 0));
        assert_eq!((logs(&["--lines", "1"]), logs(&["-n", "0"])), (1, 0));
        let raw = home.run(&["logs", "--stream", "access", "--json"]).stdout;
        assert_eq!(raw, home.stream("access"));
        assert_eq!(raw.starts_with('{'), format == "json", "{raw}");
        // What the gateway says of a session can be found by it, too.
        let main = home.run(&["logs", "--client", "one"]).stdout;
        assert!(main.contains("session closed") && !main.contains("number two"), "{main}");
    }
}

#[test]
fn what_cannot_be_shown_is_said() {
    let home = Home::new();
    for (arguments, said) in [
        (&["--stream", "everything"][..], "possible values: main, error, access, sql, audit"),
        (&["--level", "loud"], "possible values: error, warn, info, debug, trace"),
        (&["--since", "yesterday"], "\"yesterday\" is no time; write"),
        (&["--session", ""], "--session"),
    ] {
        let output = home.run(&[&["logs"], arguments].concat());
        assert_eq!(output.code, Some(64), "{output:?}");
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
    let output = home.run(&["logs"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""));
    assert!(output.stderr.contains("there is no log of the stream `main` in"), "{}", output.stderr);
    let output = home.run(&["logs", "--stream", "sql"]);
    assert!(output.stderr.contains("set `logs.log_sql = true`"), "{}", output.stderr);
}

#[test]
fn a_closed_pipe_ends_a_follower_quietly() {
    let home = Home::new();
    let mut command = home.gateway();
    command.args(["logs", "-f"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a follower");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("error"), "{output:?}");
}

#[test]
fn what_the_client_says_a_request_belongs_to_is_on_every_line() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let meta = json!({"traceparent": trace, "claudecode/toolUseId": "toolu_01", "vscode.conversationId": "c-2",
        "sessionID": "ses.3"});
    let call = |meta: &Value| json!({"name": "set_context", "arguments": {"database": "ONE"}, "_meta": meta});
    client.request("tools/call", &call(&meta));
    let session = home.session_of(client.pid())["id"].clone();
    for message in ["context changed", "request"] {
        let line = eventually(message, || {
            home.log_lines(message).into_iter().find(|line| line["traceparent"] == trace)
        });
        for (name, value) in
            [("tool_use_id", "toolu_01"), ("conversation_id", "c-2"), ("client_session", "ses.3")]
        {
            assert_eq!(line[name], value, "{name} of {line}");
        }
        assert_eq!((&line["session"], &line["request"]), (&session, &json!(3)), "{line}");
    }
    let odd = json!({"claudecode/toolUseId": "select hush", "sessionID": "h".repeat(129),
        "vscode.conversationId": {"hush": 1}, "traceparent": "hush"});
    let answer = client.request("tools/call", &call(&odd));
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    until("it is in the log", || home.log_lines("request").iter().any(|line| line["request"] == 4));
    let lines = home.log_lines("request");
    let line = lines.iter().find(|line| line["request"] == 4).expect("a line");
    assert!(line.get("client_session").is_none() && line.get("traceparent").is_none(), "{line}");
    assert!(!home.log().contains("hush"), "{}", home.log());
}

#[test]
fn a_trace_in_an_http_header_is_on_the_line() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", "");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let body = json!({"name": "execute_query", "arguments": {"query": "select 1"}});
    for trace in [trace, "hush"] {
        let answer = gateway.post("/mcp/tools/call", &[("Accept", "*/*"), ("traceparent", trace)], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let of = |trace: &Value| {
        let lines = gateway.home.log_lines("request");
        lines.iter().filter(|line| line["tool"] == "execute_query" && line["traceparent"] == *trace).count()
    };
    until("both lines", || of(&json!(trace)) == 1 && of(&Value::Null) == 1);
    assert!(!gateway.home.log().contains("hush"));
}

#[test]
fn warnings_and_errors_are_in_a_stream_of_their_own() {
    let home = Home::new();
    // The variables of a client cannot take away what the file protects: the gateway warns.
    home.configure("read_only = true\n");
    let mut client = home.launch().env("SNOWGATE_SQLITE_READ_ONLY", "false").start();
    client.initialize();
    client.leave();
    home.stop();
    let (main, error) = (lines_of(&home.stream("gateway")), lines_of(&home.stream("error")));
    let is_bad = |line: &&Value| line["level"] == "WARN" || line["level"] == "ERROR";
    let bad: Vec<&Value> = main.iter().filter(is_bad).collect();
    assert!(!bad.is_empty() && bad.len() < main.len(), "{main:?}");
    assert_eq!(bad, error.iter().collect::<Vec<_>>());
}
