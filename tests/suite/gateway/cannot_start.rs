//! A gateway that cannot start: the client's first request is told why, and where the log is, without a wait
//! for the shim's time-out; once the cause is gone the next request of the same shim works.

#[cfg(unix)]
mod unix;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use snowgate_tests::{Client, Home, TOOLS, error_text, tool_text};

/// From the request to its answer, which takes no longer than the gateway's attempt to start. A shim that
/// went on looking would do so for 20 s.
const TOLD_LIMIT: Duration = Duration::from_secs(15);

/// A request's message, which must come in time and name the log; stderr must say the same.
fn refusal(client: &mut Client, words: &[&str]) -> String {
    let since = Instant::now();
    let answer = client.request("tools/list", &json!({}));
    let took = since.elapsed();
    let message = error_text(&answer, -32603).to_owned();
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message:?}");
        client.stderr_says(word);
    }
    assert!(took < TOLD_LIMIT, "told after {took:?}: {message}");
    message
}

/// As [`refusal`], and the message names a log that exists.
fn refusal_with_log(client: &mut Client, words: &[&str]) -> String {
    let message = refusal(client, words);
    let (_, log) = message.split_once("(log: ").unwrap_or_else(|| panic!("no log's place in {message:?}"));
    let (log, _) = log.split_once(')').expect("a closing bracket");
    assert!(Path::new(log).is_file(), "{log} is not there: {message}");
    message
}

fn works(client: &mut Client) {
    let answer = client.request("tools/list", &json!({}));
    assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(TOOLS), "{answer}");
}

#[test]
fn a_wrong_key_is_named_with_file_line_and_the_nearest_key() {
    let home = Home::new();
    home.configure("[pool]\nconections_max = 4\n");
    let mut client = home.client();
    let file = home.config_file().display().to_string();
    refusal_with_log(&mut client, &[&file, "conections_max", "connections_max", "snowgate config check"]);
    assert!(client.stderr().contains(":4:"), "the line is named: {}", client.stderr());
    home.configure("[pool]\nconnections_max = 4\n");
    works(&mut client);
    assert_eq!(home.status().expect("a gateway")["connections_max"], 4);
}

#[test]
fn a_config_that_is_no_toml_is_named() {
    let home = Home::new();
    home.configure("[pool\n");
    let mut client = home.client();
    refusal_with_log(&mut client, &[&home.config_file().display().to_string()]);
    home.configure("");
    works(&mut client);
}

#[test]
fn a_wrong_variable_is_named() {
    let home = Home::new();
    let mut client = home.launch().env("SNOWGATE_LIMITS_ROWS_MAX", "many").start();
    refusal_with_log(&mut client, &["SNOWGATE_LIMITS_ROWS_MAX", "many"]);
    // The environment cannot be repaired from outside, but another shim with a better one can start the
    // gateway.
    let mut other = home.client();
    works(&mut other);
    works(&mut client);
}

#[test]
fn a_config_file_that_was_named_and_is_missing_is_an_error() {
    let home = Home::new();
    let file = home.path().join("elsewhere.toml");
    let mut client = home.launch().env("SNOWGATE_CONFIG", &file).start();
    refusal_with_log(&mut client, &[&file.display().to_string()]);
    fs::write(&file, "[sqlite]\nsample_data = false\n").expect("writing");
    works(&mut client);
}

#[test]
fn a_file_of_the_folder_that_is_no_database_stops_only_its_own_queries() {
    let home = Home::new();
    let file = home.databases().join("TWO.db");
    fs::write(&file, "certainly not SQLite. ".repeat(500)).expect("writing");
    let mut client = home.client();
    client.initialize();
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
    let answer = client.call("execute_query", &json!({"query": "select 1", "database": "TWO"}));
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(tool_text(&answer).contains(&file.display().to_string()), "{answer}");
    home.log_until("cannot open database", 1);
}

#[test]
fn a_request_that_a_gateway_may_have_run_says_so() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let under_way = client.send_endless_query();
    home.sessions_until("the statement runs", |sessions| {
        sessions.iter().any(|session| session["state"] == "running")
    });
    home.configure("[gateway]\nnonsense = 1\n");
    home.kill_gateway();
    let answer = client.answer(&under_way);
    let text = error_text(&answer, -32603);
    assert!(text.contains("nonsense") && text.contains("may have taken effect"), "{text}");
    let answer = client.request("tools/list", &json!({}));
    assert!(
        !error_text(&answer, -32603).contains("may have taken effect"),
        "no gateway ever had it: {answer}"
    );
}

#[test]
fn every_request_that_waits_is_told() {
    let home = Home::new();
    home.configure("[gateway]\nnonsense = 1\n");
    let mut client = home.client();
    let ids: Vec<_> = (0..20).map(|_| client.send("tools/list", &json!({}))).collect();
    client.notify("notifications/initialized", &json!({}));
    for id in ids {
        let answer = client.answer(&id);
        assert!(error_text(&answer, -32603).contains("nonsense"), "{answer}");
    }
    client.close_stdin();
    assert_eq!(client.rest().len(), 0, "nothing is answered twice, and a notification not at all");
}

#[test]
fn a_key_or_token_in_the_place_of_its_path_reaches_no_client_no_log_and_no_report() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n");
    for (variable, secret) in [
        ("SNOWFLAKE_PRIVATE_KEY_PATH", pem.as_str()),
        (
            "SNOWFLAKE_TOKEN_FILE_PATH",
            "eyJhbGciOiJSUzI1NiJ9.eyJMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
        ),
    ] {
        let home = Home::new();
        home.configure("[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'a-b'\nuser = 'U'\n");
        let mut client = home.launch().env(variable, secret).start();
        let message = refusal(&mut client, &[variable, "file of mode 0600"]);
        assert!(!message.contains("MIIE"), "{message}");
        drop(client);
        let found = std::process::Command::new("grep")
            .args(["-rlF", "MIIE"])
            .arg(home.path())
            .output()
            .expect("grep");
        assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    }
    let home = Home::new();
    home.configure(&format!(
        "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'a-b'\nuser = 'U'\nprivate_key_file = '{line}'\n"
    ));
    for command in [&["doctor"][..], &["status"], &["config", "check"], &["config", "show"], &["reload"]] {
        let output = home.run(command);
        assert!(!format!("{output:?}").contains("MIIE"), "{command:?}: {output:?}");
    }
}
