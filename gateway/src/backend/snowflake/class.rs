//! What a statement is, as far as its first words tell: enough to know whether it may run on a shared
//! connection, and whether running it twice could change anything.
//!
//! Anything that is not known to be a read counts as a write.

use snowflake_wire::after_blanks;

/// Kinds of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It changes nothing.
    Read,
    /// It changes the session's context, and nothing else.
    Use,
    /// It changes rows of a table, and can be rolled back.
    Change,
    /// It may change something, and commits by itself: a transaction around it has no effect.
    Write,
    /// The same, and it may leave anything behind on its session: a procedure.
    Call,
    /// It makes or changes state that belongs to one connection, or looks at it, as the given words name it.
    ConnectionState(&'static str),
    /// No statement begins like this.
    Nothing,
}

/// First words of statements that change nothing.
const READS: [&str; 10] =
    ["DESC", "DESCRIBE", "EXPLAIN", "FROM", "LIST", "LS", "SELECT", "SHOW", "VALUES", "WITH"];

/// First words of statements that change rows.
const CHANGES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// What makes a query more than a read: it may act on the account, or takes a number from a sequence.
const ACTS: [&str; 2] = ["SYSTEM$", "NEXTVAL"];

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

/// The class of `sql`: of statements that hand their rows on (`->>`), the gravest. A text with that arrow in
/// it may be taken for more than it is.
pub(super) fn class_of(sql: &str) -> Class {
    if sql.to_ascii_uppercase().contains("LAST_QUERY_ID") {
        return Class::ConnectionState("LAST_QUERY_ID");
    }
    let classes: Vec<Class> = sql.split("->>").map(class_of_one).collect();
    if let [one] = classes.as_slice() {
        return *one;
    }
    let worst = |class: &&Class| matches!(class, Class::ConnectionState(_) | Class::Use | Class::Nothing);
    match classes.iter().find(worst) {
        Some(class) => *class,
        None if classes.contains(&Class::Call) => Class::Call,
        None if classes.iter().all(|class| *class == Class::Read) => Class::Read,
        None => Class::Write,
    }
}

fn class_of_one(sql: &str) -> Class {
    let words = first_words(sql);
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
        // `WITH p AS PROCEDURE ... CALL p()`.
        "WITH" if sql.to_ascii_uppercase().contains("PROCEDURE") => Class::Call,
        first => match STATE.iter().find(|(word, _)| *word == first) {
            Some((_, name)) => Class::ConnectionState(name),
            None if READS.contains(&first) && !acts(sql) => Class::Read,
            None if CHANGES.contains(&first) => Class::Change,
            None => Class::Write,
        },
    }
}

/// Whether a query does more than read. Comments and texts count, too: then it is called a write although it
/// is none.
fn acts(sql: &str) -> bool {
    let upper = sql.to_ascii_uppercase();
    ACTS.iter().any(|word| upper.contains(word))
}

/// The first words in upper case, comments and opening parentheses left out; as many as tell a CREATE's kind.
fn first_words(sql: &str) -> Vec<String> {
    const WORDS: usize = 7;
    let mut words = Vec::with_capacity(WORDS);
    let mut rest = sql;
    while words.len() < WORDS {
        rest = after_blanks(rest);
        while let Some(inside) = rest.strip_prefix('(') {
            rest = after_blanks(inside);
        }
        let end =
            rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        words.push(rest[..end].to_ascii_uppercase());
        rest = &rest[end..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

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
