//! Tokens with their places, and a cursor that reads names from them.

use snowflake_tokens::{Reading, Token};

use crate::ObjectName;

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tok<'a> {
    /// What it is.
    pub(crate) token: Token<'a>,
    /// Its first byte.
    pub(crate) begin: usize,
    /// The byte behind it.
    pub(crate) end: usize,
}

/// The tokens of `sql` as `reading` reads them.
pub(crate) fn tokens(sql: &str, reading: Reading) -> impl Iterator<Item = Tok<'_>> {
    reading.tokens(sql).with_ranges().map(|(range, token)| Tok { token, begin: range.start, end: range.end })
}

/// Where a head's grammar is in its tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'t, 'a> {
    rest: &'t [Tok<'a>],
}

/// A stage that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StageName {
    /// `@~`
    User,
    /// `@%t`: the table's.
    Table(ObjectName),
    /// `@db.s.stage`
    Named(ObjectName),
}

/// The name as Snowflake stores it: folded to upper case.
pub(crate) fn fold(word: &str) -> String {
    word.to_uppercase()
}

/// The name that stands between double quotes.
pub(crate) fn unquote(inside: &str) -> String {
    inside.replace("\"\"", "\"")
}

/// The name in a text (`IDENTIFIER('db."s".t')`, `TABLE('t')`), as it is written between the quotes; `None`: it is
/// none, or has an escape.
pub(crate) fn name_in_text(text: &str) -> Option<ObjectName> {
    if text.contains(['\\', '\'']) {
        return None;
    }
    let read: Vec<Tok<'_>> = tokens(text, Reading::default()).collect();
    let mut cursor = Cursor::new(&read);
    let name = cursor.plain_name()?;
    cursor.is_at_end().then_some(name)
}

impl<'t, 'a> Cursor<'t, 'a> {
    pub(crate) fn new(tokens: &'t [Tok<'a>]) -> Self {
        Self { rest: tokens }
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'t [Tok<'a>] {
        self.rest
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next token, which stays.
    pub(crate) fn peek(&self) -> Option<Token<'a>> {
        self.peek_at(0)
    }

    /// The token `ahead` of the next one.
    pub(crate) fn peek_at(&self, ahead: usize) -> Option<Token<'a>> {
        self.rest.get(ahead).map(|tok| tok.token)
    }

    /// The next token if it is a word, in upper case.
    pub(crate) fn peek_word(&self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Option<Token<'a>> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first.token)
    }

    /// Takes the next token if it is this one.
    pub(crate) fn eat(&mut self, token: Token<'_>) -> bool {
        let is_next = self.peek() == Some(token);
        if is_next {
            self.take();
        }
        is_next
    }

    /// Takes these words if they come next, in whatever case: all or none.
    pub(crate) fn eat_words(&mut self, words: &[&str]) -> bool {
        let come =
            words.iter().enumerate().all(|(at, word)| self.peek_at(at).is_some_and(|t| t.is_word(word)));
        if come {
            self.rest = &self.rest[words.len()..];
        }
        come
    }

    /// Takes this word if it comes next.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        self.eat_words(&[word])
    }

    /// Takes the group in parentheses that comes next, and returns what is in it. `None`: there is none, or it has no
    /// end.
    pub(crate) fn group(&mut self) -> Option<&'t [Tok<'a>]> {
        if self.peek() != Some(Token::Open) {
            return None;
        }
        let mut depth = 0usize;
        for (at, tok) in self.rest.iter().enumerate() {
            match tok.token {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inside = &self.rest[1..at];
                self.rest = &self.rest[at + 1..];
                return Some(inside);
            }
        }
        None
    }

    /// Takes an object's name, of which `IDENTIFIER('...')` is a form, too. Nothing is taken where there is none, or it
    /// is in a variable.
    pub(crate) fn name(&mut self) -> Option<ObjectName> {
        if let [first, open, text, close, ..] = self.rest
            && first.token.is_word("IDENTIFIER")
            && open.token == Token::Open
            && close.token == Token::Close
        {
            let Token::Text(text) = text.token else { return None };
            let name = name_in_text(text)?;
            self.rest = &self.rest[4..];
            return Some(name);
        }
        self.plain_name()
    }

    /// `a`, `a.b."c"`, `a..c` (of which the middle is `PUBLIC`).
    fn plain_name(&mut self) -> Option<ObjectName> {
        let mut ahead = *self;
        let mut parts = vec![ahead.part()?];
        while ahead.peek() == Some(Token::Dot) {
            ahead.take();
            match ahead.peek() {
                Some(Token::Dot) if parts.len() == 1 => parts.push("PUBLIC".to_owned()),
                _ => parts.push(ahead.part()?),
            }
        }
        *self = ahead;
        Some(ObjectName(parts))
    }

    /// One part of a name.
    pub(crate) fn part(&mut self) -> Option<String> {
        let part = match self.peek()? {
            Token::Word(word) => fold(word),
            Token::Quoted(inside) => unquote(inside),
            _ => return None,
        };
        self.take();
        Some(part)
    }

    /// Takes a stage (`@db.s.stage/path`) with its path. Nothing is taken where there is none.
    pub(crate) fn stage(&mut self) -> Option<StageName> {
        let mut ahead = *self;
        if !ahead.eat(Token::Sign('@')) {
            return None;
        }
        let stage = if ahead.eat(Token::Sign('~')) {
            StageName::User
        } else {
            ahead.table_stage().or_else(|| ahead.plain_name().map(StageName::Named))?
        };
        ahead.skip_path();
        *self = ahead;
        Some(stage)
    }

    /// `%t`, `db.s.%t`
    fn table_stage(&mut self) -> Option<StageName> {
        let mut ahead = *self;
        let mut parts = Vec::new();
        while ahead.peek() != Some(Token::Sign('%')) {
            parts.push(ahead.part()?);
            if !ahead.eat(Token::Dot) {
                return None;
            }
        }
        ahead.take();
        parts.push(ahead.part()?);
        *self = ahead;
        Some(StageName::Table(ObjectName(parts)))
    }

    /// Takes what follows a stage's name without a blank in between.
    fn skip_path(&mut self) {
        if self.peek() != Some(Token::Sign('/')) {
            return;
        }
        let mut end = self.rest[0].begin;
        while let Some(tok) = self.rest.first() {
            let ends = matches!(tok.token, Token::Open | Token::Close | Token::Semicolon | Token::Sign(','));
            if tok.begin != end || ends {
                return;
            }
            end = tok.end;
            self.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Vec<Tok<'_>> {
        tokens(sql, Reading::default()).collect()
    }

    #[test]
    fn names_are_read_as_snowflake_stores_them() {
        for (sql, parts) in [
            ("t", &["T"][..]),
            ("a.b.c rest", &["A", "B", "C"]),
            ("a . \"b\"\"x.y\" /* c */ . ä", &["A", "b\"x.y", "Ä"]),
            ("a..c", &["A", "PUBLIC", "C"]),
            ("identifier('a.\"b\".c')", &["A", "b", "C"]),
            ("IDENTIFIER($$a$$)", &["A"]),
            ("identifier", &["IDENTIFIER"]),
        ] {
            let read = read(sql);
            assert_eq!(Cursor::new(&read).name().unwrap().0, parts, "{sql}");
        }
        for sql in
            ["", "'t'", "identifier($x)", "identifier('a\\x41')", "identifier('a b')", "a.", "a.'b'", "a...c"]
        {
            let read = read(sql);
            let mut cursor = Cursor::new(&read);
            assert_eq!((cursor.name(), cursor.rest().len()), (None, read.len()), "{sql}");
        }
    }

    #[test]
    fn stages_are_read_with_their_paths() {
        let named = |parts: &[&str]| ObjectName(parts.iter().map(|&part| part.to_owned()).collect());
        for (sql, stage) in [
            ("@s/x.csv,", StageName::Named(named(&["S"]))),
            ("@db.s.\"st\"/a/b-c.csv )", StageName::Named(named(&["DB", "S", "st"]))),
            ("@~/x )", StageName::User),
            ("@%t )", StageName::Table(named(&["T"]))),
            ("@s.%\"t\"/x )", StageName::Table(named(&["S", "t"]))),
        ] {
            let read = read(sql);
            let mut cursor = Cursor::new(&read);
            assert_eq!((cursor.stage(), cursor.rest().len()), (Some(stage), 1), "{sql}");
        }
    }

    #[test]
    fn a_group_ends_with_its_own_parenthesis() {
        let read = read("(a (b) ')') c (");
        let mut cursor = Cursor::new(&read);
        assert_eq!(cursor.group().map(<[_]>::len), Some(5));
        assert!(cursor.eat_word("C"));
        assert_eq!(cursor.group(), None);
    }
}
