//! Clauses that the parser does not know, or not everywhere, and in which no object is: left out of its tokens.

use snowflake_tokens::Token;
use sqlparser::tokenizer::Token as Parsed;

use super::mend::{Mend, has_relation_words};
use crate::tokens::{Tok, name_in_text};
use crate::{Access, ObjectKind};

/// Words that may follow a table, and are no alias of it.
const BEHIND_TABLES: [&str; 44] = [
    "ANTI",
    "ASOF",
    "AT",
    "BEFORE",
    "CHANGES",
    "CONNECT",
    "CROSS",
    "DIRECTED",
    "EXCEPT",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIMIT",
    "MATCH_CONDITION",
    "MATCH_RECOGNIZE",
    "MINUS",
    "NATURAL",
    "OFFSET",
    "ON",
    "ORDER",
    "OUTER",
    "PIVOT",
    "QUALIFY",
    "RIGHT",
    "SAMPLE",
    "SELECT",
    "SET",
    "START",
    "TABLESAMPLE",
    "THEN",
    "UNION",
    "UNPIVOT",
    "USING",
    "WHEN",
    "WHERE",
    "WINDOW",
];

/// Words that a table may follow.
const BEFORE_TABLES: [&str; 11] = [
    "DELETE",
    "DIRECTORY",
    "FROM",
    "INTO",
    "JOIN",
    "LATERAL",
    "OVERWRITE",
    "TABLE",
    "UPDATE",
    "USING",
    "WITH",
];

impl Mend<'_, '_, '_> {
    /// A word with a parenthesis behind it.
    pub(super) fn clause(&mut self) -> bool {
        let Token::Word(word) = self.tokens[self.at].token else { return false };
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        match word.len() {
            2 | 3 | 6 | 7 if is("AT") || is("END") || is("BEFORE") || is("CHANGES") => self.time_travel(),
            5 | 7 | 15 if is("PIVOT") || is("UNPIVOT") || is("MATCH_RECOGNIZE") => self.table_clause(),
            6 if is("OBJECT") => self.object_type(),
            6 | 11 if is("SAMPLE") || is("TABLESAMPLE") => self.sample(),
            9 if is("DATE_PART") => self.date_part(),
            _ => false,
        }
    }

    /// Another word.
    pub(super) fn words(&mut self, word: &str) -> bool {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        match word.len() {
            3 if is("ADD") => self.leave_out(&["ADD", "FIELDS"]),
            4 if is("WITH") => self.leave_out(&["WITH", "LOCAL", "TIME", "ZONE"]),
            4 if is("FROM") => self.order_of_rows(),
            6 if is("INSERT") || is("UPDATE") => self.all_by_name(),
            6 if is("RENAME") => self.leave_out(&["RENAME", "FIELDS"]),
            6 | 11 if is("SAMPLE") || is("TABLESAMPLE") => self.sample(),
            7 if is("COLLATE") => self.collation(),
            7 if is("CONNECT") => self.connect_by(),
            8 if is("DIRECTED") => self.directed(),
            _ => false,
        }
    }

    /// Whether a value, a name or a group is before the next token: then that is no name of a table.
    fn is_behind_operand(&self) -> bool {
        match self.before() {
            Some(Token::Quoted(_) | Token::Text(_) | Token::Close | Token::Sign(']')) => true,
            Some(Token::Word(word)) => !BEFORE_TABLES.iter().any(|known| word.eq_ignore_ascii_case(known)),
            _ => false,
        }
    }

    /// Words behind a parenthesis, or behind the name of a type.
    fn leave_out(&mut self, words: &[&str]) -> bool {
        let mut cursor = self.cursor();
        let come = self.is_behind_operand() && cursor.eat_words(words);
        if come {
            self.go_to(cursor);
        }
        come
    }

    /// `AT(...)`, `BEFORE(...)`, `END(...)`, `CHANGES(...)`: left out where there is only a moment in it.
    fn time_travel(&mut self) -> bool {
        let mut cursor = self.cursor();
        let Some(word) = cursor.peek_word() else { return false };
        cursor.take();
        let Some(group) = cursor.group() else { return false };
        let [first, equals, greater, ..] = group else { return false };
        let is_named = equals.token == Token::Sign('=') && greater.token == Token::Sign('>');
        let is_clause = match word.as_str() {
            "AT" | "BEFORE" | "END" => ["TIMESTAMP", "OFFSET", "STATEMENT", "STREAM", "VERSION"]
                .iter()
                .any(|word| first.token.is_word(word)),
            "CHANGES" => first.token.is_word("INFORMATION"),
            _ => false,
        };
        if !is_clause || !is_named || !self.is_behind_operand() || !is_plain(group) {
            return false;
        }
        if first.token.is_word("STREAM") {
            let name = match group {
                [_, _, _, Tok { token: Token::Text(name), .. }] => name_in_text(name),
                _ => None,
            };
            match name {
                Some(name) => self.found.object(ObjectKind::Other, name, Access::Read),
                None => self.found.miss("the name of a stream"),
            }
        }
        self.go_to(cursor);
        true
    }

    /// `a COLLATE 'en'` is `a`.
    fn collation(&mut self) -> bool {
        let is_collation =
            self.is_behind_operand() && matches!(self.token(self.at + 1), Some(Token::Text(_)));
        if is_collation {
            self.at += 2;
        }
        is_collation
    }

    /// `PIVOT(...)`, `UNPIVOT(...)`, `MATCH_RECOGNIZE(...)` behind a table, and the alias behind it.
    fn table_clause(&mut self) -> bool {
        let mut cursor = self.cursor();
        cursor.take();
        match cursor.group() {
            Some(group) if self.is_behind_operand() && holds_no_object(group) => {}
            _ => return false,
        }
        let is_named = cursor.eat_word("AS");
        let is_alias = match cursor.peek() {
            Some(Token::Quoted(_)) => true,
            Some(Token::Word(word)) => {
                is_named || !BEHIND_TABLES.iter().any(|known| word.eq_ignore_ascii_case(known))
            }
            _ => false,
        };
        if is_named && !is_alias {
            return false;
        }
        if is_alias {
            cursor.take();
            let mut columns = cursor;
            if columns.group().is_some_and(|group| is_list_of_names(group)) {
                cursor = columns;
            }
        }
        self.go_to(cursor);
        true
    }

    /// `CAST(x AS OBJECT(a INT))`
    fn object_type(&mut self) -> bool {
        let is_type = match self.before() {
            Some(Token::Word(word)) => word.eq_ignore_ascii_case("AS"),
            Some(Token::Sign(':')) => true,
            _ => false,
        };
        let mut cursor = self.cursor();
        cursor.take();
        let is_type = is_type && cursor.group().is_some_and(holds_no_object);
        if is_type {
            self.out.push(Parsed::make_word("VARIANT", None), self.at);
            self.go_to(cursor);
        }
        is_type
    }

    /// `SAMPLE BERNOULLI (10) SEED (1)`
    fn sample(&mut self) -> bool {
        let mut cursor = self.cursor();
        cursor.take();
        let _ = ["BERNOULLI", "ROW", "SYSTEM", "BLOCK"].iter().any(|method| cursor.eat_word(method));
        if !self.is_behind_operand() || !cursor.group().is_some_and(is_number_group) {
            return false;
        }
        let mut seed = cursor;
        if (seed.eat_word("SEED") || seed.eat_word("REPEATABLE")) && seed.group().is_some_and(is_number_group)
        {
            cursor = seed;
        }
        self.go_to(cursor);
        true
    }

    /// `DATE_PART(year FROM d)` is `DATE_PART(year, d)`.
    fn date_part(&mut self) -> bool {
        let is_part = matches!(self.token(self.at + 2), Some(Token::Word(_) | Token::Text(_)))
            && self.token(self.at + 3).is_some_and(|token| token.is_word("FROM"));
        if is_part {
            self.out.push(Parsed::make_word("DATE_PART", None), self.at);
            self.out.push(Parsed::LParen, self.at + 1);
            self.out.push(Parsed::SingleQuotedString(String::new()), self.at + 2);
            self.out.push(Parsed::Comma, self.at + 3);
            self.at += 4;
        }
        is_part
    }

    /// `NTH_VALUE(x, 2) FROM FIRST IGNORE NULLS OVER (...)`
    fn order_of_rows(&mut self) -> bool {
        if self.before() != Some(Token::Close) {
            return false;
        }
        let mut cursor = self.cursor();
        let comes = (cursor.eat_words(&["FROM", "FIRST"]) || cursor.eat_words(&["FROM", "LAST"]))
            && (cursor.eat_words(&["IGNORE", "NULLS", "OVER"])
                || cursor.eat_words(&["RESPECT", "NULLS", "OVER"]))
            && cursor.peek() == Some(Token::Open);
        if comes {
            self.at += 2;
        }
        comes
    }

    /// `CONNECT BY NOCYCLE a = b` is `START WITH a = b`: behind the former the parser does not know all expressions.
    fn connect_by(&mut self) -> bool {
        let mut cursor = self.cursor();
        let comes = self.is_behind_operand() && cursor.eat_words(&["CONNECT", "BY"]);
        if comes {
            cursor.eat_word("NOCYCLE");
            self.out.push(Parsed::make_word("START", None), self.at);
            self.out.push(Parsed::make_word("WITH", None), self.at);
            self.go_to(cursor);
        }
        comes
    }

    /// `WHEN MATCHED THEN UPDATE ALL BY NAME`
    fn all_by_name(&mut self) -> bool {
        let mut cursor = self.cursor();
        let is_insert = cursor.eat_word("INSERT");
        let comes = self.before().is_some_and(|before| before.is_word("THEN"))
            && (is_insert || cursor.eat_word("UPDATE"))
            && cursor.eat_words(&["ALL", "BY", "NAME"]);
        if !comes {
            return false;
        }
        if is_insert {
            self.out.push(Parsed::make_word("INSERT", None), self.at);
            self.out.push(Parsed::make_word("VALUES", None), self.at);
            self.out.push(Parsed::LParen, self.at);
            self.out.push(Parsed::make_word("NULL", None), self.at);
            self.out.push(Parsed::RParen, self.at);
        } else {
            self.out.push(Parsed::make_word("DELETE", None), self.at);
        }
        self.go_to(cursor);
        true
    }

    /// `INNER DIRECTED JOIN`
    fn directed(&mut self) -> bool {
        let is_join =
            self.is_behind_operand() && self.token(self.at + 1).is_some_and(|token| token.is_word("JOIN"));
        if is_join {
            self.at += 1;
        }
        is_join
    }
}

/// Whether no object can be in these tokens: no query, and no name with a dot.
fn is_plain(tokens: &[Tok<'_>]) -> bool {
    !has_relation_words(tokens)
        && tokens.iter().all(|tok| !matches!(tok.token, Token::Dot | Token::Quoted(_) | Token::Semicolon))
}

/// The same, where names with dots are columns: no function has such a name, and no sequence is asked.
fn holds_no_object(tokens: &[Tok<'_>]) -> bool {
    let calls_qualified =
        tokens.windows(3).any(|three| three[0].token == Token::Dot && three[2].token == Token::Open);
    let asks_sequence =
        tokens.iter().any(|tok| tok.token.is_word("NEXTVAL") || tok.token == Token::Quoted("NEXTVAL"));
    !has_relation_words(tokens) && !calls_qualified && !asks_sequence
}

/// `a, "b"`
fn is_list_of_names(tokens: &[Tok<'_>]) -> bool {
    tokens.iter().all(|tok| matches!(tok.token, Token::Word(_) | Token::Quoted(_) | Token::Sign(',')))
}

/// `10`, `0.5`, `10 ROWS`
fn is_number_group(tokens: &[Tok<'_>]) -> bool {
    !tokens.is_empty()
        && tokens.iter().all(|tok| match tok.token {
            Token::Number(_) | Token::Dot | Token::Variable(_) | Token::Sign('?') => true,
            Token::Word(word) => word.eq_ignore_ascii_case("ROWS"),
            _ => false,
        })
}
