//! What belongs to one session: variables, parameters, transactions.

use snowflake_tokens::Token;

use super::end;
use super::rest::read_expression;
use crate::tokens::Cursor;
use crate::{Class, StateChange, Statement};

/// Parameters that a client may set for itself: they change how its own values are written, read, computed or cut, and
/// nothing that the gateway or another session relies on.
///
/// Left out, because the gateway relies on them: `AUTOCOMMIT`, `MULTI_STATEMENT_COUNT`, `QUERY_TAG`,
/// `STATEMENT_TIMEOUT_IN_SECONDS`, `STATEMENT_QUEUED_TIMEOUT_IN_SECONDS`, `ABORT_DETACHED_QUERY`, the result formats
/// of drivers (`..._OUTPUT_FORMAT` are texts of values as drivers get them: `TIMESTAMP_..._OUTPUT_FORMAT` is left in,
/// as values come to us as numbers), `CLIENT_...`; and `QUOTED_IDENTIFIERS_IGNORE_CASE`, which changes what names mean.
const HARMLESS: [&str; 34] = [
    "BINARY_INPUT_FORMAT",
    "BINARY_OUTPUT_FORMAT",
    "DATE_INPUT_FORMAT",
    "DATE_OUTPUT_FORMAT",
    "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION",
    "ERROR_ON_NONDETERMINISTIC_MERGE",
    "ERROR_ON_NONDETERMINISTIC_UPDATE",
    "GEOGRAPHY_OUTPUT_FORMAT",
    "GEOMETRY_OUTPUT_FORMAT",
    "HYBRID_TABLE_LOCK_TIMEOUT",
    "JSON_INDENT",
    "LOCK_TIMEOUT",
    "NOORDER_SEQUENCE_AS_DEFAULT",
    "ROWS_PER_RESULTSET",
    "S3_STAGE_VPCE_DNS_NAME",
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
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL",
    "TWO_DIGIT_CENTURY_START",
    "UNSUPPORTED_DDL_ACTION",
    "USE_CACHED_RESULT",
    "WEEK_OF_YEAR_POLICY",
    "WEEK_START",
    "DEFAULT_NULL_ORDERING",
    "CORTEX_MODELS_ALLOWLIST",
];

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
        let why = format!("{other} is not one of the parameters that a session may change for itself");
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
        "formats, time zone and week settings may be set; other parameters belong in the config, under \
         [snowflake.session_parameters]",
    );
}
