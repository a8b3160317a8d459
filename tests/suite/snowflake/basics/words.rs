//! Words in texts, comments and names are not statements.

use super::*;

#[test]
fn only_the_statements_own_words_count() {
    let (_warehouse, home) = start();
    let text = std::fs::read_to_string(home.config_file()).unwrap().replace("read_only = false\n", "");
    std::fs::write(home.config_file(), text).unwrap();
    let mut client = client(&home);
    for text in ["nextval", "x ->> y", "last_query_id()", "-- begin", "SYSTEM$CANCEL_QUERY(1)"] {
        let sql = format!("SELECT '{text}' AS N");
        assert_eq!(query(&mut client, &sql), format!("N\n{text}\n(1 row)"), "{sql}");
    }
    assert_eq!(query(&mut client, "SELECT 1 AS N /* last_query_id() */ -- s.nextval"), "N\n1\n(1 row)");
    for (sql, why) in [
        ("SELECT /* x */ last_query_id /* y */ ()", "LAST_QUERY_ID is refused"),
        ("SELECT \"LAST_QUERY_ID\"()", "LAST_QUERY_ID is refused"),
        ("SELECT s . NextVal", "the connection is read-only"),
        ("SELECT SYSTEM$CANCEL_QUERY('x')", "acts on the account"),
        ("SELECT 1 ->> CREATE TABLE t (x int)", "the connection is read-only"),
        ("/* a */ USE DATABASE NOWHERE", "Context unavailable"),
    ] {
        let answer = client.query(sql);
        assert!(is_error(&answer) && tool_text(&answer).contains(why), "{sql}: {answer}");
    }
}
