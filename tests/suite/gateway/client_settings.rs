//! Clients whose entries have other settings in their `env` than the client that started the gateway.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

fn start(home: &Home, variables: &[(&str, &str)]) -> Client {
    let launch = variables.iter().fold(home.launch(), |launch, (name, value)| launch.env(name, value));
    let mut client = launch.start();
    assert!(client.initialize()["result"].is_object(), "it is told with its first call, not before");
    client
}

#[track_caller]
fn runs(client: &mut Client) -> Value {
    let answer = client.query("select 1 as one");
    assert_eq!(tool_text(&answer), "one\n1\n(1 row)", "{answer}");
    answer
}

/// The client's calls are refused, naming these variables and no value.
#[track_caller]
fn is_refused(client: &mut Client, names: &[&str], values: &[&str]) {
    assert!(client.request("tools/list", &json!({}))["result"]["tools"].is_array());
    for answer in [client.query("select 1"), client.call("list_databases", &json!({}))] {
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let text = tool_text(&answer);
        assert!(text.contains(&format!("({})", names.join(", "))), "{names:?}: {text}");
        assert!(
            text.contains("SNOWGATE_HOME") && text.contains("config.toml") && text.contains("snowgate"),
            "{text}"
        );
        assert!(values.iter().all(|value| !text.contains(value)), "{text}");
    }
    let info = client.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["settings_not_applied"], json!(names), "{info}");
    assert!(info["result"]["structuredContent"]["calls_refused"].is_string(), "{info}");
}

#[test]
fn a_client_with_an_account_does_not_get_the_data_of_the_gateway_that_runs() {
    let home = Home::new();
    let mut first = start(&home, &[]);
    runs(&mut first);
    let variables = [
        ("SNOWFLAKE_ACCOUNT", "org-hush"),
        ("SNOWFLAKE_USER", "ada-hush"),
        ("SNOWFLAKE_PASSWORD", "pw-hush"),
    ];
    let mut second = start(&home, &variables);
    is_refused(&mut second, &["SNOWFLAKE_ACCOUNT", "SNOWFLAKE_PASSWORD", "SNOWFLAKE_USER"], &["hush"]);
    runs(&mut first);
    let session = home.session_of(second.pid());
    assert_eq!(
        (&session["settings_refused"], &session["settings_not_applied"][0]),
        (&json!(true), &json!("SNOWFLAKE_ACCOUNT"))
    );
    let status = home.status().expect("a gateway");
    assert!(
        status["settings_problem"].as_str().is_some_and(|said| said.contains("SNOWFLAKE_ACCOUNT")),
        "{status}"
    );
    assert!(home.run(&["status"]).stdout.contains("SNOWFLAKE_ACCOUNT"));
    assert!(!home.log().contains("hush") && !home.run(&["sessions", "--json"]).stdout.contains("hush"));
}

#[test]
fn another_folder_is_refused_in_either_order_and_by_whichever_gateway_comes_next() {
    let home = Home::new();
    let other = home.path().join("other");
    std::fs::create_dir(&other).expect("making a folder");
    std::fs::write(other.join("THREE.db"), "").expect("writing a database");
    let other = other.display().to_string();
    let variables = [("SNOWGATE_SQLITE_FOLDER", other.as_str())];
    let mut first = start(&home, &variables);
    runs(&mut first);
    let mut plain = start(&home, &[]);
    is_refused(&mut plain, &["SNOWGATE_SQLITE_FOLDER"], &[&other]);
    let mut same = start(&home, &variables);
    runs(&mut same);
    let restarted = home.run(&["restart"]);
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    runs(&mut first);
    is_refused(&mut plain, &["SNOWGATE_SQLITE_FOLDER"], &[&other]);
    // The next gateway is started by the one that calls first.
    home.kill_gateway();
    runs(&mut plain);
    is_refused(&mut first, &["SNOWGATE_SQLITE_FOLDER"], &[&other]);
}

#[test]
fn a_refused_client_inherits_nothing_and_begins_with_its_first_call_that_runs() {
    let home = Home::new();
    let other = home.path().join("other");
    std::fs::create_dir(&other).expect("making a folder");
    std::fs::write(other.join("ZZ.db"), "").expect("writing a database");
    let mut first = start(&home, &[]);
    first.call("set_context", &json!({"database": "TWO"}));
    let mut second = start(&home, &[("SNOWGATE_SQLITE_FOLDER", &other.display().to_string())]);
    is_refused(&mut second, &["SNOWGATE_SQLITE_FOLDER"], &[]);
    let answer = second.call("set_context", &json!({"database": "ONE"}));
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let info = second.call("session_info", &json!({}))["result"]["structuredContent"].clone();
    assert_eq!((&info["context_from"], &info.get("note")), (&json!("profile"), &None), "{info}");
    // What the refusal says to do.
    home.stop();
    runs(&mut second);
    let answer = second.query("select file like '%ZZ.db' as is_zz from pragma_database_list where seq = 0");
    assert_eq!(tool_text(&answer), "is_zz\n1\n(1 row)");
}

#[test]
fn where_a_file_chooses_the_backend_an_account_in_the_environment_is_no_difference() {
    let home = Home::new();
    home.configure("[backend]\nkind = 'sqlite'\n");
    runs(&mut start(&home, &[]));
    runs(&mut start(&home, &[("SNOWFLAKE_ACCOUNT", "org-test"), ("SNOWFLAKE_USER", "ada")]));
}

#[test]
fn what_makes_no_difference_is_none() {
    let home = Home::new();
    home.configure("read_only = true\n[limits]\nrows_max = 7\n");
    let mut first = start(&home, &[]);
    runs(&mut first);
    let databases = home.databases().display().to_string();
    for variables in [
        &[("SNOWGATE_SQLITE_READ_ONLY", "true"), ("SNOWGATE_LIMITS_ROWS_MAX", "7")][..],
        // The file outranks it.
        &[("SNOWGATE_SQLITE_READ_ONLY", "false")],
        &[("SNOWGATE_SQLITE_FOLDER", &databases)],
        &[
            ("SNOWGATE_LOG", "debug"),
            ("SNOWGATE_PROFILE", "default"),
            ("SNOWGATE_GATEWAY_LOG_LEVEL", "debug"),
        ],
        &[("SNOWFLAKE_USER", "")],
    ] {
        let mut client = start(&home, variables);
        let answer = runs(&mut client);
        assert_eq!(answer["result"]["content"].as_array().map(Vec::len), Some(1), "{variables:?}: {answer}");
        assert_eq!(home.session_of(client.pid())["settings_not_applied"], json!([]), "{variables:?}");
    }
}

#[test]
fn a_limit_that_is_not_applied_is_said_with_the_first_result() {
    let home = Home::new();
    runs(&mut start(&home, &[]));
    let mut client = start(&home, &[("SNOWGATE_LIMITS_ROWS_MAX", "3")]);
    let answer = runs(&mut client);
    let said = answer["result"]["content"][1]["text"].as_str().expect("a note");
    assert!(said.contains("SNOWGATE_LIMITS_ROWS_MAX") && said.contains("snowgate stop"), "{said}");
    assert_eq!(runs(&mut client)["result"]["content"].as_array().map(Vec::len), Some(1), "said once");
}

/// `serve`, a service manager or another client may have what a client lacks.
#[test]
fn what_a_client_leaves_open_is_no_difference() {
    let home = Home::new();
    let only_process = [("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "0")];
    let mut first = start(&home, &only_process);
    runs(&mut first);
    let mut plain = start(&home, &[]);
    let answer = runs(&mut plain);
    assert_eq!(answer["result"]["content"].as_array().map(Vec::len), Some(1), "no note: {answer}");
}

#[test]
fn many_names_are_counted_and_wrong_values_are_told_as_that() {
    let home = Home::new();
    runs(&mut start(&home, &[]));
    let folder = home.path().display().to_string();
    let names: Vec<String> = (0..300).map(|number| format!("SNOWFLAKE_JUNK_{number}")).collect();
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    variables.push(("SNOWGATE_SQLITE_FOLDER", &folder));
    let answer = start(&home, &variables).query("select 1");
    assert!(tool_text(&answer).len() < 1000, "{answer}");
    let answer = start(&home, &[("SNOWGATE_SQLITE_READ_ONLY", "perhaps")]).query("select 1");
    let text = tool_text(&answer);
    for words in ["not valid", "SNOWGATE_SQLITE_READ_ONLY", "snowgate config check"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("perhaps"), "{text}");
}
