//! What the system does not give: descriptors, a folder that can be written. Those who are connected go on,
//! and everybody is told the cause.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use snowgate_tests::Signal;
use snowgate_tests::{
    Client, Home, Launch, binaries, descriptors, error_text, send_signal, tool_text, until,
};

/// A shim that looked for a gateway until its deadline would take 20 s.
const TOLD_LIMIT: Duration = Duration::from_secs(15);

/// `program` with its arguments, with at most so many files open.
fn limited(home: &Home, files: u32, program: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]).arg(program).args(arguments);
    command.env("SNOWGATE_HOME", home.path()).stdin(Stdio::null());
    command
}

fn refused(mut client: Client, words: &[&str]) {
    let since = Instant::now();
    let answer = client.request("ping", &json!({}));
    let took = since.elapsed();
    let message = error_text(&answer, -32603);
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message:?}");
    }
    assert!(took < TOLD_LIMIT, "told after {took:?}: {message}");
}

fn works(client: &mut Client, number: u32) {
    let answer = client.query(&format!("select {number} as n"));
    assert_eq!(tool_text(&answer), format!("n\n{number}\n(1 row)"));
}

#[test]
fn a_limit_of_open_files_that_is_too_low_to_run_is_named() {
    let home = Home::new();
    let client = Launch::new(limited(&home, 20, &binaries().shim, &[])).start();
    refused(client, &["20 files", "RLIMIT_NOFILE", "ulimit -Hn"]);
    let output = limited(&home, 20, &binaries().gateway, &["serve"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(70), "{output:?}");
    let mut client = home.client();
    client.initialize();
}

#[test]
fn with_a_low_limit_of_open_files_newcomers_are_refused_and_the_others_go_on() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut gateway = limited(&home, 64, &binaries().gateway, &["serve"]);
    let mut gateway = gateway.stderr(Stdio::null()).spawn().expect("it starts");
    until("it serves", || home.status().is_some());
    let status = home.status().expect("a gateway");
    assert!(status["limit_problem"].as_str().is_some_and(|problem| problem.contains("64 files")), "{status}");
    let text = home.run(&["status"]).stdout;
    assert!(text.contains("64 files"), "{text}");
    let sessions_max = status["sessions_max"].as_u64().expect("a number");
    assert!((4..40).contains(&sessions_max), "{status}");

    let mut clients: Vec<Client> = (0..sessions_max).map(|_| home.client()).collect();
    clients.iter_mut().for_each(|client| drop(client.initialize()));
    for _ in 0..20 {
        refused(home.client(), &["64 files", "RLIMIT_NOFILE"]);
    }
    // Statements, writes and their journal, and status go on.
    clients[0].query("create table t(n)");
    let ids: Vec<Value> = clients
        .iter_mut()
        .map(|client| client.send_call("execute_query", &json!({"query": "insert into t values (1)"})))
        .collect();
    for (client, id) in clients.iter_mut().zip(&ids) {
        assert!(tool_text(&client.answer(id)).contains("1 row"), "a write");
    }
    assert_eq!(home.status().expect("it answers")["sessions"], sessions_max);
    assert!(home.status().expect("it answers")["state_problem"].is_null());
    clients.pop();
    home.sessions_until("there is room", |sessions| (sessions.len() as u64) < sessions_max);
    works(&mut initialized(&home), 7);
    drop(clients);
    home.stop();
    assert!(gateway.wait().expect("it ends").success());
}

fn initialized(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// Lets process `pid` have only so many files open.
fn set_limit(pid: u32, files: u64) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id"));
    // The hard one stays that of this test, which the gateway has inherited.
    let limit = Rlimit { current: Some(files), ..getrlimit(Resource::Nofile) };
    let before = prlimit(pid, Resource::Nofile, limit);
    before.expect("the limit is set");
}

#[test]
fn without_any_descriptors_left_newcomers_are_told_and_the_log_stays_short() {
    let home = Home::new();
    let mut clients: Vec<Client> = (0..3).map(|_| initialized(&home)).collect();
    clients.iter_mut().for_each(|client| works(client, 1));
    let pid = home.gateway_pid();
    // What asked for the status is gone, and its descriptor may be the last.
    let open = descriptors(pid).expect("it runs");
    set_limit(pid, open as u64 - 2);
    for _ in 0..30 {
        refused(home.client(), &["no file descriptors left", "RLIMIT_NOFILE"]);
        clients.iter_mut().for_each(|client| works(client, 2));
    }
    let status = home.status().expect("it answers");
    assert!(
        status["limit_problem"].as_str().is_some_and(|problem| problem.contains("descriptors")),
        "{status}"
    );
    let complaints = home.log_lines("cannot accept a connection");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    set_limit(pid, 1_024);
    let mut next = home.client();
    next.initialize();
    works(&mut next, 3);
    assert!(home.status().expect("it answers")["limit_problem"].is_null());
}

#[test]
fn a_gateway_whose_state_folder_cannot_be_written_serves_reads_and_says_so() {
    let home = Home::new();
    let state = home.path().join("state");
    fs::write(&state, "a file").expect("writing");
    serves_without_a_state_folder(&home);
    // Once it can be written, so is the log of the next gateway.
    fs::remove_file(&state).expect("removing");
    home.stop();
    works(&mut initialized(&home), 2);
    let status = home.status().expect("a gateway");
    assert!(status["log_problem"].is_null() && status["log_file"].is_string(), "{status}");
}

#[test]
fn a_read_only_file_system_below_the_state_folder_is_no_reason_not_to_serve() {
    let mut home = Home::new();
    if home.mount_state(1 << 20).is_err() {
        // This user may not mount: the test before this one must do.
        return;
    }
    home.state_disk().expect("just mounted").set_read_only();
    serves_without_a_state_folder(&home);
    home.stop();
}

fn serves_without_a_state_folder(home: &Home) {
    home.configure("read_only = false\n");
    let mut client = initialized(home);
    works(&mut client, 1);
    let answer = client.query("create table t(n)");
    assert_eq!(answer["result"]["isError"], true, "no write without a journal: {answer}");
    let status = home.status().expect("a gateway");
    let state = home.path().join("state").display().to_string();
    let problem = status["log_problem"].as_str().unwrap_or_else(|| panic!("{status}"));
    assert!(problem.contains(&state) && problem.contains("stderr"), "{problem}");
    assert!(status["state_problem"].is_string(), "{status}");
    let text = home.run(&["status"]).stdout;
    assert!(text.contains(problem), "{text}");
    let stderr = fs::read_to_string(home.run_dir().join("gateway.stderr")).expect("what it wrote to stderr");
    assert!(stderr.contains("\"message\":\"ready\""), "the log goes there: {stderr}");
    // Neither a restart nor the end of a gateway changes that.
    let restarted = home.run(&["restart"]);
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    works(&mut client, 3);
    send_signal(home.gateway_pid(), Signal::KILL);
    works(&mut client, 4);
}
