//! SQLite's statements, by their first words. What they touch is seen by SQLite's own authorizer.
//!
//! Words in texts, comments and quoted names are never taken for statements. Linear in the length of the text.

use crate::{Class, ContextChange, StateChange, Statement};

/// Functions whose value is another at each call, or depends on the connection.
const NOT_REPEATABLE: [&str; 5] = ["RANDOM", "RANDOMBLOB", "CHANGES", "TOTAL_CHANGES", "LAST_INSERT_ROWID"];

/// Pragmas that only read, without a value.
const PRAGMAS_PLAIN: [&str; 22] = [
    "APPLICATION_ID",
    "AUTO_VACUUM",
    "CACHE_SIZE",
    "COLLATION_LIST",
    "COMPILE_OPTIONS",
    "DATA_VERSION",
    "DATABASE_LIST",
    "ENCODING",
    "FOREIGN_KEYS",
    "FREELIST_COUNT",
    "FUNCTION_LIST",
    "JOURNAL_MODE",
    "MAX_PAGE_COUNT",
    "MODULE_LIST",
    "PAGE_COUNT",
    "PAGE_SIZE",
    "PRAGMA_LIST",
    "QUERY_ONLY",
    "RECURSIVE_TRIGGERS",
    "SCHEMA_VERSION",
    "TABLE_LIST",
    "USER_VERSION",
];

/// Pragmas that only read, whose value selects what.
const PRAGMAS_WITH_ARGUMENT: [&str; 10] = [
    "FOREIGN_KEY_CHECK",
    "FOREIGN_KEY_LIST",
    "INDEX_INFO",
    "INDEX_LIST",
    "INDEX_XINFO",
    "INTEGRITY_CHECK",
    "QUICK_CHECK",
    "TABLE_INFO",
    "TABLE_LIST",
    "TABLE_XINFO",
];

/// A token, as far as heads need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// A name in `""`, `[]` or backticks, without its quotes.
    Quoted(&'a str),
    Text,
    Number,
    Sign(char),
}

impl Token<'_> {
    fn is(self, word: &str) -> bool {
        matches!(self, Self::Word(written) if written.eq_ignore_ascii_case(word))
    }

    /// The name that it is, without its quotes.
    fn name(self) -> Option<String> {
        match self {
            Self::Word(name) => Some(name.to_owned()),
            Self::Quoted(name) => Some(name.replace("\"\"", "\"")),
            _ => None,
        }
    }
}

/// The tokens of a text, as SQLite reads it.
#[derive(Clone, Debug)]
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}', '\u{feff}']);
            let end = if self.rest.starts_with("--") {
                self.rest.find('\n')
            } else if self.rest.starts_with("/*") {
                self.rest[2..].find("*/").map(|end| end + 4)
            } else {
                return;
            };
            // A comment may end with the text.
            self.take(end.unwrap_or(self.rest.len()));
        }
    }

    /// What stands before the next `quote`, of which two in a row are one in the text; the closing one is taken, too.
    fn quoted(&mut self, quote: char) -> &'a str {
        let mut end = 1;
        while let Some(found) = self.rest[end..].find(quote) {
            end += found + 1;
            if quote != ']' && self.rest[end..].starts_with(quote) {
                end += 1;
                continue;
            }
            return &self.take(end)[1..end - 1];
        }
        &self.take(self.rest.len())[1..]
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let first = self.rest.chars().next()?;
        Some(match first {
            '\'' => {
                self.quoted('\'');
                Token::Text
            }
            '"' | '`' => Token::Quoted(self.quoted(first)),
            '[' => Token::Quoted(self.quoted(']')),
            _ if is_word(first) => {
                let end = self.rest.find(|char| !(is_word(char) || char.is_ascii_digit() || char == '$'));
                let word = self.take(end.unwrap_or(self.rest.len()));
                // `x'00'` is a text.
                if self.rest.starts_with('\'') && word.eq_ignore_ascii_case("x") {
                    self.quoted('\'');
                    return Some(Token::Text);
                }
                Token::Word(word)
            }
            _ if first.is_ascii_digit() => {
                let end = self.rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '.'));
                self.take(end.unwrap_or(self.rest.len()));
                Token::Number
            }
            _ => {
                self.take(first.len_utf8());
                Token::Sign(first)
            }
        })
    }
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_' || !char.is_ascii()
}

/// Reads `sql`.
pub(super) fn read(sql: &str) -> Statement {
    let mut tokens = Tokens { rest: sql };
    let mut out = Statement::blank();
    let first = loop {
        match tokens.next() {
            Some(Token::Sign(';')) => {}
            first => break first,
        }
    };
    match first {
        Some(Token::Word(word)) => {
            out.verb = word.to_ascii_uppercase();
            read_from(&mut tokens, &mut out);
        }
        _ => unknown(&mut out),
    }
    out.is_repeatable = out.class == Class::Read
        && !Tokens { rest: sql }.any(|token| {
            NOT_REPEATABLE.iter().any(|word| token.name().is_some_and(|name| name.eq_ignore_ascii_case(word)))
        });
    out
}

fn unknown(out: &mut Statement) {
    out.raise(Class::Unknown);
    out.miss("the statement");
}

fn read_from(tokens: &mut Tokens<'_>, out: &mut Statement) {
    match out.verb.as_str() {
        "SELECT" | "VALUES" | "EXPLAIN" => {}
        "WITH" => read_with(tokens, out),
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => read_change(tokens, out),
        "BEGIN" => state(out, Class::Transaction, StateChange::Begin),
        "COMMIT" | "END" => state(out, Class::Transaction, StateChange::Commit),
        "ROLLBACK" => {
            let goes_to_savepoint = tokens.any(|token| token.is("TO"));
            let change = if goes_to_savepoint { StateChange::Savepoint } else { StateChange::Rollback };
            state(out, Class::Transaction, change);
        }
        "SAVEPOINT" | "RELEASE" => state(out, Class::Transaction, StateChange::Savepoint),
        "CREATE" | "DROP" | "ALTER" => read_definition(tokens, out),
        "REINDEX" | "ANALYZE" => out.raise(Class::Ddl),
        "ATTACH" | "DETACH" | "VACUUM" => out.raise(Class::Admin),
        "PRAGMA" => read_pragma(tokens, out),
        "USE" => read_use(tokens, out),
        _ => unknown(out),
    }
}

fn state(out: &mut Statement, class: Class, change: StateChange) {
    out.raise(class);
    out.change = change;
}

/// The statement behind the common table expressions.
fn read_with(tokens: &mut Tokens<'_>, out: &mut Statement) {
    let mut depth = 0_usize;
    while let Some(token) = tokens.next() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 => match word.to_ascii_uppercase().as_str() {
                "SELECT" | "VALUES" => return,
                "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => return read_change(tokens, out),
                _ => {}
            },
            _ => {}
        }
    }
}

/// INSERT, UPDATE or DELETE: one of a temporary table changes nothing for others.
fn read_change(tokens: &mut Tokens<'_>, out: &mut Statement) {
    let skipped = ["INTO", "FROM", "OR", "ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"];
    let mut table = tokens.skip_while(|token| skipped.iter().any(|word| token.is(word)));
    let is_temporary = is_temporary(table.next(), table.next());
    out.raise(if is_temporary { Class::Session } else { Class::Write });
}

/// Whether a name begins with `temp.`.
fn is_temporary(database: Option<Token<'_>>, dot: Option<Token<'_>>) -> bool {
    let is_temp = database.and_then(Token::name).is_some_and(|name| name.eq_ignore_ascii_case("temp"));
    is_temp && dot == Some(Token::Sign('.'))
}

fn read_definition(tokens: &mut Tokens<'_>, out: &mut Statement) {
    let (mut says_temporary, mut kind) = (false, None);
    for token in tokens.by_ref() {
        let Token::Word(word) = token else { break };
        match word.to_ascii_uppercase().as_str() {
            "TEMP" | "TEMPORARY" => says_temporary = true,
            "UNIQUE" | "VIRTUAL" => {}
            word => {
                kind = Some(word.to_owned());
                break;
            }
        }
    }
    if let Some(kind) = kind {
        out.verb = format!("{} {kind}", out.verb);
    }
    let mut names = tokens.skip_while(|token| ["IF", "NOT", "EXISTS"].iter().any(|word| token.is(word)));
    let (first, second) = (names.next(), names.next());
    let is_qualified = is_temporary(first, second);
    // What a trigger does is not seen where it fires, and it may be about any table.
    let is_trigger = out.verb.ends_with(" TRIGGER");
    if is_trigger || (!says_temporary && !is_qualified) {
        return out.raise(Class::Ddl);
    }
    out.raise(Class::Session);
    if out.verb.starts_with("CREATE") {
        let name = if second == Some(Token::Sign('.')) { names.next() } else { first };
        out.change = StateChange::Temporary(name.and_then(Token::name).unwrap_or_default());
    }
}

fn read_pragma(tokens: &mut Tokens<'_>, out: &mut Statement) {
    let mut name = tokens.next().and_then(Token::name).unwrap_or_default();
    let mut then = tokens.next();
    if then == Some(Token::Sign('.')) {
        name = tokens.next().and_then(Token::name).unwrap_or_default();
        then = tokens.next();
    }
    let is_one_of = |known: &[&str]| known.iter().any(|known| name.eq_ignore_ascii_case(known));
    let has_value = !matches!(then, None | Some(Token::Sign(';')));
    let reads = is_one_of(&PRAGMAS_WITH_ARGUMENT) || (is_one_of(&PRAGMAS_PLAIN) && !has_value);
    if !reads {
        out.raise(Class::Admin);
    }
}

/// `USE db`, `USE DATABASE db`, `USE SCHEMA main`, `USE SCHEMA db.main`: SQLite has no USE of its own.
fn read_use(tokens: &mut Tokens<'_>, out: &mut Statement) {
    let mut rest: Vec<Token<'_>> = tokens.take_while(|token| *token != Token::Sign(';')).take(6).collect();
    let word = |rest: &[Token<'_>], word: &str| rest.len() > 1 && rest[0].is(word);
    let is_schema = word(&rest, "SCHEMA");
    if is_schema || word(&rest, "DATABASE") {
        rest.remove(0);
    }
    let change = match rest[..] {
        [one] if is_schema => ContextChange { schema: one.name(), ..ContextChange::default() },
        [one] => ContextChange { database: one.name(), ..ContextChange::default() },
        [database, Token::Sign('.'), schema] => {
            ContextChange { database: database.name(), schema: schema.name(), ..ContextChange::default() }
        }
        _ => ContextChange::default(),
    };
    if change == ContextChange::default() {
        out.refuse(
            "USE is refused: it takes the name of one database",
            "write USE name, or call set_context; list_databases shows the names",
        );
    }
    out.raise(Class::Context);
    out.context = Some(change);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn class(sql: &str) -> Class {
        read(sql).class
    }

    #[test]
    fn statements_are_told_by_their_first_words() {
        for (sql, expected) in [
            ("select 1", Class::Read),
            (" ; -- x\n/* y */ SELECT 1", Class::Read),
            ("values (1)", Class::Read),
            ("explain delete from t", Class::Read),
            ("explain query plan insert into t values (1)", Class::Read),
            ("with a as (select 1), b(x) as materialized (values (1)) select * from a", Class::Read),
            ("with a as (select 'delete') delete from t", Class::Write),
            ("with recursive a as (select 1) insert or ignore into t select * from a", Class::Write),
            ("insert into t values (1)", Class::Write),
            ("replace into t values (1)", Class::Write),
            ("update or fail t set x = 1", Class::Write),
            ("delete from temp.t", Class::Session),
            ("insert or replace into \"temp\".t values (1)", Class::Session),
            ("insert into temp values (1)", Class::Write),
            ("update temp.t set x = 1", Class::Session),
            ("create table t (x)", Class::Ddl),
            ("create unique index i on t (x)", Class::Ddl),
            ("create temp table t (x)", Class::Session),
            ("create table if not exists temp.t (x)", Class::Session),
            ("drop table t", Class::Ddl),
            ("create temp trigger x after insert on temp.t begin delete from u; end", Class::Ddl),
            ("drop table if exists temp.t", Class::Session),
            ("alter table t rename to u", Class::Ddl),
            ("create virtual table t using fts5(x)", Class::Ddl),
            ("pragma table_info(t)", Class::Read),
            ("pragma main.user_version", Class::Read),
            ("pragma user_version = 3", Class::Admin),
            ("pragma writable_schema = 1", Class::Admin),
            ("attach 'x' as y", Class::Admin),
            ("vacuum into 'x'", Class::Admin),
            ("analyze", Class::Ddl),
            ("begin immediate", Class::Transaction),
            ("END", Class::Transaction),
            ("rollback to s", Class::Transaction),
            ("use shop", Class::Context),
            ("selekt 1", Class::Unknown),
            ("", Class::Unknown),
            ("'begin'", Class::Unknown),
            ("-- begin", Class::Unknown),
            ("/* begin", Class::Unknown),
        ] {
            assert_eq!(class(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_a_statement_does_to_its_session_is_told() {
        for (sql, change) in [
            ("begin", StateChange::Begin),
            ("begin transaction", StateChange::Begin),
            ("commit", StateChange::Commit),
            ("end transaction", StateChange::Commit),
            ("rollback", StateChange::Rollback),
            ("rollback transaction to savepoint s", StateChange::Savepoint),
            ("savepoint s", StateChange::Savepoint),
            ("release s", StateChange::Savepoint),
            ("create temporary view v as select 1", StateChange::Temporary("v".into())),
            ("create table temp.[a b] (x)", StateChange::Temporary("a b".into())),
            ("create temp table if not exists t (x)", StateChange::Temporary("t".into())),
            ("drop table temp.t", StateChange::None),
            ("select 'begin'", StateChange::None),
        ] {
            assert_eq!(read(sql).change, change, "{sql}");
        }
    }

    #[test]
    fn use_names_a_database() {
        let used = |sql: &str| read(sql).context.unwrap();
        let of = |database: Option<&str>, schema: Option<&str>| ContextChange {
            database: database.map(str::to_owned),
            schema: schema.map(str::to_owned),
            ..ContextChange::default()
        };
        assert_eq!(used("use shop"), of(Some("shop"), None));
        assert_eq!(used("USE DATABASE \"my shop\";"), of(Some("my shop"), None));
        assert_eq!(used("use database"), of(Some("database"), None));
        assert_eq!(used("use schema main"), of(None, Some("main")));
        assert_eq!(used("use schema shop.main -- why"), of(Some("shop"), Some("main")));
        for wrong in ["use", "use 'x'", "use a b", "use a.b.c", "use database 1"] {
            assert!(read(wrong).refusal.is_some(), "{wrong}");
        }
    }

    #[test]
    fn what_differs_at_each_call_is_not_repeatable() {
        assert!(read("select * from t where x = 'random()'").is_repeatable);
        for sql in [
            "select random()",
            "select \"changes\"()",
            "select hex(RandomBlob(4))",
            "insert into t values (1)",
        ] {
            assert!(!read(sql).is_repeatable, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_class(sql in "\\PC{0,60}") {
            read(&sql);
        }

        #[test]
        fn words_in_texts_comments_and_names_are_no_statements(
            what in prop::sample::select(vec!["delete from t", "begin", "use x", "create temp table t (x)"]),
            how in 0..6usize,
        ) {
            let sql = [
                format!("select '{what}'"),
                format!("select \"{what}\" from t"),
                format!("select [{what}] from t"),
                format!("select 1 -- {what}"),
                format!("/* {what} */ select 1"),
                format!("select `{what}` from t -- it's"),
            ];
            prop_assert_eq!(class(&sql[how]), Class::Read, "{}", &sql[how]);
        }
    }
}
