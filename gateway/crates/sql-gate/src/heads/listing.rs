//! SHOW and DESCRIBE.

use snowflake_tokens::Token;

use super::end;
use super::kinds::Kind;
use crate::tokens::Cursor;
use crate::{Access, Listing, ObjectKind, Statement};

/// What SHOW lists that is no kind of object.
const OTHERS: &[(&[&str], Rows)] = &[
    (&["OBJECTS"], Rows::IN_SCHEMA),
    (&["COLUMNS"], Rows { name: "table_name", ..Rows::IN_SCHEMA }),
    (&["PRIMARY", "KEYS"], Rows { name: "table_name", ..Rows::IN_SCHEMA }),
    (&["UNIQUE", "KEYS"], Rows { name: "table_name", ..Rows::IN_SCHEMA }),
    (&["IMPORTED", "KEYS"], Rows::OF_OTHERS),
    (&["EXPORTED", "KEYS"], Rows::OF_OTHERS),
    (&["USER", "FUNCTIONS"], Rows::FUNCTIONS),
    (&["BUILTIN", "FUNCTIONS"], Rows::NOTHING),
    (&["FUNCTIONS"], Rows::FUNCTIONS),
    (&["USER", "PROCEDURES"], Rows::FUNCTIONS),
    (&["PROCEDURES"], Rows::FUNCTIONS),
    (&["PARAMETERS"], Rows::NOTHING),
    (&["VARIABLES"], Rows::NOTHING),
    (&["TRANSACTIONS"], Rows::NOTHING),
    (&["LOCKS"], Rows::OF_OTHERS),
    (&["REGIONS"], Rows::NOTHING),
    (&["CHANNELS"], Rows { name: "table_name", ..Rows::IN_SCHEMA }),
    (&["SEMANTIC", "DIMENSIONS"], Rows { name: "semantic_view_name", ..Rows::IN_SCHEMA }),
    (&["SEMANTIC", "METRICS"], Rows { name: "semantic_view_name", ..Rows::IN_SCHEMA }),
    (&["SEMANTIC", "FACTS"], Rows { name: "semantic_view_name", ..Rows::IN_SCHEMA }),
    (&["ENTITIES"], Rows::IN_SCHEMA),
    (&["VERSIONS"], Rows::NOTHING),
    (&["FEATURES"], Rows::NOTHING),
    (&["CLASSES"], Rows::NOTHING),
    (&["DELEGATED", "AUTHORIZATIONS"], Rows::NOTHING),
    (&["ORGANIZATION", "ACCOUNTS"], Rows::NOTHING),
    (&["REPLICATION", "ACCOUNTS"], Rows::NOTHING),
    (&["REPLICATION", "DATABASES"], Rows::OF_OTHERS),
    (&["GLOBAL", "ACCOUNTS"], Rows::NOTHING),
    (&["MODELS"], Rows::IN_SCHEMA),
    (&["CATALOG", "INTEGRATIONS"], Rows::NOTHING),
    (&["AVAILABLE", "LISTINGS"], Rows::NOTHING),
    (&["OFFERS"], Rows::NOTHING),
    (&["PRICING", "PLANS"], Rows::NOTHING),
    // The database of a share, none of one that is not used.
    (&["SHARES"], Rows { kind: Some(ObjectKind::Database), name: "database_name", ..Rows::NOTHING }),
    (&["INDEXES"], Rows { name: "table", ..Rows::IN_SCHEMA }),
    (&["GIT", "BRANCHES"], Rows::IN_OBJECT),
    (&["GIT", "TAGS"], Rows::IN_OBJECT),
    (&["SERVICE", "CONTAINERS"], Rows::IN_OBJECT),
    (&["SERVICE", "INSTANCES"], Rows::IN_OBJECT),
    (&["ENDPOINTS"], Rows::IN_OBJECT),
    (&["IMAGES"], Rows::IN_OBJECT),
    (&["DEPLOYMENTS"], Rows::IN_OBJECT),
    (&["RUNS"], Rows::IN_OBJECT),
    (&["RELEASE", "DIRECTIVES"], Rows::NOTHING),
    (&["RELEASE", "CHANNELS"], Rows::NOTHING),
    (&["PRIVILEGES"], Rows::NOTHING),
    (&["REFERENCES"], Rows::OF_OTHERS),
    (&["SPECIFICATIONS"], Rows::NOTHING),
    (&["TELEMETRY", "EVENT", "DEFINITIONS"], Rows::NOTHING),
    (&["MFA", "METHODS"], Rows::NOTHING),
    (&["USER", "PROGRAMMATIC", "ACCESS", "TOKENS"], Rows::NOTHING),
    (&["PROGRAMMATIC", "ACCESS", "TOKENS"], Rows::NOTHING),
    (&["USER", "WORKLOAD", "IDENTITY", "AUTHENTICATION", "METHODS"], Rows::NOTHING),
    (&["CORTEX", "BASE", "MODELS"], Rows::NOTHING),
];

/// The columns that say what a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rows {
    kind: Option<ObjectKind>,
    database: Option<&'static str>,
    schema: Option<&'static str>,
    name: &'static str,
    /// Its rows name objects in columns that no filter looks at.
    is_of_others: bool,
    /// What a name alone behind IN is the name of.
    holder: ObjectKind,
}

impl Rows {
    /// Rows about nothing that a list of names could have.
    const NOTHING: Self = Self {
        kind: None,
        database: None,
        schema: None,
        name: "name",
        is_of_others: false,
        holder: ObjectKind::Schema,
    };
    /// Rows about what another object, which must be named, is made of.
    const IN_OBJECT: Self = Self { holder: ObjectKind::Other, ..Self::NOTHING };
    const OF_OTHERS: Self = Self { is_of_others: true, ..Self::NOTHING };
    const IN_SCHEMA: Self = Self {
        kind: Some(ObjectKind::Relation),
        database: Some("database_name"),
        schema: Some("schema_name"),
        ..Self::NOTHING
    };
    const FUNCTIONS: Self =
        Self { kind: Some(ObjectKind::Function), database: Some("catalog_name"), ..Self::IN_SCHEMA };

    fn of(kind: Kind) -> Self {
        match kind.object {
            ObjectKind::Database => Self { kind: Some(ObjectKind::Database), ..Self::NOTHING },
            ObjectKind::Schema => {
                Self { kind: Some(ObjectKind::Schema), database: Some("database_name"), ..Self::NOTHING }
            }
            ObjectKind::Account => Self::NOTHING,
            ObjectKind::Function => Self::FUNCTIONS,
            object => Self { kind: Some(object), ..Self::IN_SCHEMA },
        }
    }
}

/// `SHOW [TERSE] what [HISTORY] [LIKE '..'] [IN scope] [STARTS WITH '..'] [LIMIT n [FROM '..']]`
pub(super) fn read_show(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    cursor.eat_word("TERSE");
    if cursor.eat_word("GRANTS") || cursor.eat_words(&["FUTURE", "GRANTS"]) {
        return read_show_grants(cursor, out);
    }
    let before = cursor.rest();
    let others = OTHERS.iter().find(|(words, _)| cursor.eat_words(words)).map(|(_, rows)| *rows);
    let Some(rows) = others.or_else(|| Kind::read_plural(cursor).map(Rows::of)) else {
        return out.miss("what SHOW lists");
    };
    let words = &before[..before.len() - cursor.rest().len()];
    for word in words {
        if let Token::Word(word) = word.token {
            out.verb = format!("{} {}", out.verb, word.to_ascii_uppercase());
        }
    }
    if rows.is_of_others {
        out.miss(format!("{}, whose rows name objects of others", out.verb));
    }
    out.listing = rows.kind.map(|kind| Listing {
        kind,
        database_column: rows.database,
        schema_column: rows.schema,
        name_column: rows.name,
    });
    read_clauses(cursor, rows, out);
}

fn read_clauses(cursor: &mut Cursor<'_, '_>, rows: Rows, out: &mut Statement) {
    let text = |cursor: &mut Cursor<'_, '_>| matches!(cursor.take(), Some(Token::Text(_)));
    while !cursor.is_at_end() {
        let is_read = if cursor.eat_word("HISTORY") || cursor.eat_words(&["INCLUDE", "DROPPED"]) {
            true
        } else if cursor.eat_word("LIKE") || cursor.eat_words(&["STARTS", "WITH"]) {
            text(cursor)
        } else if cursor.eat_word("LIMIT") {
            let is_number = matches!(cursor.take(), Some(Token::Number(_)));
            is_number && (!cursor.eat_word("FROM") || text(cursor))
        } else if cursor.eat_words(&["FOR", "METRIC"]) {
            // The rows are about the one view that must be named, and do not say so.
            out.listing = None;
            cursor.name().is_some()
        } else if cursor.eat_word("VERSION") {
            cursor.part().is_some()
        } else if cursor.eat_words(&["WITH", "PRIVILEGES"]) {
            skip_words(cursor)
        } else if cursor.eat_word("IN") || cursor.eat_word("FROM") || cursor.eat_word("FOR") {
            read_scope(cursor, rows, out)
        } else {
            false
        };
        if !is_read {
            return end_of(cursor, out);
        }
    }
}

fn end_of(cursor: &Cursor<'_, '_>, out: &mut Statement) {
    let verb = out.verb.clone();
    let _ = cursor;
    out.miss(format!("the end of {verb}"));
}

/// Words with commas between them.
fn skip_words(cursor: &mut Cursor<'_, '_>) -> bool {
    while cursor.part().is_some() {
        cursor.eat(Token::Sign(','));
    }
    true
}

/// `ACCOUNT`, `DATABASE [d]`, `SCHEMA [d.s]`, `TABLE [d.s.t]`, or a name alone.
fn read_scope(cursor: &mut Cursor<'_, '_>, rows: Rows, out: &mut Statement) -> bool {
    if cursor.eat_words(&["FAILOVER", "GROUP"]) || cursor.eat_words(&["REPLICATION", "GROUP"]) {
        return cursor.part().is_some();
    }
    if ["ACCOUNT", "SESSION", "ORGANIZATION"].iter().any(|word| cursor.eat_word(word)) {
        return true;
    }
    let before = *cursor;
    let named = Kind::read(cursor);
    let mut kind = named.map(|kind| kind.object);
    // Many kinds are good names, too: `IN secret`. Only of these there is one that is meant without a name.
    let may_be_alone = matches!(
        kind,
        Some(ObjectKind::Database | ObjectKind::Schema | ObjectKind::Relation | ObjectKind::Account)
    );
    if kind.is_some() && !may_be_alone && !has_name_ahead(cursor) {
        kind = None;
        *cursor = before;
    }
    let of_name = match rows.kind {
        // `SHOW SCHEMAS IN d`, `SHOW COLUMNS IN t`.
        Some(ObjectKind::Schema) => ObjectKind::Database,
        Some(ObjectKind::Relation) if rows.name != "name" => ObjectKind::Relation,
        _ => rows.holder,
    };
    if named.is_some_and(|kind| kind.name() == "MODEL") && kind.is_some() {
        // Its functions, of which the rows do not say whose they are.
        out.listing = None;
    }
    match has_name_ahead(cursor).then(|| cursor.name()).flatten() {
        Some(name) => {
            out.object(kind.unwrap_or(of_name), name, Access::Read);
            true
        }
        // That of the context.
        None => kind.is_some(),
    }
}

/// Whether what comes next is no clause.
fn has_name_ahead(cursor: &Cursor<'_, '_>) -> bool {
    !cursor.is_at_end()
        && cursor.peek_word().is_none_or(|word| !["LIKE", "STARTS", "LIMIT"].contains(&word.as_str()))
}

/// `SHOW GRANTS [ON kind name | TO .. | OF ..]`, `SHOW FUTURE GRANTS IN ..`
fn read_show_grants(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    out.verb = "SHOW GRANTS".to_owned();
    if cursor.eat_word("ON") {
        if cursor.eat_word("ACCOUNT") {
            return end(cursor, out);
        }
        match (Kind::read(cursor), cursor.name()) {
            (Some(kind), Some(name)) => out.object(kind.object, name, Access::Read),
            _ => return out.miss("what SHOW GRANTS is about"),
        }
        let _ = cursor.group();
        return end(cursor, out);
    }
    if cursor.eat_word("IN") {
        read_scope(cursor, Rows::NOTHING, out);
        return end(cursor, out);
    }
    if cursor.eat_word("OF") {
        return;
    }
    out.miss("SHOW GRANTS, whose rows name objects of others");
}

/// `DESCRIBE kind name`, `DESCRIBE RESULT 'id'`
pub(super) fn read_describe(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    let verb = "DESCRIBE".to_owned();
    out.verb.clone_from(&verb);
    if cursor.peek_at(1).is_some_and(|next| next != Token::Dot) && cursor.eat_word("RESULT") {
        out.verb = "DESCRIBE RESULT".to_owned();
        out.refuse(
            "DESCRIBE RESULT is refused: the result may be another session's",
            "the column names and types are in each result; use DESCRIBE TABLE or describe_table for a table",
        );
        return;
    }
    let is_search = cursor.eat_words(&["SEARCH", "OPTIMIZATION", "ON"]);
    let is_kind_ahead = cursor.peek_at(1).is_some_and(|next| next != Token::Dot)
        && cursor.peek_at(2) != Some(Token::Sign('=')); // `DESCRIBE secret TYPE = STAGE`
    let kind = if is_kind_ahead { Kind::read(cursor) } else { None };
    if let Some(kind) = kind {
        out.verb = format!("{verb} {}", kind.name());
    }
    let object = kind.map_or(ObjectKind::Relation, |kind| kind.object);
    let Some(name) = cursor.name() else {
        if object != ObjectKind::Account {
            out.miss("the name of what DESCRIBE is about");
        }
        return;
    };
    if is_search {
        out.verb = "DESCRIBE SEARCH OPTIMIZATION".to_owned();
    }
    if out.verb == "DESCRIBE SHARE" {
        out.miss("DESCRIBE SHARE, whose rows name objects of others");
    }
    // The rows are all that it holds, and no filter knows their place.
    let is_holder = matches!(object, ObjectKind::Database | ObjectKind::Schema);
    out.object(object, name, if is_holder { Access::Define } else { Access::Read });
    let _ = cursor.group();
    // `TYPE = COLUMNS | STAGE`, `VERSION v`
    let _ = cursor.eat_word("TYPE") && cursor.eat(Token::Sign('=')) && cursor.take().is_some();
    let _ = cursor.eat_word("VERSION") && cursor.take().is_some();
    end(cursor, out);
}
