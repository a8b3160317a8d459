//! Stages and files: LIST, REMOVE, PUT, GET, COPY.

use snowflake_tokens::Token;

use super::rest;
use crate::tokens::{Cursor, StageName};
use crate::{Access, Class, ObjectKind, ObjectName, Statement, query};

/// `LIST @stage [PATTERN = '...']`
pub(super) fn read_list(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    read_stage(cursor, Access::Read, out);
}

/// `REMOVE @stage [PATTERN = '...']`
pub(super) fn read_remove(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.raise(Class::File);
    read_stage(cursor, Access::Write, out);
}

fn read_stage(cursor: &mut Cursor<'_, '_>, access: Access, out: &mut Statement) {
    match stage(cursor) {
        Some(stage) => out.object_of_stage_with(stage, access),
        None => out.miss("a stage that is not written out"),
    }
    let has_pattern = cursor.eat_word("PATTERN") && cursor.eat(Token::Sign('='));
    if has_pattern {
        cursor.take();
    }
    super::end(cursor, out);
}

/// A stage, which may stand in a text, too: `'@st/a b'`.
fn stage(cursor: &mut Cursor<'_, '_>) -> Option<StageName> {
    let Some(Token::Text(text)) = cursor.peek() else { return cursor.stage() };
    let stage = rest::stage_in_text(text)?;
    cursor.take();
    Some(stage)
}

/// PUT and GET: the driver's own machine is read or written, which is the gateway's.
pub(super) fn read_transfer(out: &mut Statement) {
    out.raise(Class::File);
    out.miss("a transfer of files");
    let verb = out.verb.clone();
    out.refuse(
        format!("{verb} is refused: it would read or write files of the machine that the gateway runs on"),
        "use Snowflake's own tools to move files to or from a stage",
    );
}

/// `COPY INTO table FROM stage | query`, `COPY INTO stage | location FROM table | query`, `COPY FILES INTO stage FROM
/// stage`.
pub(super) fn read_copy(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    let moves_files = cursor.eat_word("FILES");
    cursor.eat_word("INTO");
    out.verb = if moves_files { "COPY FILES".to_owned() } else { "COPY INTO".to_owned() };
    if let Some(stage) = stage(cursor) {
        out.raise(Class::File);
        out.object_of_stage_with(stage, Access::Write);
    } else if matches!(cursor.peek(), Some(Token::Text(_))) {
        cursor.take();
        out.raise(Class::File);
        // A location has no name that a list could have.
        out.miss("a location outside the account");
    } else {
        out.raise(Class::Write);
        match cursor.name() {
            Some(table) => out.object(ObjectKind::Relation, table, Access::Write),
            None => out.miss("the target of COPY INTO"),
        }
        // The columns.
        let _ = cursor.group();
    }
    if cursor.eat_word("FROM") {
        read_source(cursor, out);
    }
    rest::read(cursor, ObjectKind::Other, &ObjectName::default(), out);
}

fn read_source(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    match cursor.peek() {
        Some(Token::Open) => match cursor.group() {
            Some(group) => query::read_inside(group, out),
            None => out.miss("parentheses that do not end"),
        },
        Some(Token::Text(text)) if rest::stage_in_text(text).is_none() => {
            cursor.take();
            out.miss("a location outside the account");
        }
        _ => {
            if let Some(stage) = stage(cursor) {
                out.object_of_stage(stage);
            } else if let Some(table) = cursor.name() {
                out.object(ObjectKind::Relation, table, Access::Read);
            } else {
                out.miss("the source of COPY INTO");
            }
        }
    }
}
