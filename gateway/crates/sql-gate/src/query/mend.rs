//! What the parser does not know of Snowflake's SQL, mended in its tokens before it parses them.
//!
//! Each rule replaces or leaves out what can hold no object, or what it has noted the objects of itself. What it
//! cannot account for stays as it is, for the parser to refuse.

use snowflake_tokens::Token;

use super::Found;
use super::named::{self, TextArgument};
use super::translate::{Translation, quotes};
use crate::tokens::{Cursor, StageName, Tok};
use crate::{Access, ObjectKind, ObjectName};

/// Words without which a group has no relation in it.
const RELATION_WORDS: [&str; 8] =
    ["SELECT", "FROM", "WITH", "TABLE", "VALUES", "IDENTIFIER", "JOIN", "DIRECTORY"];

/// Literals of a list that the parser gets before the others are left out.
const LITERALS_KEPT: usize = 4;

/// Tokens in the braces of `{*}`.
const WILDCARD_TOKENS_MAX: usize = 256;

/// The parser's tokens for `tokens`; what is left out is noted in `found`.
pub(super) fn mend(tokens: &[Tok<'_>], found: &mut Found) -> Translation {
    let mut mend = Mend {
        tokens,
        at: 0,
        out: Translation::with_capacity(tokens.len() + 1),
        found,
        row_end: 0,
        query_ends: Vec::new(),
    };
    while mend.at < tokens.len() {
        if !mend.apply_rule() {
            mend.at += mend.out.push_next(tokens, mend.at);
        }
    }
    mend.out
}

pub(super) struct Mend<'t, 'a, 'f> {
    pub(super) tokens: &'t [Tok<'a>],
    pub(super) at: usize,
    pub(super) out: Translation,
    pub(super) found: &'f mut Found,
    /// Behind the last row of literals.
    row_end: usize,
    /// Where queries end that are arguments without parentheses of their own.
    query_ends: Vec<usize>,
}

impl<'t, 'a> Mend<'t, 'a, '_> {
    pub(super) fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).map(|tok| tok.token)
    }

    /// The token before the next one.
    pub(super) fn before(&self) -> Option<Token<'a>> {
        self.at.checked_sub(1).and_then(|at| self.token(at))
    }

    pub(super) fn cursor(&self) -> Cursor<'t, 'a> {
        Cursor::new(&self.tokens[self.at..])
    }

    /// Goes on where `cursor` is.
    pub(super) fn go_to(&mut self, cursor: Cursor<'t, 'a>) {
        self.at = self.tokens.len() - cursor.rest().len();
    }

    /// Whether a relation may begin here.
    fn is_behind_from(&self) -> bool {
        self.before()
            .is_some_and(|token| token.is_word("FROM") || token.is_word("JOIN") || token.is_word("USING"))
    }

    fn apply_rule(&mut self) -> bool {
        match self.tokens[self.at].token {
            Token::Word(word) if self.token(self.at + 1) == Some(Token::Open) => {
                self.note_named_in_text(word, self.at + 1);
                self.identifier() || self.clause() || self.semantic_view()
            }
            Token::Quoted(name) if self.token(self.at + 1) == Some(Token::Open) => {
                self.note_named_in_text(name, self.at + 1);
                false
            }
            Token::Word(word) if is_query_argument(self.tokens, self.at, word) => self.query_argument(),
            Token::Close if self.query_ends.last() == Some(&self.at) => {
                self.query_ends.pop();
                self.out.push(sqlparser::tokenizer::Token::RParen, self.at);
                self.out.push(sqlparser::tokenizer::Token::RParen, self.at);
                self.at += 1;
                true
            }
            Token::Word(word) => self.words(word),
            Token::Open => self.row(),
            Token::Sign(',') => self.next_literal() || self.next_row(),
            Token::Sign('@') => self.stage(),
            Token::Text(text) => self.stage_in_text(text),
            Token::Variable(rows) => self.rows(rows),
            Token::Sign('*') => self.spread(),
            Token::Sign('!') => self.method(),
            Token::Sign('{') => self.object_wildcard(),
            _ => false,
        }
    }

    /// `IDENTIFIER('a.b')` is `a.b`.
    fn identifier(&mut self) -> bool {
        let mut cursor = self.cursor();
        if !self.tokens[self.at].token.is_word("IDENTIFIER") {
            return false;
        }
        let Some(ObjectName(parts)) = cursor.name() else { return false };
        if let (Some(function), Some(Token::Open)) = (parts.last(), cursor.peek()) {
            self.note_named_in_text(function, self.tokens.len() - cursor.rest().len());
        }
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                self.out.push(sqlparser::tokenizer::Token::Period, self.at);
            }
            self.out.push_name(part, quotes::NAME_IN_TEXT, self.at);
        }
        self.go_to(cursor);
        true
    }

    /// `SEMANTIC_VIEW(v METRICS ...)` is a relation of which the view is noted.
    fn semantic_view(&mut self) -> bool {
        let mut cursor = self.cursor();
        if !cursor.eat_word("SEMANTIC_VIEW") {
            return false;
        }
        let Some(group) = cursor.group() else { return false };
        let mut inside = Cursor::new(group);
        let Some(view) = inside.name() else { return false };
        if has_relation_words(inside.rest()) || inside.peek() == Some(Token::Open) {
            return false;
        }
        self.found.object(ObjectKind::Relation, view, Access::Read);
        self.out.push_name("SEMANTIC_VIEW".to_owned(), quotes::NOTED, self.at);
        self.go_to(cursor);
        true
    }

    /// Functions whose arguments name objects in texts: noted, and left for the parser. The arguments begin at `open`.
    fn note_named_in_text(&mut self, function: &str, open: usize) {
        let Some(argument) = named::argument_of(function) else { return };
        match Cursor::new(&self.tokens[open..]).group() {
            Some(group) => note_text_argument(argument, group, self.found),
            None => self.found.miss(format!("the name that {} gets", argument.function)),
        }
    }

    /// `f(input => SELECT 1)` is `f(input => (SELECT 1))`.
    fn query_argument(&mut self) -> bool {
        let mut depth = 0usize;
        for (at, tok) in self.tokens.iter().enumerate().skip(self.at) {
            match tok.token {
                Token::Open => depth += 1,
                Token::Close if depth == 0 => {
                    self.query_ends.push(at);
                    self.out.push(sqlparser::tokenizer::Token::LParen, self.at);
                    return false;
                }
                Token::Close => depth -= 1,
                _ => {}
            }
        }
        false
    }

    /// Notes where a row of literals ends.
    fn row(&mut self) -> bool {
        if let Some(end) = literal_row(self.tokens, self.at) {
            self.row_end = end;
        }
        false
    }

    /// `(1, 'a'), (2, 'b')` is `(1, 'a')`: a large INSERT is as quick to read as a small one.
    fn next_row(&mut self) -> bool {
        let end = if self.at == self.row_end { literal_row(self.tokens, self.at + 1) } else { None };
        if let Some(end) = end {
            (self.at, self.row_end) = (end, end);
        }
        end.is_some()
    }

    /// Of a long list of literals (`IN (1, 2, 3 ...`) only the first are kept.
    fn next_literal(&mut self) -> bool {
        let is_literal = |at: usize| self.token(at).is_some_and(is_literal);
        let is_comma = |at: usize| self.token(at) == Some(Token::Sign(','));
        let ends = matches!(self.token(self.at + 2), Some(Token::Sign(',' | ']') | Token::Close));
        let is_next = self.at >= LITERALS_KEPT * 2
            && ends
            && is_literal(self.at + 1)
            && (1..=LITERALS_KEPT)
                .all(|back| is_literal(self.at + 1 - back * 2) && is_comma(self.at + 2 - back * 2));
        if is_next {
            self.at += 2;
        }
        is_next
    }

    /// `@db.s.stage/path` is a name that is noted.
    fn stage(&mut self) -> bool {
        let mut cursor = self.cursor();
        let Some(stage) = cursor.stage() else {
            self.found.miss("the name of a stage");
            return false;
        };
        self.found.stage(stage);
        self.out.push_name("@".to_owned(), quotes::NOTED, self.at);
        self.go_to(cursor);
        true
    }

    /// `FROM '@stage/path'`
    fn stage_in_text(&mut self, text: &str) -> bool {
        // EXTRACT, TRIM, SUBSTRING and IS DISTINCT have a FROM, too.
        let is_distinct = self
            .at
            .checked_sub(2)
            .and_then(|at| self.token(at))
            .is_some_and(|before| before.is_word("DISTINCT"));
        if !self.is_behind_from() || !text.starts_with('@') || is_distinct {
            return false;
        }
        self.found.stage_in_text(text);
        self.out.push_name("@".to_owned(), quotes::NOTED, self.at);
        self.at += 1;
        true
    }

    /// `FROM $1`
    fn rows(&mut self, rows: &str) -> bool {
        let is_relation = self.is_behind_from();
        if is_relation {
            self.out.push_name(rows.to_owned(), quotes::ROWS, self.at);
            self.at += 1;
        }
        is_relation
    }

    /// `f(**x)` is `f(x)`.
    fn spread(&mut self) -> bool {
        let is_first = matches!(self.before(), Some(Token::Open | Token::Sign(',' | '[')));
        let is_spread = is_first && self.token(self.at + 1) == Some(Token::Sign('*'));
        if is_spread {
            self.at += 2;
        }
        is_spread
    }

    /// `model!PREDICT(...)` is `model(...)`.
    fn method(&mut self) -> bool {
        let is_method = matches!(self.before(), Some(Token::Word(_) | Token::Quoted(_) | Token::Close))
            && matches!(self.token(self.at + 1), Some(Token::Word(_)))
            && self.token(self.at + 2) == Some(Token::Open);
        if is_method {
            let is_qualified = self.at > 1 && self.token(self.at - 2) == Some(Token::Dot);
            // One with a schema is noted as the function that it is for the parser.
            if !is_qualified && let Some(name) = Cursor::new(&self.tokens[self.at - 1..]).part() {
                self.found.object(ObjectKind::Function, ObjectName(vec![name]), Access::Read);
            }
            self.at += 2;
        }
        is_method
    }

    /// `{*}`, `{t.* EXCLUDE a}` is `NULL`.
    fn object_wildcard(&mut self) -> bool {
        let inside = &self.tokens[self.at + 1..];
        let end = inside.iter().take(WILDCARD_TOKENS_MAX).position(|tok| tok.token == Token::Sign('}'));
        let Some(end) = end else { return false };
        let inside = &inside[..end];
        let is_wildcard = inside.iter().any(|tok| tok.token == Token::Sign('*'))
            && !has_relation_words(inside)
            && inside.iter().all(|tok| match tok.token {
                Token::Sign(sign) => matches!(sign, '*' | ','),
                Token::Word(_)
                | Token::Quoted(_)
                | Token::Dot
                | Token::Text(_)
                | Token::Open
                | Token::Close => true,
                _ => false,
            });
        if is_wildcard {
            self.out.push(sqlparser::tokenizer::Token::make_word("NULL", None), self.at);
            self.at += end + 2;
        }
        is_wildcard
    }
}

/// Whether the word at `at` begins a query behind `=>`.
fn is_query_argument(tokens: &[Tok<'_>], at: usize, word: &str) -> bool {
    at >= 2
        && tokens[at - 1].token == Token::Sign('>')
        && tokens[at - 2].token == Token::Sign('=')
        && (word.eq_ignore_ascii_case("SELECT") || word.eq_ignore_ascii_case("WITH"))
}

/// A token that holds nothing but a value.
fn is_literal(token: Token<'_>) -> bool {
    match token {
        Token::Text(_) => true,
        Token::Number(number) => number.bytes().all(|byte| byte.is_ascii_digit()),
        Token::Word(word) => ["NULL", "TRUE", "FALSE"].iter().any(|known| word.eq_ignore_ascii_case(known)),
        _ => false,
    }
}

/// Where the row ends that begins at `begin`, if it is one of literals alone.
fn literal_row(tokens: &[Tok<'_>], begin: usize) -> Option<usize> {
    let (first, inside) = tokens.get(begin..)?.split_first()?;
    if first.token != Token::Open {
        return None;
    }
    let is_part = |token| is_literal(token) || matches!(token, Token::Sign(',' | '-') | Token::Dot);
    let length = inside.iter().position(|tok| !is_part(tok.token))?;
    (inside[length].token == Token::Close && length > 0).then_some(begin + length + 2)
}

pub(super) fn has_relation_words(tokens: &[Tok<'_>]) -> bool {
    tokens.iter().any(|tok| match tok.token {
        Token::Word(word) => RELATION_WORDS.iter().any(|relation| word.eq_ignore_ascii_case(relation)),
        Token::Sign('@') => true,
        _ => false,
    })
}

fn note_text_argument(argument: &TextArgument, group: &[Tok<'_>], found: &mut Found) {
    match named::find(argument, group) {
        named::Argument::Name(kind, name, access) => found.object(kind, name, access),
        named::Argument::Stage(text) => found.stage_in_text(text),
        named::Argument::None => {}
        named::Argument::NotKnown => found.miss(format!("the name that {} gets", argument.function)),
    }
}

impl Found {
    fn stage(&mut self, stage: StageName) {
        match stage {
            StageName::User => self.object(ObjectKind::Stage, ObjectName(vec!["~".to_owned()]), Access::Read),
            StageName::Table(name) => self.object(ObjectKind::Relation, name, Access::Read),
            StageName::Named(name) => self.object(ObjectKind::Stage, name, Access::Read),
        }
    }

    /// `'@db.s.stage/path'`
    fn stage_in_text(&mut self, text: &str) {
        let tokens: Vec<Tok<'_>> =
            crate::tokens::tokens(text, snowflake_tokens::Reading::default()).collect();
        match Cursor::new(&tokens).stage() {
            Some(stage) if !text.contains('\\') => self.stage(stage),
            _ => self.miss("the name of a stage in a text"),
        }
    }
}
