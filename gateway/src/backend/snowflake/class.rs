//! What a statement is, as far as its first words tell: enough to know whether it may run on a shared
//! connection, and whether running it twice could change anything.
//!
//! Anything that is not known to be a read counts as a write. Only words of the statement itself count, not those
//! in texts, comments and quoted names; a text that can be read in more than one way is the gravest of them.

use snowflake_wire::Reading;

use super::parts::{Part, parts};

/// Kinds of statements, the gravest last: each is refused wherever one before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// It changes nothing.
    Read,
    /// It changes rows of a table, and can be rolled back.
    Change,
    /// It may change something, and commits by itself: a transaction around it has no effect.
    Write,
    /// The same, and it may leave anything behind on its session: a procedure.
    Call,
    /// No statement begins like this.
    Nothing,
    /// It changes the session's context, and nothing else.
    Use,
    /// It makes or changes state that belongs to one connection, or looks at it, as the given words name it.
    ConnectionState(&'static str),
}

/// First words of statements that change nothing.
const READS: [&str; 10] =
    ["DESC", "DESCRIBE", "EXPLAIN", "FROM", "LIST", "LS", "SELECT", "SHOW", "VALUES", "WITH"];

/// First words of statements that change rows.
const CHANGES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// First words of statements about transactions and variables.
const STATE: [(&str, &str); 8] = [
    ("BEGIN", "BEGIN"),
    ("START", "START TRANSACTION"),
    ("COMMIT", "COMMIT"),
    ("ROLLBACK", "ROLLBACK"),
    ("SET", "SET"),
    ("UNSET", "UNSET"),
    ("DECLARE", "DECLARE"),
    ("EXECUTE", "EXECUTE IMMEDIATE"),
];

/// Words between CREATE and what is made.
const CREATE_HOW: [&str; 9] =
    ["OR", "REPLACE", "ALTER", "LOCAL", "GLOBAL", "SECURE", "TEMP", "TEMPORARY", "VOLATILE"];

/// The class of `sql`: of statements that hand their rows on (`->>`), the gravest.
pub(super) fn class_of(sql: &str) -> Class {
    Reading::of(sql).map(|reading| class_in(sql, reading)).max().unwrap_or(Class::Nothing)
}

fn class_in(sql: &str, reading: Reading) -> Class {
    let (mut gravest, mut count) = (Class::Read, 0);
    parts(sql, reading, |part| {
        gravest = gravest.max(part.state.map_or_else(|| class_of_one(part), Class::ConnectionState));
        count += 1;
    });
    // A transaction takes back one change, not what is said to be a chain of them.
    if gravest == Class::Change && count > 1 { Class::Write } else { gravest }
}

fn class_of_one(part: &Part) -> Class {
    let words = &part.words;
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let is_temporary = || {
        let how = words.iter().skip(1).take_while(|word| CREATE_HOW.contains(&word.as_str()));
        how.into_iter().any(|word| matches!(word.as_str(), "TEMP" | "TEMPORARY" | "VOLATILE"))
    };
    match word(0) {
        "" => Class::Nothing,
        "USE" if word(1) == "SECONDARY" => Class::ConnectionState("USE SECONDARY ROLES"),
        "USE" => Class::Use,
        "ALTER" if word(1) == "SESSION" && word(2) != "POLICY" => Class::ConnectionState("ALTER SESSION"),
        // `EXECUTE TASK` acts on the account, not on the session.
        "EXECUTE" if word(1) != "IMMEDIATE" => Class::Write,
        "CREATE" if is_temporary() => Class::ConnectionState("CREATE TEMPORARY"),
        "CALL" => Class::Call,
        "WITH" if part.defines_procedure => Class::Call,
        first => match STATE.iter().find(|(word, _)| *word == first) {
            Some((_, name)) => Class::ConnectionState(name),
            None if READS.contains(&first) && !part.acts => Class::Read,
            None if CHANGES.contains(&first) => Class::Change,
            None => Class::Write,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::ESCAPED_IDENTIFIER;
    use super::*;
    use proptest::prelude::*;

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
            "/* /* begin */ */ select 1",
            "select 1 /* -- */ + 1 -- /*",
            "show tables like 'begin'",
        ] {
            let class = class_of(sql);
            // A comment in a comment may end early.
            assert!(class == Class::Read || sql.starts_with("/* /*"), "{sql}: {class:?}");
        }
        assert_eq!(class_of("CREATE TABLE t (last_query_id varchar, nextval int)"), Class::Write);
        assert_eq!(class_of("insert into t (last_query_id) values ('last_query_id()')"), Class::Change);
        assert_eq!(class_of("insert into t values ('x ->> y')"), Class::Change);
    }

    #[test]
    fn what_acts_is_found_however_it_is_written() {
        for (sql, class) in [
            ("select s . /* x */ NextVal", Class::Write),
            ("select \"s\".nextval", Class::Write),
            ("select identifier('s.nextval')", Class::Write),
            ("select IDENTIFIER($$s$$).nextval", Class::Write),
            ("select * from table(getnextval(s))", Class::Write),
            ("select system$wait(1)", Class::Write),
            ("select \"SYSTEM$CANCEL_QUERY\"('x')", Class::Write),
            ("select identifier('system$cancel_query')('x')", Class::Write),
            ("explain select s.nextval", Class::Write),
            ("select 'a\\', s.nextval, '", Class::Read),
            ("select 'a\\\\', s.nextval, ''", Class::Write),
            ("select '->>' ->> insert into t select 1", Class::Write),
            ("with p as /* x */ procedure\n() returns int as $$ $$ call p()", Class::Call),
            ("select Last_Query_Id /* */ ()", Class::ConnectionState("LAST_QUERY_ID")),
            ("select \"LAST_QUERY_ID\"()", Class::ConnectionState("LAST_QUERY_ID")),
            ("select identifier('last_query_id')()", Class::ConnectionState("LAST_QUERY_ID")),
            ("select identifier($$last_query_id$$ )(-1)", Class::ConnectionState("LAST_QUERY_ID")),
            ("select identifier('\\x6cast_query_id')()", Class::ConnectionState(ESCAPED_IDENTIFIER)),
            ("select last_query_id\u{2060}()", Class::ConnectionState("LAST_QUERY_ID")),
            ("/* /* */ begin -- */", Class::ConnectionState("BEGIN")),
            ("/* /* */ */ begin", Class::ConnectionState("BEGIN")),
            ("select 1 -- \r ', \n last_query_id() -- '", Class::ConnectionState("LAST_QUERY_ID")),
            ("select 1 from @s//'\n, table(last_query_id()) -- '", Class::ConnectionState("LAST_QUERY_ID")),
            ("select 1 from @s//x, table(last_query_id())", Class::ConnectionState("LAST_QUERY_ID")),
        ] {
            assert_eq!(class_of(sql), class, "{sql}");
        }
    }

    /// What is more than a read, in tokens, and may stand in a query.
    const REFUSED: [&[&str]; 9] = [
        &["select", "s", ".", "nextval"],
        &["select", "a", ",", "system$cancel_query", "(", "1", ")"],
        &["select", "*", "from", "table", "(", "getnextval", "(", "s", ")", ")"],
        &["select", "last_query_id", "(", ")"],
        &["begin"],
        &["use", "secondary", "roles", "all"],
        &["alter", "session", "set", "x", "=", "1"],
        &["create", "or", "replace", "temporary", "table", "t", "(", "x", "int", ")"],
        &["with", "p", "as", "procedure", "(", ")", "returns", "int", "as", "$$ x $$", "call", "p", "(", ")"],
    ];

    proptest! {
        #[test]
        fn what_is_refused_stays_so_with_other_blanks_comments_and_case(
            at in 0..REFUSED.len(),
            seed in prop::collection::vec((0..7usize, any::<bool>()), 20),
        ) {
            let plain = REFUSED[at].join(" ");
            let mut sql = String::new();
            for (word, (blank, is_upper)) in REFUSED[at].iter().zip(&seed) {
                sql.push_str([" ", "\n", "/* it's */", " -- \"\n", "//x ->> y\n", "\t/**/\u{a0}", "\r\n"][*blank]);
                sql.push_str(&if *is_upper { word.to_ascii_uppercase() } else { (*word).to_owned() });
            }
            let class = class_of(&sql);
            prop_assert!(class > Class::Change, "{}: {:?}", sql, class);
            prop_assert_eq!(class, class_of(&plain), "{}", sql);
        }

        #[test]
        fn what_is_refused_may_stand_in_a_text_a_comment_or_a_name(at in 0..REFUSED.len(), how in 0..7usize) {
            let plain = REFUSED[at].join(" ");
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
            prop_assert_eq!(class_of(&sql[how]), Class::Read, "{}", sql[how]);
        }

        #[test]
        fn any_text_has_a_class(sql in "\\PC{0,60}") {
            class_of(&sql);
        }
    }

    #[test]
    fn reads_are_known_behind_comments_and_parentheses() {
        for sql in [
            "select 1",
            "  -- why\n /* what */ // how\n((SELECT 1) UNION (SELECT 2))",
            "With x as (select 1) select * from x",
            "SHOW TABLES",
            "desc table t",
            "EXPLAIN DELETE FROM t",
            "FROM t ->> SELECT 1",
        ] {
            assert_eq!(class_of(sql), Class::Read, "{sql}");
        }
    }

    #[test]
    fn what_is_not_known_to_read_writes() {
        for sql in [
            "TRUNCATE TABLE t",
            "COPY INTO t FROM @s",
            "CREATE TABLE t (x int)",
            "SELECT SYSTEM$CANCEL_QUERY('x')",
            "SELECT s.nextval",
            "EXECUTE TASK t",
            "SELECT 1 ->> INSERT INTO t SELECT * FROM $1",
            "INSERT INTO t VALUES (1) ->> CREATE TABLE u (x int)",
            "CREATE TABLE readings (temp float, volatile int)",
            "CREATE TABLE temp (x int)",
            "ALTER SESSION POLICY p SET COMMENT = 'x'",
        ] {
            assert_eq!(class_of(sql), Class::Write, "{sql}");
        }
    }

    #[test]
    fn what_has_no_first_word_is_no_statement() {
        for sql in ["", "-- nothing", "\u{1f600}", "/* never ends SELECT 1", "SELECT 1 ->> ", "'x'"] {
            assert_eq!(class_of(sql), Class::Nothing, "{sql}");
        }
    }

    #[test]
    fn procedures_may_leave_anything_behind() {
        for sql in [
            "CALL p()",
            "with p as procedure () returns int language sql as $$ begin return 1; end $$ call p()",
            "WITH \"p\" AS PROCEDURE () RETURNS INT LANGUAGE SQL AS '' CALL \"p\"()",
            "SHOW TABLES ->> CALL p()",
        ] {
            assert_eq!(class_of(sql), Class::Call, "{sql}");
        }
    }

    #[test]
    fn what_changes_rows_is_told_from_what_commits_by_itself() {
        for sql in ["INSERT INTO t VALUES (1)", "update t set x = 1", "Delete from t", "merge into t using s"]
        {
            assert_eq!(class_of(sql), Class::Change, "{sql}");
        }
    }

    #[test]
    fn what_stays_with_the_connection_is_named() {
        for (sql, name) in [
            ("BEGIN", "BEGIN"),
            ("begin transaction", "BEGIN"),
            ("SET x = 1", "SET"),
            ("ALTER SESSION SET TIMEZONE = 'UTC'", "ALTER SESSION"),
            ("CREATE OR REPLACE LOCAL TEMP TABLE t (x int)", "CREATE TEMPORARY"),
            ("create temporary view v as select 1", "CREATE TEMPORARY"),
            ("USE SECONDARY ROLES ALL", "USE SECONDARY ROLES"),
            ("-- x\rbegin", "BEGIN"),
            ("\u{200b}begin", "BEGIN"),
            ("select 1 ->> begin", "BEGIN"),
            ("select 1 ->> alter session set timezone = 'UTC'", "ALTER SESSION"),
            ("create or replace secure local temporary view v as select 1", "CREATE TEMPORARY"),
            ("select * from table(result_scan(last_query_id()))", "LAST_QUERY_ID"),
            ("EXECUTE IMMEDIATE $$ BEGIN SELECT 1; END $$", "EXECUTE IMMEDIATE"),
        ] {
            assert_eq!(class_of(sql), Class::ConnectionState(name), "{sql}");
        }
        assert_eq!(class_of("USE ROLE r"), Class::Use);
        assert_eq!(class_of("ALTER TABLE t SET COMMENT = 'x'"), Class::Write);
    }
}
