//! Snowflake's own wall: an agent's session and a session scope that a profile requires.

use super::*;

const REQUIRED: &str =
    "[profiles.default]\nrequire_agent_session = true\nrequire_scope = \"SNOWFLAKE$DATA_READ\"\n";

/// The statements that the warehouse was sent which are not the question for the wall.
fn others(warehouse: &Warehouse) -> Vec<String> {
    warehouse.seen(|seen| {
        let texts = seen.queries.iter().map(|query| query.sql.clone());
        texts.filter(|sql| !sql.contains("SYS_CONTEXT")).collect()
    })
}

fn questions(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.queries.iter().filter(|query| query.sql.contains("SYS_CONTEXT")).count())
}

#[test]
fn a_log_in_that_is_no_agent_s_is_refused_before_anything_runs_and_says_what_to_set_up() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, REQUIRED);
    let mut client = client(&home);
    let text = error(&mut client, "SELECT 1 AS N");
    assert!(text.starts_with("Refused: ") && text.contains("require_agent_session = true"), "{text}");
    assert!(text.contains("SERVICE_AGENT") && text.contains("IS_AGENTIC"), "{text}");
    for (tool, arguments) in [
        ("list_databases", json!({})),
        ("list_tables", json!({"database": "SALES"})),
        ("set_context", json!({"database": "STAGING"})),
    ] {
        let answer = client.call(tool, &arguments);
        assert!(
            is_error(&answer) && tool_text(&answer).contains("require_agent_session"),
            "{tool}: {answer}"
        );
    }
    assert_eq!(others(&warehouse), Vec::<String>::new());
    assert_eq!(home.status().expect("a gateway")["backend_wall"], "agent session: no, scope: none");
}

#[test]
fn an_agent_s_log_in_under_the_scope_is_asked_about_once_and_again_after_the_next_log_in() {
    let warehouse = Warehouse::start();
    warehouse.change_user(secrets::USER, |user| user.make_agent(Some("SNOWFLAKE$DATA_READ")));
    let home = home_with(&warehouse, &format!("[pool]\nconnections_max = 1\n{REQUIRED}"));
    let mut client = client(&home);
    for _ in 0..3 {
        assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    }
    assert_eq!(questions(&warehouse), 1);
    let shown = "agent session: yes, scope: SNOWFLAKE$DATA_READ";
    assert_eq!(home.status().expect("a gateway")["backend_wall"], shown);
    assert!(home.run(&["status"]).stdout.contains(shown));
    // The administrator takes it away: the next log-in is not trusted because an earlier one was.
    warehouse.change_user(secrets::USER, warehouse::User::make_plain);
    warehouse.end_sessions();
    let text = error(&mut client, "SELECT 2 AS N");
    assert!(text.contains("require_agent_session"), "{text}");
    assert_eq!(questions(&warehouse), 2);
}

#[test]
fn another_scope_and_an_account_without_the_function_are_refused() {
    let warehouse = Warehouse::start();
    warehouse.change_user(secrets::USER, |user| user.make_agent(Some("SNOWFLAKE$DATA_READ_WITH_AI")));
    let home = home_with(&warehouse, REQUIRED);
    let text = error(&mut client(&home), "SELECT 1 AS N");
    assert!(text.contains("scope: SNOWFLAKE$DATA_READ_WITH_AI"), "{text}");
    home.stop();
    warehouse.change_user(secrets::USER, warehouse::User::forget_sys_context);
    let text = error(&mut client(&home), "SELECT 1 AS N");
    assert!(text.contains("does not say what the session is") && text.contains("SYS_CONTEXT"), "{text}");
    assert_eq!(others(&warehouse), Vec::<String>::new());
}

#[test]
fn a_connection_that_one_profile_has_used_is_asked_for_another_that_requires_more() {
    let warehouse = Warehouse::start();
    let profiles = format!("[pool]\nconnections_max = 1\n{}", REQUIRED.replace("default", "walled"));
    let home = home_with(&warehouse, &profiles);
    let mut open = client(&home);
    assert_eq!(query(&mut open, "SELECT 1 AS N"), "N\n1\n(1 row)");
    let mut walled = home.launch().arg("--profile").arg("walled").start();
    walled.initialize();
    assert!(error(&mut walled, "SELECT 2 AS N").contains("require_agent_session"));
    assert_eq!(query(&mut open, "SELECT 3 AS N"), "N\n3\n(1 row)");
    assert_eq!(questions(&warehouse), 1);
}

#[test]
fn a_wall_is_not_taken_for_granted_where_there_can_be_none() {
    let home = Home::new();
    home.configure("[profiles.default]\nrequire_agent_session = true\n");
    let text = error(&mut client(&home), "SELECT 1 AS N");
    assert!(text.contains("require_agent_session = true") && text.contains("no log-in"), "{text}");
}
