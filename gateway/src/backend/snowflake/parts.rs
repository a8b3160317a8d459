//! What the statements of a text begin with and what they call, found in one pass over its tokens.

use snowflake_wire::{Reading, Token};

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

/// What a part "looks at" if it names something in a text that would have to be unescaped first.
pub(super) const ESCAPED_IDENTIFIER: &str = "an IDENTIFIER with an escape";

/// Words at the front that are looked at: as many as tell a CREATE's kind.
const WORDS: usize = 7;

/// One of the statements that hand their rows on to each other.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its first words in upper case, opening parentheses left out.
    pub(super) words: Vec<String>,
    /// It takes a number from a sequence, or calls a function that may act on the account.
    pub(super) acts: bool,
    /// It defines a procedure for itself: `WITH p AS PROCEDURE (...) ... CALL p()`.
    pub(super) defines_procedure: bool,
    /// What it looks at that belongs to its connection.
    pub(super) state: Option<&'static str>,
    /// Whether there was a token that is no word.
    has_begun: bool,
}

/// Calls `each` with every part of `sql`, as `reading` reads it.
pub(super) fn parts(sql: &str, reading: Reading, mut each: impl FnMut(&Part)) {
    let mut scan = Scan { reading, before: [Token::Unfinished; 2], part: Part::default(), swallows: false };
    for token in reading.tokens(sql) {
        if token == Token::Flow {
            each(&std::mem::take(&mut scan.part));
        }
        scan.note(token);
    }
    each(&scan.part);
}

struct Scan<'a> {
    reading: Reading,
    /// The last two tokens.
    before: [Token<'a>; 2],
    part: Part,
    /// The next `)` ends `IDENTIFIER(...)`, whose text has stood for its name.
    swallows: bool,
}

impl<'a> Scan<'a> {
    fn note(&mut self, token: Token<'a>) {
        if std::mem::take(&mut self.swallows) && token == Token::Close {
            return;
        }
        if let ([function, Token::Open], Token::Text(name)) = (self.before, token)
            && function.is_word("IDENTIFIER")
        {
            return self.note_identifier(name);
        }
        self.note_first_word(token);
        self.part.acts |= self.before[1] == Token::Dot && token.is_word("NEXTVAL");
        if token == Token::Open {
            self.part.defines_procedure |=
                self.before[0].is_word("AS") && self.before[1].is_word("PROCEDURE");
            self.note_call();
        }
        self.before = [self.before[1], token];
    }

    /// `IDENTIFIER('...')`: the text is a name.
    fn note_identifier(&mut self, name: &'a str) {
        if name.contains('\\') {
            self.part.state = Some(ESCAPED_IDENTIFIER);
        }
        self.before[1] = Token::Unfinished;
        for token in self.reading.tokens(name).filter(|token| *token != Token::Flow) {
            self.note(token);
        }
        self.swallows = true;
    }

    fn note_first_word(&mut self, token: Token<'_>) {
        match token {
            Token::Word(word) if !self.part.has_begun && self.part.words.len() < WORDS => {
                self.part.words.push(word.to_ascii_uppercase());
            }
            Token::Open | Token::Flow => {}
            Token::Semicolon if self.part.words.is_empty() => {}
            _ => self.part.has_begun = true,
        }
    }

    /// A `(` behind a name calls it, however the name is quoted.
    fn note_call(&mut self) {
        let (Token::Word(name) | Token::Quoted(name)) = self.before[1] else { return };
        if name.eq_ignore_ascii_case("LAST_QUERY_ID") {
            self.part.state = Some("LAST_QUERY_ID");
        }
        self.part.acts |= name.eq_ignore_ascii_case("GETNEXTVAL") || is_acting_system_function(name);
    }
}

fn is_acting_system_function(name: &str) -> bool {
    let Some((prefix, function)) = name.split_at_checked("SYSTEM$".len()) else { return false };
    let reads = || SYSTEM_READS.iter().any(|known| function.eq_ignore_ascii_case(known));
    prefix.eq_ignore_ascii_case("SYSTEM$") && !reads()
}
