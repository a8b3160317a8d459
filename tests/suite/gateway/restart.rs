//! Restarts and upgrades: the clients notice nothing but what has changed for them.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod unix;

use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{
    Client, Home, binaries, copy_program, error_text, request_line, stateless, tool_text, until,
};

fn connected(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn instance(home: &Home) -> Value {
    home.status().expect("a running gateway")["instance"].clone()
}

#[track_caller]
fn restart(home: &Home) -> String {
    let output = home.run(&["restart"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout
}

#[test]
fn a_restart_is_not_noticed() {
    let home = Home::new();
    let mut client = connected(&home);
    client.call("set_context", &json!({"database": "TWO"}));
    for _ in 0..3 {
        let (before, pid) = (instance(&home), home.gateway_pid());
        let running = client.send_call("execute_query", &json!({"query": "with recursive n(i) as (select 1 union all select i + 1 from n limit 300000) select max(i) as n from n"}));
        let said = restart(&home);
        assert!(said.starts_with("restarted the gateway (snowgate "), "{said}");
        assert_ne!(instance(&home), before);
        assert_eq!(home.gateway_pid(), pid, "it stays the process that a service manager knows");
        assert_eq!(tool_text(&client.answer(&running)), "n\n300000\n(1 row)");
        let info = client.call("session_info", &json!({}));
        assert_eq!(info["result"]["structuredContent"]["context"]["database"], "TWO", "{info}");
    }
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new());
}

#[test]
fn a_restart_keeps_process_and_environment_also_where_clients_wait_for_a_gateway() {
    let home = Home::new();
    let mut gateway =
        home.gateway().arg("serve").env("SNOWGATE_LIMITS_ROWS_MAX", "3").spawn().expect("it starts");
    until("it serves", || home.status().is_some());
    let mut clients: Vec<Client> = (0..8).map(|_| connected(&home)).collect();
    for _ in 0..5 {
        let ids: Vec<Vec<Value>> = clients
            .iter_mut()
            .map(|client| (0..5).map(|_| client.send_call("session_info", &json!({}))).collect())
            .collect();
        restart(&home);
        for (client, ids) in clients.iter_mut().zip(&ids) {
            for id in ids {
                let info = client.answer(id);
                assert_eq!(info["result"]["structuredContent"]["limits"]["rows_max"], 3, "{info}");
            }
        }
        assert_eq!(home.gateway_pid(), gateway.id());
    }
    home.stop();
    assert!(gateway.wait().expect("it ends").success());
}

#[test]
fn a_mistake_in_the_config_keeps_the_gateway_as_it_is() {
    let home = Home::new();
    let mut client = connected(&home);
    let before = instance(&home);
    home.configure("[limits]\nrows_maxx = 3\n");
    let output = home.run(&["restart"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("rows_maxx") && output.stderr.contains("not restarted"), "{output:?}");
    assert_eq!(instance(&home), before);
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
}

#[test]
fn a_client_that_does_not_read_holds_up_no_restart() {
    const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
    let home = Home::new();
    let drain = DRAIN_TIMEOUT.as_millis();
    home.configure(&format!("[gateway]\ndrain_timeout_ms = {drain}\n[limits]\nbytes_max = 1048576\n"));
    let mut deaf = home.launch().deaf().start();
    deaf.send("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "deaf", "version": "1"}}));
    let wide = json!({"query": "with recursive n(i) as (select 1 union all select i + 1 from n limit 1000) select hex(zeroblob(450)) as x from n"});
    let ids: Vec<Value> = (0..14).map(|_| deaf.send_call("execute_query", &wide)).collect();
    home.sessions_until("answers wait", |sessions| {
        sessions.iter().any(|session| session["requests"] == 15 && session["running"] == 0)
    });
    let began = std::time::Instant::now();
    restart(&home);
    assert!(began.elapsed() < DRAIN_TIMEOUT, "the drain waited for its time-out: {:?}", began.elapsed());
    deaf.listen();
    for id in &ids {
        assert!(tool_text(&deaf.answer(id)).contains("000000"));
    }
}

#[test]
fn where_no_gateway_runs_a_restart_says_so() {
    let home = Home::new();
    let output = home.run(&["restart"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stdout.contains("no gateway is running"), "{output:?}");
}

#[test]
fn a_program_that_does_not_start_again_is_named() {
    let home = Home::new();
    let program = home.path().join("snowgate");
    copy_program(&binaries().gateway, &program);
    let mut client = home.launch().env("SNOWGATE_GATEWAY", &program).start();
    client.initialize();
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "no program").unwrap();
    let output = home.run(&["restart"]);
    assert_eq!(output.code, Some(70), "{output:?}");
    assert!(output.stderr.contains("did not start"), "{output:?}");
    // The client is told why, and goes on once it is mended.
    let answer = client.query("select 1");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("cannot run"), "{message}");
    std::fs::remove_file(&program).unwrap();
    copy_program(&binaries().gateway, &program);
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
}

/// A subscription to changes of the tool list, and its acknowledgement.
fn subscribe(client: &mut Client) -> Value {
    let id = json!("sub-1");
    let params = stateless(json!({"notifications": {"toolsListChanged": true}}));
    client.write(request_line(&id, "subscriptions/listen", &params).as_bytes());
    let acknowledged = client.next_message();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
    assert_eq!(subscription_of(&acknowledged), "sub-1");
    id
}

fn subscription_of(notification: &Value) -> &Value {
    &notification["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"]
}

fn list_tools(client: &mut Client) -> Value {
    client.request("tools/list", &stateless(json!({})))["result"]["tools"].clone()
}

#[test]
fn a_subscription_goes_on_and_hears_what_an_upgrade_changed() {
    let home = Home::new();
    let mut client = home.client();
    let id = subscribe(&mut client);
    let before = list_tools(&mut client);
    home.kill_gateway();
    assert_eq!(list_tools(&mut client), before);
    assert!(client.unclaimed().is_empty(), "no second acknowledgement: {:?}", client.unclaimed());
    // An open subscription keeps no gateway from leaving, nor does it bring one back.
    home.stop();
    assert!(home.status().is_none());
    home.configure("read_only = false\n");
    assert_ne!(list_tools(&mut client), before);
    let changed = client.next_message();
    assert_eq!(changed["method"], "notifications/tools/list_changed", "{changed}");
    assert_eq!(*subscription_of(&changed), id);
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    home.kill_gateway();
    home.configure("");
    assert_eq!(list_tools(&mut client), before);
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new(), "nothing comes after the cancel");
}

#[test]
fn subscriptions_are_bounded() {
    let home = Home::new();
    let mut client = home.client();
    let params = stateless(json!({"notifications": {"toolsListChanged": true}}));
    let is_acknowledged = |message: &Value| message["method"] == "notifications/subscriptions/acknowledged";
    let ids: Vec<Value> = (0..9).map(|_| client.send("subscriptions/listen", &params)).collect();
    let (acknowledged, refused): (Vec<Value>, Vec<Value>) =
        ids.iter().map(|_| client.next_message()).partition(is_acknowledged);
    assert_eq!((acknowledged.len(), refused.len()), (8, 1));
    assert!(error_text(&refused[0], -32600).contains("8 subscriptions"), "{refused:?}");
    client.notify("notifications/cancelled", &json!({"requestId": ids[0]}));
    client.send("subscriptions/listen", &params);
    let next = client.next_message();
    assert!(is_acknowledged(&next), "there is room for one more: {next}");
}

#[test]
fn a_client_with_a_handshake_hears_that_its_tools_have_changed() {
    let home = Home::new();
    let mut client = home.client();
    assert_eq!(client.initialize()["result"]["capabilities"]["tools"]["listChanged"], true);
    restart(&home);
    client.query("select 1");
    assert!(client.unclaimed().is_empty(), "nothing has changed: {:?}", client.unclaimed());
    home.configure("read_only = false\n");
    restart(&home);
    client.query("select 1");
    let changed = client.next_message();
    assert_eq!(changed["method"], "notifications/tools/list_changed", "{changed}");
}
