//! What need not queue, and questions about the catalog that need not be asked again.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, TOOLS, tool_text, until};

/// Runs until it is stopped.
const ENDLESS: &str =
    "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) as c from n";

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn metadata(home: &Home, counter: &str) -> u64 {
    home.status().expect("a gateway")["metadata"][counter].as_u64().expect("a counter")
}

fn tables(client: &mut Client) -> String {
    tool_text(&client.call("list_tables", &json!({"database": "ONE"}))).to_owned()
}

/// Runs `sql` as another program does.
fn by_another_program(home: &Home, sql: &str) {
    let connection = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("the file");
    connection.execute_batch(sql).expect("another program's statement");
}

#[test]
fn what_asks_no_backend_is_answered_while_every_connection_is_busy() {
    // One connection is never a session's own.
    for (isolation, connections) in [("moderate", 2), ("strict", 3), ("relaxed", 2)] {
        let home = Home::new();
        home.configure(&format!(
            "[pool]\nconnections_min = 0\nconnections_max = {connections}\n[profiles.default]\nisolation = '{isolation}'\n"
        ));
        let busy = || {
            let status = home.status().expect("a gateway");
            let count = |name: &str| status[name].as_u64().expect("a number");
            count("connections_open") - count("connections_idle")
        };
        let mut clients: Vec<Client> = (0..2).map(|_| ready(&home)).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            // Not the same text: a relaxed session would join the other's.
            client.send_query(&format!("{ENDLESS} where x <> -{}", number + 1));
        }
        let mut waiting = ready(&home);
        until("every connection is busy", || busy() == 2);
        for _ in 0..4 {
            waiting.send_query("select count(*) as n from sqlite_schema");
        }
        let mut other = ready(&home);
        let info = |client: &mut Client| -> Value {
            let answer = client.call("session_info", &json!({}));
            answer["result"]["structuredContent"].clone()
        };
        for client in [&mut waiting, &mut other] {
            let tools = client.request("tools/list", &json!({}));
            assert!(tools["result"]["tools"].as_array().is_some_and(|tools| tools.len() == TOOLS), "{tools}");
            assert_eq!(info(client)["context"]["database"], "ONE");
        }
        let changed = other.call("set_context", &json!({"database": "two"}));
        assert_ne!(changed["result"]["isError"], true, "{isolation}: {changed}");
        assert_eq!(info(&mut other)["context"]["database"], "TWO");
        let used = other.call("execute_query", &json!({"query": "use one"}));
        assert_ne!(used["result"]["isError"], true, "{isolation}: {used}");
        let wrong = other.call("set_context", &json!({"database": "none"}));
        assert!(tool_text(&wrong).contains("TWO"), "{isolation}: {wrong}");
        assert_eq!(busy(), 2, "{isolation}");
        assert!(!home.sessions().is_empty());
    }
}

#[test]
fn a_table_of_another_program_is_there_at_once_unless_the_configuration_says_otherwise() {
    let home = Home::new();
    let mut client = ready(&home);
    assert!(!tables(&mut client).contains("\nt|") && metadata(&home, "hits") == 0);
    by_another_program(&home, "create table first (a)");
    assert!(tables(&mut client).contains("first"));
    assert_eq!((metadata(&home, "hits"), metadata(&home, "entries")), (0, 0));

    let home = Home::new();
    home.configure("[pool]\nmetadata_cache_ms = 3600000\n");
    let (mut one, mut two) = (ready(&home), ready(&home));
    let before = tables(&mut one);
    by_another_program(&home, "create table first (a)");
    assert_eq!(tables(&mut two), before);
    assert_eq!((metadata(&home, "asked"), metadata(&home, "hits"), metadata(&home, "entries")), (1, 1, 1));
    let shown = home.run(&["status"]).stdout;
    assert!(shown.contains("\nmetadata     1 asked"), "{shown}");
    home.kill_gateway();
    assert!(tables(&mut one).contains("first"), "what a gateway keeps ends with it");
}

#[test]
fn what_a_session_changes_is_seen_by_all_at_once_and_what_is_only_its_own_by_none() {
    for isolation in ["moderate", "strict"] {
        let home = Home::new();
        home.configure(&format!(
            "read_only = false\n[pool]\nmetadata_cache_ms = 3600000\n[profiles.default]\nisolation = '{isolation}'\n"
        ));
        let (mut one, mut two) = (ready(&home), ready(&home));
        let run = |client: &mut Client, sql: &str| {
            let answer = client.query(sql);
            assert_ne!(answer["result"]["isError"], true, "{sql}: {answer}");
        };
        for round in 0..5 {
            let name = format!("made{round}");
            assert!(!tables(&mut two).contains(&name));
            run(&mut one, &format!("create table {name} (a)"));
            assert!(tables(&mut two).contains(&name), "{isolation}, {round}");
            assert!(tables(&mut one).contains(&name), "{isolation}, {round}");
        }
        let columns = |client: &mut Client| {
            tool_text(&client.call("describe_table", &json!({"table": "made0", "database": "ONE"})))
                .to_owned()
        };
        assert!(!columns(&mut one).contains("\nb|"));
        run(&mut two, "alter table made0 add column b");
        assert!(columns(&mut one).contains("\nb|"), "{isolation}");
        // Only its own session sees what is not committed.
        run(&mut one, "begin");
        run(&mut one, "create table open (a)");
        assert!(tables(&mut one).contains("open") && !tables(&mut two).contains("open"), "{isolation}");
        assert!(tables(&mut one).contains("open") && !tables(&mut two).contains("open"), "{isolation}");
        run(&mut one, "commit");
        assert!(tables(&mut two).contains("open"), "{isolation}");
        run(&mut one, "begin");
        run(&mut one, "drop table open");
        assert!(!tables(&mut one).contains("open") && tables(&mut two).contains("open"), "{isolation}");
        run(&mut one, "rollback");
        assert!(tables(&mut one).contains("open") && tables(&mut two).contains("open"), "{isolation}");
        assert!(metadata(&home, "hits") > 0 && metadata(&home, "dropped") > 0, "{isolation}");
    }
}

#[test]
fn two_profiles_with_other_lists_are_never_given_the_same_answer() {
    let home = Home::new();
    home.configure(
        "[pool]\nmetadata_cache_ms = 3600000\n[profiles.some]\ndenied_tables = ['secret']\n\
         [profiles.same]\ndenied_tables = ['secret']\n",
    );
    by_another_program(&home, "create table secret (a); create table open (a)");
    let mut all = ready(&home);
    assert!(tables(&mut all).contains("secret"));
    for (profile, hits) in [("some", 0), ("same", 1)] {
        let mut client = home.launch().arg("--profile").arg(profile).start();
        client.initialize();
        let shown = tables(&mut client);
        assert!(shown.contains("open") && !shown.contains("secret"), "{profile}: {shown}");
        assert_eq!(metadata(&home, "hits"), hits, "{profile}");
    }
}
