//! What belongs to one session: variables, parameters, transactions.

use snowflake_tokens::Token;

use super::end;
use super::rest::read_expression;
use crate::tokens::Cursor;
use crate::{Class, StateChange, Statement};

/// Parameters that a client may set for itself: how texts become its values and values texts, how its own values are
/// computed, and how long it waits for a lock. The output formats are those of texts that a query makes; results come as
/// numbers and bytes, whatever they are. Nothing that the gateway or another session relies on; every other one is refused, those
/// that people try with their reason (`reason`).
const HARMLESS: [&str; 33] = [
    "BINARY_INPUT_FORMAT",
    "BINARY_OUTPUT_FORMAT",
    "CSV_TIMESTAMP_FORMAT",
    "DATE_INPUT_FORMAT",
    "DATE_OUTPUT_FORMAT",
    "DEFAULT_NULL_ORDERING",
    "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION",
    "ERROR_ON_NONDETERMINISTIC_MERGE",
    "ERROR_ON_NONDETERMINISTIC_UPDATE",
    "GEOGRAPHY_OUTPUT_FORMAT",
    "GEOMETRY_OUTPUT_FORMAT",
    "HYBRID_TABLE_LOCK_TIMEOUT",
    "JSON_INDENT",
    // How long, not what: the gateway's own time-out is above it.
    "LOCK_TIMEOUT",
    "NOORDER_SEQUENCE_AS_DEFAULT",
    "STRICT_JSON_OUTPUT",
    "TIMESTAMP_DAY_IS_ALWAYS_24H",
    "TIMESTAMP_INPUT_FORMAT",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT",
    "TIMESTAMP_OUTPUT_FORMAT",
    "TIMESTAMP_TYPE_MAPPING",
    "TIMESTAMP_TZ_OUTPUT_FORMAT",
    "TIMEZONE",
    "TIME_INPUT_FORMAT",
    "TIME_OUTPUT_FORMAT",
    // It has one value.
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL",
    "TWO_DIGIT_CENTURY_START",
    // Whether what is not known in DDL is an error.
    "UNSUPPORTED_DDL_ACTION",
    // Whether a result that the server keeps may answer.
    "USE_CACHED_RESULT",
    "WEEK_OF_YEAR_POLICY",
    "WEEK_START",
    "JS_TREAT_INTEGER_AS_BIGINT",
];

/// Why a session may not change `name`, in upper case.
fn reason(name: &str) -> &'static str {
    match name {
        "AUTOCOMMIT" | "TRANSACTION_ABORT_ON_ERROR" => {
            "the gateway knows of a transaction by its BEGIN; write BEGIN and COMMIT"
        }
        "QUERY_TAG" => "the tag says which client and request a statement came from",
        "MULTI_STATEMENT_COUNT" => "a text is one statement: what it may do is checked before it runs",
        "STATEMENT_TIMEOUT_IN_SECONDS" | "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS" => {
            "each statement has its own time-out, which the gateway sets"
        }
        "ROWS_PER_RESULTSET" => "results would be cut without a note; write LIMIT",
        "ABORT_DETACHED_QUERY" => "a statement goes on while the gateway restarts",
        "QUOTED_IDENTIFIERS_IGNORE_CASE" | "SEARCH_PATH" => "it changes which object a name means",
        "SIMULATED_DATA_SHARING_CONSUMER" => "it changes whose rows a view shows",
        _ if name.starts_with("CLIENT_") => "it controls the client, which is the gateway itself",
        _ if name.ends_with("QUERY_RESULT_FORMAT") => "the gateway reads results in one format",
        _ => "it is not one of the parameters that a session may change for itself",
    }
}

/// `SET x = value`, `SET (x, y) = (values)`.
pub(super) fn read_set(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Session);
    let Some(names) = names(cursor).filter(|_| cursor.eat(Token::Sign('='))) else {
        return not_read(out);
    };
    out.change = StateChange::SetVariables(names);
    if cursor.is_at_end() {
        return not_read(out);
    }
    read_expression(cursor.rest(), "the value of a variable", out);
}

/// `UNSET x`, `UNSET (x, y)`.
pub(super) fn read_unset(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Session);
    match names(cursor) {
        Some(names) if cursor.is_at_end() => out.change = StateChange::UnsetVariables(names),
        _ => not_read(out),
    }
}

fn not_read(out: &mut Statement) {
    let verb = out.verb.clone();
    out.change = StateChange::Anything;
    out.refuse(format!("{verb} is refused: it is not understood"), "write SET name = value, or UNSET name");
}

/// A name, or several in parentheses.
fn names(cursor: &mut Cursor<'_, '_>) -> Option<Vec<String>> {
    let Some(group) = cursor.group() else { return cursor.part().map(|name| vec![name]) };
    let mut inside = Cursor::new(group);
    let mut names = vec![inside.part()?];
    while inside.eat(Token::Sign(',')) {
        names.push(inside.part()?);
    }
    inside.is_at_end().then_some(names)
}

/// Whether what follows BEGIN is a script, not the end of a statement that begins a transaction.
pub(super) fn is_script(cursor: &Cursor<'_, '_>) -> bool {
    let next = cursor.peek();
    let begins_transaction = next.is_none_or(|next| {
        next == Token::Semicolon || ["WORK", "TRANSACTION", "NAME"].iter().any(|word| next.is_word(word))
    });
    !begins_transaction
}

/// `BEGIN | START TRANSACTION [NAME x]`, `COMMIT [WORK]`, `ROLLBACK [WORK]`; a script begins with BEGIN, too.
pub(super) fn read_transaction(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    if out.verb == "BEGIN" && is_script(cursor) {
        return super::act::script(out);
    }
    out.raise(Class::Transaction);
    let is_begin = matches!(out.verb.as_str(), "BEGIN" | "START");
    out.change = match out.verb.as_str() {
        "COMMIT" => StateChange::Commit,
        "ROLLBACK" => StateChange::Rollback,
        _ => StateChange::Begin,
    };
    let _ = cursor.eat_word("WORK") || (is_begin && cursor.eat_word("TRANSACTION"));
    if is_begin && cursor.eat_word("NAME") && cursor.part().is_none() {
        out.miss("the name of a transaction");
    }
    if !cursor.is_at_end() {
        let verb = out.verb.clone();
        out.refuse(
            format!("{verb} is refused: what follows it is not understood"),
            "write BEGIN, COMMIT or ROLLBACK alone",
        );
    }
}

/// `ALTER SESSION SET p = v ...`, `ALTER SESSION UNSET p, ...`.
pub(super) fn read_alter_session(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Session);
    out.verb = "ALTER SESSION".to_owned();
    let sets = cursor.eat_word("SET");
    if !sets && !cursor.eat_word("UNSET") {
        return refuse_parameters(out, "it is not understood");
    }
    let mut names = Vec::new();
    while !cursor.is_at_end() {
        let Some(name) = cursor.part() else { return refuse_parameters(out, "it is not understood") };
        let has_value = !sets || (cursor.eat(Token::Sign('=')) && value(cursor));
        if !has_value {
            return refuse_parameters(out, "it is not understood");
        }
        names.push(name);
        cursor.eat(Token::Sign(','));
    }
    if names.is_empty() {
        return refuse_parameters(out, "it names no parameter");
    }
    if let Some(other) = names.iter().find(|name| !HARMLESS.contains(&name.as_str())) {
        let why = format!("{other} keeps its value: {}", reason(other));
        return refuse_parameters(out, &why);
    }
    out.change = if sets { StateChange::SetParameters(names) } else { StateChange::UnsetParameters(names) };
    end(cursor, out);
}

fn value(cursor: &mut Cursor<'_, '_>) -> bool {
    cursor.eat(Token::Sign('-'));
    let is_value = matches!(
        cursor.peek(),
        Some(Token::Text(_) | Token::Number(_) | Token::Word(_) | Token::Variable(_))
    );
    is_value && cursor.take().is_some()
}

fn refuse_parameters(out: &mut Statement, why: &str) {
    out.change = StateChange::Anything;
    out.refuse(
        format!("ALTER SESSION is refused: {why}"),
        "the time zone, week settings and formats may be set; other parameters belong in the config, under \
         [snowflake.session_parameters]",
    );
}
