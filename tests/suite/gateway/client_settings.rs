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

/// A home whose gateway applies no client's own settings.
fn refusing() -> Home {
    let home = Home::new();
    home.configure("[gateway]\nclient_settings = 'refuse'\n");
    home
}

/// A folder with one empty database.
fn folder_with(home: &Home, folder: &str, database: &str) -> String {
    let folder = home.path().join(folder);
    std::fs::create_dir(&folder).expect("making a folder");
    std::fs::write(folder.join(format!("{database}.db")), "").expect("writing a database");
    folder.display().to_string()
}

/// The databases that the client sees.
#[track_caller]
fn databases(client: &mut Client) -> String {
    let answer = client.call("list_databases", &json!({}));
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(&answer).to_owned()
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
    let home = refusing();
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
    let home = refusing();
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
    let home = refusing();
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
    let home = refusing();
    runs(&mut start(&home, &[]));
    let mut client = start(&home, &[("SNOWGATE_LIMITS_ROWS_MAX", "3")]);
    let answer = runs(&mut client);
    let said = answer["result"]["content"][1]["text"].as_str().expect("a note");
    assert!(said.contains("SNOWGATE_LIMITS_ROWS_MAX") && said.contains("snowgate stop"), "{said}");
    assert_eq!(runs(&mut client)["result"]["content"].as_array().map(Vec::len), Some(1), "said once");
}

#[test]
fn each_client_gets_what_its_own_environment_says_also_from_the_next_gateways() {
    let home = Home::new();
    let (three, four) = (folder_with(&home, "three", "THREE"), folder_with(&home, "four", "FOUR"));
    let in_three = [("SNOWGATE_SQLITE_FOLDER", three.as_str())];
    let in_four = [("SNOWGATE_SQLITE_FOLDER", four.as_str()), ("SNOWGATE_LIMITS_ROWS_MAX", "7")];
    let mut clients =
        [start(&home, &[]), start(&home, &in_three), start(&home, &in_four), start(&home, &in_three)];
    let expected = ["ONE", "THREE", "FOUR", "THREE"];
    for round in 0..4 {
        for (client, database) in clients.iter_mut().zip(expected) {
            let seen = databases(client);
            for other in ["ONE", "THREE", "FOUR"] {
                assert_eq!(seen.contains(other), other == database, "round {round}: {seen}");
            }
            let answer = client.query("select count(*) as n from pragma_database_list");
            assert_eq!(answer["result"]["isError"], false, "{answer}");
        }
        let limit = |client: &mut Client| {
            client.call("session_info", &json!({}))["result"]["structuredContent"]["limits"]["rows_max"]
                .clone()
        };
        assert_eq!((limit(&mut clients[2]), limit(&mut clients[1])), (json!(7), json!(10_000)));
        let status = home.status().expect("a gateway");
        let brought = status["client_backends"].as_array().expect("a list");
        assert_eq!(brought.len(), 2, "two of three sets are not the gateway's own: {status}");
        match round {
            // Whoever calls first starts the next gateway: its environment is the gateway's own from then on.
            0 => drop(home.kill_gateway()),
            1 => {
                home.kill_gateway();
                assert!(databases(&mut clients[2]).contains("FOUR"));
            }
            2 => assert_eq!(home.run(&["restart"]).code, Some(0)),
            _ => {}
        }
    }
    let shared = [1, 3].map(|at: usize| home.session_of(clients[at].pid())["connection"].clone());
    assert_eq!(shared[0], shared[1], "the same settings share a connection");
}

#[test]
fn a_context_belongs_to_the_folder_in_which_it_was_set() {
    let home = Home::new();
    let other = folder_with(&home, "other", "TWO");
    let mut first = start(&home, &[]);
    assert_eq!(first.call("set_context", &json!({"database": "TWO"}))["result"]["isError"], false);
    let mut second = start(&home, &[("SNOWGATE_SQLITE_FOLDER", other.as_str())]);
    let info = second.call("session_info", &json!({}))["result"]["structuredContent"].clone();
    assert_eq!(info["context_from"], "profile", "{info}");
    let answer = second.query("select count(*) as n from sqlite_master");
    assert_eq!(tool_text(&answer), "n\n0\n(1 row)");
    assert_eq!(answer["result"]["content"].as_array().map(Vec::len), Some(1), "nothing inherited: {answer}");
}

#[test]
fn a_client_with_an_account_of_its_own_does_not_get_the_data_of_the_gateway_and_no_value_is_kept() {
    let home = Home::new();
    home.configure("[backend]\nkind = 'sqlite'\n");
    let mut first = start(&home, &[]);
    runs(&mut first);
    // The file chooses the backend, so this one's account is for other programs; its folder is not.
    let folder = folder_with(&home, "hush-folder", "HUSH");
    let variables = [
        ("SNOWFLAKE_ACCOUNT", "org-hush"),
        ("SNOWFLAKE_PASSWORD", "pw-hush"),
        ("SNOWGATE_SQLITE_FOLDER", folder.as_str()),
    ];
    let mut second = start(&home, &variables);
    assert!(databases(&mut second).contains("HUSH"));
    let shown = [home.run(&["status", "--json"]).stdout, home.run(&["sessions", "--json"]).stdout].concat();
    assert!(shown.contains("SNOWGATE_SQLITE_FOLDER") && !shown.contains("hush"), "{shown}");
    home.stop();
    for file in home.files() {
        let bytes = std::fs::read(&file).unwrap_or_default();
        for secret in ["pw-hush", "org-hush"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", file.display());
        }
    }
}

#[test]
fn no_more_connections_are_opened_than_the_bound_and_one_that_nobody_uses_makes_room() {
    let home = Home::new();
    home.configure("[gateway]\nbackends_max = 1\n");
    let (three, four) = (folder_with(&home, "three", "THREE"), folder_with(&home, "four", "FOUR"));
    runs(&mut start(&home, &[]));
    let mut first = start(&home, &[("SNOWGATE_SQLITE_FOLDER", three.as_str())]);
    runs(&mut first);
    let mut second = start(&home, &[("SNOWGATE_SQLITE_FOLDER", four.as_str())]);
    let text = tool_text(&second.query("select 1")).to_owned();
    assert!(text.contains("backends_max") && text.contains("SNOWGATE_SQLITE_FOLDER"), "{text}");
    assert!(!text.contains("four"), "{text}");
    runs(&mut first);
    first.leave();
    home.sessions_until("the first has left", |sessions| {
        sessions.iter().all(|session| session["pid"] != first.pid())
    });
    assert!(databases(&mut start(&home, &[("SNOWGATE_SQLITE_FOLDER", four.as_str())])).contains("FOUR"));
}

#[test]
fn an_environment_widens_nothing_that_the_file_protects() {
    let home = Home::new();
    home.configure("read_only = true\n[limits]\nrows_max = 7\n[profiles.default]\nstatements = ['read']\n");
    runs(&mut start(&home, &[]));
    let folder = folder_with(&home, "three", "THREE");
    let mut client = start(
        &home,
        &[
            ("SNOWGATE_SQLITE_FOLDER", folder.as_str()),
            ("SNOWGATE_SQLITE_READ_ONLY", "false"),
            ("SNOWGATE_LIMITS_ROWS_MAX", "1000"),
        ],
    );
    let info = client.call("session_info", &json!({}))["result"]["structuredContent"].clone();
    assert_eq!((&info["read_only"], &info["limits"]["rows_max"]), (&json!(true), &json!(7)), "{info}");
    assert_eq!(client.query("create table t (x)")["result"]["isError"], true);
    assert_eq!(client.query("begin")["result"]["isError"], true);
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

fn in_own(client: &mut Client, sql: &str) -> Value {
    client.call("execute_query", &json!({"query": sql, "database": "OWN"}))
}

#[test]
fn a_reload_that_cannot_be_applied_to_a_client_with_its_own_settings_refuses_it_and_names_it() {
    let home = Home::new();
    let folder = folder_with(&home, "own", "OWN");
    let variables = [("SNOWGATE_SQLITE_FOLDER", folder.as_str())];
    let config = |read_only: bool, more: &str| {
        home.configure(&format!("read_only = {read_only}\n[profiles.p]\nmatch = {{ client = '*' }}\n{more}"));
    };
    config(true, "");
    let mut first = start(&home, &[]);
    runs(&mut first);
    config(false, "");
    let mut own = start(&home, &variables);
    let made = in_own(&mut own, "create table s (a)");
    assert_eq!(made["result"]["isError"], false, "{made}");
    config(true, "denied_tables = ['*.s']\nstatements = ['read']\n");
    let reloaded = home.run(&["reload", "--json"]);
    assert_eq!(reloaded.code, Some(0), "{reloaded:?}");
    assert!(reloaded.json()["warnings"].to_string().contains("SNOWGATE_SQLITE_FOLDER"), "{reloaded:?}");
    for sql in ["select * from s", "insert into s values (1)", "select 1"] {
        let refused = in_own(&mut own, sql);
        assert_eq!(refused["result"]["isError"], true, "{refused}");
        assert!(tool_text(&refused).contains("by the config as it is now"), "{refused}");
    }
    let status = home.status().expect("a gateway");
    assert!(status["settings_problem"].to_string().contains("SNOWGATE_SQLITE_FOLDER"), "{status}");
    assert!(home.run(&["doctor"]).stdout.contains("SNOWGATE_SQLITE_FOLDER"));
    runs(&mut first);
    // Who comes with the same variables now gets the narrow profile, and so does who connects again.
    let mut newer = start(&home, &variables);
    runs(&mut newer);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    for client in [&mut newer, &mut own] {
        runs(client);
        for sql in ["select * from s", "insert into s values (1)"] {
            assert_eq!(in_own(client, sql)["result"]["isError"], true);
        }
    }
}
