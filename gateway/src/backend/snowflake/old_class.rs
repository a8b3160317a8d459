//! Until `sql_gate` reads heads of statements: what a statement is, as far as its first words tell: enough to know whether it may run on a shared
//! connection, and whether running it twice could change anything.
//!
//! Anything that is not known to be a read counts as a write. Only words of the statement itself count, not those
//! in texts, comments and quoted names; a text that can be read in more than one way is the gravest of them.

use snowflake_wire::Reading;
use sql_gate::{Class as Kind, Refusal, StateChange, Statement};

use super::parts::{Part, parts};

/// Kinds of statements, the gravest last: each is refused wherever one before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
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
fn class_of(sql: &str) -> Class {
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

/// What is known of `sql`, where `sql_gate` does not know its head.
pub(super) fn statement(sql: &str) -> Statement {
    let unknown = Statement::unknown();
    let word = |at: usize| sql.split_whitespace().nth(at).unwrap_or_default().to_ascii_uppercase();
    let of = |class, change| Statement { class, change, verb: word(0), ..Statement::unknown() };
    match class_of(sql) {
        Class::Read => of(Kind::Read, StateChange::None),
        Class::Change => of(Kind::Write, StateChange::None),
        Class::Write => of(Kind::Ddl, StateChange::None),
        Class::Call => of(Kind::Call, StateChange::Anything),
        Class::Use => of(Kind::Context, StateChange::None),
        Class::Nothing => Statement {
            refusal: Some(Refusal {
                message: "the text has no statement".into(),
                next_step: "send one SQL statement".into(),
            }),
            ..unknown
        },
        Class::ConnectionState(name) => match name {
            "BEGIN" | "START TRANSACTION" => of(Kind::Transaction, StateChange::Begin),
            "COMMIT" => of(Kind::Transaction, StateChange::Commit),
            "ROLLBACK" => of(Kind::Transaction, StateChange::Rollback),
            "SET" => of(Kind::Session, StateChange::SetVariables(vec![word(1)])),
            "UNSET" => of(Kind::Session, StateChange::UnsetVariables(vec![word(1)])),
            "CREATE TEMPORARY" => of(Kind::Session, StateChange::Temporary(word(3))),
            "ALTER SESSION" => of(Kind::Session, StateChange::SetParameters(vec![word(3)])),
            "EXECUTE IMMEDIATE" | "DECLARE" => of(Kind::Call, StateChange::Anything),
            other => Statement {
                refusal: Some(Refusal {
                    message: format!("{other} is refused: sessions share the connection"),
                    next_step: "use the query id at the end of each result".into(),
                }),
                ..unknown
            },
        },
    }
}
