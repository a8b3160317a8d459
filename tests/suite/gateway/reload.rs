//! The config is read again while the gateway runs: what applies, what waits for a restart, and what is refused.

#[cfg(unix)]
mod unix;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

fn connected(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn rows_max(client: &mut Client) -> Value {
    client.call("session_info", &json!({}))["result"]["structuredContent"]["limits"]["rows_max"].clone()
}

/// The keys in a list of changes.
fn keys(changes: &Value) -> Vec<&str> {
    changes.as_array().expect("a list").iter().map(|change| change["key"].as_str().expect("a key")).collect()
}

fn reload(home: &Home) -> Value {
    let output = home.run(&["reload", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()
}

#[test]
fn what_applies_does_so_in_open_sessions_and_what_needs_a_restart_is_named() {
    let home = Home::new();
    home.configure("[limits]\nrows_max = 10\n[profiles.default]\nstatements = [\"read\", \"context\"]\n");
    let mut client = connected(&home);
    assert_eq!(rows_max(&mut client), 10);
    let (pid, instance) = (home.gateway_pid(), home.status().expect("a gateway")["instance"].clone());
    assert_eq!(keys(&reload(&home)["applied"]), Vec::<&str>::new());
    home.configure(
        "[limits]\nrows_max = 3\n[pool]\nconnections_max = 4\n\
         [profiles.default]\nstatements = [\"context\"]\n",
    );
    let done = reload(&home);
    assert_eq!(keys(&done["applied"]), ["limits.rows_max", "profiles.default.statements"], "{done}");
    assert_eq!(keys(&done["needs_restart"]), ["pool.connections_max"], "{done}");
    assert_eq!(done["sessions"], 1, "{done}");
    assert_eq!(rows_max(&mut client), 3);
    let refused = client.query("select 1 as n");
    assert!(tool_text(&refused).contains("statements"), "{refused}");
    let status = home.status().expect("a gateway");
    assert_eq!((&status["instance"], status["connections_max"].as_u64()), (&instance, Some(10)));
    assert_eq!(status["config_needs_restart"], json!(["pool.connections_max"]));
    assert_eq!(status["config_hash"], done["config_hash"]);
    assert_eq!(home.gateway_pid(), pid);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    let status = home.status().expect("a gateway");
    assert_eq!((status["connections_max"].as_u64(), &status["config_needs_restart"]), (Some(4), &json!([])));
    assert_eq!(rows_max(&mut client), 3);
}

#[test]
fn a_config_with_an_error_changes_nothing_and_a_killed_gateway_reads_what_is_there_then() {
    let home = Home::new();
    home.configure("[limits]\nrows_max = 10\n");
    let mut client = connected(&home);
    assert_eq!(rows_max(&mut client), 10);
    home.configure("[limits]\nrows_max = 3\nbytes_maxx = 1\n");
    let refused = home.run(&["reload", "--json"]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    let error = &refused.json()["error"];
    assert!(error["message"].as_str().is_some_and(|text| text.contains("bytes_maxx")), "{error}");
    assert_eq!(error["kind"], "config");
    assert_eq!(rows_max(&mut client), 10);
    let problem = home.status().expect("a gateway")["config_problem"].clone();
    assert!(problem.as_str().is_some_and(|text| text.contains("bytes_maxx")), "{problem}");
    home.configure("[limits]\nrows_max = 3\n");
    assert_eq!(keys(&reload(&home)["applied"]), ["limits.rows_max"]);
    assert_eq!(home.status().expect("a gateway")["config_problem"], Value::Null);
    home.configure("[limits]\nrows_max = 5\n");
    home.kill_gateway();
    assert_eq!(rows_max(&mut client), 5);
    let audited = home.run(&["audit", "search", "--kind", "reload", "--json"]);
    assert_eq!(audited.stdout.matches("\"denied\"").count(), 1, "{audited:?}");
}

#[test]
fn a_profile_that_is_gone_refuses_the_calls_of_its_session_until_it_is_back() {
    let home = Home::new();
    let profile = "[profiles.mine]\ndatabase = \"TWO\"\n";
    home.configure(profile);
    let mut client = home.launch().arg("--profile").arg("mine").start();
    client.initialize();
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    home.configure("");
    reload(&home);
    assert!(tool_text(&client.query("select 2 as n")).contains("not in the configuration any more"));
    home.configure(profile);
    assert_eq!(reload(&home)["sessions"], 1);
    assert_eq!(tool_text(&client.query("select 3 as n")), "n\n3\n(1 row)");
}

#[test]
fn a_session_whose_profile_names_a_database_that_is_not_there_begins_once_that_is_corrected() {
    let home = Home::new();
    let profile = |database: &str| {
        format!("[profiles.mine]\nmatch = [{{ client = \"test*\" }}]\ndatabase = \"{database}\"\n")
    };
    home.configure(&profile("NOPE"));
    let mut client = connected(&home);
    assert!(tool_text(&client.query("select 1 as n")).contains("NOPE"));
    home.configure(&profile("TWO"));
    reload(&home);
    assert_eq!(tool_text(&client.query("select 2 as n")), "n\n2\n(1 row)");
    let info = client.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["context"]["database"], "TWO", "{info}");
}

#[test]
fn a_profile_on_a_new_connection_keeps_all_profiles_as_they_are() {
    let home = Home::new();
    home.configure("[profiles.default]\nrows_max = 9\n");
    let mut client = connected(&home);
    assert_eq!(rows_max(&mut client), 9);
    home.configure(
        "[connections.other]\nkind = \"sqlite\"\n[profiles.default]\nrows_max = 2\n[profiles.b]\nconnection = \"other\"\n",
    );
    let done = reload(&home);
    assert_eq!(keys(&done["applied"]), Vec::<&str>::new());
    assert!(done["profiles_wait"].as_str().is_some_and(|why| why.contains("connection other")), "{done}");
    assert_eq!(rows_max(&mut client), 9);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    assert_eq!(rows_max(&mut client), 2);
}

#[test]
fn without_a_gateway_there_is_nothing_to_reload() {
    let home = Home::new();
    assert_eq!(home.run(&["reload"]).code, Some(3));
}
