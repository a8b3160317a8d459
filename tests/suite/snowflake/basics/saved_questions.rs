//! Saved questions: their values come to the warehouse beside the statement, and never in it.

use serde_json::json;
use snowgate_tests::HOSTILE_TEXTS;
use warehouse::{PlanFigures, secrets};

use super::*;

const LOG: &str = "STAGING.PUBLIC.LOG";

const QUESTIONS: &str = r#"
[queries.echo]
sql = "SELECT :value AS V, ':value' AS T -- :value"
description = "What is bound."
[queries.echo.parameters.value]
type = "text"

[queries.find_key]
sql = "SELECT * FROM STAGING.PUBLIC.LOG WHERE KEY = :key"
description = "The rows of a key."
[queries.find_key.parameters.key]
type = "text"

[queries.add_key]
sql = "INSERT INTO STAGING.PUBLIC.LOG VALUES (:key)"
description = "Add a key."
[queries.add_key.parameters.key]
type = "text"

[queries.typed]
sql = "SELECT :n AS N, :x AS X, :small AS SMALL, :b AS B, :d AS D, :at AS AT, :n AS AGAIN"
description = "One of each type."
[queries.typed.parameters.n]
type = "integer"
[queries.typed.parameters.x]
type = "number"
[queries.typed.parameters.small]
type = "number"
default = "1e-3"
[queries.typed.parameters.b]
type = "boolean"
[queries.typed.parameters.d]
type = "date"
[queries.typed.parameters.at]
type = "timestamp"
required = false
"#;

fn start_with(more: &str) -> (Warehouse, Home) {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let key = secrets::private_key().display().to_string();
    let account = format!("private_key_file = {key:?}\nread_only = false\n");
    home.configure_account(&warehouse, &account, &format!("{more}{QUESTIONS}"));
    (warehouse, home)
}

#[test]
fn an_argument_comes_beside_the_statement_and_is_compared_as_a_value() {
    let (warehouse, home) = start_with("");
    let mut client = client(&home);
    for text in HOSTILE_TEXTS {
        let found = client.call("find_key", &json!({"key": text}));
        assert_eq!(result(&found), "KEY\n(0 rows)", "{text:?}: {found}");
        let added = client.call("add_key", &json!({"key": text}));
        assert!(!is_error(&added), "{text:?}: {added}");
        assert_eq!(warehouse.count_key(LOG, text), 1, "{text:?}");
        let found = client.call("find_key", &json!({"key": text}));
        assert!(result(&found).ends_with("(1 row)"), "{text:?}: {found}");
        let echoed = client.call("echo", &json!({"value": text}));
        assert!(!is_error(&echoed) && result(&echoed).ends_with("(1 row)"), "{text:?}: {echoed}");
    }
    warehouse.seen(|seen| {
        let asked: Vec<_> =
            seen.queries.iter().filter(|query| query.bindings.values().next().is_some()).collect();
        assert_eq!(asked.len(), 4 * HOSTILE_TEXTS.len());
        for (at, query) in asked.iter().enumerate() {
            let expected = [
                "SELECT * FROM STAGING.PUBLIC.LOG WHERE KEY = ?",
                "INSERT INTO STAGING.PUBLIC.LOG VALUES (?)",
                "SELECT * FROM STAGING.PUBLIC.LOG WHERE KEY = ?",
                "SELECT ? AS V, ':value' AS T -- :value",
            ];
            assert_eq!(query.sql, expected[at % 4], "the text has no value in it");
            let bound: Vec<_> = query.bindings.values().collect();
            assert_eq!(bound.len(), 1);
            assert_eq!(
                (bound[0].kind.as_str(), bound[0].value.as_deref()),
                ("TEXT", Some(HOSTILE_TEXTS[at / 4]))
            );
        }
    });
    let nul = client.call("echo", &json!({"value": "a\0b"}));
    assert!(is_error(&nul) && tool_text(&nul).contains("`value` must be a text"), "{nul}");
}

#[test]
fn each_type_comes_in_the_drivers_form() {
    let (warehouse, home) = start_with("");
    let mut client = client(&home);
    let arguments = json!({"n": "12345678901234567890123456789012345678", "x": -12.5, "b": true, "d": "2024-02-29",
        "at": "2017-07-14T02:40:00.123456789"});
    let typed = client.call("typed", &arguments);
    assert!(!is_error(&typed), "{typed}");
    let long = "12345678901234567890123456789012345678";
    let shown = format!("{long}|-12.5|1e-3|true|2024-02-29|2017-07-14 02:40:00|{long}");
    assert!(result(&typed).contains(&shown), "{typed}");
    warehouse.seen(|seen| {
        let query = seen.queries.iter().find(|query| query.sql.contains("AGAIN")).expect("the statement");
        assert_eq!(query.sql, "SELECT ? AS N, ? AS X, ? AS SMALL, ? AS B, ? AS D, ? AS AT, ? AS AGAIN");
        let bound: Vec<_> =
            query.bindings.values().map(|bound| (bound.kind.as_str(), bound.value.as_deref())).collect();
        assert_eq!(
            bound,
            [
                ("FIXED", Some(long)),
                ("FIXED", Some("-12.5")),
                ("REAL", Some("1e-3")),
                ("BOOLEAN", Some("true")),
                ("DATE", Some("1709164800000")),
                ("TIMESTAMP_NTZ", Some("1500000000123456789")),
                ("FIXED", Some(long)),
            ]
        );
    });
    let absent = client.call("typed", &json!({"n": 1, "x": 2, "b": false, "d": "1969-12-31"}));
    assert!(result(&absent).contains("|1969-12-31|NULL|1"), "{absent}");
}

#[test]
fn a_write_runs_once_across_a_kill_and_its_cost_is_asked_with_its_values() {
    let (warehouse, home) = start_with("[profiles.default]\nmax_partitions = 100\n");
    let mut client = client(&home);
    warehouse.set_plan(PlanFigures { partitions_total: 1_000, partitions_assigned: 340, bytes_assigned: 1 });
    let refused = client.call("add_key", &json!({"key": "dear"}));
    assert!(is_error(&refused) && tool_text(&refused).contains("`max_partitions`"), "{refused}");
    warehouse.set_plan(PlanFigures { partitions_total: 1_000, partitions_assigned: 1, bytes_assigned: 1 });
    let added = client.call("add_key", &json!({"key": "once"}));
    assert!(!is_error(&added), "{added}");
    home.kill_gateway();
    let found = client.call("find_key", &json!({"key": "once"}));
    assert!(result(&found).ends_with("(1 row)"), "{found}");
    assert_eq!((warehouse.count_key(LOG, "once"), warehouse.count_key(LOG, "dear")), (1, 0));
    warehouse.seen(|seen| {
        let explained: Vec<_> =
            seen.queries.iter().filter(|query| query.sql.starts_with("EXPLAIN")).collect();
        assert!(explained.iter().all(|query| query.bindings.values().count() == 1), "{explained:?}");
        assert!(explained[0].sql.ends_with("VALUES (?)"));
    });
}
