//! Profiles: which one a session gets, what it may do with it, and what stays over the death of a gateway.

#[cfg(unix)]
mod unix;

use std::fs;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, TOOLS, stateless, stateless_as, tool_text};

const REVISION: &str = "2025-11-25";

fn launched(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, REVISION);
    client
}

fn info(client: &mut Client) -> Value {
    client.call("session_info", &json!({}))["result"]["structuredContent"].clone()
}

fn profile_of(client: &mut Client) -> String {
    info(client)["profile"].as_str().expect("a profile's name").to_owned()
}

fn tools_of(client: &mut Client) -> Vec<String> {
    let answer = client.request("tools/list", &json!({}));
    let tools = answer["result"]["tools"].as_array().expect("a list of tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

fn explained(home: &Home, arguments: &[&str]) -> Value {
    let output = home.run(&[&["config", "explain", "--json"], arguments].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()
}

const BY_CLIENT: &str = "\
[profiles.reports]
match = [{ client = 'Report*' }]
database = 'TWO'
rows_max = 2
tools = ['execute_query', 'session_info']
[profiles.later]
match = [{ client = '*' }]
rows_max = 1
";

#[test]
fn the_first_profile_in_the_file_that_fits_the_client_s_name_is_the_session_s() {
    let home = Home::new();
    home.configure(BY_CLIENT);
    let mut reports = launched(&home, "report-maker");
    assert_eq!(tools_of(&mut reports), ["execute_query", "session_info"]);
    let known = info(&mut reports);
    assert_eq!((&known["profile"], &known["context"]["database"]), (&json!("reports"), &json!("TWO")));
    let answer = reports.query("values (1), (2), (3)");
    assert!(tool_text(&answer).contains("(2 rows"), "{answer}");
    let mut other = launched(&home, "editor");
    assert_eq!(profile_of(&mut other), "later");
    assert_eq!(tools_of(&mut other).len(), TOOLS);
    let session = home.session_of(reports.pid());
    assert_eq!(session["profile"], "reports");
    let why = session["profile_why"].as_str().expect("a reason");
    assert!(why.contains("client = \"Report*\" fits (line"), "{why}");
}

#[test]
fn a_client_of_the_stateless_era_is_known_by_its_first_request() {
    let home = Home::new();
    home.configure(BY_CLIENT);
    let mut client = home.client();
    let listed = client.request("tools/list", &stateless_as("reporter", json!({})));
    assert_eq!(listed["result"]["tools"].as_array().map(Vec::len), Some(2), "{listed}");
    let asked = |client: &mut Client, params: Value| {
        client.request("tools/call", &params)["result"]["structuredContent"]["profile"].clone()
    };
    let call = json!({"name": "session_info", "arguments": {}});
    assert_eq!(asked(&mut client, stateless_as("reporter", call.clone())), "reports");
    // It was decided once.
    assert_eq!(asked(&mut client, stateless_as("another", call.clone())), "reports");
    let mut nameless = home.client();
    assert_eq!(asked(&mut nameless, stateless(call)), "later");
}

#[test]
fn the_parent_and_the_folder_decide_at_once() {
    let home = Home::new();
    let folder = home.path().join("work/etl");
    fs::create_dir_all(&folder).expect("making a folder");
    let folder = folder.canonicalize().expect("the folder's own path");
    let own = std::env::current_exe().expect("the test's program");
    let name = own.file_name().expect("a file's name").to_string_lossy().into_owned();
    home.configure(&format!(
        "[profiles.folder]\nmatch = [{{ folder = '{}/**' }}]\nrows_max = 3\n\
         [profiles.parent]\nmatch = [{{ parent = '{name}' }}]\nrows_max = 4\n",
        folder.parent().expect("a folder above").display(),
    ));
    let mut inside = home.launch().current_dir(&folder).start();
    inside.initialize();
    assert_eq!(profile_of(&mut inside), "folder");
    let mut outside = home.client();
    // Before anything is said.
    let sessions = home.sessions_until("the second session", |sessions| sessions.len() == 2);
    let early = sessions.iter().find(|session| session["pid"] == outside.pid()).expect("its session");
    assert_eq!(early["profile"], "parent");
    assert!(early["profile_why"].as_str().is_some_and(|why| why.contains("parent = ")), "{early}");
    outside.initialize();
    assert_eq!(profile_of(&mut outside), "parent");
    let mut asked = home.launch().arg("--profile").arg("default").current_dir(&folder).start();
    asked.initialize();
    assert_eq!(profile_of(&mut asked), "default");
    assert_eq!(home.session_of(asked.pid())["profile_why"], "asked for by name");
}

#[test]
fn a_tool_that_is_not_offered_is_refused_by_the_setting_whatever_its_arguments() {
    let home = Home::new();
    home.configure(BY_CLIENT);
    let mut client = launched(&home, "reports");
    for (tool, arguments) in [
        ("list_databases", json!({})),
        ("set_context", json!({"database": "ONE"})),
        ("describe_table", json!({})),
    ] {
        let answer = client.call(tool, &arguments);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let text = tool_text(&answer);
        assert!(
            text.contains("`tools` of the profile `reports`") && text.contains("execute_query"),
            "{text}"
        );
    }
    assert_eq!(info(&mut client)["context"]["database"], "TWO");
    assert_eq!(home.session_of(client.pid())["denials"], 3);
}

#[test]
fn caps_of_a_profile_lower_the_limits_and_never_raise_them() {
    let home = Home::new();
    home.configure(
        "[limits]\nrows_max = 5\n[gateway]\nsession_requests_max = 4\n\
         [profiles.low]\nrows_max = 2\nbytes_max = 2048\nstatement_timeout_ms = 1234\nrequests_max = 1\n\
         [profiles.high]\nrows_max = 500\nrequests_max = 9\n",
    );
    let limits = |name: &str| {
        let mut client = home.launch().arg("--profile").arg(name).start();
        client.initialize();
        info(&mut client)["limits"].clone()
    };
    let low = json!({"rows_max": 2, "bytes_max": 2048, "statement_timeout_ms": 1234, "requests_max": 1});
    assert_eq!(limits("low"), low);
    let high = limits("high");
    assert_eq!((&high["rows_max"], &high["requests_max"]), (&json!(5), &json!(4)));
    // One at a time: what is asked second is answered second.
    let mut client = home.launch().arg("--profile").arg("low").start();
    client.initialize();
    let endless = client.send_endless_query();
    let second = client.send_query("select 1");
    home.sessions_until("one request runs", |sessions| {
        sessions.iter().any(|session| session["running"] == 1)
    });
    client.notify("notifications/cancelled", &json!({"requestId": endless}));
    assert_eq!(tool_text(&client.answer(&second)), "1\n1\n(1 row)");
}

#[test]
fn a_session_keeps_its_profile_over_a_killed_gateway_and_a_changed_file() {
    let home = Home::new();
    home.configure(BY_CLIENT);
    let mut client = launched(&home, "reports");
    assert_eq!(profile_of(&mut client), "reports");
    // Another profile would fit now.
    home.configure(&BY_CLIENT.replace("Report*", "nobody").replace("rows_max = 2", "rows_max = 3"));
    home.kill_gateway();
    assert_eq!(profile_of(&mut client), "reports");
    let answer = client.query("values (1), (2), (3), (4)");
    assert!(tool_text(&answer).contains("(3 rows"), "its settings are those of the file now: {answer}");
    let mut new = launched(&home, "reports");
    assert_eq!(profile_of(&mut new), "later");
    // It is gone: nothing runs for the session until it is there again.
    home.configure("[profiles.later]\nmatch = [{ client = '*' }]\n");
    home.kill_gateway();
    let answer = client.query("select 1");
    let text = tool_text(&answer);
    assert!(
        text.contains("the profile `reports` of this session is not in the configuration any more"),
        "{text}"
    );
    assert!(home.session_of(client.pid())["profile_problem"].is_string());
    home.configure(BY_CLIENT);
    home.kill_gateway();
    assert_eq!(tool_text(&client.query("select 1")), "1\n1\n(1 row)");
    assert_eq!(info(&mut client)["context"]["database"], "TWO");
}

#[test]
fn a_profile_whose_database_is_missing_is_named_by_every_call() {
    let home = Home::new();
    home.configure("[profiles.lost]\nmatch = [{ client = 'lost' }]\ndatabase = 'THREE'\n");
    let mut client = launched(&home, "lost");
    for _ in 0..2 {
        let answer = client.query("select 1");
        let text = tool_text(&answer);
        assert!(text.contains("profile `lost`") && text.contains("THREE"), "{text}");
    }
    assert_eq!(profile_of(&mut client), "lost");
}

#[test]
fn explain_says_which_profile_why_and_what_it_comes_to() {
    let home = Home::new();
    home.configure(&format!("[limits]\nbytes_max = 4096\n{BY_CLIENT}"));
    let json = explained(&home, &["--client", "reporter"]);
    assert_eq!((&json["profile"], &json["depends_on_client"]), (&json!("reports"), &json!(false)));
    assert!(json["why"].as_str().is_some_and(|why| why.contains("client = \"Report*\" fits")), "{json}");
    let policy = &json["policy"];
    assert_eq!(policy["rows_max"]["value"], 2);
    assert!(
        policy["rows_max"]["origin"].as_str().is_some_and(|origin| origin.starts_with("line ")),
        "{policy}"
    );
    assert_eq!(policy["bytes_max"]["value"], 4096);
    assert!(
        policy["bytes_max"]["origin"].as_str().is_some_and(|by| by.starts_with("limits.bytes_max: line"))
    );
    assert_eq!(policy["statements"]["value"], json!(["read", "context", "transaction", "session"]));
    assert_eq!(policy["statements"]["origin"], "sqlite.read_only: default");
    let json = explained(&home, &["--client", "x"]);
    assert_eq!((&json["profile"], &json["passed"][0]["profile"]), (&json!("later"), &json!("reports")));
    let json = explained(&home, &["--folder", "/"]);
    assert_eq!((&json["profile"], &json["depends_on_client"]), (&json!("later"), &json!(true)));
    let text = home.run(&["config", "explain", "--client", "x", "--profile", "reports"]);
    assert!(text.stdout.starts_with("profile: reports\nwhy: asked for by name\n"), "{text:?}");
    let unknown = home.run(&["config", "explain", "--profile", "report"]);
    assert_eq!(unknown.code, Some(78), "{unknown:?}");
    assert!(unknown.stderr.contains("did you mean `reports`?"), "{unknown:?}");
}
