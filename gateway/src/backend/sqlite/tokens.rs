//! Names in a statement's text: the databases that it mentions and its `a.b` pairs.
//!
//! Not a parser. It knows SQLite's comments and quotes but no grammar: it finds every name that SQLite could
//! read as a database, and some that are not databases (the `o` of `o.id`, an alias).
//!
//! A name mentions a database if a dot follows it, or after ANALYZE and VACUUM, which take a bare name. The
//! functions `pragma_...` take the database as an ordinary value (`pragma_table_info('t', 'crm')`): in a
//! statement with one of those, every name and string is a mention.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// The names in a statement, in lower case as SQLite compares them (ASCII only).
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Names and strings at any position.
    all: HashSet<String>,
    /// Names that a dot follows, and those after ANALYZE and VACUUM.
    qualifiers: HashSet<String>,
    has_pragma_function: bool,
    /// Names with no dot before or behind them.
    bare: HashSet<String>,
    /// Whether a name that begins as SQLite's own do stands without a database.
    has_internal: bool,
    pairs: HashSet<(String, String)>,
    /// Names before `(`, or before `AS (`: common table expressions are among them.
    defined: HashSet<String>,
}

/// Tokens remembered: the longest form to recognise is `name AS NOT MATERIALIZED (`.
const TOKENS_BEFORE: usize = 4;

impl Names {
    /// Reads the names of `sql`.
    pub(super) fn of(sql: &str) -> Self {
        let mut names = Self::default();
        let mut before: [Token<'_>; TOKENS_BEFORE] = Default::default();
        for token in Tokens::of(sql) {
            names.note(&before, &token);
            names.note_bare(&before, &token);
            before.rotate_left(1);
            before[TOKENS_BEFORE - 1] = token;
        }
        names.note_bare(&before, &Token::Other);
        names
    }

    /// Notes what `token` adds after the tokens `before` it.
    fn note(&mut self, before: &[Token<'_>; TOKENS_BEFORE], token: &Token<'_>) {
        match (before, token) {
            ([.., Token::Name(qualifier), Token::Dot], Token::Name(name)) => {
                self.pairs.insert((qualifier.to_ascii_lowercase(), name.to_ascii_lowercase()));
                self.note_name(name, None);
            }
            ([.., previous], Token::Name(name)) => {
                self.has_internal |= name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
                self.note_name(name, previous.name().as_deref());
            }
            ([.., Token::Name(name)], Token::Dot) => drop(self.qualifiers.insert(name.to_ascii_lowercase())),
            (_, Token::Open) => {
                let mut names = before.iter().rev().map_while(Token::name);
                let defined = names.find(|name| !["as", "materialized", "not"].contains(&name.as_str()));
                self.defined.extend(defined);
            }
            _ => {}
        }
    }

    /// Notes the last of the tokens `before`, if it is a bare name.
    fn note_bare(&mut self, before: &[Token<'_>; TOKENS_BEFORE], token: &Token<'_>) {
        if let [.., previous, Token::Name(name)] = before
            && *previous != Token::Dot
            && *token != Token::Dot
        {
            self.bare.insert(name.to_ascii_lowercase());
        }
    }

    fn note_name(&mut self, name: &str, previous: Option<&str>) {
        let name = name.to_ascii_lowercase();
        self.has_pragma_function |= name.starts_with("pragma_");
        if matches!(previous, Some("analyze" | "vacuum")) {
            self.qualifiers.insert(name.clone());
        }
        self.all.insert(name);
    }

    /// Whether `name` may refer to a database, with any case and quotes.
    pub(super) fn mention(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.qualifiers.contains(&name) || (self.has_pragma_function && self.all.contains(&name))
    }

    /// Whether it has a table-valued function of a pragma, whose arguments SQLite does not look at before it runs.
    pub(super) fn has_pragma_function(&self) -> bool {
        self.has_pragma_function
    }

    /// Whether no name of the statement can be that of a table in whichever database is the main one, but for
    /// names that no database of the statement has. A table that is written with its database is not also written
    /// without, and the names of SQLite's own tables all have a database.
    /// `databases`: those of the statement.
    pub(super) fn are_placed(&self, databases: &[&str]) -> bool {
        let is_database = |name: &str| databases.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_of = |bare: &str, table: &str| {
            bare.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let mut tables = self.pairs.iter().filter(|(qualifier, _)| is_database(qualifier));
        let is_twice = tables.any(|(_, table)| self.bare.iter().any(|bare| is_of(bare, table)));
        !is_twice && !self.has_pragma_function && !self.has_internal && !self.mention("main")
    }

    /// Whether it means another object where another database is the main one, though all tables are named in full.
    pub(super) fn depend_on_main(&self) -> bool {
        self.has_pragma_function || self.has_internal || self.mention("main")
    }

    /// Whether `name`, in lower case, stands in it with no dot before or behind it, as anything.
    pub(super) fn have_bare(&self, name: &str) -> bool {
        self.bare.contains(name)
    }

    /// Whether `name` stands anywhere in it, in any case and quotes, also as a text.
    pub(super) fn contain(&self, name: &str) -> bool {
        self.all.contains(&name.to_ascii_lowercase())
    }

    /// Whether `name` may be a function that it calls, or a common table expression of it.
    pub(super) fn define(&self, name: &str) -> bool {
        self.defined.contains(&name.to_ascii_lowercase())
    }

    /// Whether `qualifier.name` occurs, or `qualifier.x` where `name` is `x_...`: a shadow table of the
    /// virtual table `x`.
    pub(super) fn qualify(&self, qualifier: &str, name: &str) -> bool {
        let (qualifier, name) = (qualifier.to_ascii_lowercase(), name.to_ascii_lowercase());
        let is_table = |written: &str| {
            name.strip_prefix(written).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        self.pairs.iter().any(|(written, table)| *written == qualifier && is_table(table))
    }
}

/// A word, a quoted name or text, or a sign.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Token<'a> {
    Name(Cow<'a, str>),
    Dot,
    Open,
    #[default]
    Other,
}

impl Token<'_> {
    /// The name it is, folded.
    pub(super) fn name(&self) -> Option<String> {
        self.as_name().map(str::to_ascii_lowercase)
    }

    /// The name it is.
    pub(super) fn as_name(&self) -> Option<&str> {
        match self {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// The tokens of a text.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(sql: &'a str) -> Self {
        Self { rest: sql }
    }

    /// Each token and the bytes it stands in.
    pub(super) fn with_ranges(mut self) -> impl Iterator<Item = (Range<usize>, Token<'a>)> {
        let length = self.rest.len();
        std::iter::from_fn(move || {
            self.skip_blank();
            let start = length - self.rest.len();
            let token = self.next()?;
            Some((start..length - self.rest.len(), token))
        })
    }

    /// Takes `bytes` off the front.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            // SQLite reads a byte order mark, wherever a word could begin, as a blank.
            let is_blank = |c: char| c.is_ascii_whitespace() || ['\u{b}', '\u{feff}'].contains(&c);
            self.rest = self.rest.trim_start_matches(is_blank);
            let end = match self.rest {
                comment if comment.starts_with("--") => comment.find('\n'),
                comment if comment.starts_with("/*") => comment[2..].find("*/").map(|at| at + 4),
                _ => return,
            };
            self.take(end.unwrap_or(self.rest.len()));
        }
    }

    /// A name, or a string (which SQLite accepts as a name where it needs one); quotes inside are doubled.
    fn quoted(&mut self, close: char) -> Token<'a> {
        let body = &self.rest[1..];
        let mut from = 0;
        while let Some(at) = body[from..].find(close) {
            let end = from + at;
            if close == ']' || !body[end + 1..].starts_with(close) {
                self.take(end + 2);
                return Token::Name(unescaped(&body[..end], close));
            }
            from = end + 2;
        }
        self.take(self.rest.len());
        Token::Other
    }

    fn run(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        self.take(end)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let first = self.rest.chars().next()?;
        Some(match first {
            '"' | '\'' | '`' => self.quoted(first),
            '[' => self.quoted(']'),
            '0'..='9' => {
                self.run(|c| is_name_part(c) || c == '.');
                Token::Other
            }
            _ if is_name_part(first) => Token::Name(Cow::Borrowed(self.run(is_name_part))),
            _ => {
                self.take(first.len_utf8());
                match first {
                    '.' => Token::Dot,
                    '(' => Token::Open,
                    _ => Token::Other,
                }
            }
        })
    }
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn unescaped(body: &str, quote: char) -> Cow<'_, str> {
    if quote == ']' || !body.contains(quote) {
        return Cow::Borrowed(body);
    }
    let mut doubled = String::new();
    doubled.extend([quote, quote]);
    Cow::Owned(body.replace(&doubled, quote.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_found_in_every_quoting_and_case() {
        for sql in [
            "SELECT * FROM Sales.t",
            "select * from \"SALES\".t",
            "select * from [sales] . t",
            "select * from `sales`/* c */.t",
            "select * from 'sales'.t",
            "select 1.5, sales.t.x from sales.t",
        ] {
            let names = Names::of(sql);
            assert!(names.mention("sales") && names.qualify("sALES", "T"), "{sql}");
        }
    }

    #[test]
    fn comments_and_parts_of_names_are_not_mentions() {
        for sql in
            ["SELECT 1 -- sales", "SELECT 1 /* sales */", "SELECT presales, sales2, sales_x", "/* sales"]
        {
            assert!(!Names::of(sql).mention("sales"), "{sql}");
        }
        assert!(Names::of("SELECT 1 -- x\n, sales.t.x").mention("sales"));
    }

    #[test]
    fn only_a_qualifier_is_a_mention() {
        for sql in
            ["SELECT count(*) FROM sales", "SELECT 'sales'", "SELECT 1 AS sales", "SELECT t.sales FROM t"]
        {
            assert!(!Names::of(sql).mention("sales"), "{sql}");
        }
        for sql in
            ["PRAGMA sales.table_info(x)", "ANALYZE sales", "vacuum 'sales'", "SELECT x FROM sales/**/.\nt"]
        {
            assert!(Names::of(sql).mention("sales"), "{sql}");
        }
    }

    #[test]
    fn a_pragma_function_makes_every_name_a_mention() {
        for sql in [
            "SELECT * FROM pragma_table_info('t', 'Sales')",
            "SELECT * FROM \"PRAGMA_index_list\" WHERE schema = 'sales'",
        ] {
            assert!(Names::of(sql).mention("sales"), "{sql}");
        }
    }

    #[test]
    fn doubled_quotes_are_one_name() {
        assert!(Names::of("select \"a\"\"b\".c").qualify("a\"b", "c"));
        assert!(!Names::of("select 'it''s sales'").mention("sales"));
    }

    #[test]
    fn shadow_tables_are_qualified_with_their_virtual_table() {
        let names = Names::of("select * from hr.notes");
        assert!(names.qualify("hr", "notes_config") && !names.qualify("hr", "notesconfig"));
    }

    #[test]
    fn common_table_expressions_are_seen() {
        for sql in [
            "WITH c AS (SELECT 1)",
            "WITH C(x) AS (SELECT 1)",
            "WITH a AS (SELECT 1), \"c\" AS MATERIALIZED (SELECT 2)",
            "WITH c as not materialized(SELECT 2)",
        ] {
            assert!(Names::of(sql).define("c"), "{sql}");
        }
        assert!(!Names::of("SELECT count(*) FROM c AS d, (SELECT 1)").define("c"));
    }

    #[test]
    fn bare_names_stand_without_a_dot() {
        for sql in [
            "select * from Notes",
            "select * from 'notes', crm.notes",
            "select 1 where 1 in[NOTES]",
            "select * from \u{feff}notes",
            "delete from \"notes\"/* . */where 1",
        ] {
            assert!(Names::of(sql).have_bare("notes"), "{sql}");
        }
        for sql in ["select notes.a from crm.notes", "select 1 -- notes", "select * from crm /**/ . notes"] {
            assert!(!Names::of(sql).have_bare("notes"), "{sql}");
        }
    }

    #[test]
    fn a_dot_with_only_one_name_is_not_a_pair() {
        let names = Names::of("select a .b, c. , .d");
        assert!(names.qualify("a", "b") && !names.qualify("c", "d"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(sql in "\\PC{0,60}") {
            Names::of(&sql);
        }

        #[test]
        fn a_quoted_qualifier_is_always_found(name in "[a-zA-Z äö_$-][a-zA-Z0-9 äö_$.-]{0,12}") {
            let sql = format!("SELECT 'x' FROM \"{name}\".t -- y");
            prop_assert!(Names::of(&sql).qualify(&name, "t"));
        }
    }
}
