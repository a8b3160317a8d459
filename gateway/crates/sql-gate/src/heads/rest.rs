//! What stands behind the name of an object that is defined: options, columns, and now and then other objects.

use snowflake_tokens::{Reading, Token};

use super::kinds::Kind;
use crate::tokens::{Cursor, StageName, Tok, tokens};
use crate::{Access, ObjectKind, ObjectName, Statement, query};

/// Words in front of a name of a table or view.
const BEFORE_RELATION: [&[&str]; 13] = [
    &["CLONE"],
    &["LIKE"],
    &["SWAP", "WITH"],
    &["RENAME", "TO"],
    &["REFERENCES"],
    &["ON", "TABLE"],
    &["ON", "VIEW"],
    &["ON", "EXTERNAL", "TABLE"],
    &["ON", "DYNAMIC", "TABLE"],
    &["FROM", "TABLE"],
    &["EXCHANGE", "WITH"],
    &["INSERT", "INTO"],
    &["UPSTREAM", "OF"],
];

/// Words in front of another object in a schema.
const BEFORE_OTHER: [&[&str]; 15] = [
    &["MASKING", "POLICY"],
    &["ROW", "ACCESS", "POLICY"],
    &["AGGREGATION", "POLICY"],
    &["PROJECTION", "POLICY"],
    &["PRIVACY", "POLICY"],
    &["JOIN", "POLICY"],
    &["PASSWORD", "POLICY"],
    &["SESSION", "POLICY"],
    &["AUTHENTICATION", "POLICY"],
    &["STORAGE", "LIFECYCLE", "POLICY"],
    &["NETWORK", "RULE"],
    &["AFTER"],
    &["SET", "TAG"],
    &["UNSET", "TAG"],
    &["CONSTRAINT"],
];

/// Options whose value is the name of an object that holds data.
const DATA_OPTIONS: [&str; 8] = [
    "SOURCE",
    "BASELINE",
    "SOURCE_TABLE",
    "BASE_TABLE",
    "ERROR_TABLE",
    "TARGET_TABLE",
    "INPUT_TABLE",
    "FEATURE_TABLE",
];

/// Reads what follows the name of an object of kind `kind`, which is called `name`, into `out`.
pub(super) fn read(cursor: &mut Cursor<'_, '_>, kind: ObjectKind, name: &ObjectName, out: &mut Statement) {
    while !cursor.is_at_end() {
        if !step(cursor, kind, name, out) {
            return;
        }
    }
}

/// Takes what comes next; `false`: nothing behind it is read any more.
fn step(cursor: &mut Cursor<'_, '_>, kind: ObjectKind, name: &ObjectName, out: &mut Statement) -> bool {
    if let Some(words) = BEFORE_RELATION.iter().find(|words| cursor.eat_words(words)) {
        cursor.eat_words(&["IF", "EXISTS"]);
        let is_new_name = matches!(words, ["RENAME", ..] | ["REFERENCES"]);
        let is_like = matches!(words, ["CLONE" | "LIKE" | "SWAP" | "RENAME" | "EXCHANGE", ..]);
        let kind = if is_like { kind } else { ObjectKind::Relation };
        return named(cursor, kind, is_new_name.then_some(name), out);
    }
    if cursor.eat_words(&["ON", "STAGE"]) {
        match cursor.name() {
            Some(stage) => out.object(ObjectKind::Stage, stage, Access::Read),
            None => out.miss("the name of a stage"),
        }
        return true;
    }
    if BEFORE_OTHER.iter().any(|words| cursor.eat_words(words)) {
        while let Some(other) = cursor.name() {
            out.object(ObjectKind::Other, other, Access::Read);
            // `AFTER a, b`
            let is_list = cursor.peek_at(2).is_none_or(|next| next == Token::Dot || next == Token::Sign(','));
            if !is_list || !cursor.eat(Token::Sign(',')) {
                break;
            }
        }
        return true;
    }
    if cursor.eat_words(&["ON", "STAGE"]) {
        return named(cursor, ObjectKind::Stage, None, out);
    }
    if cursor.eat_words(&["METRIC", "FUNCTION"]) {
        return named(cursor, ObjectKind::Function, None, out);
    }
    if let Some(stage) = cursor.stage() {
        out.object_of_stage(stage);
        return true;
    }
    if is_query_ahead(cursor) {
        // A query to the end: of a view, a table, a dynamic table.
        query::read_inside(cursor.rest(), out);
        return false;
    }
    match cursor.peek() {
        Some(Token::Open) => {
            let Some(group) = cursor.group() else {
                out.miss("parentheses that do not end");
                return false;
            };
            read_group(group, kind, name, out);
        }
        Some(Token::Word(_) | Token::Quoted(_)) if cursor.peek_at(1) == Some(Token::Dot) => {
            read_reference(cursor, out);
        }
        Some(Token::Word(word)) => {
            cursor.take();
            read_option(word, kind, cursor, out);
        }
        // What follows is a path in a value.
        Some(Token::Sign(':')) => {
            cursor.take();
            let _ = cursor.name();
        }
        Some(Token::Unfinished) => {
            out.miss("a text, name or comment that does not end");
            return false;
        }
        _ => drop(cursor.take()),
    }
    true
}

/// A name of several parts of which no word before it says what it is.
fn read_reference(cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    let Some(mut name) = cursor.name() else {
        skip_unfinished(cursor);
        return out.miss("a name that is not written out");
    };
    if cursor.peek() == Some(Token::Open) {
        return out.object(ObjectKind::Function, name, Access::Read);
    }
    if name.0.last().is_some_and(|part| part == "NEXTVAL") {
        name.0.pop();
        return out.object(ObjectKind::Other, name, Access::Read);
    }
    if cursor.peek() == Some(Token::Sign('=')) {
        // A tag.
        return out.object(ObjectKind::Other, name, Access::Read);
    }
    out.miss(format!("what {name} is"));
}

/// The name of an object of `kind` that comes next. In the place of the object `beside` it is meant, or in the context's,
/// if it is a short one: so it is named in both.
fn named(
    cursor: &mut Cursor<'_, '_>,
    kind: ObjectKind,
    beside: Option<&ObjectName>,
    out: &mut Statement,
) -> bool {
    if let Some(other) = cursor.name() {
        if let Some(beside) = beside.filter(|beside| other.0.len() < beside.0.len()) {
            let place = &beside.0[..beside.0.len() - other.0.len()];
            out.object(kind, ObjectName(place.iter().chain(&other.0).cloned().collect()), Access::Read);
        }
        // What holds others comes with all of them.
        let is_holder = matches!(kind, ObjectKind::Database | ObjectKind::Schema);
        out.object(kind, other, if is_holder { Access::Define } else { Access::Read });
        return true;
    }
    if !matches!(cursor.peek(), Some(Token::Text(_))) {
        out.miss("a name that is not written out");
    }
    true
}

fn is_query_ahead(cursor: &Cursor<'_, '_>) -> bool {
    let starts = |token: Token<'_>| token.is_word("SELECT") || token.is_word("WITH");
    let at = |ahead: usize| cursor.peek_at(ahead);
    let begins_here = at(0).is_some_and(|token| token.is_word("SELECT"));
    let behind_as = at(0).is_some_and(|token| token.is_word("AS"));
    let mut ahead = 1;
    while behind_as && at(ahead) == Some(Token::Open) {
        ahead += 1;
    }
    begins_here || (behind_as && at(ahead).is_some_and(starts))
}

/// Columns, constraints, options in parentheses, a query in them, the values of a `LIKE`.
fn read_group(group: &[Tok<'_>], kind: ObjectKind, name: &ObjectName, out: &mut Statement) {
    if has_query(group) {
        return read_expression(group, "a query in parentheses", out);
    }
    let mut inside = Cursor::new(group);
    while !inside.is_at_end() {
        if !step(&mut inside, kind, name, out) {
            return;
        }
    }
}

fn has_query(tokens: &[Tok<'_>]) -> bool {
    tokens.iter().any(|tok| tok.token.is_word("SELECT") || tok.token.is_word("FROM"))
}

/// Takes what begins like a name and is none, all at once: else a long one would be looked at from each of its parts.
fn skip_unfinished(cursor: &mut Cursor<'_, '_>) {
    cursor.take();
    while matches!(cursor.peek(), Some(Token::Word(_) | Token::Quoted(_) | Token::Dot)) {
        cursor.take();
    }
}

/// What an object is made from.
fn read_from(kind: ObjectKind, cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    match cursor.peek() {
        // A stage, which comes next; a query, of which nothing is known but that it is one.
        Some(Token::Sign('@') | Token::Open) => return,
        Some(Token::Text(text)) => {
            if let Some(stage) = stage_in_text(text) {
                cursor.take();
                out.object_of_stage(stage);
            }
            return;
        }
        Some(word)
            if ["SPECIFICATION", "SPECIFICATION_FILE", "SPECIFICATION_TEMPLATE"]
                .iter()
                .any(|is| word.is_word(is)) =>
        {
            return out.miss("a specification");
        }
        _ => {}
    }
    let mut ahead = *cursor;
    if let Some(source) = Kind::read(&mut ahead)
        && let Some(name) = ahead.name()
    {
        *cursor = ahead;
        return out.object(source.object, name, Access::Read);
    }
    let kind =
        if matches!(kind, ObjectKind::Function | ObjectKind::Account) { ObjectKind::Relation } else { kind };
    named(cursor, kind, None, out);
}

/// The stage in a text: `'@st/a b'`.
pub(super) fn stage_in_text(text: &str) -> Option<StageName> {
    if text.contains(['\\', '\'']) || !text.starts_with('@') {
        return None;
    }
    let (stage, _path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let read: Vec<Tok<'_>> = tokens(stage, Reading::default()).collect();
    let mut cursor = Cursor::new(&read);
    let stage = cursor.stage()?;
    cursor.is_at_end().then_some(stage)
}

/// `KEY = value`, or a word that says nothing of objects.
fn read_option(word: &str, kind: ObjectKind, cursor: &mut Cursor<'_, '_>, out: &mut Statement) {
    let upper = word.to_ascii_uppercase();
    if !cursor.eat(Token::Sign('=')) {
        if upper == "FROM" {
            read_from(kind, cursor, out);
        } else if ["JOIN", "INTO", "MERGE", "CALL"].contains(&upper.as_str()) {
            named(cursor, ObjectKind::Relation, None, out);
        }
        return;
    }
    let text = match cursor.peek() {
        Some(Token::Text(text)) if DATA_OPTIONS.contains(&upper.as_str()) => Some(text),
        _ => None,
    };
    if let Some(text) = text {
        cursor.take();
        match crate::tokens::name_in_text(text) {
            Some(name) => out.object(ObjectKind::Relation, name, Access::Read),
            None => out.miss(format!("the value of {upper}")),
        }
        return;
    }
    if let Some(Token::Text(text)) = cursor.peek() {
        cursor.take();
        if let Some(stage) = stage_in_text(text) {
            out.object_of_stage(stage);
        } else if ["FORMAT_NAME", "FILE_FORMAT"].contains(&upper.as_str()) {
            match crate::tokens::name_in_text(text) {
                Some(name) => out.object(ObjectKind::Other, name, Access::Read),
                None => out.miss(format!("the value of {upper}")),
            }
        }
        return;
    }
    let is_name = matches!(cursor.peek(), Some(Token::Word(_) | Token::Quoted(_)));
    if is_name && let Some(name) = cursor.name() {
        if DATA_OPTIONS.contains(&upper.as_str()) {
            out.object(ObjectKind::Relation, name, Access::Read);
        } else if name.0.len() > 1 {
            out.object(ObjectKind::Other, name, Access::Read);
        }
    }
}

/// Reads `tokens`, an expression that may hold queries; `what` it is.
pub(super) fn read_expression(tokens: &[Tok<'_>], what: &str, out: &mut Statement) {
    if !has_query(tokens) {
        return name_functions(tokens, out);
    }
    let starts_query =
        |tok: &Tok<'_>| tok.token.is_word("SELECT") || tok.token.is_word("WITH") || tok.token == Token::Open;
    if tokens.first().is_some_and(starts_query) {
        query::read_inside(tokens, out);
    } else {
        out.miss(what.to_owned());
    }
}

/// Names the functions with a schema that an expression without a query calls.
fn name_functions(tokens: &[Tok<'_>], out: &mut Statement) {
    let mut cursor = Cursor::new(tokens);
    while !cursor.is_at_end() {
        match cursor.peek_at(1) {
            Some(Token::Dot) => match cursor.name() {
                Some(name) if cursor.peek() == Some(Token::Open) => {
                    out.object(ObjectKind::Function, name, Access::Read);
                }
                Some(_) => {}
                None => skip_unfinished(&mut cursor),
            },
            _ => drop(cursor.take()),
        }
    }
}

impl Statement {
    /// It uses a stage.
    pub(super) fn object_of_stage(&mut self, stage: StageName) {
        self.object_of_stage_with(stage, Access::Read);
    }

    /// It uses a stage in this way.
    pub(super) fn object_of_stage_with(&mut self, stage: StageName, access: Access) {
        match stage {
            // The user's own.
            StageName::User => {}
            StageName::Table(table) => self.object(ObjectKind::Relation, table, access),
            StageName::Named(stage) => self.object(ObjectKind::Stage, stage, access),
        }
    }
}
