//! The tokens of a text as Snowflake reads them: what is a word of the statement, and what only stands in a text,
//! a comment or a name.
//!
//! Not a parser. Where the server's reading is not documented there is more than one [`Reading`], and what must
//! not be overlooked is looked for in each.

use std::ops::Range;

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword or a name without quotes, as it is written.
    Word(&'a str),
    /// What stands between double quotes: a name. Quotes in it are doubled.
    Quoted(&'a str),
    /// What stands between single quotes, escapes as they are written, or between `$$`.
    Text(&'a str),
    /// A number, or the first part of one.
    Number(&'a str),
    /// A variable or a column's position: `$1`, `$x`.
    Variable(&'a str),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `.`
    Dot,
    /// `;`
    Semicolon,
    /// `->>`, which hands rows on to the next statement.
    Flow,
    /// Any other sign.
    Sign(char),
    /// A text, name or comment without its end, and with it the rest.
    Unfinished,
}

impl Token<'_> {
    /// Whether it is this word, in whatever case.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(written) if written.eq_ignore_ascii_case(word))
    }
}

/// How a text is read where it can be read in more than one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// A `/*` in a comment begins a comment of its own.
    nested_comments: bool,
    /// A carriage return alone ends a line.
    carriage_returns: bool,
    /// `//` in the path of a stage (`@s//x`) begins no comment.
    stage_paths: bool,
}

impl Reading {
    /// Those that can differ for `sql`: 8 at most, most often one.
    pub fn of(sql: &str) -> impl Iterator<Item = Self> {
        let bytes = sql.as_bytes();
        let is_nested = sql.matches("/*").nth(1).is_some();
        let returns = bytes.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n');
        let paths = sql.contains('@') && sql.contains("//");
        (0..8u8)
            .map(|bits| Self {
                nested_comments: bits & 1 != 0,
                carriage_returns: bits & 2 != 0,
                stage_paths: bits & 4 != 0,
            })
            .filter(move |reading| {
                (is_nested || !reading.nested_comments)
                    && (returns || !reading.carriage_returns)
                    && (paths || !reading.stage_paths)
            })
    }

    /// The tokens of `sql`.
    pub fn tokens(self, sql: &str) -> Tokens<'_> {
        Tokens {
            rest: sql,
            length: sql.len(),
            reading: self,
            is_in_path: false,
            begin: 0,
            is_ambiguous: false,
        }
    }
}

/// An iterator over the tokens of a text.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a str,
    /// Bytes of the whole text.
    length: usize,
    reading: Reading,
    /// Behind `@`, before the next blank.
    is_in_path: bool,
    /// Where the last token begins, in bytes.
    begin: usize,
    /// See `is_ambiguous`.
    is_ambiguous: bool,
}

impl<'a> Tokens<'a> {
    /// Whether what was read until now can be read in another way too: only then can another [`Reading`] give other
    /// tokens. Known of the default reading.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }

    /// Where the last token stands in the text, in bytes.
    pub fn range(&self) -> Range<usize> {
        self.begin..self.length - self.rest.len()
    }

    /// Each token with where it stands in the text, in bytes.
    pub fn with_ranges(mut self) -> impl Iterator<Item = (Range<usize>, Token<'a>)> {
        std::iter::from_fn(move || {
            let token = self.next()?;
            Some((self.range(), token))
        })
    }

    /// Takes `bytes` off the front.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn run(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Skips blanks and comments; `None`: a comment has no end.
    fn skip_blank(&mut self) -> Option<()> {
        loop {
            // Most tokens: neither a blank nor a comment begins so.
            if self
                .rest
                .as_bytes()
                .first()
                .is_some_and(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'-' | b'/'))
            {
                return Some(());
            }
            if !self.run(is_blank).is_empty() {
                self.is_in_path = false;
            }
            let slashes = self.rest.starts_with("//") && !(self.is_in_path && self.reading.stage_paths);
            self.is_ambiguous |= slashes && self.is_in_path;
            if slashes || self.rest.starts_with("--") {
                let returns = self.reading.carriage_returns;
                let line = self.run(|c| c != '\n' && !(returns && c == '\r'));
                self.is_ambiguous |= line.trim_end_matches('\r').contains('\r');
            } else if self.rest.starts_with("/*") {
                let end = self.comment_end()?;
                self.is_ambiguous |= self.take(end)[2..].contains("/*");
            } else {
                return Some(());
            }
        }
    }

    /// Where the comment ends that begins here.
    fn comment_end(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let (mut at, mut depth) = (2, 1);
        while at + 1 < bytes.len() {
            match &bytes[at..at + 2] {
                b"*/" if depth == 1 => return Some(at + 2),
                b"*/" => (at, depth) = (at + 2, depth - 1),
                b"/*" if self.reading.nested_comments => (at, depth) = (at + 2, depth + 1),
                _ => at += 1,
            }
        }
        None
    }

    /// The inside of a quoted token, whose quotes are doubled inside it, or escaped.
    fn quoted(&mut self, quote: u8, escape: Option<u8>) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let mut at = 1;
        while let Some(&byte) = bytes.get(at) {
            let is_doubled = byte == quote && bytes.get(at + 1) == Some(&quote);
            if is_doubled || Some(byte) == escape {
                at += 2;
            } else if byte == quote {
                return self.take(at + 1).get(1..at);
            } else {
                at += 1;
            }
        }
        None
    }

    fn dollar(&mut self) -> Option<Token<'a>> {
        if let Some(inside) = self.rest.strip_prefix("$$") {
            let length = inside.find("$$")?;
            self.take(length + 4);
            return Some(Token::Text(&inside[..length]));
        }
        self.take(1);
        // `$1from` is a position and a word, as `1from` is a number and a word.
        let is_position = self.rest.starts_with(|c: char| c.is_ascii_digit());
        let is_part = if is_position { |c: char| c.is_ascii_digit() } else { is_word };
        Some(Token::Variable(self.run(is_part)))
    }

    fn sign(&mut self, first: char) -> Token<'a> {
        if first == '-' && self.rest.starts_with("->>") {
            self.take(3);
            return Token::Flow;
        }
        self.take(first.len_utf8());
        self.is_in_path = first == '@' || (self.is_in_path && !matches!(first, '(' | ')' | ',' | ';'));
        match first {
            '(' => Token::Open,
            ')' => Token::Close,
            '.' => Token::Dot,
            ';' => Token::Semicolon,
            other => Token::Sign(other),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let has_end = self.skip_blank();
        self.begin = self.length - self.rest.len();
        let token = match has_end.map(|()| self.rest.chars().next()) {
            Some(None) => return None,
            None => None,
            Some(Some('\'')) => self.quoted(b'\'', Some(b'\\')).map(Token::Text),
            Some(Some('"')) => self.quoted(b'"', None).map(Token::Quoted),
            Some(Some('$')) => self.dollar(),
            Some(Some('0'..='9')) => Some(Token::Number(self.run(is_word))),
            Some(Some(first)) if is_word(first) => Some(Token::Word(self.run(is_word))),
            Some(Some(first)) => Some(self.sign(first)),
        };
        Some(token.unwrap_or_else(|| {
            self.rest = "";
            Token::Unfinished
        }))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// Signs that no statement has count as blanks, so that none hides what follows a word.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || (!c.is_ascii() && !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Token::*;
    use super::*;

    fn tokens(sql: &str) -> Vec<Token<'_>> {
        Reading::default().tokens(sql).collect()
    }

    #[test]
    fn texts_names_and_comments_are_one_token_or_none() {
        for (sql, expected) in [
            ("select 'a -- b'", vec![Word("select"), Text("a -- b")]),
            ("'it''s' 'it\\'s' '\\\\'", vec![Text("it''s"), Text("it\\'s"), Text("\\\\")]),
            ("$$ ' \" -- $$ $1 $x", vec![Text(" ' \" -- "), Variable("1"), Variable("x")]),
            ("\"a\"\"b\\\" 'c'", vec![Quoted("a\"\"b\\"), Text("c")]),
            ("a -- b\n/* c\n */ // d\n e", vec![Word("a"), Word("e")]),
            ("a$b.C_1(2e3)", vec![Word("a$b"), Dot, Word("C_1"), Open, Number("2e3"), Close]),
            ("x ->> y -> z;", vec![Word("x"), Flow, Word("y"), Sign('-'), Sign('>'), Word("z"), Semicolon]),
            ("\u{feff}a\u{200b}\u{a0}\0b", vec![Word("a"), Word("b")]),
            ("a 'b", vec![Word("a"), Unfinished]),
            ("a 'b\\'", vec![Word("a"), Unfinished]),
            ("a /* b", vec![Word("a"), Unfinished]),
            ("a /*/ b", vec![Word("a"), Unfinished]),
            ("a $$ b $", vec![Word("a"), Unfinished]),
            ("a \"b", vec![Word("a"), Unfinished]),
            ("ä+é", vec![Word("ä"), Sign('+'), Word("é")]),
            ("", vec![]),
        ] {
            assert_eq!(tokens(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_read_in_both() {
        for (sql, words) in [
            ("a", &["a"][..]),
            ("a /* b */ c", &["a c"]),
            ("/* /* */ a */ b", &["a b", "b"]),
            ("-- a\rb\r\nc", &["c", "b c"]),
            ("@s//a\nb", &["s b", "s a b"]),
            ("@s //a\nb", &["s b", "s b"]),
        ] {
            let read: Vec<String> = Reading::of(sql)
                .map(|reading| {
                    let words = reading.tokens(sql).filter_map(|token| match token {
                        Word(word) => Some(word),
                        _ => None,
                    });
                    words.collect::<Vec<_>>().join(" ")
                })
                .collect();
            assert_eq!(read, words, "{sql:?}");
        }
    }

    #[test]
    fn a_token_knows_where_it_stands() {
        let sql = " ab /* c */\n'd' $$e$$ \"f\"->>1.5 'open";
        let read: Vec<&str> =
            Reading::default().tokens(sql).with_ranges().map(|(range, _)| &sql[range]).collect();
        assert_eq!(read, ["ab", "'d'", "$$e$$", "\"f\"", "->>", "1", ".", "5", "'open"]);
    }

    proptest! {
        #[test]
        fn what_is_not_ambiguous_is_read_in_one_way(sql in "[-/*\r\n@ ab',(\"]{0,24}") {
            let mut default = Reading::default().tokens(&sql);
            let read: Vec<Token<'_>> = default.by_ref().collect();
            if !default.is_ambiguous() {
                for reading in Reading::of(&sql) {
                    prop_assert_eq!(&reading.tokens(&sql).collect::<Vec<_>>(), &read, "{:?}", reading);
                }
            }
        }

        #[test]
        fn any_text_is_read_to_its_end_in_every_way(sql in "\\PC{0,60}") {
            for reading in Reading::of(&sql) {
                let count = reading.tokens(&sql).count();
                prop_assert!(count <= sql.len());
            }
        }

        #[test]
        fn what_is_quoted_hides_nothing_behind_it(inside in "[a-z '\"\\\\/*$-]{0,12}") {
            for (sql, name) in [
                (format!("'{}' x", inside.replace('\\', "\\\\").replace('\'', "''")), "text"),
                (format!("\"{}\" x", inside.replace('"', "\"\"")), "name"),
                (format!("/* {} */ x", inside.replace('*', "")), "comment"),
                (format!("-- {inside}\n x"), "line"),
                (format!("$${} $$ x", inside.replace('$', "")), "dollars"),
            ] {
                let last = tokens(&sql).last().copied();
                prop_assert_eq!(last, Some(Word("x")), "{} {}", name, sql);
            }
        }
    }
}
