//! Plans that SQLite makes, and what they come to.

use rusqlite::Connection;

use super::*;

/// `t` has 1,000 rows, `u` 200, `w` (without row ids) 50; of `v`, a virtual table, nothing is known.
struct Known {
    is_analyzed: bool,
}

impl Tables for Known {
    fn rows(&self, name: &str) -> Option<u64> {
        match name {
            "t" | "q" | "main.t" | "a" | "b" => Some(1_000),
            "u" => Some(200),
            "w" => Some(50),
            _ => None,
        }
    }

    fn index(&self, _: &str, index: Option<&str>) -> IndexFacts {
        let rows_per_value = |numbers: &[u64]| if self.is_analyzed { numbers.to_vec() } else { Vec::new() };
        match index {
            Some("ti") => IndexFacts { unique_columns: None, rows_per_value: rows_per_value(&[100, 3]) },
            Some("uu") => IndexFacts { unique_columns: Some(1), ..IndexFacts::default() },
            None => IndexFacts { unique_columns: Some(1), ..IndexFacts::default() },
            Some(_) => IndexFacts::default(),
        }
    }

    fn ends_by_row_id(&self, name: &str) -> bool {
        name == "t"
    }
}

const SCHEMA: &str = "
    CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c); CREATE INDEX ti ON t(a, b);
    CREATE TABLE u(id INTEGER PRIMARY KEY, t_id, x, code); CREATE UNIQUE INDEX uu ON u(code);
    CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID;
    CREATE VIEW grouped AS SELECT a, count(*) AS n FROM t GROUP BY a;
    CREATE VIEW plain AS SELECT * FROM t WHERE b > 1;";

fn plan(sql: &str) -> Vec<Step> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let read =
        |row: &rusqlite::Row<'_>| Ok(Step { id: row.get(0)?, parent: row.get(1)?, detail: row.get(3)? });
    statement.query_map([], read).unwrap().map(Result::unwrap).collect()
}

#[track_caller]
fn assert_visits(sql: &str, is_analyzed: bool, expected: u64, is_at_least: bool) {
    let steps = plan(sql);
    let found = visits(&steps, &Known { is_analyzed }, None);
    assert_eq!((found.rows, found.is_at_least), (expected, is_at_least), "{sql}: {steps:#?}");
}

#[test]
fn the_loops_of_real_plans_are_multiplied_and_added_up() {
    for (sql, expected) in [
        ("SELECT 1", 1),
        ("VALUES (1), (2), (3)", 3),
        ("SELECT * FROM t", 1_000),
        ("SELECT * FROM main.t", 1_000),
        ("SELECT count(*) FROM t", 1_000),
        ("SELECT max(id) FROM t", 1),
        ("SELECT min(a) FROM t", 1),
        ("SELECT max(x) FROM u", 200),
        ("SELECT * FROM t WHERE c = 1", 1_000),
        ("SELECT * FROM t ORDER BY c LIMIT 1", 1_000),
        // Searches.
        ("SELECT * FROM t WHERE id = 1", 1),
        ("SELECT * FROM t WHERE id > 1", 250),
        ("SELECT * FROM t WHERE id > 1 AND id < 9", 62),
        ("SELECT * FROM t WHERE a = 1", 10),
        ("SELECT * FROM t WHERE a = 1 AND b = 2", 9),
        ("SELECT * FROM t WHERE a = 1 AND b > 2", 2),
        ("SELECT * FROM t WHERE a > 1", 250),
        ("SELECT * FROM u WHERE code = 'x'", 1),
        ("SELECT * FROM w WHERE k = 1", 1),
        ("SELECT * FROM t WHERE a = 1 OR id = 2", 11),
        // Joins.
        ("SELECT * FROM t AS a CROSS JOIN t AS b", 1_000 + 1_000_000),
        ("SELECT * FROM u JOIN t AS q ON q.id = u.t_id", 200 + 200),
        ("SELECT * FROM u CROSS JOIN t ON t.a = u.x", 200 + 200 * 10),
        // Subqueries.
        ("SELECT (SELECT count(*) FROM u WHERE u.t_id = t.id) FROM t", 1_000 + 1_000 * 200),
        ("SELECT (SELECT max(x) FROM u) FROM t", 1_000 + 200),
        ("SELECT * FROM t WHERE c IN (SELECT x FROM u)", 1_000 + 200),
        // Views and common table expressions.
        ("SELECT * FROM plain", 1_000),
        ("SELECT * FROM grouped", 1_000 + 1_000),
        ("WITH c AS MATERIALIZED (SELECT * FROM u) SELECT * FROM c", 200 + 200),
        // One after the other.
        ("SELECT a FROM t UNION ALL SELECT x FROM u", 1_200),
        ("SELECT a FROM t UNION SELECT x FROM u", 1_200),
        // Writes.
        ("INSERT INTO u (x) SELECT a FROM t", 1_000),
        ("UPDATE t SET c = 1 WHERE id = 1", 1),
        ("UPDATE t SET c = 1", 1_000),
        ("DELETE FROM t WHERE c = 1", 1_000),
        ("INSERT INTO u (x) VALUES (1)", 0),
    ] {
        assert_visits(sql, false, expected, false);
    }
    let joined = visits(&plan("SELECT * FROM t, u WHERE t.c = u.x"), &Known { is_analyzed: false }, None);
    assert!((1_000..20_000).contains(&joined.rows), "an index is made for it: {joined:?}");
}

#[test]
fn what_analyze_found_counts() {
    assert_visits("SELECT * FROM t WHERE a = 1", true, 100, false);
    assert_visits("SELECT * FROM t WHERE a = 1 AND b = 2", true, 3, false);
    assert_visits("SELECT * FROM t WHERE a = 1 AND b > 2", true, 25, false);
}

#[test]
fn what_is_not_known_is_said_and_the_rest_counts() {
    for (sql, expected) in [
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", 3),
        ("SELECT * FROM json_each('[1, 2]')", 1),
        ("SELECT * FROM t, json_each(t.c)", 2_000),
    ] {
        let found = visits(&plan(sql), &Known { is_analyzed: false }, None);
        assert!(found.is_at_least && found.rows >= expected, "{sql}: {found:?}");
    }
}

#[test]
fn a_limit_counts_for_the_scan_of_one_table() {
    let known = Known { is_analyzed: false };
    assert_eq!(visits(&plan("SELECT * FROM t LIMIT 10"), &known, Some(10)).rows, 10);
    assert_eq!(visits(&plan("SELECT * FROM t ORDER BY c LIMIT 10"), &known, Some(10)).rows, 1_000);
}

#[test]
fn figures_do_not_overflow() {
    struct Huge;
    impl Tables for Huge {
        fn rows(&self, _: &str) -> Option<u64> {
            Some(u64::MAX / 2)
        }
        fn index(&self, _: &str, _: Option<&str>) -> IndexFacts {
            IndexFacts::default()
        }
        fn ends_by_row_id(&self, _: &str) -> bool {
            false
        }
    }
    let steps = plan("SELECT * FROM t AS a, t AS b, t AS c WHERE a.c + b.c + c.c = 0");
    assert_eq!(visits(&steps, &Huge, None).rows, u64::MAX);
}
