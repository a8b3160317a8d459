//! What stands in texts, comments and names is no statement, and what is a statement is one however it is written:
//! with other blanks, comments and case, and where a text can be read in more than one way.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sql_gate::{Class, Dialect, Statement, read};

fn snowflake(sql: &str) -> Statement {
    read(sql, Dialect::Snowflake)
}

/// What of a statement a policy decides by.
fn policy(statement: &Statement) -> (Class, bool, bool) {
    (statement.class, statement.refusal.is_some(), statement.is_repeatable)
}

#[test]
fn words_in_texts_comments_and_names_are_no_statements() {
    for sql in [
        "select 'nextval'",
        "select $$ s.nextval $$",
        "select 'it\\'s s.nextval'",
        "select 'it''s SYSTEM$CANCEL_QUERY(1)'",
        "select \"s.nextval\", \"NEXTVAL\" from t",
        "select nextval, nextvalue, s.nextval_1 from t",
        "select * from t where NOTE <> 'x ->> y'",
        "select 'a ->> begin' as b -- ->> begin",
        "with c as (select PROCEDURE_CODE from t) select * from c",
        "with c as (select procedure, x as procedure from t) select * from c",
        "with c as (select 'AS PROCEDURE (' as x) select * from c",
        "select LAST_QUERY_ID from t",
        "select t.last_query_id, \"LAST_QUERY_ID\" from t where last_query_id in (1)",
        "select 'last_query_id()' /* last_query_id() */ // last_query_id()\n",
        "select my_last_query_id(), last_query_ids(1)",
        "select SYSTEM$TYPEOF(x), system$clustering_information('t') from t",
        "select system$cancel_query from t",
        "select identifier('last_query_id') from identifier('t')",
        "select 1 /* -- */ + 1 -- /*",
        "select 'a\\', s.nextval, '",
        "select '; delete from t'",
        "select 1 /* ; delete from t */ -- ; delete from t",
        "select \"delete from t\" from \"insert into t\"",
        "  -- why\n /* what */ // how\n((SELECT 1) UNION (SELECT 2))",
        "With x as (select 1) select * from x",
        "\u{feff}select 1;",
        ";; select 1 ;; ;",
    ] {
        let statement = snowflake(sql);
        assert_eq!(policy(&statement), (Class::Read, false, true), "{sql}: {statement:?}");
        assert_eq!(statement.not_understood, None, "{sql}");
    }
    assert_eq!(snowflake("insert into t (last_query_id) values ('last_query_id()')").refusal, None);
    assert_eq!(snowflake("insert into t values ('x ->> y')").class, Class::Write);
}

#[test]
fn what_acts_is_found_however_it_is_written() {
    for sql in [
        "select s . /* x */ NextVal",
        "select \"s\".nextval",
        "select s.\"NEXTVAL\"",
        "select identifier('s.nextval')",
        "select IDENTIFIER($$s$$).nextval",
        "select * from table(getnextval(s))",
        "select 'a\\\\', s.nextval, ''",
        "select '->>' ->> insert into t select 1",
        "select 1 ->> INSERT INTO t SELECT * FROM $1",
    ] {
        assert_eq!(policy(&snowflake(sql)), (Class::Write, false, sql.contains("->>")), "{sql}");
    }
    let procedure = "with p as /* x */ procedure\n() returns int as $$ $$ call p()";
    assert_eq!(snowflake(procedure).class, Class::Call);
}

#[test]
fn what_is_refused_is_found_however_it_is_written() {
    for sql in [
        "select system$wait(1)",
        "select \"SYSTEM$CANCEL_QUERY\"('x')",
        "select identifier('system$cancel_query')('x')",
        "SELECT SYSTEM$CANCEL_QUERY('x')",
        "select Last_Query_Id /* */ ()",
        "select \"LAST_QUERY_ID\"()",
        "select identifier('last_query_id')()",
        "select identifier($$last_query_id$$ )(-1)",
        "select identifier('\\x6cast_query_id')()",
        "select last_query_id\u{2060}()",
        "select 1 -- \r ', \n last_query_id() -- '",
        "select 1 from @s//'\n, table(last_query_id()) -- '",
        "select 1 from @s//x, table(last_query_id())",
        "select * from table(result_scan('x'))",
        "select * from table(RESULT_SCAN /* */ ($q))",
        "select * from table(identifier('result_scan')('x'))",
        "select * from table(to_query('select last_query_id()'))",
        "select * from t at(statement => last_query_id())",
        "insert into t select last_query_id()",
        "select 1; select 2",
        "select 1;;; select 2",
        "select 1; -- x\n delete from t",
        "select 1 /* x */; /* y */ drop table t",
        "",
        "-- nothing",
        "/* nothing */ ;",
        "\u{1f600}",
    ] {
        assert!(snowflake(sql).refusal.is_some(), "{sql}");
    }
}

/// The classes that the gateway told apart before this crate, of the same statements.
#[test]
fn statements_are_of_the_classes_that_they_were_before() {
    for (class, statements) in [
        (
            Class::Read,
            &["SHOW TABLES", "desc table t", "EXPLAIN DELETE FROM t", "FROM t ->> SELECT 1", "LIST @s"][..],
        ),
        (Class::Write, &["TRUNCATE TABLE t", "COPY INTO t FROM @s", "Delete from t", "merge into t using s"]),
        (
            Class::Write,
            &[
                "INSERT INTO t VALUES (1)",
                "update t set x = 1",
                "SELECT s.nextval",
                "explain select s.nextval",
            ],
        ),
        (Class::Ddl, &["CREATE TABLE t (x int)", "CREATE TABLE readings (temp float, volatile int)"]),
        (Class::Ddl, &["CREATE TABLE temp (x int)", "ALTER TABLE t SET COMMENT = 'x'"]),
        (Class::Admin, &["ALTER SESSION POLICY p SET COMMENT = 'x'"]),
        (
            Class::Call,
            &["CALL p()", "EXECUTE IMMEDIATE $$ BEGIN SELECT 1; END $$", "SHOW TABLES ->> CALL p()"],
        ),
        (Class::Call, &["WITH \"p\" AS PROCEDURE () RETURNS INT LANGUAGE SQL AS '' CALL \"p\"()"]),
        (
            Class::Transaction,
            &["BEGIN", "begin transaction", "-- x\nbegin", "\u{200b}begin", "COMMIT", "START TRANSACTION"],
        ),
        (Class::Session, &["SET x = 1", "unset x", "ALTER SESSION SET TIMEZONE = 'UTC'"]),
        (
            Class::Session,
            &["CREATE OR REPLACE LOCAL TEMP TABLE t (x int)", "create temporary view v as select 1"],
        ),
        (Class::Session, &["create or replace secure local temporary view v as select 1"]),
        (Class::Context, &["USE ROLE r", "USE SECONDARY ROLES ALL"]),
    ] {
        for sql in statements {
            let statement = snowflake(sql);
            assert_eq!(statement.class, class, "{sql}: {statement:?}");
            assert_eq!(statement.refusal, None, "{sql}");
        }
    }
    for sql in ["select 1 ->> begin", "INSERT INTO t VALUES (1) ->> CREATE TABLE u (x int)"] {
        assert!(snowflake(sql).refusal.is_some(), "{sql}");
    }
    for sql in
        ["EXECUTE TASK t", "select 1 ->> alter session set timezone = 'UTC'", "DECLARE x INT; BEGIN END"]
    {
        assert!(snowflake(sql).class != Class::Read, "{sql}");
    }
}

#[test]
fn what_has_no_first_word_is_no_statement() {
    for sql in ["/* never ends SELECT 1", "SELECT 1 ->> ", "'x'", "1", "->> select 1"] {
        assert_eq!(snowflake(sql).class, Class::Unknown, "{sql}");
    }
}

#[test]
fn of_a_text_that_can_be_read_in_two_ways_the_gravest_counts() {
    for (sql, class) in [
        ("/* /* delete from t */ */ select 1", Class::Unknown),
        ("/* /* */ delete from t -- */", Class::Write),
        ("select 1 -- \r delete from t", Class::Read),
        ("-- \r delete from t", Class::Write),
        ("select /* a /* b */ 1 -- */", Class::Read),
    ] {
        let statement = snowflake(sql);
        assert_eq!(statement.class.gravest(class), statement.class, "{sql}: {statement:?}");
        assert!(statement.not_understood.is_some(), "{sql}");
    }
    for sql in ["select 1 /* a /* b */", "-- a\r\nselect 1", "select * from @s//x"] {
        assert_eq!(snowflake(sql).class, Class::Read, "{sql}");
    }
}

/// What is more than a read, in tokens.
const GRAVE: [&[&str]; 13] = [
    &["select", "s", ".", "nextval"],
    &["select", "a", ",", "system$cancel_query", "(", "1", ")"],
    &["select", "*", "from", "table", "(", "getnextval", "(", "s", ")", ")"],
    &["select", "last_query_id", "(", ")"],
    &["select", "*", "from", "table", "(", "result_scan", "(", "'x'", ")", ")"],
    &["with", "x", "as", "(", "select", "1", ")", "delete", "from", "t"],
    &["select", "1", ";", "delete", "from", "t"],
    &["begin"],
    &["use", "secondary", "roles", "all"],
    &["alter", "session", "set", "x", "=", "1"],
    &["create", "or", "replace", "temporary", "table", "t", "(", "x", "int", ")"],
    &["drop", "table", "if", "exists", "t"],
    &["with", "p", "as", "procedure", "(", ")", "returns", "int", "as", "$$ x $$", "call", "p", "(", ")"],
];

proptest! {
    #[test]
    fn what_is_grave_stays_so_with_other_blanks_comments_and_case(
        at in 0..GRAVE.len(),
        seed in prop::collection::vec((0..7usize, any::<bool>()), 20),
    ) {
        let plain = GRAVE[at].join(" ");
        let mut sql = String::new();
        for (word, (blank, is_upper)) in GRAVE[at].iter().zip(&seed) {
            sql.push_str([" ", "\n", "/* it's */", " -- \"\n", "//x ->> y\n", "\t/**/\u{a0}", "\r\n"][*blank]);
            sql.push_str(&if *is_upper { word.to_ascii_uppercase() } else { (*word).to_owned() });
        }
        let (plain, read) = (snowflake(&plain), snowflake(&sql));
        prop_assert!(read.class != Class::Read || read.refusal.is_some(), "{}: {:?}", sql, read);
        prop_assert_eq!(policy(&read), policy(&plain), "{}", sql);
        prop_assert_eq!(&read.objects, &plain.objects, "{}", sql);
    }

    #[test]
    fn what_is_grave_may_stand_in_a_text_a_comment_or_a_name(at in 0..GRAVE.len(), how in 0..7usize) {
        let plain = GRAVE[at].join(" ").replace('\'', "");
        let bare = plain.replace("$$", "");
        let sql = [
            format!("select '{plain}'"),
            format!("select 1 /* {plain} */"),
            format!("select 1 -- {plain}"),
            format!("// {plain}\nselect 1"),
            format!("select \"{plain}\" from t"),
            format!("select $${bare}$$"),
            format!("select 'it''s', '\\' {plain}' as \"->> {plain}\""),
        ];
        prop_assert_eq!(policy(&snowflake(&sql[how])), (Class::Read, false, true), "{}", sql[how]);
    }

    #[test]
    fn any_text_is_read_and_always_in_the_same_way(sql in "\\PC{0,60}") {
        for dialect in [Dialect::Snowflake, Dialect::Sqlite] {
            prop_assert_eq!(read(&sql, dialect), read(&sql, dialect));
        }
    }
}
