//! Functions that get the name of an object in a text.

use snowflake_tokens::Token;

use crate::tokens::{Tok, name_in_text};
use crate::{Access, ObjectKind, ObjectName};

/// Where a function has a name in its arguments.
#[derive(Debug)]
pub(super) struct TextArgument {
    pub(super) function: &'static str,
    /// Its position, if it is not named.
    position: usize,
    /// Its name.
    name: &'static str,
    means: Means,
}

/// What the text is.
#[derive(Clone, Copy, Debug)]
enum Means {
    Name(ObjectKind),
    Stage,
    /// SQL that is looked at, but not run: not read here.
    Sql,
    /// The name of an object whose kind the first argument says.
    Defined,
}

/// What the argument is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    Name(ObjectKind, ObjectName, Access),
    /// A stage: `@s/path`.
    Stage(&'a str),
    /// Not there.
    None,
    /// Not a text, or none that is read here.
    NotKnown,
}

const fn relation(function: &'static str, position: usize, name: &'static str) -> TextArgument {
    TextArgument { function, position, name, means: Means::Name(ObjectKind::Relation) }
}

const fn other(function: &'static str, position: usize, name: &'static str) -> TextArgument {
    TextArgument { function, position, name, means: Means::Name(ObjectKind::Other) }
}

const fn stage(function: &'static str, position: usize, name: &'static str) -> TextArgument {
    TextArgument { function, position, name, means: Means::Stage }
}

const ARGUMENTS: [TextArgument; 43] = [
    stage("BUILD_SCOPED_FILE_URL", 0, ""),
    stage("BUILD_STAGE_FILE_URL", 0, ""),
    relation("COPY_HISTORY", 0, "TABLE_NAME"),
    relation("DATA_METRIC_FUNCTION_REFERENCES", usize::MAX, "REF_ENTITY_NAME"),
    relation("DYNAMIC_TABLE_REFRESH_HISTORY", usize::MAX, "NAME"),
    relation("EXTERNAL_TABLE_FILES", 0, "TABLE_NAME"),
    relation("EXTERNAL_TABLE_FILE_REGISTRATION_HISTORY", 1, "TABLE_NAME"),
    stage("FL_GET_SCOPED_FILE_URL", 0, ""),
    TextArgument { function: "GET_DDL", position: 1, name: "", means: Means::Defined },
    relation("GET_LINEAGE", 0, ""),
    stage("GET_PRESIGNED_URL", 0, ""),
    stage("GET_RELATIVE_PATH", 0, ""),
    stage("GET_ABSOLUTE_PATH", 0, ""),
    stage("GET_STAGE_LOCATION", 0, ""),
    stage("INFER_SCHEMA", 0, "LOCATION"),
    relation("MATERIALIZED_VIEW_REFRESH_HISTORY", usize::MAX, "MATERIALIZED_VIEW_NAME"),
    other("PIPE_USAGE_HISTORY", usize::MAX, "PIPE_NAME"),
    relation("POLICY_REFERENCES", usize::MAX, "REF_ENTITY_NAME"),
    relation("SEARCH_OPTIMIZATION_HISTORY", usize::MAX, "TABLE_NAME"),
    other("SEARCH_PREVIEW", 0, ""),
    relation("SYSTEM$AUTO_REFRESH_STATUS", 0, ""),
    relation("SYSTEM$CLUSTERING_DEPTH", 0, ""),
    relation("SYSTEM$CLUSTERING_INFORMATION", 0, ""),
    relation("SYSTEM$CLUSTERING_RATIO", 0, ""),
    relation("SYSTEM$ESTIMATE_SEARCH_OPTIMIZATION_COSTS", 0, ""),
    other("SYSTEM$EXTERNAL_TABLE_PIPE_STATUS", 0, ""),
    TextArgument { function: "SYSTEM$EXPLAIN_PLAN_JSON", position: 0, name: "", means: Means::Sql },
    relation("SYSTEM$DATA_METRIC_SCAN", usize::MAX, "REF_ENTITY_NAME"),
    relation("SYSTEM$GET_TAG", 1, ""),
    other("SYSTEM$GET_TAG_ALLOWED_VALUES", 0, ""),
    relation("SYSTEM$LAST_CHANGE_COMMIT_TIME", 0, ""),
    other("SYSTEM$PIPE_STATUS", 0, ""),
    other("SYSTEM$STREAM_GET_TABLE_TIMESTAMP", 0, ""),
    other("SYSTEM$STREAM_HAS_DATA", 0, ""),
    relation("TAG_REFERENCES", 0, ""),
    relation("TAG_REFERENCES_ALL_COLUMNS", 0, ""),
    other("TASK_HISTORY", usize::MAX, "TASK_NAME"),
    other("SYSTEM$STREAM_BACKLOG", 0, ""),
    relation("SYSTEM$GET_ICEBERG_TABLE_INFORMATION", 0, ""),
    relation("SYSTEM$ESTIMATE_AUTOMATIC_CLUSTERING_COSTS", 0, ""),
    relation("SYSTEM$GET_CLASSIFICATION_RESULT", 0, ""),
    stage("SYSTEM$GET_DIRECTORY_TABLE_STATUS", 0, ""),
    stage("TO_FILE", 0, ""),
];

/// What `GET_DDL` calls objects that are read like tables, or are one with their definition.
const RELATIONS: [&str; 10] = [
    "TABLE",
    "VIEW",
    "DYNAMIC_TABLE",
    "EVENT_TABLE",
    "EXTERNAL_TABLE",
    "HYBRID_TABLE",
    "ICEBERG_TABLE",
    "MATERIALIZED_VIEW",
    "SEMANTIC_VIEW",
    "STREAM",
];

/// What it calls other objects of a schema.
const INSIDE_SCHEMAS: [&str; 14] = [
    "AGENT",
    "ALERT",
    "CONTACT",
    "CORTEX_SEARCH_SERVICE",
    "DBT_PROJECT",
    "FILE_FORMAT",
    "NOTEBOOK",
    "PIPE",
    "POLICY",
    "SEQUENCE",
    "STREAMLIT",
    "TAG",
    "TASK",
    "MODEL",
];

/// Where `function` has a name in its arguments, if it has.
pub(super) fn argument_of(function: &str) -> Option<&'static TextArgument> {
    ARGUMENTS.iter().find(|argument| argument.function.eq_ignore_ascii_case(function))
}

/// What `argument` is in `group`, the inside of a call's parentheses.
pub(super) fn find<'a>(argument: &TextArgument, group: &[Tok<'a>]) -> Argument<'a> {
    let Some(value) = value(argument, group) else { return Argument::None };
    match (argument.means, value) {
        // `@s` is noted as a stage by itself.
        (Means::Stage, [Tok { token: Token::Sign('@'), .. }, ..]) => Argument::None,
        (Means::Stage, [Tok { token: Token::Text(text), .. }]) => Argument::Stage(text),
        (Means::Name(kind), [Tok { token: Token::Text(text), .. }]) => {
            // A function's name has its arguments' types behind it.
            let name = text.split('(').next().unwrap_or_default();
            name_in_text(name).map_or(Argument::NotKnown, |name| Argument::Name(kind, name, Access::Read))
        }
        (Means::Defined, [Tok { token: Token::Text(text), .. }]) => defined(group, text),
        _ => Argument::NotKnown,
    }
}

/// The object that `GET_DDL('TABLE', 't')` shows the definition of; of a schema or database, with all that is in it.
fn defined<'a>(group: &[Tok<'a>], text: &str) -> Argument<'a> {
    let [Tok { token: Token::Text(kind), .. }, ..] = group else { return Argument::NotKnown };
    let is = |known: &str| kind.eq_ignore_ascii_case(known);
    let (kind, access) = match () {
        () if is("DATABASE") => (ObjectKind::Database, Access::Define),
        () if is("SCHEMA") => (ObjectKind::Schema, Access::Define),
        () if is("FUNCTION") || is("PROCEDURE") => (ObjectKind::Other, Access::Read),
        () if RELATIONS.iter().any(|known| is(known)) => (ObjectKind::Relation, Access::Read),
        () if INSIDE_SCHEMAS.iter().any(|known| is(known)) => (ObjectKind::Other, Access::Read),
        () => return Argument::NotKnown,
    };
    let name = text.split('(').next().unwrap_or_default();
    name_in_text(name).map_or(Argument::NotKnown, |name| Argument::Name(kind, name, access))
}

/// The tokens of the argument's value.
fn value<'t, 'a>(argument: &TextArgument, group: &'t [Tok<'a>]) -> Option<&'t [Tok<'a>]> {
    let mut depth = 0usize;
    let arguments = group.split(|tok| {
        match tok.token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && tok.token == Token::Sign(',')
    });
    for (position, tokens) in arguments.enumerate() {
        match tokens {
            [name, equals, greater, value @ ..]
                if equals.token == Token::Sign('=')
                    && greater.token == Token::Sign('>')
                    && name.token.is_word(argument.name) =>
            {
                return Some(value);
            }
            [] | [_, Tok { token: Token::Sign('='), .. }, Tok { token: Token::Sign('>'), .. }, ..] => {}
            value if position == argument.position => return Some(value),
            _ => {}
        }
    }
    None
}
