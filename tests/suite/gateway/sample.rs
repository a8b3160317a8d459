//! The sample data: there for a new user, whole or not at all.

use std::fs;
use std::time::Duration;

use serde_json::json;
use snowgate_tests::{Client, Home, Random, kill, tool_text, until};

const KILLS: usize = 6;

/// What the first gateway needs to write the sample data, or so: the last kills may come after it.
const FILL_MS: u64 = 700;

fn counted(client: &mut Client, table: &str) -> String {
    let answer = client.query(&format!("select count(*) as n from {table}"));
    tool_text(&answer).lines().nth(1).unwrap_or_else(|| panic!("no count: {answer}")).to_owned()
}

#[track_caller]
fn is_whole(client: &mut Client) {
    // TPC-H at scale factor 0.01.
    for (table, rows) in [("region", "5"), ("nation", "25"), ("customer", "1500"), ("lineitem", "60175")] {
        assert_eq!(counted(client, table), rows, "{table}");
    }
}

fn files(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.path().join("data/sample")).expect("the sample data's folder").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_new_user_s_first_gateway_writes_it_with_two_views() {
    let home = Home::bare();
    let mut client = home.client();
    client.initialize();
    is_whole(&mut client);
    let views = client.call("list_views", &json!({"database": "snowflake_sample_data"}));
    assert!(tool_text(&views).ends_with("(2 rows)"), "{views}");
    let databases = client.call("list_databases", &json!({}));
    assert!(tool_text(&databases).contains("TPC-H"), "{databases}");
}

#[test]
fn it_stays_out_of_the_user_s_folder_and_is_the_default_only_where_there_is_nothing_else() {
    let home = Home::bare();
    let folder = home.path().join("mine");
    fs::create_dir(&folder).expect("making a folder");
    fs::write(home.config_file(), format!("[sqlite]\nfolder = {folder:?}\n")).expect("writing");
    let default = |client: &mut Client| {
        let info = client.call("session_info", &json!({}));
        info["result"]["structuredContent"]["context"]["database"].as_str().map(str::to_owned)
    };
    let mut first = home.client();
    first.initialize();
    is_whole(&mut first);
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0, "the user's folder stays empty");
    assert_eq!(default(&mut first).as_deref(), Some("SNOWFLAKE_SAMPLE_DATA"));
    fs::write(folder.join("zoo.db"), "").expect("writing a database");
    let mut second = home.launch().arg("--session").arg("second").start();
    second.initialize();
    assert_eq!(default(&mut second).as_deref(), Some("zoo"));
    assert_eq!(counted(&mut second, "snowflake_sample_data.region"), "5");
}

#[test]
fn a_kill_while_it_is_written_leaves_no_half_database() {
    let mut random = Random::from_env("SNOWGATE_TEST_SEED");
    println!("SNOWGATE_TEST_SEED={}", random.seed);
    let home = Home::bare();
    let mut client = home.client();
    let opened = client.send(
        "initialize",
        &json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
        }),
    );
    for _ in 0..KILLS {
        until("a gateway has begun", || {
            !home.gateways().is_empty() && home.path().join("data/sample").is_dir()
        });
        // No wait for anything: the moment is what is random here.
        std::thread::sleep(Duration::from_micros(random.below(FILL_MS * 1000 / 2)));
        home.gateways().iter().for_each(|gateway| kill(gateway.pid));
        // Whoever was told that the gateway was killed too often asks again.
        client.send("ping", &json!({}));
    }
    client.answer(&opened);
    let mut other = home.client();
    is_whole(&mut other);
    assert_eq!(files(&home), [".SNOWFLAKE_SAMPLE_DATA.lock", "SNOWFLAKE_SAMPLE_DATA.db"]);
}
