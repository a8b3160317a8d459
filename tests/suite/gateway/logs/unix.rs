//! What a service manager's journal and the list of processes show.

use super::*;

#[test]
fn a_service_manager_s_journal_has_what_the_gateway_says() {
    let home = Home::new();
    let journal = home.path().join("journal");
    // As systemd says that stderr is its journal.
    let script = "JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2) exec \"$0\" serve";
    let program = home.gateway().get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(program).env("SNOWGATE_HOME", home.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&journal).expect("a file"));
    let mut child = command.spawn().expect("a gateway");
    until("it is ready", || home.status().is_some());
    let said = || fs::read_to_string(&journal).unwrap_or_default();
    until("the journal says so", || said().contains("<6>INFO ready socket="));
    let said = said();
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("snowgate: ")).collect();
    assert!(lines.iter().all(|line| line.starts_with('<') && !line.contains("Z INFO")), "{said}");
    assert_eq!(home.log_lines("ready").len(), 1);
    home.stop();
    child.wait().expect("it has ended");
}

#[test]
fn what_is_secret_in_requests_and_headers_is_in_no_stream_and_nowhere_else() {
    const PLANTED: &str = "sg-planted-7c1e";
    let gateway = HttpGateway::with(Home::new(), "auth = 'keys'\n", "");
    let home = &gateway.home;
    let bearer = format!("Bearer {PLANTED}");
    let headers = [
        ("Accept", "*/*"),
        ("Authorization", bearer.as_str()),
        ("X-Api-Key", PLANTED),
        ("Cookie", PLANTED),
        ("traceparent", PLANTED),
        ("tracestate", PLANTED),
        ("Mcp-Session-Id", PLANTED),
    ];
    let body = json!({"name": "execute_query", "arguments": {"query": format!("select '{PLANTED}'")}});
    let refused = gateway.post(&format!("/mcp/tools/call?key={PLANTED}"), &headers, &body);
    assert_eq!(refused.status, 401, "{}", refused.text());
    let mut client = home.launch().env("SNOWGATE_LOG", "trace,rmcp=trace,hyper=trace,rusqlite=trace").start();
    client.initialize_as("editor", "2025-11-25");
    for query in [
        format!("select '{PLANTED}'"),
        format!("select {PLANTED} from nowhere"),
        format!("attach 'file:x?key={PLANTED}' as y"),
        format!("create table t as select 'https://x/y?X-Amz-Signature={PLANTED}'"),
    ] {
        client.query(&query);
    }
    let arguments = json!({"database": PLANTED, "password": PLANTED});
    client.call("set_context", &arguments);
    client.call(PLANTED, &json!({}));
    client.request(PLANTED, &json!({PLANTED: PLANTED}));
    client.line(&format!("{{{PLANTED}"));
    client.next_message();
    let meta = json!({"sessionID": format!("{PLANTED} x"), "traceparent": PLANTED, "token": PLANTED});
    client.request("tools/call", &json!({"name": "session_info", "arguments": {}, "_meta": meta}));
    let mut said = String::new();
    for arguments in
        [&["status"][..], &["status", "--json"], &["sessions", "--json"], &["logs"], &["config", "show"]]
    {
        let output = home.run(arguments);
        said += &(output.stdout + &output.stderr);
    }
    let processes = home.processes();
    assert!(
        !processes.is_empty() && processes.iter().all(|process| !process.command.is_empty()),
        "{processes:?}"
    );
    said.extend(processes.into_iter().map(|process| process.command));
    assert!(said.contains("editor") && !said.contains(PLANTED), "{said}");
    client.leave();
    home.stop();
    let (mut folders, mut files) = (vec![home.path().join("state"), home.run_dir()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                files += 1;
                let is_in = bytes.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes());
                assert!(!is_in, "{}", path.display());
            }
        }
    }
    assert!(files > 3, "{files}");
}
