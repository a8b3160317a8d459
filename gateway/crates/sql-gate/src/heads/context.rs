//! USE.

use crate::tokens::Cursor;
use crate::{Access, Class, ContextChange, ObjectKind, ObjectName, SecondaryRoles, Statement};

/// `USE [ROLE | WAREHOUSE | DATABASE | SCHEMA] name`, `USE db.schema`, `USE SECONDARY ROLES ALL | NONE`.
pub(super) fn read_use(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Context);
    let mut change = ContextChange::default();
    // A word that is followed by a name says what it is the name of; alone, it is the name.
    let is_followed = cursor.peek_at(1).is_some();
    let kind = cursor.peek_word().filter(|_| is_followed).unwrap_or_default();
    let is_kind = ["ROLE", "WAREHOUSE", "DATABASE", "SCHEMA", "SECONDARY"].contains(&kind.as_str())
        && cursor.peek_at(1) != Some(snowflake_tokens::Token::Dot);
    if is_kind {
        cursor.take();
        out.verb = format!("USE {kind}");
    }
    let is_read = match kind.as_str() {
        "SECONDARY" if is_kind => secondary_roles(cursor, &mut change, out),
        "ROLE" if is_kind => one(cursor, &mut change.role),
        "WAREHOUSE" if is_kind => one(cursor, &mut change.warehouse),
        "DATABASE" if is_kind => one(cursor, &mut change.database),
        is => place(cursor, is_kind && is == "SCHEMA", &mut change),
    };
    if !is_read || !cursor.is_at_end() {
        out.refuse(
            "USE is refused: its name is not understood",
            "write USE ROLE, WAREHOUSE, DATABASE or SCHEMA with one name, or call set_context",
        );
    }
    name_objects(&change, out);
    out.context = Some(change);
}

fn one(cursor: &mut Cursor<'_, '_>, part: &mut Option<String>) -> bool {
    let name = cursor.name().filter(|name| name.0.len() == 1);
    *part = name.and_then(|name| name.0.into_iter().next());
    part.is_some()
}

/// A schema with or without its database, or a database.
fn place(cursor: &mut Cursor<'_, '_>, is_schema: bool, change: &mut ContextChange) -> bool {
    match cursor.name().map(|name| name.0) {
        Some(mut parts) if parts.len() == 2 => {
            change.schema = parts.pop();
            change.database = parts.pop();
            true
        }
        Some(mut parts) if parts.len() == 1 => {
            let name = parts.pop();
            if is_schema {
                change.schema = name;
            } else {
                change.database = name;
            }
            true
        }
        _ => false,
    }
}

fn secondary_roles(cursor: &mut Cursor<'_, '_>, change: &mut ContextChange, out: &mut Statement) -> bool {
    out.verb = "USE SECONDARY ROLES".to_owned();
    cursor.eat_word("ROLES");
    change.secondary_roles = match cursor.peek_word().as_deref() {
        Some("ALL") => Some(SecondaryRoles::All),
        Some("NONE") => Some(SecondaryRoles::None),
        _ => None,
    };
    cursor.take();
    if change.secondary_roles.is_none() {
        out.refuse(
            "USE SECONDARY ROLES is refused with a list of roles: sessions share connections, and only ALL and NONE can be \
             set for one",
            "write USE SECONDARY ROLES ALL or NONE",
        );
    }
    change.secondary_roles.is_some()
}

fn name_objects(change: &ContextChange, out: &mut Statement) {
    let ContextChange { database, schema, .. } = change;
    if let Some(database) = database {
        out.object(ObjectKind::Database, ObjectName(vec![database.clone()]), Access::Use);
    }
    if let Some(schema) = schema {
        let parts = database.iter().chain([schema]).cloned().collect();
        out.object(ObjectKind::Schema, ObjectName(parts), Access::Use);
    }
}
