//! What is found anywhere in a text by its tokens alone, in one pass: functions that act or look at what is others',
//! `IDENTIFIER` of what is not known, and what makes a query not repeatable.

use snowflake_tokens::{Reading, Token};

use crate::{Class, Statement};

/// Functions `SYSTEM$...` that only read. Every other one acts, or may.
const SYSTEM_READS: [&str; 27] = [
    "ALLOWLIST",
    "ALLOWLIST_PRIVATELINK",
    "AUTO_REFRESH_STATUS",
    "BEHAVIOR_CHANGE_BUNDLE_STATUS",
    "CLIENT_VERSION_INFO",
    "CLUSTERING_DEPTH",
    "CLUSTERING_INFORMATION",
    "CLUSTERING_RATIO",
    "CURRENT_USER_TASK_NAME",
    "ESTIMATE_QUERY_ACCELERATION",
    "ESTIMATE_SEARCH_OPTIMIZATION_COSTS",
    "EXPLAIN_JSON_TO_TEXT",
    "EXPLAIN_PLAN_JSON",
    "EXTERNAL_TABLE_PIPE_STATUS",
    "GET_PREDECESSOR_RETURN_VALUE",
    "GET_PRIVATELINK_CONFIG",
    "GET_SERVICE_LOGS",
    "GET_SERVICE_STATUS",
    "GET_SNOWFLAKE_PLATFORM_INFO",
    "GET_TAG",
    "GET_TAG_ALLOWED_VALUES",
    "LAST_CHANGE_COMMIT_TIME",
    "PIPE_STATUS",
    "STREAM_GET_TABLE_TIMESTAMP",
    "STREAM_HAS_DATA",
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
    /// What was found.
    found: Statement,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(reading: Reading) -> Self {
        Self { reading, before: [Token::Unfinished; 2], swallows: false, found: Statement::blank() }
    }

    /// Looks at the next token.
    pub(crate) fn note(&mut self, token: Token<'a>) {
        if std::mem::take(&mut self.swallows) && token == Token::Close {
            return;
        }
        if let [function, Token::Open] = self.before
            && function.is_word("IDENTIFIER")
        {
            match token {
                Token::Text(name) => return self.note_identifier(name),
                Token::Variable(_) | Token::Sign(_) => self.found.miss("IDENTIFIER of a variable"),
                _ => {}
            }
        }
        match token {
            Token::Open => self.note_call(),
            Token::Word(_) if self.before[1] == Token::Dot && token.is_word("NEXTVAL") => {
                self.found.raise(Class::Write);
                self.found.is_repeatable = false;
            }
            Token::Unfinished => self.found.miss("a text, name or comment that has no end"),
            _ => {}
        }
        self.before = [self.before[1], token];
    }

    /// Adds what was found to what the grammars found.
    pub(crate) fn add_to(self, out: &mut Statement) {
        out.raise(self.found.class);
        out.is_repeatable &= self.found.is_repeatable;
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

fn is_acting_system_function(name: &str) -> bool {
    let Some((prefix, function)) = name.split_at_checked("SYSTEM$".len()) else { return false };
    let reads = || SYSTEM_READS.iter().any(|known| function.eq_ignore_ascii_case(known));
    prefix.eq_ignore_ascii_case("SYSTEM$") && !reads()
}
