//! What is found anywhere in a text by its tokens alone, in one pass: functions that act or look at what is others',
//! `IDENTIFIER` of what is not known, and what makes a query not repeatable.

use snowflake_tokens::{Reading, Token};

use crate::{Class, Statement, frame};

/// Functions `SYSTEM$...` that only read. Every other one acts, or may.
const SYSTEM_READS: [&str; 44] = [
    "ALLOWLIST",
    "ALLOWLIST_PRIVATELINK",
    "AUTO_REFRESH_STATUS",
    "BEHAVIOR_CHANGE_BUNDLE_STATUS",
    "CLIENT_VERSION_INFO",
    "CLUSTERING_DEPTH",
    "CLUSTERING_INFORMATION",
    "CLUSTERING_RATIO",
    "CURRENT_USER_TASK_NAME",
    "DATABASE_REFRESH_HISTORY",
    "DATABASE_REFRESH_PROGRESS",
    "DATA_METRIC_SCAN",
    "ESTIMATE_AUTOMATIC_CLUSTERING_COSTS",
    "ESTIMATE_QUERY_ACCELERATION",
    "ESTIMATE_SEARCH_OPTIMIZATION_COSTS",
    "EXPLAIN_JSON_TO_TEXT",
    "EXPLAIN_PLAN_JSON",
    "EXTERNAL_TABLE_PIPE_STATUS",
    "GET_CLASSIFICATION_RESULT",
    "GET_DIRECTORY_TABLE_STATUS",
    "GET_ICEBERG_TABLE_INFORMATION",
    "GET_LOGIN_FAILURE_DETAILS",
    "GET_PREDECESSOR_RETURN_VALUE",
    "GET_PRIVATELINK_AUTHORIZED_ENDPOINTS",
    "GET_PRIVATELINK_CONFIG",
    "GET_SERVICE_LOGS",
    "GET_SERVICE_STATUS",
    "GET_SNOWFLAKE_PLATFORM_INFO",
    "GET_TAG",
    "GET_TAG_ALLOWED_VALUES",
    "GET_TAG_ON_CURRENT_COLUMN",
    "GET_TAG_ON_CURRENT_TABLE",
    "GET_TASK_GRAPH_CONFIG",
    "INTERNAL_STAGES_PUBLIC_ACCESS_STATUS",
    "LAST_CHANGE_COMMIT_TIME",
    "PIPE_STATUS",
    "REPLICATION_GROUP_REFRESH_PROGRESS",
    "SHOW_ACTIVE_BEHAVIOR_CHANGE_BUNDLES",
    "STREAM_BACKLOG",
    "STREAM_GET_TABLE_TIMESTAMP",
    "STREAM_HAS_DATA",
    "TASK_RUNTIME_INFO",
    "TYPEOF",
    "WHITELIST",
];

/// Functions whose rows differ from run to run.
const VOLATILE: [&str; 11] = [
    "RANDOM",
    "RANDSTR",
    "UNIFORM",
    "NORMAL",
    "ZIPF",
    "UUID_STRING",
    "SEQ1",
    "SEQ2",
    "SEQ4",
    "SEQ8",
    "GETNEXTVAL",
];

/// The pass over one text.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    reading: Reading,
    /// The last two tokens.
    before: [Token<'a>; 2],
    /// The next `)` ends `IDENTIFIER(...)`, whose text has stood for its name.
    swallows: bool,
    /// What of a call that runs SQL in a text comes next.
    sql: Sql,
    /// No word of the statement has come yet.
    is_at_begin: bool,
    /// The statement begins as a query.
    is_query: bool,
    /// What was found.
    found: Statement,
}

/// Where in `TO_QUERY('...'` or `TO_QUERY(SQL => '...'` a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sql {
    /// Not in such a call.
    None,
    /// Behind its parenthesis.
    Begin,
    /// Behind `SQL`.
    Name,
    /// Behind `SQL =`.
    Equals,
    /// Behind `SQL =>`.
    Arrow,
    /// Behind the text.
    Text,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            reading,
            before: [Token::Unfinished; 2],
            swallows: false,
            sql: Sql::None,
            is_at_begin: true,
            is_query: false,
            found: Statement::blank(),
        }
    }

    /// Looks at the next token.
    pub(crate) fn note(&mut self, token: Token<'a>) {
        if self.is_plain(token) {
            self.before = [self.before[1], token];
            return;
        }
        if std::mem::take(&mut self.swallows) {
            if token == Token::Close {
                return;
            }
            self.found.miss("IDENTIFIER of more than a text");
        }
        self.note_sql(token);
        match (self.before, token) {
            ([function, Token::Open], Token::Text(name)) if function.is_word("IDENTIFIER") => {
                return self.note_identifier(name);
            }
            ([function, Token::Open], _) if function.is_word("IDENTIFIER") => {
                self.found.miss("IDENTIFIER of what is no text");
            }
            _ => {}
        }
        match token {
            Token::Open => self.note_call(),
            Token::Word(_) | Token::Quoted("NEXTVAL")
                if self.before[1] == Token::Dot
                    && (token.is_word("NEXTVAL") || token == Token::Quoted("NEXTVAL")) =>
            {
                self.found.raise(Class::Write);
                self.found.is_repeatable = false;
            }
            Token::Unfinished => self.found.miss("a text, name or comment that has no end"),
            _ => {}
        }
        self.note_change(token);
        self.before = [self.before[1], token];
    }

    /// Whether `token` is one of many that no rule is about: values and signs.
    fn is_plain(&self, token: Token<'a>) -> bool {
        matches!(token, Token::Sign(_) | Token::Number(_) | Token::Semicolon)
            && matches!(
                self.before[1],
                Token::Sign(_) | Token::Number(_) | Token::Semicolon | Token::Text(_) | Token::Close
            )
            && !self.swallows
            && !self.is_at_begin
            && self.sql == Sql::None
    }

    /// What changes rows, in parentheses or behind them; what makes a table of a query.
    fn note_change(&mut self, next: Token<'a>) {
        let [before, word] = self.before;
        match before {
            Token::Open | Token::Close if begins_change(word, Some(next)) => self.found.raise(Class::Write),
            _ => {}
        }
        if self.is_at_begin && next != Token::Open {
            self.is_query = ["SELECT", "WITH"].iter().any(|first| next.is_word(first));
            self.is_at_begin = false;
        }
        self.is_at_begin |= next == Token::Flow;
        if self.is_query && next.is_word("INTO") && !is_insert(word) {
            self.found.raise(Class::Ddl);
        }
    }

    /// `TO_QUERY`: its text is SQL that runs.
    fn note_sql(&mut self, token: Token<'a>) {
        self.sql = match (self.sql, token) {
            (Sql::None, _) | (Sql::Text, Token::Close | Token::Sign(',')) => Sql::None,
            (Sql::Begin, word) if word.is_word("SQL") => Sql::Name,
            (Sql::Name, Token::Sign('=')) => Sql::Equals,
            (Sql::Equals, Token::Sign('>')) => Sql::Arrow,
            (Sql::Begin | Sql::Arrow, Token::Text(text)) if !text.contains('\\') => {
                self.note_text(frame::read(&text.replace("''", "'")));
                Sql::Text
            }
            _ => {
                self.found.raise(Class::Call);
                self.found.miss("the SQL that TO_QUERY gets");
                Sql::None
            }
        };
    }

    /// A statement in a text is a part of this one.
    fn note_text(&mut self, inner: Statement) {
        self.found.raise(inner.class);
        self.found.objects.extend(inner.objects);
        self.found.is_repeatable &= inner.is_repeatable;
        if let Some(what) = inner.not_understood {
            self.found.miss(what);
        }
        if let Some(refusal) = inner.refusal {
            self.found.refusal.get_or_insert(refusal);
        }
    }

    /// Adds what was found to what the grammars found.
    pub(crate) fn add_to(mut self, out: &mut Statement) {
        if self.sql != Sql::None {
            self.found.raise(Class::Call);
        }
        if self.swallows || self.sql != Sql::None {
            self.found.miss("a call that has no end");
        }
        out.raise(self.found.class);
        out.is_repeatable &= self.found.is_repeatable;
        out.objects.append(&mut self.found.objects);
        if let Some(what) = self.found.not_understood {
            out.miss(what);
        }
        if let Some(refusal) = self.found.refusal {
            out.refusal.get_or_insert(refusal);
        }
    }

    /// `IDENTIFIER('...')`: the text is a name.
    fn note_identifier(&mut self, name: &'a str) {
        if name.contains('\\') {
            self.found.refuse(
                "IDENTIFIER is refused: its text has a backslash in it, so the name that it means cannot be checked",
                "write the name as it is, or without IDENTIFIER",
            );
        }
        self.before[1] = Token::Unfinished;
        for token in self.reading.tokens(name).filter(|token| *token != Token::Flow) {
            self.note(token);
        }
        self.swallows = true;
    }

    /// A `(` behind a name calls it, however the name is quoted.
    fn note_call(&mut self) {
        if self.before[0].is_word("AS") && self.before[1].is_word("PROCEDURE") {
            self.found.raise(Class::Call);
        }
        let (Token::Word(name) | Token::Quoted(name)) = self.before[1] else { return };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("LAST_QUERY_ID") || is("RESULT_SCAN") {
            self.found.refuse(
                format!(
                    "{} is refused: sessions share connections, so that may be another's query",
                    name.to_ascii_uppercase()
                ),
                "run the query again, or use the query id at the end of its result with the tools for results",
            );
        }
        if is("SET_SYS_CONTEXT") {
            self.found.refuse(
                "SET_SYS_CONTEXT is refused: what it sets stays with the connection, and may not be changed again",
                "use SET for a variable",
            );
        }
        if is("TO_QUERY") {
            self.sql = Sql::Begin;
        }
        if is("GETNEXTVAL") {
            self.found.raise(Class::Write);
        }
        if is_acting_system_function(name) {
            self.found.raise(Class::Call);
            self.found.refuse(
                format!("{} is refused: it acts on the account, or may", name.to_ascii_uppercase()),
                "leave it out; functions of SYSTEM$ that only read are allowed",
            );
        }
        self.found.is_repeatable &= !VOLATILE.iter().any(|known| is(known));
    }
}

/// Whether a change begins with `word`, behind a parenthesis or at the front.
pub(crate) fn begins_change(word: Token<'_>, next: Option<Token<'_>>) -> bool {
    let is_next = |known: &[&str]| next.is_some_and(|next| known.iter().any(|known| next.is_word(known)));
    let Token::Word(word) = word else { return false };
    match word.len() {
        5 if word.eq_ignore_ascii_case("MERGE") => is_next(&["INTO"]),
        6 if word.eq_ignore_ascii_case("DELETE") => is_next(&["FROM"]),
        6 if word.eq_ignore_ascii_case("INSERT") => is_next(&["INTO", "OVERWRITE", "ALL", "FIRST"]),
        6 if word.eq_ignore_ascii_case("UPDATE") => matches!(next, Some(Token::Word(_) | Token::Quoted(_))),
        _ => false,
    }
}

/// Whether an INTO behind this token is that of an INSERT or MERGE.
fn is_insert(before: Token<'_>) -> bool {
    match before {
        Token::Word(word) => ["INSERT", "MERGE", "OVERWRITE", "ALL", "FIRST", "THEN", "ELSE"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known)),
        _ => false,
    }
}

fn is_acting_system_function(name: &str) -> bool {
    let Some((prefix, function)) = name.split_at_checked("SYSTEM$".len()) else { return false };
    let reads = || SYSTEM_READS.iter().any(|known| function.eq_ignore_ascii_case(known));
    prefix.eq_ignore_ascii_case("SYSTEM$") && !reads()
}
