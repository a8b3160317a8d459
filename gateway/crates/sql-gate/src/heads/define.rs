//! CREATE, ALTER, DROP, UNDROP, COMMENT, TRUNCATE.

use snowflake_tokens::Token;

use super::kinds::{Kind, Modifiers};
use super::{end, rest};
use crate::tokens::Cursor;
use crate::{Access, Class, ObjectKind, ObjectName, StateChange, Statement};

/// Reads what follows the verb, which `out` has.
pub(super) fn read(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    match out.verb.as_str() {
        "COMMENT" => read_comment(cursor, out),
        "TRUNCATE" => read_truncate(cursor, out),
        _ => read_definition(cursor, out),
    }
}

fn read_definition(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    let verb = out.verb.clone();
    let modifiers = if verb == "CREATE" { Modifiers::read(cursor) } else { Modifiers::default() };
    let Some(kind) = Kind::read(cursor) else {
        out.raise(Class::Ddl);
        return out.miss(format!("what {verb} is about"));
    };
    out.verb = format!("{verb} {}", kind.name());
    let is_temporary = modifiers.is_temporary
        && kind.class == Class::Ddl
        && matches!(
            kind.object,
            ObjectKind::Relation | ObjectKind::Stage | ObjectKind::Other | ObjectKind::Function
        );
    out.raise(if is_temporary { Class::Session } else { kind.class });
    cursor.eat_words(&["IF", "NOT", "EXISTS"]);
    cursor.eat_words(&["IF", "EXISTS"]);
    let Some(name) = cursor.name() else {
        if is_temporary {
            out.change = StateChange::Anything;
        }
        // `ALTER ACCOUNT SET ...` and the like have none.
        if kind.object != ObjectKind::Account {
            out.miss(format!("the name of {}", out.verb));
        }
        return;
    };
    if is_temporary {
        out.change = StateChange::Temporary(name.to_string());
    }
    if kind.name() == "INDEX" {
        return read_index(cursor, name, out);
    }
    out.object(kind.object, name.clone(), Access::Define);
    if verb != "DROP" && verb != "UNDROP" && (kind.gathers_objects() || runs_code(kind, &verb, cursor)) {
        out.miss(format!("what {} names or runs", out.verb));
    }
    if kind.object == ObjectKind::Account {
        return name_database_of(kind, name, out);
    }
    match kind.object {
        ObjectKind::Function if verb == "CREATE" => {
            // Its body is code that nobody here reads.
            out.miss(format!("the body of {}", out.verb));
        }
        ObjectKind::Function => skip_arguments(cursor),
        _ => {}
    }
    if matches!(kind.name().as_str(), "TASK" | "ALERT" | "PIPE") && verb != "DROP" {
        return read_body(cursor, &name, out);
    }
    if kind.name() == "SEMANTIC VIEW" && verb == "CREATE" {
        return read_semantic_view(cursor, out);
    }
    rest::read(cursor, kind.object, &name, out);
}

/// `CREATE INDEX i ON t (c)`, `DROP INDEX t.i`: a change of the table.
fn read_index(cursor: &mut Cursor<'_, '_>, mut name: ObjectName, out: &mut Statement) {
    if cursor.eat_word("ON") {
        let Some(table) = cursor.name() else { return out.miss("the table of an index") };
        name = table;
    } else if name.0.pop().is_none() || name.0.is_empty() {
        return out.miss("the table of an index");
    }
    out.object(ObjectKind::Relation, name.clone(), Access::Define);
    rest::read(cursor, ObjectKind::Relation, &name, out);
}

/// Whether a statement gives an object code or a specification.
fn runs_code(kind: Kind, verb: &str, cursor: &Cursor<'_, '_>) -> bool {
    let harmless = ["SUSPEND", "RESUME", "RENAME", "UNSET"];
    let is_plain =
        verb == "ALTER" && cursor.peek_word().is_some_and(|word| harmless.contains(&word.as_str()));
    kind.holds_code() && !is_plain
}

/// The database that a role is in (`d.r`).
fn name_database_of(kind: Kind, mut name: ObjectName, out: &mut Statement) {
    if kind.name() == "DATABASE ROLE" && name.0.len() > 1 {
        name.0.truncate(1);
        out.object(ObjectKind::Database, name, Access::Use);
    }
}

/// `(NUMBER, VARCHAR)`: which of the functions of one name.
fn skip_arguments(cursor: &mut Cursor<'_, '_>) {
    let _ = cursor.group();
}

/// Options, and behind AS or THEN a statement, or a condition with a query.
fn read_body(cursor: &mut Cursor<'_, '_>, name: &ObjectName, out: &mut Statement) {
    let tokens = cursor.rest();
    let at = tokens.iter().position(|tok| tok.token.is_word("AS") || tok.token.is_word("IF"));
    let (options, body) = tokens.split_at(at.unwrap_or(tokens.len()));
    rest::read(&mut Cursor::new(options), ObjectKind::Other, name, out);
    let Some((first, mut body)) = body.split_first() else { return };
    if !first.token.is_word("AS") {
        // `IF (EXISTS (query)) THEN statement`
        let mut condition = Cursor::new(body);
        let Some(group) = condition.group() else {
            return out.miss(format!("the condition of {}", out.verb));
        };
        let mut exists = Cursor::new(group);
        match exists.eat_word("EXISTS").then(|| exists.group()).flatten() {
            Some(query) => crate::query::read_inside(query, out),
            None => rest::read_expression(group, "a condition", out),
        }
        if !condition.eat_word("THEN") {
            return out.miss(format!("the action of {}", out.verb));
        }
        body = condition.rest();
    }
    let mut inner = Statement::blank();
    if !super::read(body, &mut inner) {
        crate::query::read(body, &mut inner);
    }
    out.objects.append(&mut inner.objects);
    if let Some(what) = inner.not_understood {
        out.miss(what);
    }
    if let Some(refusal) = inner.refusal {
        out.refuse(refusal.message, refusal.next_step);
    }
    if inner.class == Class::Call {
        out.miss(format!("the body of {}", out.verb));
    }
}

/// `TABLES ([alias AS] table ...)`: the rest names columns of these.
fn read_semantic_view(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    if !cursor.eat_word("TABLES") {
        return out.miss("the tables of a semantic view");
    }
    let Some(group) = cursor.group() else { return out.miss("the tables of a semantic view") };
    let mut inside = Cursor::new(group);
    let mut is_at_name = true;
    while !inside.is_at_end() {
        if is_at_name {
            let Some(mut name) = inside.name() else { return out.miss("a table of a semantic view") };
            if inside.eat_word("AS") {
                let Some(table) = inside.name() else { return out.miss("a table of a semantic view") };
                name = table;
            }
            out.object(ObjectKind::Relation, name, Access::Read);
            is_at_name = false;
        } else if inside.eat(Token::Sign(',')) {
            is_at_name = true;
        } else if inside.group().is_none() {
            inside.take();
        }
    }
    if cursor.rest().iter().any(|tok| tok.token.is_word("SELECT")) {
        out.miss("a query in a semantic view");
    }
}

/// `COMMENT [IF EXISTS] ON kind name IS '...'`
fn read_comment(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Ddl);
    cursor.eat_words(&["IF", "EXISTS"]);
    cursor.eat_word("ON");
    let is_column = cursor.eat_word("COLUMN");
    let kind = if is_column { None } else { Kind::read(cursor) };
    if let Some(kind) = kind {
        out.raise(kind.class);
    }
    let object = kind.map_or(ObjectKind::Relation, |kind| kind.object);
    let Some(mut name) = cursor.name().filter(|_| is_column || kind.is_some()) else {
        return out.miss("what COMMENT is about");
    };
    if is_column && name.0.len() > 1 {
        name.0.pop();
    }
    out.object(object, name, Access::Define);
    skip_arguments(cursor);
    if !cursor.eat_word("IS") || !matches!(cursor.take(), Some(Token::Text(_))) {
        out.miss("the text of COMMENT");
    }
    end(cursor, out);
}

/// `TRUNCATE [TABLE] [IF EXISTS] name`
fn read_truncate(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::Write);
    let is_view = cursor.eat_words(&["MATERIALIZED", "VIEW"]);
    if !is_view && cursor.peek_at(1).is_some() {
        cursor.eat_word("TABLE");
    }
    cursor.eat_words(&["IF", "EXISTS"]);
    match cursor.name() {
        Some(name) => out.object(ObjectKind::Relation, name, Access::Write),
        None => out.miss("the table of TRUNCATE"),
    }
    end(cursor, out);
}
