//! What runs code or other statements: CALL, EXECUTE, scripts, EXPLAIN; and what changes rights.

use snowflake_tokens::Token;

use super::kinds::Kind;
use super::rest::read_expression;
use crate::tokens::Cursor;
use crate::{Access, Class, ObjectKind, StateChange, Statement, query};

/// A script: what it does is not read.
pub(super) fn script(out: &mut Statement) {
    out.raise(Class::Call);
    out.change = StateChange::Anything;
    out.miss("the statements of a script");
}

/// `CALL name(arguments)`
pub(super) fn read_call(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Call);
    out.change = StateChange::Anything;
    match cursor.name() {
        Some(name) => out.object(ObjectKind::Function, name, Access::Read),
        None => out.miss("the name of a procedure"),
    }
    if let Some(arguments) = cursor.group() {
        read_expression(arguments, "an argument of CALL", out);
    }
    out.miss("what a procedure does");
}

/// `EXECUTE IMMEDIATE ...`, `EXECUTE TASK name` and the like.
pub(super) fn read_execute(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Call);
    if cursor.peek().is_some_and(|next| next.is_word("IMMEDIATE")) {
        out.verb = "EXECUTE IMMEDIATE".to_owned();
        return script(out);
    }
    if let Some(kind) = Kind::read(cursor) {
        out.verb = format!("EXECUTE {}", kind.name());
        if let Some(name) = cursor.name() {
            out.object(ObjectKind::Other, name, Access::Write);
        }
    }
    out.miss(format!("what {} does", out.verb));
}

/// `EXPLAIN [USING TABULAR | JSON | TEXT] statement`: the statement is not run.
pub(super) fn read_explain(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    if cursor.eat_word("USING") {
        cursor.take();
    }
    let mut inner = Statement::blank();
    let inside = cursor.rest();
    if inside.first().is_some_and(|tok| tok.token.is_word("EXPLAIN")) {
        return out.miss("EXPLAIN of EXPLAIN");
    }
    if !super::read(inside, &mut inner) {
        query::read(inside, &mut inner);
    }
    out.objects.append(&mut inner.objects);
    if let Some(what) = inner.not_understood {
        out.miss(what);
    }
    if let Some(refusal) = inner.refusal {
        out.refuse(refusal.message, refusal.next_step);
    }
    if inner.class == Class::Unknown {
        out.raise(Class::Unknown);
    }
}

/// `GRANT rights ON kind name TO ROLE r`, `GRANT ROLE r TO USER u`, and REVOKE.
pub(super) fn read_grant(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Admin);
    while !cursor.is_at_end() && !cursor.eat_word("ON") {
        if cursor.peek().is_some_and(|next| next.is_word("TO") || next.is_word("FROM")) {
            // Roles to roles and users: no object that a list could have.
            return;
        }
        if cursor.group().is_none() {
            cursor.take();
        }
    }
    if cursor.eat_word("ACCOUNT") {
        return;
    }
    if cursor.eat_word("ALL") || cursor.eat_word("FUTURE") {
        return read_scope(cursor, out);
    }
    let before = *cursor;
    let mut kind = Kind::read(cursor);
    if cursor.peek().is_some_and(|next| next.is_word("TO") || next.is_word("FROM")) {
        // It was a name, as `SECRET` may be.
        kind = None;
        *cursor = before;
    }
    match (kind, cursor.name()) {
        (Some(kind), Some(name)) => out.object(kind.object, name, Access::Define),
        (None, Some(name)) => out.object(ObjectKind::Relation, name, Access::Define),
        (_, None) => out.miss(format!("what {} is about", out.verb)),
    }
    let _ = cursor.eat(Token::Dot);
}

/// `TABLES IN SCHEMA s`, `SCHEMAS IN DATABASE d`
fn read_scope(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    if Kind::read_plural(cursor).is_none() || !cursor.eat_word("IN") {
        return out.miss(format!("what {} is about", out.verb));
    }
    let kind = if cursor.eat_word("DATABASE") { ObjectKind::Database } else { ObjectKind::Schema };
    if kind == ObjectKind::Schema {
        cursor.eat_word("SCHEMA");
    }
    match cursor.name() {
        Some(name) => out.object(kind, name, Access::Define),
        None => out.miss(format!("what {} is about", out.verb)),
    }
}
