//! A Snowflake text from the outside: its readings, its statements, the parts of a chain.

use std::collections::HashSet;

use snowflake_tokens::{Reading, Token};

use crate::caps::{AMBIGUOUS_BYTES_MAX, BYTES_MAX, HEAD_TOKENS, PARTS_MAX, TOKENS_MAX};
use crate::scan::Scan;
use crate::tokens::Tok;
use crate::{Class, StateChange, Statement, heads, query};

/// What is not understood of a text that has several readings.
const AMBIGUOUS: &str = "a comment that can be read in more than one way";

/// Reads `sql` in every way in which it can be read; what they differ in is the gravest, and not understood.
pub(crate) fn read(sql: &str) -> Statement {
    let first = Reading::default();
    let (mut statement, is_ambiguous) = read_in(sql, first, None);
    if is_ambiguous && sql.len() > AMBIGUOUS_BYTES_MAX {
        statement.raise(Class::Unknown);
        statement.miss(AMBIGUOUS);
    } else if is_ambiguous {
        for other in Reading::of(sql).filter(|other| *other != first) {
            if !first.tokens(sql).eq(other.tokens(sql)) {
                merge(&mut statement, read_in(sql, other, Some(AMBIGUOUS)).0);
                statement.miss(AMBIGUOUS);
            }
        }
    }
    statement
}

/// Adds what another reading of the same text found.
fn merge(statement: &mut Statement, other: Statement) {
    if statement.class != statement.class.gravest(other.class) {
        statement.verb = other.verb;
    }
    statement.raise(other.class);
    statement.objects.extend(other.objects);
    drop_repeated_objects(statement);
    statement.is_chain |= other.is_chain;
    statement.is_repeatable &= other.is_repeatable;
    if statement.refusal.is_none() {
        statement.refusal = other.refusal;
    }
    if statement.change != other.change || statement.context != other.context {
        statement.context = None;
        statement.change = StateChange::Anything;
        statement.raise(Class::Call);
    }
    if statement.listing != other.listing {
        statement.listing = None;
    }
}

/// A text taken apart, as far as its tokens are kept.
#[derive(Debug)]
struct Split<'a> {
    /// The tokens of each part of the chain.
    parts: Vec<Vec<Tok<'a>>>,
    /// Whether a statement follows another.
    has_several: bool,
    /// Why not all tokens are kept.
    over: Option<&'static str>,
    /// There are more parts than `PARTS_MAX`, so what the last ones do is not known.
    has_many_parts: bool,
    /// The text can be read in more than one way.
    is_ambiguous: bool,
}

impl<'a> Split<'a> {
    fn new(sql: &'a str, reading: Reading, over: Option<&'static str>, scan: &mut Scan<'a>) -> Self {
        let over = over.or((sql.len() > BYTES_MAX).then_some("a text of more than 1 MiB"));
        let mut split = Self {
            parts: vec![Vec::new()],
            has_several: false,
            over,
            has_many_parts: false,
            is_ambiguous: false,
        };
        let (mut count, mut ended) = (0, false);
        let mut tokens = reading.tokens(sql);
        while let Some(token) = tokens.next() {
            let range = tokens.range();
            let tok = Tok { token, begin: range.start, end: range.end };
            count += 1;
            scan.note(tok.token);
            match tok.token {
                Token::Semicolon => {
                    ended |= split.parts.iter().any(|part| !part.is_empty());
                    if !ended {
                        continue;
                    }
                }
                _ => split.has_several |= ended,
            }
            if count == TOKENS_MAX {
                split.over.get_or_insert("a text of more than 250,000 tokens");
            }
            split.keep(tok);
        }
        split.is_ambiguous = tokens.is_ambiguous();
        if !split.has_several {
            split.drop_end();
        }
        if split.over.is_some() {
            split.parts.iter_mut().for_each(|part| part.truncate(HEAD_TOKENS));
        }
        split
    }

    fn keep(&mut self, tok: Tok<'a>) {
        if tok.token == Token::Flow {
            if self.parts.len() < PARTS_MAX {
                return self.parts.push(Vec::new());
            }
            self.has_many_parts = true;
            self.over.get_or_insert("a chain of more than 64 statements");
        }
        if let Some(part) = self.parts.last_mut()
            && (self.over.is_none() || part.len() < HEAD_TOKENS)
        {
            part.push(tok);
        }
    }

    /// Leaves out the semicolons that end the text.
    fn drop_end(&mut self) {
        for part in &mut self.parts {
            while part.last().is_some_and(|tok| tok.token == Token::Semicolon) {
                part.pop();
            }
        }
    }
}

/// What a reading finds; whether there can be another. With `over` there is a reason to look at no more than heads.
fn read_in(sql: &str, reading: Reading, over: Option<&'static str>) -> (Statement, bool) {
    let mut scan = Scan::new(reading);
    let split = Split::new(sql, reading, over, &mut scan);
    let mut statement = match &split.parts[..] {
        [only] => read_part(only, &split),
        parts => read_chain(parts, &split),
    };
    if let Some(cap) = split.over {
        statement.not_understood = Some(cap.to_owned());
    }
    if split.has_many_parts {
        statement.raise(Class::Unknown);
        statement.refuse(
            format!("the chain (->>) is refused: it has more than {PARTS_MAX} statements"),
            "send them in shorter chains",
        );
    }
    scan.add_to(&mut statement);
    drop_repeated_objects(&mut statement);
    (statement, split.is_ambiguous)
}

fn read_part(part: &[Tok<'_>], split: &Split<'_>) -> Statement {
    let mut out = Statement::blank();
    if part.is_empty() {
        out.raise(Class::Unknown);
        out.refuse("the text has no statement", "send one SQL statement");
        return out;
    }
    if split.has_several && !heads::may_hold_semicolons(part) {
        out.raise(Class::Unknown);
        out.refuse("the text has more than one statement", "send them one at a time");
        return out;
    }
    if !heads::read(part, &mut out) {
        query::read(part, &mut out);
    }
    if split.has_several {
        // Where a script ends is not read, so something may stand behind it.
        out.raise(Class::Ddl);
    }
    out
}

/// Of several parts, one at most may do more than read: else no class would say all that they do.
fn read_chain(parts: &[Vec<Tok<'_>>], split: &Split<'_>) -> Statement {
    let mut chain = Statement { is_chain: true, ..Statement::blank() };
    let mut acting = 0;
    for part in parts {
        let read = read_part(part, split);
        acting += usize::from(read.class != Class::Read);
        if matches!(read.class, Class::Context | Class::Transaction) {
            chain.refuse(
                format!("{} is refused in a chain (->>): what follows it would depend on it", read.verb),
                "send it by itself",
            );
        }
        append(&mut chain, read);
    }
    if acting > 1 {
        chain.refuse(
            "the chain (->>) is refused: more than one of its statements changes something",
            "send them one at a time",
        );
    }
    chain
}

/// Adds the next part of a chain, whose rows are the chain's.
fn append(chain: &mut Statement, part: Statement) {
    if chain.verb.is_empty() || chain.class != chain.class.gravest(part.class) {
        chain.verb = part.verb;
    }
    chain.raise(part.class);
    if part.change != StateChange::None {
        chain.change = part.change;
    }
    chain.objects.extend(part.objects);
    if let Some(what) = part.not_understood {
        chain.miss(what);
    }
    // Rows of a list that is handed on cannot be filtered any more.
    if chain.listing.take().is_some() {
        chain.miss("a list of objects that is handed on (->>)");
    }
    chain.listing = part.listing;
    if chain.refusal.is_none() {
        chain.refusal = part.refusal;
    }
    chain.is_repeatable &= part.is_repeatable;
}

fn drop_repeated_objects(statement: &mut Statement) {
    if statement.objects.len() > 1 {
        let mut seen = HashSet::with_capacity(statement.objects.len());
        let is_first: Vec<bool> =
            statement.objects.iter().map(|object| seen.insert(object.clone())).collect();
        let mut is_first = is_first.into_iter();
        statement.objects.retain(|_| is_first.next().unwrap_or(true));
    }
}
